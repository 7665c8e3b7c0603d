"""Proxy mode in front of a real Keycloak, which knows one client: ours."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager

import httpx
import pytest

from mcpauthkit.testing import LoopbackServer, OAuthClient
from tests.services.clients import FastMcpClient, Login
from tests.services.keycloak import PROXY_CLIENT_ID, PROXY_CLIENT_SECRET, Keycloak
from tests.services.keycloak_door import CALLBACK
from tests.services.people import authorize
from tests.services.stage import Stage, stage
from tests.world import RING

SCOPE = "openid profile mcp:tools"


class Proxy:
    """The server in proxy mode, of which a new one is started for every `with`."""

    def __init__(self, keycloak: Keycloak, port: int) -> None:
        self._keycloak = keycloak
        self._port = port

    def started(self) -> AbstractContextManager[Stage]:
        options = {
            "client_id": PROXY_CLIENT_ID,
            "client_secret": PROXY_CLIENT_SECRET,
            "profile": "keycloak",
            "key_ring": RING,
            "allowed_scopes": ["mcp:write"],
        }
        server = LoopbackServer(port=self._port)
        return stage(self._keycloak.issuer_url, server=server, router_options=options)


@pytest.fixture
def proxy(keycloak: Keycloak, server_port: int) -> Proxy:
    return Proxy(keycloak, server_port)


@pytest.fixture
def server(proxy: Proxy) -> Iterator[Stage]:
    with proxy.started() as running:
        yield running


async def registered(server: Stage) -> OAuthClient:
    """A client that registered itself at the proxy."""
    async with httpx.AsyncClient(base_url=server.base) as http:
        document = (await http.get("/.well-known/oauth-authorization-server")).json()
        body = {"redirect_uris": [CALLBACK], "token_endpoint_auth_method": "none", "client_name": "scripted"}
        answer = await http.post(document["registration_endpoint"], json=body)
        answer.raise_for_status()
    return OAuthClient(
        authorize_url=document["authorization_endpoint"],
        token_url=document["token_endpoint"],
        client_id=answer.json()["client_id"],
        redirect_uri=CALLBACK,
    )


async def status_of(server: Stage, token: str) -> int:
    """Whether the door takes a token: a call that is let in and is no MCP is a 4xx other than 401."""
    async with httpx.AsyncClient() as http:
        answer = await http.get(server.resource, headers={"authorization": f"Bearer {token}"})
    return answer.status_code


@pytest.mark.parametrize(("user", "roles"), [("alice", {"admin", "staff"}), ("bob", {"staff"})])
async def test_users_bring_their_realm_roles_through_the_proxy(server: Stage, user: str, roles: set[str]) -> None:
    who = await FastMcpClient().call(Login(server.resource, user=user), "whoami")
    assert who["name"] == user
    assert set(who["roles"]) - {"offline_access"} == roles


async def test_keycloak_sees_one_client_however_many_register(keycloak: Keycloak, server: Stage) -> None:
    def known() -> set[str]:
        with keycloak.admin() as admin:
            return {one["clientId"] for one in admin.call("GET", "/clients")}

    before = known()
    ids = {(await registered(server)).client_id for _ in range(3)}
    assert len(ids) == 3
    assert known() == before


async def test_a_login_survives_restarts_of_the_server_between_its_steps(proxy: Proxy) -> None:
    with proxy.started() as first:
        client = await registered(first)
    with proxy.started() as second:
        url = client.authorization_url(scope=SCOPE, resource=second.resource)
        code = httpx.URL(await authorize(url, user="alice", back_to=CALLBACK)).params["code"]
    with proxy.started() as third:
        issued = await client.exchange(code, resource=third.resource)
        assert issued.status_code == 200
        assert await status_of(third, issued.json()["access_token"]) not in {401, 403}
    with proxy.started() as fourth:
        renewed = await client.refresh(issued.json()["refresh_token"], resource=fourth.resource)
        assert renewed.status_code == 200
        assert renewed.json()["access_token"] != issued.json()["access_token"]
        assert await status_of(fourth, renewed.json()["access_token"]) not in {401, 403}
