"""Direct mode in front of a real Keycloak: who the caller is, and which clients may ask."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from mcpauthkit.testing import BrowserRobot, LoopbackServer
from tests.services.clients import FastMcpClient, Login, PythonSdkClient, StockClient
from tests.services.documents import Authority, metadata_document
from tests.services.keycloak import KNOWN_CLIENT_ID, Keycloak
from tests.services.keycloak_door import known_client
from tests.services.people import get_on
from tests.services.stage import Stage, stage
from tests.services.typescript_client import TypeScriptClient

clients = pytest.mark.parametrize(
    "client",
    [FastMcpClient(), PythonSdkClient(), TypeScriptClient(1), TypeScriptClient(2, "modern")],
    ids=["fastmcp", "python-sdk", "typescript-1", "typescript-2"],
)


@pytest.fixture
def server(keycloak: Keycloak, server_port: int) -> Iterator[Stage]:
    with stage(keycloak.issuer_url, server=LoopbackServer(port=server_port)) as running:
        yield running


@pytest.mark.parametrize(("user", "roles"), [("alice", {"admin", "staff"}), ("bob", {"staff"})])
async def test_a_client_that_registered_itself_brings_the_users_realm_roles(
    keycloak: Keycloak, server: Stage, user: str, roles: set[str]
) -> None:
    login = Login(server.resource, user=user)
    who = await FastMcpClient().call(login, "whoami")
    assert who["issuer"] == keycloak.issuer_url
    # The client asks to stay signed in on its own account, which Keycloak counts as a role, too.
    assert set(who["roles"]) - {"offline_access"} == roles
    with keycloak.admin() as admin:
        assert login.client_id_used in {one["clientId"] for one in admin.call("GET", "/clients")}


@clients
async def test_a_client_known_beforehand_needs_no_registration(client: StockClient, server: Stage) -> None:
    login = Login(server.resource, client_id=KNOWN_CLIENT_ID)
    assert (await client.call(login, "whoami"))["name"] == "alice"
    assert login.client_id_used == KNOWN_CLIENT_ID


@clients
async def test_a_client_may_name_itself_by_its_metadata_document(
    client: StockClient, server: Stage, authority: Authority
) -> None:
    with metadata_document(authority) as document:
        login = Login(server.resource, metadata_url=document.url)
        assert (await client.call(login, "whoami"))["name"] == "alice"
        assert login.client_id_used == document.url
        assert len(document.fetched_by) == 1


async def test_a_login_page_that_went_stale_still_leads_to_the_end(keycloak: Keycloak) -> None:
    client = known_client(keycloak)
    async with BrowserRobot() as robot:
        first = await robot.open(client.authorization_url(scope="openid mcp:tools"))
        await robot.submit(first, {"username": "alice", "password": "mistyped"}, button="Sign In")
        # The back button: the form that was sent once is sent again.
        stale = await robot.submit(first, {"username": "alice", "password": "alice"}, button="Sign In")
        assert "expired" in stale.text
        page = await get_on(robot, stale, user="alice", stop_at=client.redirect_uri)
    assert (await client.exchange(page.query["code"])).status_code == 200
