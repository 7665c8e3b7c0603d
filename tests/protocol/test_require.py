"""`@require(...)` where it stands: misplaced, stacked, without a call, and what is recorded."""

from __future__ import annotations

import functools
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import pytest
from fastapi import FastAPI
from fastmcp import Client, FastMCP
from fastmcp.dependencies import Depends
from fastmcp.server.context import Context
from mcp.server.mcpserver import MCPServer
from mcp.shared.exceptions import MCPError
from starlette.testclient import TestClient

from mcpauthkit import AccessMiddleware, attach_access, current_user
from mcpauthkit.core.audit import Event, EventName, current_recorder
from mcpauthkit.errors import ConfigurationError, NotSignedIn
from mcpauthkit.guards import AccessRequest, Guard, HasRole, HasScope, RequireAuth, guards_of, require
from mcpauthkit.principal import Principal
from mcpauthkit.testing import FakeClock
from tests.access.callers import someone
from tests.protocol.room import said
from tests.providers.test_mistaken_arguments import by_hand

ADMIN, READER = HasRole("admin"), HasScope("read")


def a_server(flavour: str) -> Any:
    return FastMCP("one") if flavour == "fastmcp" else MCPServer("one")


flavours = pytest.mark.parametrize("flavour", ["fastmcp", "mcpserver"])


@contextmanager
def calling_as(principal: Principal | None) -> Iterator[None]:
    token = current_user.set(principal)
    try:
        yield
    finally:
        current_user.reset(token)


class Kept:
    """A recorder that keeps events where a test finds them."""

    def __init__(self) -> None:
        self.events: list[Event] = []

    def record(self, event: Event) -> None:
        self.events.append(event)


def act() -> str:
    return "done"


def fresh() -> Callable[[], str]:
    """A function that no server has marked yet."""

    def act() -> str:
        return "done"

    return act


def test_above_fastmcps_decorator_it_is_refused_because_nothing_would_call_it() -> None:
    mcp = FastMCP("one")
    with pytest.raises(ConfigurationError) as refused:
        require(ADMIN)(mcp.tool(fresh()))
    assert "above" in refused.value.hint


# MCPServer leaves no mark on functions, and neither does `add_tool` of FastMCP.
MISPLACED: dict[str, tuple[str, Callable[[Any, Any], Any]]] = {
    "added tool": ("fastmcp", lambda mcp, function: mcp.add_tool(function)),
    "tool": ("mcpserver", lambda mcp, function: mcp.tool()(function)),
    "resource": ("mcpserver", lambda mcp, function: mcp.resource("a://b")(function)),
    "prompt": ("mcpserver", lambda mcp, function: mcp.prompt()(function)),
}


@pytest.mark.parametrize("place", MISPLACED)
def test_a_server_with_a_function_but_without_its_guards_is_refused(place: str) -> None:
    flavour, put = MISPLACED[place]
    mcp, function = a_server(flavour), fresh()
    put(mcp, function)
    require(ADMIN)(function)
    with pytest.raises(ConfigurationError) as refused:
        by_hand(api_url="https://forge.example").register(FastAPI(), mcp)
    assert "above @require(...)" in refused.value.hint


@pytest.mark.parametrize("place", MISPLACED)
def test_one_that_comes_later_stops_the_start(place: str) -> None:
    flavour, put = MISPLACED[place]
    mcp, app, function = a_server(flavour), FastAPI(), fresh()
    by_hand(api_url="https://forge.example").register(app, mcp)
    put(mcp, function)
    require(ADMIN)(function)
    with pytest.raises(ConfigurationError), TestClient(app):
        pass


@pytest.mark.parametrize("place", MISPLACED)
async def test_without_a_provider_such_a_server_serves_nothing_and_the_log_says_why(
    place: str, caplog: pytest.LogCaptureFixture
) -> None:
    flavour, put = MISPLACED[place]
    mcp, function = a_server(flavour), fresh()
    put(mcp, function)
    require(ADMIN)(function)
    if flavour == "fastmcp":
        mcp.add_middleware(AccessMiddleware())
    else:
        attach_access(mcp)
    with calling_as(someone(roles=["admin"])):
        async with Client(mcp, mode="2026-07-28") as client:
            with pytest.raises(MCPError) as refused:
                await client.list_tools()
            with pytest.raises(MCPError):
                await client.call_tool("act")
    assert "The server's operator finds the cause in the log." in str(refused.value)
    assert "above @require(...)" in caplog.text


@flavours
async def test_whoever_may_not_use_a_function_does_not_see_it(flavour: str) -> None:
    mcp = a_server(flavour)
    mcp.tool()(require(ADMIN)(fresh()))
    if flavour == "fastmcp":
        mcp.add_middleware(AccessMiddleware())
    else:
        attach_access(mcp)
    for roles, listed, answer in (
        (["viewer"], [], (True, "Requires any of roles [admin], but client has [viewer]")),
        (["admin"], ["act"], (False, "done")),
    ):
        with calling_as(someone(roles=roles)):
            async with Client(mcp) as client:
                assert [one.name for one in await client.list_tools()] == listed
                is_error, text = await said(client, "act")
                assert (is_error, text.removeprefix("Error executing tool act: ")) == answer


@flavours
def test_in_its_place_it_starts_also_beside_other_decorators(flavour: str) -> None:
    mcp, app = a_server(flavour), FastAPI()
    provider = by_hand(api_url="https://forge.example")
    provider.register(app, mcp)

    def other(function: Any) -> Any:
        @functools.wraps(function)
        async def around(*args: Any, **kwargs: Any) -> Any:
            return await function(*args, **kwargs)

        return around

    @mcp.tool()
    @other
    @require(ADMIN)
    @require(READER)
    @provider.require_token()
    async def guarded() -> str:
        return "done"

    # The same function may be given to somebody under other guards.
    function = fresh()
    require(ADMIN)(function)
    mcp.tool(name="for_readers")(require(READER)(function))
    with TestClient(app):
        assert guards_of(guarded) == (ADMIN, READER)


def test_the_guards_of_a_function_are_told_in_the_order_in_which_they_are_checked() -> None:
    assert guards_of(act) == ()
    assert guards_of(require(RequireAuth(), ADMIN)(fresh()))[1:] == (ADMIN,)
    assert guards_of(require(ADMIN)(require(READER)(fresh()))) == (ADMIN, READER)


def a_generator() -> Iterator[str]:
    yield ""


async def an_async_generator() -> AsyncIterator[str]:
    yield ""


@pytest.mark.parametrize("wrong", [a_generator, an_async_generator, "act", None])
def test_what_no_server_calls_is_refused(wrong: Any) -> None:
    with pytest.raises(ConfigurationError) as refused:
        require(ADMIN)(wrong)
    assert refused.value.hint


@pytest.mark.parametrize("wrong", [(), (HasRole,), (act,), ("admin",), (ADMIN, None)])
def test_what_is_no_guard_is_refused(wrong: Any) -> None:
    with pytest.raises(ConfigurationError) as refused:
        require(*wrong)
    assert refused.value.hint


async def test_without_a_call_in_progress_nothing_runs() -> None:
    guarded: Any = require(ADMIN)(fresh())
    with calling_as(someone(roles=["admin"])), pytest.raises(NotSignedIn):
        await guarded()


async def test_on_an_mcpserver_that_nobody_attached_it_refuses_and_the_log_says_what_to_do(
    caplog: pytest.LogCaptureFixture,
) -> None:
    mcp = MCPServer("one")
    mcp.tool()(require(ADMIN)(fresh()))
    with calling_as(someone(roles=["admin"])):
        async with Client(mcp) as client:
            is_error, text = await said(client, "act")
    assert is_error
    assert "done" not in text


async def test_in_memory_the_caller_is_the_one_of_the_context() -> None:
    mcp = FastMCP("one")
    mcp.tool(require(RequireAuth())(fresh()))
    with calling_as(someone()):
        async with Client(mcp) as client:
            assert await said(client, "act") == (False, "done")
    async with Client(mcp) as client:
        assert await said(client, "act") == (
            True,
            "Requires authentication: sign in, and call again with the access token",
        )


async def test_a_mounted_tool_is_guarded_too() -> None:
    inner, outer = FastMCP("inner"), FastMCP("outer")
    inner.tool(require(ADMIN)(fresh()))
    outer.mount(inner, namespace="in")
    with calling_as(someone(roles=["viewer"])):
        async with Client(outer) as client:
            assert await said(client, "in_act") == (
                True,
                "Requires any of roles [admin], but client has [viewer]",
            )


class Watching(Guard):
    def __init__(self) -> None:
        self.seen: list[AccessRequest] = []

    def check(self, request: AccessRequest) -> bool:
        self.seen.append(request)
        return True


async def test_a_guard_sees_arguments_with_their_defaults_and_no_context() -> None:
    mcp, watching = FastMCP("one"), Watching()

    @mcp.tool
    @require(watching, clock=FakeClock(wall=86_400.0))
    async def pay(amount: int, ctx: Context, currency: str = "EUR") -> str:
        return f"{amount} {currency} {ctx.transport}"

    @mcp.resource("reports://{name}")
    @require(watching)
    def report(name: str) -> str:
        return name

    @mcp.prompt
    @require(watching)
    def summary() -> str:
        return "Summarise."

    async with Client(mcp) as client:
        await said(client, "pay", amount=5)
        await client.read_resource("reports://q3")
        await client.get_prompt("summary")
    tool, resource, prompt = watching.seen
    assert tool.arguments == {"amount": 5, "currency": "EUR"}
    assert tool.caller.now == datetime(1970, 1, 2, tzinfo=UTC)
    assert tool.caller.transport == "memory"
    assert (tool.target.kind, tool.target.name, tool.target.uri, tool.action) == ("tool", "pay", "", "call")
    assert (resource.target.kind, resource.target.uri, resource.action) == ("resource", "reports://q3", "read")
    assert resource.arguments == {"name": "q3"}
    assert (prompt.target.kind, prompt.target.name, prompt.action) == ("prompt", "summary", "get")


async def test_what_fastmcp_injects_is_there_when_the_body_runs() -> None:
    mcp = FastMCP("one")

    @mcp.tool
    @require(RequireAuth())
    async def act(given: str = Depends(lambda: "injected")) -> str:
        return given

    with calling_as(someone()):
        async with Client(mcp) as client:
            assert await said(client, "act") == (False, "injected")


async def test_a_denial_is_recorded_with_what_was_asked_and_by_whom() -> None:
    mcp, kept = FastMCP("one"), Kept()
    mcp.tool(require(ADMIN)(fresh()))
    recorder = current_recorder.set(kept)
    try:
        with calling_as(someone("bob", roles=["viewer"])):
            async with Client(mcp) as client:
                await said(client, "act")
        with calling_as(someone("alice", roles=["admin"])):
            async with Client(mcp) as client:
                await said(client, "act")
    finally:
        current_recorder.reset(recorder)
    denied = [one for one in kept.events if one.event is EventName.ACCESS_DECIDED]
    assert [(one.decision, one.kind, one.target, one.action) for one in denied] == [("deny", "tool", "act", "call")]
    assert denied[0].actor is not None
    assert denied[0].actor.digest.startswith(someone("bob").digest)
    assert denied[0].reason == "Requires any of roles [admin], but client has [viewer]"


async def test_an_error_of_the_body_is_the_bodys_own() -> None:
    mcp = FastMCP("one")

    @mcp.tool
    @require(RequireAuth())
    def fail() -> str:
        raise ValueError("the body's own words")

    with calling_as(someone()):
        async with Client(mcp) as client:
            is_error, text = await said(client, "fail")
    assert is_error
    assert "the body's own words" in text
