"""Rules about services that a caller has connected: what is shown and done changes as connections come and go."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from mcpauthkit import AccessMiddleware, attach_access
from mcpauthkit.policies import policy, rule
from tests.flows.test_ladder import eras
from tests.web.connections_world import ConnectionsWorld, connections_world

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fastmcp import Client

    from tests.world import Era, Flavour

RULES = (
    policy("connected-first")
    .add_rule(rule("everybody connects").for_tools("list_connections", "connect_service", "disconnect_service").allow())
    .add_rule(rule("who has connected").for_tool_patterns("*_repos").when_connected("forge").allow())
    .build()
)


@pytest.fixture(params=["fastmcp", "mcpserver"])
def here(request: pytest.FixtureRequest) -> Iterator[ConnectionsWorld]:
    flavour: Flavour = request.param
    with connections_world(flavour=flavour) as one:
        connected = one.connections.connected_services
        if flavour == "fastmcp":
            one.mcp.add_middleware(AccessMiddleware(RULES, connected_services=connected))
        else:
            attach_access(one.mcp, RULES, connected_services=connected)
        yield one


async def listed(client: Client[Any]) -> set[str]:
    return {one.name for one in await client.list_tools()} - {
        "list_connections",
        "connect_service",
        "disconnect_service",
    }


@eras
async def test_a_tool_appears_with_its_service_and_goes_with_it(here: ConnectionsWorld, era: Era) -> None:
    async with here.client(era, human=here.person()) as client, here.client(era, sub="bob") as other:
        assert await listed(client) == set()
        refused = await client.call_tool("list_repos", raise_on_error=False)
        assert refused.is_error
        assert "does not allow you to call 'list_repos'" in str(refused.content)
        assert here.asked == []

        await client.call_tool("connect_service", {"service": "forge"})
        assert await listed(client) == {"list_repos"}
        assert await listed(other) == set()
        assert not (await client.call_tool("list_repos", raise_on_error=False)).is_error

        await client.call_tool("disconnect_service", {"service": "forge"})
        assert await listed(client) == set()
        assert (await client.call_tool("list_repos", raise_on_error=False)).is_error
