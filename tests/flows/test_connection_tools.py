"""The three tools, over real HTTP, in both eras and on both servers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from fastapi import FastAPI
from fastmcp import Client, FastMCP

from mcpauthkit import Connections, current_user
from mcpauthkit.errors import ConfigurationError
from mcpauthkit.testing import BrowserRobot, approve, sign_in
from tests.connections.small_world import ALICE
from tests.flows.test_ladder import eras
from tests.web.connections_world import SETTINGS, ConnectionsWorld, connections_world
from tests.world import Flavour

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.world import Era

flavours = pytest.mark.parametrize("flavour", ["fastmcp", "mcpserver"])


@pytest.fixture
def here() -> Iterator[ConnectionsWorld]:
    with connections_world() as one:
        yield one


async def told(client: Client[Any], tool: str, **arguments: str) -> dict[str, Any]:
    """The structured result of a call that worked."""
    result = await client.call_tool(tool, arguments, raise_on_error=False)
    assert not result.is_error, result
    assert result.structured_content is not None
    return dict(result.structured_content)


async def refused(client: Client[Any], tool: str, **arguments: str) -> str:
    """The text of a call that did not."""
    result = await client.call_tool(tool, arguments, raise_on_error=False)
    assert result.is_error, result
    return " ".join(getattr(block, "text", "") for block in result.content)


@eras
@flavours
async def test_a_service_is_listed_connected_by_a_question_and_disconnected(era: Era, flavour: Flavour) -> None:
    with connections_world(flavour=flavour) as here:
        async with here.client(era, human=here.person()) as client:
            before = await told(client, "list_connections")
            assert [one["service"] for one in before["services"]] == ["forge", "wiki"]
            assert "DevForge: not connected" in before["message"]
            made = await told(client, "connect_service", service="forge")
            assert (made["connected"], made["account"], made["connect_url"]) == (True, "octo-alice", None)
            assert made["scopes"] == ["read:user", "repo"]
            assert len(here.asked) == 1
            again = await told(client, "connect_service", service="DevForge")
            assert again["message"] == made["message"] == "DevForge is connected as octo-alice."
            assert "DevForge: octo-alice connected" in (await told(client, "list_connections"))["message"]
            ended = await told(client, "disconnect_service", service="forge")
            assert ended["disconnected"] == [{"name": "", "account": "octo-alice", "revoked": "yes"}]
            assert "Revoked at DevForge: yes." in ended["message"]
        assert len(here.asked) == 1
        assert here.service.live_tokens() == ()


@eras
@flavours
async def test_a_client_that_cannot_ask_gets_the_link_as_a_result(era: Era, flavour: Flavour) -> None:
    with connections_world(flavour=flavour) as here:
        async with here.client(era) as client:
            outcome = await told(client, "connect_service", service="forge", account="work")
            assert outcome["connected"] is False
            assert outcome["connect_url"].startswith(f"{here.server.base_url}/connect/forge?flow=")
            assert outcome["connect_url"] in outcome["message"]
            async with BrowserRobot() as robot:
                page = await sign_in(robot, await robot.open(outcome["connect_url"]))
                await approve(robot, await robot.click(page, "Connect"))
            assert (await told(client, "connect_service", service="forge", account="work"))["connected"] is True
            (one,) = (await told(client, "list_connections"))["services"][0]["connections"]
            assert (one["name"], one["account"]) == ("work", "octo-alice")


@eras
async def test_declining_is_told_and_connects_nothing(here: ConnectionsWorld, era: Era) -> None:
    async def no(_url: str) -> Any:
        return "decline"

    async with here.client(era, human=no) as client:
        text = await refused(client, "connect_service", service="forge")
    assert "declined" in text
    assert await here.connections.of(here.principal("alice")) == []


async def test_what_is_missing_is_told_with_the_page_that_allows_it(here: ConnectionsWorld) -> None:
    async with here.browser() as alice:
        await alice.connect("Connect DevForge", scope="read:user")
    async with here.client("modern", human=here.person()) as client:
        outcome = await told(client, "connect_service", service="forge")
        page = (await told(client, "list_connections"))["page"]
    assert "lacks the permission repo" in outcome["message"]
    assert page in outcome["message"]
    assert page.startswith(f"{here.page}?at=")
    assert here.asked == []


async def test_of_several_accounts_the_one_to_disconnect_has_to_be_named(here: ConnectionsWorld) -> None:
    async with here.connected() as alice:
        await alice.second_account("work")
    async with here.client("modern") as client:
        text = await refused(client, "disconnect_service", service="forge")
        assert "octo-alice" in text
        assert "work" in text
        assert len(here.service.live_tokens()) == 2
        ended = await told(client, "disconnect_service", service="forge", account="WORK")
        assert [one["name"] for one in ended["disconnected"]] == ["work"]
        # Now there is one only.
        ended = await told(client, "disconnect_service", service="forge")
        assert [one["account"] for one in ended["disconnected"]] == ["octo-alice"]


async def test_an_honest_answer_names_where_users_end_it_themselves(here: ConnectionsWorld) -> None:
    async with here.connected(service="Wiki"), here.client("modern") as client:
        ended = await told(client, "disconnect_service", service="wiki")
    assert "Revoked at Wiki: not supported." in ended["message"]
    assert SETTINGS in ended["message"]


async def test_a_connection_that_the_service_ended_is_told_and_connected_again(here: ConnectionsWorld) -> None:
    async with here.connected(), here.client("modern", human=here.person()) as client:
        here.service.revoke_grants("octo-alice")
        await client.call_tool("use_forge", raise_on_error=False)
        assert "octo-alice lost" in (await told(client, "list_connections"))["message"]
        assert (await told(client, "connect_service", service="forge"))["connected"] is True
        here.service.revoke_grants("octo-alice")
        async with here.client("modern") as silent:
            await silent.call_tool("use_forge", raise_on_error=False)
        ended = await told(client, "disconnect_service", service="forge")
    assert ended["disconnected"] == []
    assert "DevForge is disconnected" in ended["message"]


@flavours
@pytest.mark.parametrize("tool", ["connect_service", "disconnect_service"])
async def test_what_is_not_there_is_told_with_what_there_is(flavour: Flavour, tool: str) -> None:
    with connections_world(flavour=flavour) as here:
        async with here.client("modern") as client:
            assert "forge, wiki" in await refused(client, tool, service="gitlab")
            assert "60 characters" in await refused(client, tool, service="forge", account="a\nb")


async def test_nobody_sees_or_ends_what_is_somebody_elses(here: ConnectionsWorld) -> None:
    async with here.connected(), here.client("modern", sub="bob") as client:
        assert "octo-alice" not in str(await told(client, "list_connections"))
        assert "octo-alice" not in await refused(client, "disconnect_service", service="forge")
        assert "no such connection" in await refused(
            client, "disconnect_service", service="forge", account="octo-alice"
        )
    assert len(here.service.live_tokens("octo-alice")) == 1


@flavours
async def test_the_tools_say_what_they_do_and_carry_the_prefix(flavour: Flavour) -> None:
    with connections_world(flavour=flavour, prefix="my_") as here:
        async with here.client("modern") as client:
            tools = {one.name: one for one in await client.list_tools() if one.name.startswith("my_")}
    hints = {name: one.annotations for name, one in tools.items()}
    assert set(hints) == {"my_list_connections", "my_connect_service", "my_disconnect_service"}
    assert all(one is not None for one in hints.values())
    assert hints["my_list_connections"].read_only_hint is True  # type: ignore[union-attr]
    assert hints["my_connect_service"].destructive_hint is False  # type: ignore[union-attr]
    assert hints["my_disconnect_service"].destructive_hint is True  # type: ignore[union-attr]
    assert all(one.output_schema for one in tools.values())
    assert set(tools["my_connect_service"].input_schema["properties"]) == {"service", "account"}


async def test_results_carry_no_secret(here: ConnectionsWorld) -> None:
    async with here.connected() as alice, here.client("modern", human=here.person()) as client:
        seen = [str(await client.call_tool("list_connections", {}))]
        seen.append(str(await client.call_tool("connect_service", {"service": "forge"})))
        tokens = here.service.live_tokens()
        seen.append(str(await client.call_tool("disconnect_service", {"service": "forge"})))
        seen.append((await alice.open(here.page)).html)
    for text in seen:
        assert not any(secret in text for secret in (*tokens, "dfr_", "dfa_", here.service.client_secret))


async def test_a_server_without_services_says_so() -> None:
    mcp = FastMCP("bare")
    Connections(FastAPI()).add_tools(mcp)
    token = current_user.set(ALICE)
    try:
        async with Client(mcp) as client:
            seen = await told(client, "list_connections")
    finally:
        current_user.reset(token)
    assert (seen["services"], seen["page"]) == ([], "")
    assert "no service" in seen["message"]


def test_tools_are_for_servers_only(here: ConnectionsWorld) -> None:
    app: Any = here.app
    with pytest.raises(ConfigurationError):
        here.connections.add_tools(app)
