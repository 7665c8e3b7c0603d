"""Seed 004's access matrix over real HTTP, in both eras: by guards, by one table of scopes, and by that table twice."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest
from fastmcp import FastMCP

from mcpauthkit import AccessMiddleware, attach_access
from mcpauthkit.guards import HasAllScopes, ToolScopes, require
from tests.flows.test_ladder import eras, text_of
from tests.world import Era, Flavour, World, world

PUBLIC, CONFIDENTIAL = "public:read", "confidential:read"
TABLE = ToolScopes({"get_public_info": [PUBLIC], "get_confidential_info": [PUBLIC, CONFIDENTIAL]})
NAMES = {"get_public_info", "get_confidential_info"}


def tools() -> tuple[Callable[[], str], Callable[[], str]]:
    """Seed 004's tools; servers leave marks on functions, so each gets its own."""

    def get_public_info() -> str:
        return "public"

    def get_confidential_info() -> str:
        return "confidential"

    return get_public_info, get_confidential_info


def by_auth(mcp: Any, _provider: Any) -> None:
    public, confidential = tools()
    mcp.tool(auth=HasAllScopes(PUBLIC))(public)
    mcp.tool(auth=[HasAllScopes(PUBLIC), HasAllScopes(CONFIDENTIAL)])(confidential)


def enforce(mcp: Any, **rules: Any) -> None:
    if isinstance(mcp, FastMCP):
        mcp.add_middleware(AccessMiddleware(**rules))
    else:
        attach_access(mcp, **rules)


def by_require(mcp: Any, _provider: Any) -> None:
    public, confidential = tools()
    enforce(mcp)
    mcp.tool()(require(HasAllScopes(PUBLIC))(public))
    mcp.tool()(require(HasAllScopes(PUBLIC, CONFIDENTIAL))(confidential))


def by_table(mcp: Any, _provider: Any) -> None:
    # The world has tools of its own, which are not in the table.
    enforce(mcp, tool_scopes=TABLE)
    for one in tools():
        mcp.tool()(one)


WAYS: dict[str, tuple[Callable[[Any, Any], None], Flavour, dict[str, Any]]] = {
    "auth": (by_auth, "fastmcp", {}),
    "require": (by_require, "fastmcp", {}),
    "require-mcpserver": (by_require, "mcpserver", {}),
    "table": (by_table, "fastmcp", {}),
    "table-mcpserver": (by_table, "mcpserver", {}),
    "table-twice": (by_table, "fastmcp", {"tool_scopes": TABLE}),
}


@pytest.fixture(scope="module", params=list(WAYS), name="way")
def _way(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module", name="here")
def _here(way: str) -> Iterator[World]:
    build, flavour, options = WAYS[way]
    with world(build=build, flavour=flavour, middleware_options=options) as here:
        yield here


@eras
@pytest.mark.parametrize(
    ("scope", "visible"),
    [
        (PUBLIC, {"get_public_info"}),
        (f"{PUBLIC} {CONFIDENTIAL}", NAMES),
        ("", set()),
        # The name of a scope is compared as a whole.
        (f"{PUBLIC}:all public confidential:rea", set()),
    ],
    ids=["public", "both", "none", "similar"],
)
async def test_what_a_token_shows_is_what_it_may_call(
    here: World, way: str, era: Era, scope: str, visible: set[str]
) -> None:
    async with here.client(era, token=here.token(scope=scope)) as client:
        listed = {one.name for one in await client.list_tools()}
        assert listed & NAMES == visible
        assert not way.startswith("table") or listed == visible
        called = set()
        for name in NAMES:
            if way == "table-twice" and name not in visible:
                continue
            is_error, text = await text_of(client, name)
            called.update([] if is_error else [name])
            assert is_error == (name not in visible)
            assert is_error == ("public" not in text.split() and "confidential" not in text.split())
        assert called == visible


def call(name: str) -> dict[str, Any]:
    return {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": name, "arguments": {}}}


async def test_with_the_table_at_the_door_a_shortfall_makes_clients_ask_for_more(here: World, way: str) -> None:
    headers = {"accept": "application/json, text/event-stream"}
    async with httpx.AsyncClient(headers=headers, auth=_Bearer(here.token(scope=f"mcp:tools {PUBLIC}"))) as http:
        refused = await http.post(here.resource, json=call("get_confidential_info"))
        unknown = await http.post(here.resource, json=call("whoami"))
    if way != "table-twice":
        assert refused.status_code != 403
        return
    assert refused.status_code == 403
    assert f'scope="openid mcp:tools {PUBLIC} {CONFIDENTIAL}"' in refused.headers["www-authenticate"]
    # No scope would help with a tool that the table does not name, so nobody is asked to sign in again.
    assert (unknown.status_code, unknown.json()["error"]) == (403, "tool_not_open")
    assert "www-authenticate" not in unknown.headers


METHODS = ("initialize", "ping", "tools/list", "tools/call", "resources/list", "prompts/list")


async def test_without_a_good_token_every_request_is_refused(here: World) -> None:
    # A5: there, initialize, ping, resources/list and prompts/list answered without one, and always with status 200.
    tokens = {
        "none": "",
        "expired": here.token(scope=PUBLIC, expires_in=-3600),
        "invalid": here.token(scope=PUBLIC)[:-6] + "AAAAAA",
        "foreign": here.token(scope=PUBLIC, audience="https://elsewhere.example/mcp"),
    }
    statuses = {}
    async with httpx.AsyncClient() as http:
        for case, token in tokens.items():
            for method in METHODS:
                asked = {"jsonrpc": "2.0", "id": 1, "method": method, "params": {}}
                headers = {"authorization": f"Bearer {token}"} if token else {}
                refused = await http.post(here.resource, json=asked, headers=headers)
                statuses[case, method] = refused.status_code
                assert "resource_metadata=" in refused.headers["www-authenticate"]
    assert set(statuses.values()) == {401}
    assert len(statuses) == 24


class _Bearer(httpx.Auth):
    def __init__(self, token: str) -> None:
        self.token = token

    def auth_flow(self, request: httpx.Request) -> Any:
        request.headers["authorization"] = f"Bearer {self.token}"
        yield request
