"""The quickstart at the Keycloak of docker-compose.yml, set up as that file says."""

from __future__ import annotations

from mcpauthkit.testing import LoopbackServer
from quickstart.playground import Ports, example_server, stand_ins
from quickstart.settings import Settings
from tests.services.clients import FastMcpClient, Login
from tests.services.keycloak import BROWSER_CLIENT_ID, Keycloak


async def test_the_quickstart_knows_keycloaks_users(keycloak: Keycloak, server_port: int) -> None:
    told = Settings(
        port=server_port,
        issuer_url=keycloak.issuer_url,
        scopes="openid profile mcp:tools",
        browser_client_id=BROWSER_CLIENT_ID,
    )
    with stand_ins(told, Ports(0)) as (filled, issuer, _), example_server(filled, LoopbackServer(port=server_port)):
        assert issuer is None
        who = await FastMcpClient().call(Login(told.mcp_url, user="bob"), "whoami")
    assert who["issuer"] == keycloak.issuer_url
    assert who["name"] == "Bob Brown"
