"""What is judged is what runs: addresses by any spelling, arguments as the tool gets them."""

from __future__ import annotations

from typing import Any

import mcp_types
import pytest
from fastmcp import Client, FastMCP
from mcp.server.mcpserver import MCPServer
from mcp.shared.exceptions import MCPError
from pydantic import ConfigDict

from mcpauthkit import AccessMiddleware, attach_access
from tests.protocol.access_room import ERAS, EVERYTHING, Notebook, client_of, rules, says, someone
from tests.world import Era

eras = pytest.mark.parametrize("era", ERAS)
flavours = pytest.mark.parametrize("flavour", ["fastmcp", "mcpserver"])
PRIVATE = (
    "{name: p, effect: deny, agents: {anyone: true}, "
    "resources: {patterns: ['files://private/*', 'docs://secret', 'docs://static']}}"
)


class Contents(mcp_types.Result):
    model_config = ConfigDict(extra="allow")


def served(flavour: str, *lines: str, notebook: Notebook | None = None) -> Any:
    mcp: Any = FastMCP("room") if flavour == "fastmcp" else MCPServer("room")

    @mcp.resource("files://{path*}" if flavour == "fastmcp" else "files://{+path}")
    def file(path: str) -> str:
        return f"file {path}"

    @mcp.resource("docs://{name}")
    def document(name: str) -> str:
        return f"document {name}"

    @mcp.tool()
    def grant(groups: list[str]) -> str:
        return f"granted {groups}"

    @mcp.tool()
    def set_up(options: dict[str, bool]) -> str:
        return f"set up {options}"

    @mcp.tool()
    def pay(amount: int = 100, force: bool = False) -> str:  # noqa: FBT002  # as tools have them
        return f"paid {amount} {force}"

    audit = notebook or Notebook()
    if flavour == "fastmcp":
        mcp.add_middleware(AccessMiddleware(rules(EVERYTHING, *lines), audit=audit))
    else:
        attach_access(mcp, rules(EVERYTHING, *lines), audit=audit)
    return mcp


async def read(client: Client[Any], uri: str) -> str:
    """Read an address exactly as it is given; clients would write it another way first."""
    request = mcp_types.Request[Any, str](method="resources/read", params={"uri": uri})
    result: Any = await client.session.send_request(request, Contents)
    return str(result.model_extra["contents"][0]["text"])


@eras
@flavours
@pytest.mark.parametrize(
    "uri",
    [
        *("docs://secret", "docs://%73ecret", "docs://%2573ecret", "docs://static?x=1", "docs://static#f"),
        *("files://private/key", "files://private%2Fkey", "files://x/../private/key", "files://Private/key"),
    ],
)
async def test_a_denied_resource_is_not_read_by_another_spelling(flavour: str, era: Era, uri: str) -> None:
    notebook = Notebook()
    async with client_of(served(flavour, PRIVATE, notebook=notebook), someone(), era) as client:
        with pytest.raises(MCPError, match="does not allow you to read"):
            await read(client, uri)
        assert await read(client, "docs://public") == "document public"
    assert notebook.decided() == [("deny", "read", uri), ("allow", "read", "docs://public")]


@eras
@pytest.mark.parametrize("uri", ["files://../etc", "files:///private/key"])
async def test_an_address_that_the_sdk_finds_unsafe_is_decided_and_recorded(era: Era, uri: str) -> None:
    notebook = Notebook()
    async with client_of(served("mcpserver", notebook=notebook), someone(), era) as client:
        with pytest.raises(MCPError, match="Unknown resource"):
            await read(client, uri)
    assert [one[1:] for one in notebook.decided()] == [("read", uri)]


@eras
@flavours
async def test_json_in_a_text_is_judged_as_what_the_tool_gets(flavour: str, era: Era) -> None:
    mcp = served(
        flavour,
        "{name: d, effect: deny, tools: {names: [grant]}, "
        "conditions: [{field: tool.args.groups, operator: contains, value: admins}]}",
        "{name: e, effect: deny, tools: {names: [set_up]}, "
        "conditions: [{field: tool.args.options.admin, operator: exists, value: true}]}",
    )
    async with client_of(mcp, someone(), era) as client:
        for groups in (["admins"], '["admins"]', '["\\u0061dmins"]', '["users", "admins"]'):
            assert (await says(client, "grant", groups=groups))[0]
        for options in ({"admin": True}, '{"admin": true}', '{"\\u0061dmin": true}'):
            assert (await says(client, "set_up", options=options))[0]
        assert await says(client, "grant", groups=["users"]) == (False, "granted ['users']")
        if flavour == "mcpserver":
            assert await says(client, "grant", groups='["users"]') == (False, "granted ['users']")


@eras
@flavours
async def test_what_a_server_converts_does_not_get_around_a_rule(flavour: str, era: Era) -> None:
    deny = "{{name: {0}, effect: deny, tools: {{names: [pay]}}, conditions: [{{field: tool.args.{0}, operator: {1}}}]}}"
    limits = [deny.format(*one) for one in (("amount", "gt, value: 10"), ("force", "equals, value: true"))]
    async with client_of(served(flavour, *limits), someone(), era) as client:
        assert await says(client, "pay", amount=5, force=False) == (False, "paid 5 False")
        refused: tuple[dict[str, Any], ...] = (
            {},
            {"amount": "50", "force": False},
            {"amount": "5", "force": False},
            {"amount": None, "force": False},
            {"amount": 5},
            {"amount": 5, "force": "true"},
            {"amount": 5, "force": 1},
        )
        for arguments in refused:
            assert "does not allow" in (await says(client, "pay", **arguments))[1]
