"""Both legs through the short form, over real HTTP, in both eras and on both servers."""

from __future__ import annotations

from typing import Any

from fastmcp import Client
from fastmcp.client.transports import StreamableHttpTransport
from mcp.server.mcpserver import MCPServer

from mcpauthkit import AuthKit, get_user
from mcpauthkit.policies import policy, rule
from tests.flows.test_ladder import REPOS, eras, flavours, text_of
from tests.kit.kit_world import fetch, kit_world, small_server
from tests.world import Era, Flavour, World


@eras
@flavours
async def test_a_user_is_led_through_both_legs(era: Era, flavour: Flavour) -> None:
    with kit_world(flavour=flavour) as here:
        async with here.client(era, human=here.person()) as client:
            assert await text_of(client, "whoami") == (False, "alice")
            first = await text_of(client, "list_repos")
            second = await text_of(client, "list_repos")
        assert not first[0]
        assert REPOS in first[1]
        assert first == second
        assert len(here.questions) == 1


@eras
async def test_a_second_user_is_asked_for_an_account_of_their_own(era: Era) -> None:
    with kit_world() as here:
        async with here.client(era, human=here.person()) as client:
            await client.call_tool("list_repos")
        async with here.client(era, sub="bob", human=here.person("bob")) as client:
            assert "compiler" in (await text_of(client, "list_repos"))[1]
        assert len(here.questions) == 2


@flavours
async def test_whoever_has_no_token_is_sent_to_the_issuer(flavour: Flavour) -> None:
    with kit_world(flavour=flavour) as here:
        refused = await fetch("POST", here.resource, json={})
        assert refused.status_code == 401
        challenge = refused.headers["www-authenticate"]
        document = (await fetch("GET", challenge.partition('resource_metadata="')[2].partition('"')[0])).json()
        assert document["resource"] == here.resource
        assert document["authorization_servers"] == [here.issuer.issuer_url]
        assert document["scopes_supported"] == ["openid", "mcp:tools"]


async def test_several_servers_have_each_a_path_and_an_audience() -> None:
    wiki: MCPServer[Any] = MCPServer("wiki")

    @wiki.tool()
    def page() -> str:
        """A page for its reader."""
        return f"for {get_user().subject}"

    def build(kit: AuthKit, mcp: Any) -> Any:
        return kit.app(mcp, wiki, small_server("third"), path=["/mcp", "/wiki/mcp", "/third"])

    with kit_world(build=build) as here:
        async with here.client("modern", human=here.person()) as client:
            assert REPOS in (await text_of(client, "list_repos"))[1]
        assert await called(here, "/wiki/mcp", "page") == (False, "for alice")
        assert await called(here, "/third", "whoami") == (False, "alice")
        documents = f"{here.base}/.well-known/oauth-protected-resource"
        assert (await fetch("GET", f"{documents}/wiki/mcp")).json()["resource"] == f"{here.base}/wiki/mcp"
        assert (await fetch("GET", documents)).json()["resource"] == here.resource
        foreign = {"authorization": f"Bearer {here.token()}"}
        assert (await fetch("POST", f"{here.base}/third", headers=foreign, json={})).status_code == 401


async def test_in_proxy_mode_clients_sign_in_here() -> None:
    with kit_world(client_id="our-client", client_secret="our-secret", allowed_scopes=["x"]) as here:
        document = (await fetch("GET", f"{here.base}/.well-known/oauth-protected-resource/mcp")).json()
        assert document["authorization_servers"] == [here.base]
        server = (await fetch("GET", f"{here.base}/.well-known/oauth-authorization-server")).json()
        assert server["issuer"] == here.base
        assert server["registration_endpoint"].startswith(here.base)


@flavours
async def test_policies_decide_who_sees_and_uses_what(flavour: Flavour) -> None:
    readers = policy("readers").add_rule(rule("who").allow().for_anyone().for_tools("whoami")).build()
    with kit_world(flavour=flavour, policies=readers) as here:
        async with here.client() as client:
            assert [one.name for one in await client.list_tools()] == ["whoami"]
            assert await text_of(client, "whoami") == (False, "alice")
            assert (await text_of(client, "list_repos"))[0]


async def test_a_rule_may_ask_which_services_are_connected() -> None:
    connected = rule("connected").allow().for_anyone().for_tools("whoami").when_connected("forge")
    first = rule("connect").allow().for_anyone().for_tools("list_repos")
    with kit_world(policies=policy("connected").add_rule(connected).add_rule(first).build()) as here:
        async with here.client(human=here.person()) as client:
            assert (await text_of(client, "whoami"))[0]
            await client.call_tool("list_repos")
            assert await text_of(client, "whoami") == (False, "alice")


async def called(here: World, path: str, tool: str) -> tuple[bool, str]:
    token = here.token(audience=f"{here.base}{path}")
    async with Client(StreamableHttpTransport(f"{here.base}{path}", auth=token)) as client:
        return await text_of(client, tool)
