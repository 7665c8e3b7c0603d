"""The guard itself: what it may stand on, and what it leaves alone."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any

import pytest
from fastapi import FastAPI
from fastmcp import Client, Context, FastMCP
from mcp.server.mcpserver import Context as MCPServerContext
from mcp.server.mcpserver import MCPServer
from starlette.testclient import TestClient

from mcpauthkit import KeyRing, MemoryStore, OAuthProvider
from mcpauthkit.errors import ConfigurationError, NotSignedIn
from tests.flows.test_ladder import eras, text_of
from tests.world import Era, world

if TYPE_CHECKING:
    from collections.abc import Callable

BASE = "https://mcp.example.test"


def provider(**changes: Any) -> OAuthProvider:
    values: dict[str, Any] = {
        "name": "forge",
        "client_id": "id",
        "client_secret": "secret",
        "authorize_url": "https://forge.example.test/authorize",
        "token_url": "https://forge.example.test/token",
        "server_base_url": BASE,
    }
    return OAuthProvider.from_standard_oauth2(**{**values, **changes})


def fresh() -> Callable[..., Any]:
    """A tool function nobody has registered yet: servers leave marks."""

    async def plain(repo: str, limit: int = 3) -> list[str]:
        """Documented."""
        return [repo] * limit

    return plain


async def test_the_schema_and_the_documentation_of_a_tool_do_not_change() -> None:
    bare, guarded = FastMCP("bare"), FastMCP("guarded")
    bare.tool(fresh())
    guarded.tool(provider().require_token(scopes=["repo"])(fresh()))
    before, after = await bare.get_tool("plain"), await guarded.get_tool("plain")
    assert before is not None
    assert after is not None
    assert (before.parameters, before.output_schema, before.description) == (
        after.parameters,
        after.output_schema,
        after.description,
    )


def above_fastmcp(forge: OAuthProvider) -> None:
    mcp = FastMCP("server")

    @forge.require_token()
    @mcp.tool
    async def tool() -> str:
        return "unguarded"


def above_mcpserver(forge: OAuthProvider) -> None:
    mcp = MCPServer("server")
    forge.register(FastAPI(), mcp)

    @forge.require_token()
    @mcp.tool()
    async def tool() -> str:
        return "unguarded"


def above_mcpserver_registered_later(forge: OAuthProvider) -> None:
    mcp = MCPServer("server")

    @forge.require_token()
    @mcp.tool()
    async def tool() -> str:
        return "unguarded"

    forge.register(FastAPI(), mcp)


def above_an_mcpserver_resource(forge: OAuthProvider) -> None:
    mcp = MCPServer("server")
    forge.register(FastAPI(), mcp)

    @forge.require_token()
    @mcp.resource("data://{kind}")
    async def resource(kind: str) -> str:
        return "unguarded"


def above_an_mcpserver_prompt(forge: OAuthProvider) -> None:
    mcp = MCPServer("server")
    forge.register(FastAPI(), mcp)

    @forge.require_token()
    @mcp.prompt()
    async def prompt() -> str:
        return "unguarded"


@pytest.mark.parametrize(
    "mistake",
    [
        above_fastmcp,
        above_mcpserver,
        above_mcpserver_registered_later,
        above_an_mcpserver_resource,
        above_an_mcpserver_prompt,
    ],
)
def test_a_guard_above_the_tool_decorator_is_refused(mistake: Callable[[OAuthProvider], None]) -> None:
    with pytest.raises(ConfigurationError) as refused:
        mistake(provider())
    assert "above" in refused.value.hint


def test_a_guard_without_parentheses_or_with_a_text_is_refused() -> None:
    forge = provider()
    for wrong in (fresh(), "repo", ["repo read"], [""], [1]):
        with pytest.raises(ConfigurationError):
            forge.require_token(wrong)  # type: ignore[arg-type]  # the mistake under test


@pytest.mark.parametrize(
    "changes",
    [
        {"name": "Git Hub"},
        {"name": ""},
        {"name": "login"},
        {"client_id": ""},
        {"name": "../x"},
        {"authorize_url": "http://forge.example.test/authorize"},
        {"token_url": "ftp://forge.example.test"},
        {"server_base_url": "http://mcp.example.test"},
        {"server_base_url": "mcp.example.test"},
        {"server_base_url": f"{BASE}?x=1"},
        {"api_url": "http://api.example.test"},
        {"extra_authorize_params": {"state": "fixed"}},
        {"store": MemoryStore()},
    ],
    ids=lambda changes: f"{next(iter(changes))} {str(next(iter(changes.values())))[:40]}".partition(" at 0x")[0],
)
def test_a_wrong_argument_is_refused_with_a_hint_before_anything_runs(changes: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError) as refused:
        provider(**changes)
    assert refused.value.hint


def test_a_generator_is_refused() -> None:
    async def yields() -> Any:
        yield 1

    with pytest.raises(ConfigurationError):
        provider().require_token()(yields)


def test_a_store_and_a_key_ring_together_are_taken() -> None:
    ring = KeyRing({"a": "x" * 32}, minting="a")
    assert provider(store=MemoryStore(), key_ring=ring).name == "forge"


def test_registering_twice_or_on_a_taken_path_is_refused() -> None:
    app = FastAPI()
    provider().register(app)
    provider(name="other").register(app)
    with pytest.raises(ConfigurationError):
        provider().register(app)


def test_one_provider_serves_several_servers_of_an_application() -> None:
    app, forge = FastAPI(), provider()
    forge.register(app, FastMCP("one"))
    forge.register(app, MCPServer("two"))
    assert [getattr(route, "path", "") for route in app.router.routes].count("/connect/forge") == 1


async def test_a_provider_nobody_registered_says_so(caplog: pytest.LogCaptureFixture) -> None:
    def build(mcp: Any, _: OAuthProvider) -> None:
        mcp.tool(provider(name="other").require_token()(fresh()))

    with world(build=build) as here:
        async with here.client(human=here.person()) as client:
            is_error, text = await text_of(client, "plain", repo="x")
    assert is_error
    assert "no connect page" in text
    assert "other.register(app, mcp)" in caplog.text


def test_registering_something_that_is_no_server_is_refused() -> None:
    with pytest.raises(ConfigurationError):
        provider().register(FastAPI(), object())  # type: ignore[arg-type]  # the mistake under test


async def test_a_guarded_function_outside_a_call_says_what_is_missing() -> None:
    guarded = provider().require_token()(fresh())
    with pytest.raises(NotSignedIn) as refused:
        await guarded("x")
    assert "register(app, mcp)" in refused.value.hint


def test_a_guard_keeps_the_functions_signature() -> None:
    plain = fresh()
    assert inspect.signature(provider().require_token()(plain)) == inspect.signature(plain)


@eras
@pytest.mark.parametrize("flavour", ["fastmcp", "mcpserver"])
async def test_a_tool_with_a_context_parameter_works_without_registering_the_server(era: Era, flavour: str) -> None:
    def build(mcp: Any, forge: OAuthProvider) -> None:
        if flavour == "fastmcp":

            @mcp.tool()
            @forge.require_token(scopes=["repo"])
            async def with_context(ctx: Context, suffix: str) -> str:
                return f"{ctx.request_id is not None} {suffix}"

        else:

            @mcp.tool()
            @forge.require_token(scopes=["repo"])
            async def with_context(ctx: MCPServerContext, suffix: str) -> str:
                return f"{ctx.request_id is not None} {suffix}"

    with world(flavour=flavour, register_mcp=False, build=build) as here:
        async with here.client(era, human=here.person()) as client:
            assert await text_of(client, "with_context", suffix="!") == (False, "True !")


@pytest.mark.parametrize("flavour", ["fastmcp", "mcpserver"])
async def test_the_tools_own_errors_stay_its_own(flavour: str) -> None:
    def build(mcp: Any, forge: OAuthProvider) -> None:
        @mcp.tool()
        @forge.require_token()
        async def broken() -> str:
            raise ValueError("the tool's own trouble")

    with world(flavour=flavour, build=build) as here:
        async with here.client(human=here.person()) as client:
            is_error, text = await text_of(client, "broken")
    assert is_error
    assert "Error" in text


async def test_a_call_on_a_server_without_the_middleware_is_refused_and_says_what_to_add() -> None:
    mcp = FastMCP("bare")
    forge = provider()
    mcp.tool(forge.require_token()(fresh()))
    async with Client(mcp) as client:
        is_error, text = await text_of(client, "plain", repo="x")
    assert is_error
    assert "signed-in user" in text


async def test_connect_pages_without_the_middleware_fail_closed() -> None:
    app = FastAPI()
    provider().register(app)
    with TestClient(app, base_url=BASE, raise_server_exceptions=False) as browser:
        assert browser.get("/connect/forge?flow=x").status_code == 500
