"""Nothing an issuer does, or does not do, holds up anybody who does not need it."""

from __future__ import annotations

import anyio
import pytest

from mcpauthkit.testing import Endpoint
from tests.web.door import Door, door

LONG = 100_000
# Real seconds: what is asked here is answered from memory, or the test has failed.
SOON = 10.0


async def held(here: Door) -> None:
    """Until the issuer holds a request of ours."""
    await anyio.to_thread.run_sync(here.issuer.faults.wait_for_held)


async def answers_without_the_issuer(here: Door, *tokens: str) -> list[int]:
    with anyio.fail_after(SOON):
        statuses = await here.statuses(*tokens, "junk", here.token(iss="https://stranger.example"))
        return [*statuses, (await here.get()).status_code, (await here.get(path="/health")).status_code]


@pytest.mark.parametrize("endpoint", ["discovery", "jwks"])
async def test_an_issuer_that_hangs_from_the_start_holds_up_only_those_it_has_to_judge(endpoint: Endpoint) -> None:
    # P8: blocking HTTP froze the whole loop; K5e: every request was held.
    async with door(open_paths=("/health",)) as here:
        here.issuer.faults.hang(endpoint)
        waiting: list[int] = []

        async def knock() -> None:
            waiting.extend(await here.statuses(here.token()))

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(knock)
            await held(here)
            assert await answers_without_the_issuer(here) == [401, 401, 401, 200]
            assert waiting == []
            here.issuer.faults.clear()
        assert waiting == [200]


async def test_an_issuer_that_hangs_over_an_unknown_key_holds_up_nobody_else() -> None:
    async with door(open_paths=("/health",)) as here:
        cached = here.token(expires_in=LONG)
        new = here.token("bob", expires_in=LONG)
        assert await here.statuses(cached) == [200]
        here.clock.advance(60)
        here.issuer.rotate_keys()
        here.issuer.faults.hang("jwks")
        waiting: list[int] = []

        async def knock() -> None:
            waiting.extend(await here.statuses(here.token("carol")))

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(knock)
            await held(here)
            # One is remembered, the other is verified with the keys that are there.
            assert await answers_without_the_issuer(here, cached, new) == [200, 200, 401, 401, 401, 200]
            assert waiting == []
            here.issuer.faults.clear()
        assert waiting == [200]


async def test_an_issuer_that_hangs_over_keys_grown_old_holds_up_one_request_and_no_other() -> None:
    async with door(open_paths=("/health",), keys_max_age_seconds=600) as here:
        token, other = here.token(expires_in=LONG), here.token("bob", expires_in=LONG)
        assert await here.statuses(token) == [200]
        here.clock.advance(601)
        here.issuer.faults.hang("jwks")
        waiting: list[int] = []

        async def knock() -> None:
            waiting.extend(await here.statuses(token))

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(knock)
            await held(here)
            assert await answers_without_the_issuer(here, token, other) == [200, 200, 401, 401, 401, 200]
            assert waiting == []
            here.issuer.faults.clear()
        assert waiting == [200]
        assert here.issuer.requests.count("jwks") == 2
