"""What is injected into FastMCP calls besides the ladder: the caller, what stays hidden, and what errors become."""

# ruff: noqa: B008  # dependencies are declared as defaults

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Annotated, Any

import httpx
import pytest
from fastmcp import FastMCP
from fastmcp.dependencies import Depends
from fastmcp.exceptions import ToolError
from fastmcp.server.middleware.error_handling import ErrorHandlingMiddleware
from mcp.shared.exceptions import MCPError

from mcpauthkit import CurrentUser, Principal, get_user
from mcpauthkit.errors import ConfigurationError, NotSignedIn
from tests.flows.test_ladder import eras
from tests.protocol.room import Room, said
from tests.world import Era, world

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

ways = pytest.mark.parametrize(
    "way", ["by_default", "by_annotation", "by_current_user", "by_annotated_user", "by_sync"]
)


def build_tools(mcp: Any, _provider: Any = None) -> None:
    @mcp.tool()
    async def by_default(suffix: str = "", user: Principal = Depends(get_user)) -> str:
        return user.subject + suffix

    @mcp.tool()
    async def by_annotation(user: Annotated[Principal, Depends(get_user)], suffix: str = "") -> str:
        return user.subject + suffix

    @mcp.tool()
    async def by_current_user(suffix: str = "", user: Principal = CurrentUser()) -> str:
        return user.subject + suffix

    @mcp.tool()
    async def by_annotated_user(user: Annotated[Principal, CurrentUser()], suffix: str = "") -> str:
        return user.subject + suffix

    @mcp.tool()
    def by_sync(suffix: str = "", user: Principal = Depends(get_user)) -> str:
        return user.subject + suffix

    @mcp.resource("user://me/{part}")
    async def me(part: str, user: Principal = Depends(get_user)) -> str:
        return f"{part} of {user.subject}"

    @mcp.prompt()
    async def greeting(user: Principal = CurrentUser()) -> str:
        return f"Greet {user.subject}"


@eras
@ways
async def test_the_caller_is_injected_over_http(era: Era, way: str) -> None:
    with world(build=build_tools) as here:
        for sub in ("alice", "bob"):
            async with here.client(era, sub=sub) as client:
                assert await said(client, way, suffix="!") == (False, f"{sub}!")


@eras
async def test_the_caller_is_injected_into_resources_and_prompts(era: Era) -> None:
    here = Room()
    build_tools(here.mcp)
    async with here.client(era) as client:
        assert "name of alice" in str(await client.read_resource("user://me/name"))
        assert "Greet alice" in str(await client.get_prompt("greeting"))


@eras
@ways
async def test_the_caller_is_hidden_from_the_schema_and_cannot_be_supplied(era: Era, way: str) -> None:
    here = Room()
    build_tools(here.mcp)
    async with here.client(era) as client:
        schema = next(one.input_schema for one in await client.list_tools() if one.name == way)
        assert list(schema["properties"]) == ["suffix"]
        is_error, text = await said(client, way, user={"sub": "mallory"})
    assert is_error
    assert "Unexpected keyword argument" in text


@eras
async def test_an_injected_credential_is_hidden_from_the_schema_and_cannot_be_supplied(era: Era) -> None:
    here = Room()
    await here.hold()
    seen: list[str] = []

    @here.mcp.tool()
    async def tool(token: str = Depends(here.forge.token())) -> str:
        seen.append(token)
        return "done"

    async with here.client(era) as client:
        assert (await client.list_tools())[0].input_schema["properties"] == {}
        assert (await said(client, "tool", token="forged"))[0]
        assert await said(client, "tool") == (False, "done")
    assert seen == ["token-of-alice"]


@eras
@pytest.mark.parametrize("masked", [False, True], ids=["plain", "masked"])
@ways
async def test_a_call_without_a_user_is_told_so(era: Era, masked: bool, way: str) -> None:
    here = Room()
    here.mcp = FastMCP("masked", mask_error_details=masked)
    here.register(here.provider("third"))
    build_tools(here.mcp)
    async with here.client(era, None) as client:
        assert await said(client, way) == (True, NotSignedIn.default_public)
        for ask in (lambda: client.read_resource("user://me/name"), lambda: client.get_prompt("greeting")):
            with pytest.raises(MCPError) as refused:
                await ask()
            assert refused.value.error.message == NotSignedIn.default_public


@eras
async def test_on_a_server_without_our_hook_the_current_user_still_tells(era: Era) -> None:
    here = Room()
    here.mcp = FastMCP("bare")
    build_tools(here.mcp)
    async with here.client(era, None) as client:
        assert await said(client, "by_current_user") == (True, NotSignedIn.default_public)


@eras
async def test_a_text_of_the_tools_own_is_kept(era: Era) -> None:
    here = Room()

    @here.mcp.tool()
    async def tool() -> str:
        try:
            return get_user().subject
        except NotSignedIn as error:
            raise ToolError("Ask at the desk.") from error

    @here.mcp.tool()
    async def broken(value: str = Depends(_breaks)) -> str:
        return value

    async with here.client(era, None) as client:
        assert await said(client, "tool") == (True, "Ask at the desk.")
        assert "Failed to resolve dependency" in (await said(client, "broken"))[1]


def _breaks() -> str:
    raise LookupError("not ours")


@eras
async def test_two_services_in_one_tool_ask_one_after_the_other(era: Era) -> None:
    here = Room()

    @here.mcp.tool()
    async def both(forge: str = Depends(here.forge.token()), wiki: str = Depends(here.wiki.token())) -> str:
        return f"{forge} {wiki} {here.forge.get_token()} {here.wiki.get_token()}"

    async with here.client(era) as client:
        assert await said(client, "both") == (False, "forge-token wiki-token forge-token wiki-token")
    assert len(here.asked) == 2


@eras
async def test_middleware_that_replaces_errors_swallows_no_question(era: Era) -> None:
    here = Room()
    # Behind ours, because it comes later.
    here.mcp.add_middleware(ErrorHandlingMiddleware())

    @here.mcp.tool()
    async def tool(token: str = Depends(here.forge.token())) -> str:
        return token

    async with here.client(era) as client:
        assert await said(client, "tool") == (False, "forge-token")
    assert len(here.asked) == 1


@eras
async def test_the_credential_is_held_for_the_call_and_the_client_is_closed_after_it(era: Era) -> None:
    here = Room()
    await here.hold()
    clients: list[httpx.AsyncClient] = []

    @here.mcp.tool()
    async def tool(http: httpx.AsyncClient = Depends(here.forge.http())) -> str:
        clients.append(http)
        assert not http.is_closed
        return here.forge.get_token()

    @here.mcp.tool()
    async def afterwards() -> str:
        return here.forge.get_token()

    async with here.client(era) as client:
        assert await said(client, "tool") == (False, "token-of-alice")
        assert (await said(client, "afterwards"))[0]
    assert clients[0].is_closed


@eras
async def test_what_the_kit_raises_in_the_body_reads_as_under_a_guard(era: Era) -> None:
    here = Room()
    here.mcp = FastMCP("masked", mask_error_details=True)
    here.register(here.provider("third"))
    await here.hold(service="third")

    @here.mcp.tool()
    async def astray(http: httpx.AsyncClient = Depends(here.forge.http())) -> str:
        return (await http.get("http://stranger.example/")).text

    await here.hold()
    async with here.client(era) as client:
        is_error, text = await said(client, "astray")
    assert is_error
    assert "not sent to" in text


@eras
async def test_before_the_pages_are_served_nobody_is_asked(era: Era) -> None:
    here = Room()
    unserved = here.provider("unserved")

    @here.mcp.tool()
    async def tool(token: str = Depends(unserved.token())) -> str:
        return token

    async with here.client(era) as client:
        is_error, text = await said(client, "tool")
    assert is_error
    assert "no connect page" in text
    assert here.asked == []


async def test_scopes_that_are_no_list_are_refused_where_they_are_written() -> None:
    here = Room()
    for make in (here.forge.token, here.forge.http):
        with pytest.raises(ConfigurationError):
            make("repo")


@eras
@pytest.mark.parametrize("flavour", ["fastmcp", "mcpserver"])
async def test_without_injection_get_user_tells_the_caller_on_both_servers(era: Era, flavour: str) -> None:
    # The official SDK's `Resolve` asks by form only and injects nothing of ours.
    here = Room(flavour)

    @here.mcp.tool()
    async def whoami() -> str:
        return get_user().subject

    async with here.client(era) as client:
        assert await said(client, "whoami") == (False, "alice")


@eras
async def test_a_generator_of_the_applications_own_is_cleaned_up_after_a_refusal(era: Era) -> None:
    here = Room(does="decline")
    steps: list[str] = []

    @asynccontextmanager
    async def database(user: Principal = Depends(get_user)) -> AsyncIterator[str]:
        steps.append("open")
        yield f"database of {user.subject}"
        steps.append("never")

    @asynccontextmanager
    async def tidy() -> AsyncIterator[None]:
        try:
            yield
        finally:
            steps.append("closed")

    @here.mcp.tool()
    async def tool(
        done: None = Depends(tidy), db: str = Depends(database), token: str = Depends(here.forge.token())
    ) -> str:
        return f"{db} {token} {done}"

    async with here.client(era) as client:
        is_error, text = await said(client, "tool")
    assert is_error
    assert text.startswith("The user declined")
    assert "never" not in steps
    assert steps[-1] == "closed"
    assert steps.count("open") == steps.count("closed")
