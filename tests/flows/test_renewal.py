"""Fifty calls at once on a token that has ended: one request upstream whatever the service does, and one question."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import anyio
import pytest

from mcpauthkit.testing import FakeClock
from tests.flows.test_ladder import eras, link_in, text_of
from tests.world import Era, World, world

if TYPE_CHECKING:
    from collections.abc import Iterator

CLIENTS = 5
CALLS_EACH = 10
CALLS = CLIENTS * CALLS_EACH
LIFETIME_SECONDS = 3600

Ending = Literal["known here", "found out there"]
"""How a call learns that the token has ended: by the clock before it is sent, or by the service's 401."""

endings = pytest.mark.parametrize("ending", ["known here", "found out there"])


@dataclass
class Stage:
    """A world whose user is connected, with the clock that the provider and the store go by.

    Args:
        here: The world.
        clock: Moves the provider's time.
    """

    here: World
    clock: FakeClock

    def end_tokens(self, ending: Ending) -> None:
        self.here.service.expire_tokens()
        if ending == "known here":
            self.clock.advance(LIFETIME_SECONDS)

    @property
    def refreshes(self) -> int:
        return self.here.service.requests.count("token", grant_type="refresh_token")


@contextmanager
def stage() -> Iterator[Stage]:
    clock = FakeClock()
    with world(
        provider_options={"clock": clock}, service_options={"access_token_ttl_seconds": LIFETIME_SECONDS}
    ) as here:
        yield Stage(here, clock)


@asynccontextmanager
async def connected(on: Stage, era: Era) -> AsyncIterator[Callable[[], Any]]:
    """Several clients of one user who is connected; gives a function that lets all of them call at once."""
    async with AsyncExitStack() as stack:
        clients = [await stack.enter_async_context(on.here.client(era, human=on.here.person())) for _ in range(CLIENTS)]
        assert not (await text_of(clients[0], "list_repos"))[0]

        async def at_once() -> list[tuple[bool, str]]:
            results: list[tuple[bool, str]] = []

            async def call(number: int) -> None:
                results.append(await text_of(clients[number % CLIENTS], "list_repos"))

            async with anyio.create_task_group() as tasks:
                for number in range(CALLS):
                    tasks.start_soon(call, number)
            return results

        yield at_once


def all_succeeded(results: list[tuple[bool, str]]) -> bool:
    return len(results) == CALLS and not any(is_error for is_error, _ in results)


@eras
@endings
async def test_fifty_calls_on_an_expired_token_make_one_request_and_all_succeed(era: Era, ending: Ending) -> None:
    # L7: ten refreshes; DevService rotates refresh tokens and ends a grant whose old one comes again, as GitLab does.
    with stage() as on:
        async with connected(on, era) as at_once:
            on.end_tokens(ending)
            assert all_succeeded(await at_once())
            assert on.refreshes == 1
            on.end_tokens(ending)
            assert all_succeeded(await at_once())
        assert on.refreshes == 2
        assert len(on.here.questions) == 1
        assert len(on.here.service.live_tokens()) == 1


@eras
@endings
async def test_a_service_that_answers_500_first_is_asked_once_more_and_all_succeed(era: Era, ending: Ending) -> None:
    with stage() as on:
        async with connected(on, era) as at_once:
            on.end_tokens(ending)
            on.here.service.faults.respond("token", status=500, times=1)
            assert all_succeeded(await at_once())
        assert on.refreshes == 2
        assert len(on.here.questions) == 1


@eras
@endings
async def test_a_service_that_is_down_gets_few_requests_and_costs_nobody_the_connection(
    era: Era, ending: Ending
) -> None:
    with stage() as on:
        async with connected(on, era) as at_once:
            on.end_tokens(ending)
            on.here.service.faults.respond("token", status=503)
            results = await at_once()
            assert [is_error for is_error, _ in results] == [True] * CALLS
            assert all("DevForge" in text and "again in a moment" in text for _, text in results)
            assert on.refreshes <= 3
            on.here.service.faults.clear()
            on.clock.advance(60)
            assert all_succeeded(await at_once())
        assert len(on.here.questions) == 1


@eras
async def test_a_grant_that_the_service_has_ended_leads_to_one_question_for_fifty_calls(era: Era) -> None:
    with stage() as on:
        async with connected(on, era) as at_once:
            on.here.service.revoke_grants()
            on.end_tokens("known here")
            assert all_succeeded(await at_once())
        assert on.refreshes == 1
        assert len(on.here.questions) == 2


@eras
async def test_a_grant_found_ended_by_calls_that_run_leads_to_one_link_and_one_question(era: Era) -> None:
    # A tool that has begun cannot begin anew, so its call ends with the link; calls that begin later ask about it.
    with stage() as on:
        async with connected(on, era) as at_once:
            on.here.service.revoke_grants()
            told = [text for is_error, text in await at_once() if is_error]
            assert told
            assert all_succeeded(await at_once())
        assert on.refreshes == 1
        assert len(on.here.questions) == 2
        # Who ends when the user has just connected again is led nowhere: calling again is all there is to do.
        links = {link_in(text) for text in told if "connected anew" not in text}
        assert {*links, on.here.links[-1]} == {on.here.links[-1]}
