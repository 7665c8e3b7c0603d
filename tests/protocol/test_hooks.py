"""What `register(app, mcp)` puts into a server."""

from __future__ import annotations

from typing import Any

import pytest
from fastmcp import FastMCP
from mcp.server.mcpserver import MCPServer

from mcpauthkit.errors import ConfigurationError
from mcpauthkit.protocol.call import fastmcp_hook_active, mcpserver_request
from mcpauthkit.protocol.hooks import UrlElicitationMiddleware, attach, registered_functions
from tests.protocol.room import Room, said
from tests.world import ERA_MODES, Era

eras = pytest.mark.parametrize("era", list(ERA_MODES))


@pytest.mark.parametrize("server", [FastMCP("a"), MCPServer("b")], ids=["fastmcp", "mcpserver"])
def test_the_hook_is_attached_once_however_many_services_register(server: Any) -> None:
    before = len(server.middleware)
    for _ in range(3):
        attach(server)
    assert len(server.middleware) == before + 1


def test_a_second_server_gets_a_hook_of_its_own() -> None:
    one, other = FastMCP("a"), FastMCP("b")
    attach(one)
    attach(other)
    for mcp in (one, other):
        assert [type(each) for each in mcp.middleware].count(UrlElicitationMiddleware) == 1


@pytest.mark.parametrize("wrong", [None, object(), FastMCP, "mcp", FastMCP("a").http_app()], ids=range(5))
def test_something_that_is_no_server_is_refused(wrong: Any) -> None:
    with pytest.raises(ConfigurationError) as refused:
        attach(wrong)
    assert refused.value.hint


def test_the_functions_of_an_mcpserver_are_known_and_fastmcp_marks_its_own() -> None:
    def tool() -> str:
        return "x"

    sdk, fast = MCPServer("a"), FastMCP("b")
    assert registered_functions(sdk) == []
    sdk.tool()(tool)
    fast.tool(tool)
    assert registered_functions(sdk) == [tool]
    assert registered_functions(fast) == []


@eras
@pytest.mark.parametrize("flavour", ["fastmcp", "mcpserver"])
async def test_what_the_hook_remembers_is_gone_after_the_call(era: Era, flavour: str) -> None:
    here = Room(flavour)
    seen: list[tuple[bool, bool]] = []

    @here.mcp.tool()
    async def look() -> str:
        seen.append((fastmcp_hook_active.get(), mcpserver_request.get() is not None))
        return "x"

    async with here.client(era) as client:
        await said(client, "look")
    assert seen == [(flavour == "fastmcp", flavour == "mcpserver")]
    assert not fastmcp_hook_active.get()
    assert mcpserver_request.get() is None
