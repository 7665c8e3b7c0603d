"""The application's hook after authentication."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import pytest
from starlette.requests import HTTPConnection

from mcpauthkit import Principal, get_user
from mcpauthkit.errors import InvalidToken
from tests.web.door import door
from tests.world import ERA_MODES, World, world


def build(mcp: Any, _provider: Any) -> None:
    @mcp.tool
    def extra() -> dict[str, Any]:
        """What the hook knows."""
        return dict(get_user().extra)


async def load(principal: Principal, connection: HTTPConnection) -> None:
    principal.extra["plan"] = f"plan of {principal.subject}"
    principal.extra["agent"] = connection.headers.get("user-agent", "")[:9]
    principal.extra["ip"] = principal.ip_address


@pytest.fixture(scope="module", name="here")
def _here() -> Iterator[World]:
    with world(build=build, middleware_options={"on_authenticate": load}) as here:
        yield here


@pytest.mark.parametrize("era", list(ERA_MODES))
async def test_a_tool_sees_what_the_hook_found(here: World, era: Any) -> None:
    for sub in ("alice", "bob"):
        async with here.client(era, sub=sub) as client:
            found = (await client.call_tool("extra")).data
        assert found == {"plan": f"plan of {sub}", "agent": "python-ht", "ip": "127.0.0.1"}


async def test_a_synchronous_hook_runs_beside_the_event_loop() -> None:
    threads: list[int] = []

    def hook(_principal: Principal, _connection: HTTPConnection) -> None:
        threads.append(threading.get_ident())

    async with door(on_authenticate=hook) as here:
        assert await here.statuses(here.token()) == [200]
    assert threads
    assert threads[0] != threading.get_ident()


async def test_a_hook_that_shows_late_that_it_is_asynchronous_is_awaited() -> None:
    seen: list[str] = []

    class Hook:
        async def __call__(self, principal: Principal, _connection: HTTPConnection) -> None:
            seen.append(principal.subject)

    async with door(on_authenticate=Hook()) as here:
        await here.get(here.token())
    assert seen == ["alice"]


async def test_what_one_request_puts_there_the_next_does_not_find() -> None:
    found: list[dict[str, Any]] = []

    async def hook(principal: Principal, _connection: HTTPConnection) -> None:
        found.append(dict(principal.extra))
        principal.extra["once"] = True

    async with door(on_authenticate=hook) as here:
        token = here.token()
        await here.statuses(token, token)
    assert found == [{}, {}]


async def test_a_hook_may_refuse() -> None:
    async def hook(principal: Principal, _connection: HTTPConnection) -> None:
        if principal.subject == "bob":
            raise InvalidToken("This account is locked.")

    async with door(on_authenticate=hook) as here:
        assert await here.statuses(here.token("alice"), here.token("bob")) == [200, 401]


async def test_a_hook_that_breaks_admits_nobody() -> None:
    async def hook(_principal: Principal, _connection: HTTPConnection) -> None:
        raise LookupError("the database is gone")

    async with door(on_authenticate=hook) as here:
        with pytest.raises(LookupError):
            await here.get(here.token())


async def test_nobody_is_loaded_for_a_request_that_is_refused() -> None:
    called: list[str] = []
    async with door(on_authenticate=lambda *_: called.append("x")) as here:
        await here.statuses("junk", here.token(audience="https://other.example"))
        await here.get()
    assert called == []
