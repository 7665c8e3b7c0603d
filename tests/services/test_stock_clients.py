"""Every released client, in front of every issuer, in every mode: from the address alone to the tool's result."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from mcpauthkit.testing import DevIssuer, LoopbackServer
from tests.services.clients import FastMcpClient, Login, PythonSdkClient, StockClient
from tests.services.keycloak import KNOWN_CLIENT_ID, PROXY_CLIENT_ID, PROXY_CLIENT_SECRET, Keycloak
from tests.services.stage import SCOPES, Stage, stage
from tests.services.typescript_client import TypeScriptClient
from tests.world import RING

CLIENTS: dict[str, StockClient] = {
    "fastmcp-modern": FastMcpClient("modern"),
    "fastmcp-legacy": FastMcpClient("legacy"),
    "python-sdk-modern": PythonSdkClient("modern"),
    "python-sdk-legacy": PythonSdkClient("legacy"),
    "typescript-1": TypeScriptClient(1),
    "typescript-2-modern": TypeScriptClient(2, "modern"),
    "typescript-2-legacy": TypeScriptClient(2, "legacy"),
}
clients = pytest.mark.parametrize("client", CLIENTS.values(), ids=CLIENTS.keys())


@pytest.fixture
def at_dev_issuer() -> Iterator[Stage]:
    scopes = (*SCOPES, "mcp:write", "offline_access")
    with DevIssuer(algorithm="ES256", scopes=scopes) as issuer, stage(issuer.issuer_url) as here:
        yield here


@pytest.fixture
def at_keycloak(keycloak: Keycloak, server_port: int) -> Iterator[Stage]:
    with stage(keycloak.issuer_url, server=LoopbackServer(port=server_port)) as here:
        yield here


@pytest.fixture
def proxy_at_dev_issuer() -> Iterator[Stage]:
    server = LoopbackServer()
    with DevIssuer(algorithm="ES256", dynamic_registration=False) as issuer:
        issuer.add_client("proxy", redirect_uris=[f"{server.base_url}/oauth/callback"], client_secret="proxy-secret")
        with stage(issuer.issuer_url, server=server, router_options=_proxy("proxy", "proxy-secret")) as here:
            yield here


@pytest.fixture
def proxy_at_keycloak(keycloak: Keycloak, server_port: int) -> Iterator[Stage]:
    options = {**_proxy(PROXY_CLIENT_ID, PROXY_CLIENT_SECRET), "profile": "keycloak"}
    with stage(keycloak.issuer_url, server=LoopbackServer(port=server_port), router_options=options) as here:
        yield here


def _proxy(client_id: str, client_secret: str) -> dict[str, Any]:
    allowed = ["mcp:write"]
    return {"client_id": client_id, "client_secret": client_secret, "key_ring": RING, "allowed_scopes": allowed}


@clients
async def test_a_client_logs_in_directly_at_the_development_issuer(client: StockClient, at_dev_issuer: Stage) -> None:
    who = await client.call(Login(at_dev_issuer.resource, user="bob"), "whoami")
    assert who["name"] == "bob"


@clients
async def test_a_client_logs_in_directly_at_keycloak(client: StockClient, at_keycloak: Stage) -> None:
    who = await client.call(Login(at_keycloak.resource, user="bob"), "whoami")
    assert who["name"] == "bob"
    assert "mcp:tools" in who["scopes"]


@clients
async def test_a_client_logs_in_through_the_proxy_at_the_development_issuer(
    client: StockClient, proxy_at_dev_issuer: Stage
) -> None:
    login = Login(proxy_at_dev_issuer.resource, user="bob")
    who = await client.call(login, "whoami")
    assert who["name"] == "bob"
    assert login.visited[0].startswith(f"{proxy_at_dev_issuer.base}/")


@clients
async def test_a_client_logs_in_through_the_proxy_at_keycloak(
    client: StockClient, keycloak: Keycloak, proxy_at_keycloak: Stage
) -> None:
    login = Login(proxy_at_keycloak.resource, user="bob")
    who = await client.call(login, "whoami")
    assert who["name"] == "bob"
    assert who["issuer"] == keycloak.issuer_url
    assert login.visited[0].startswith(f"{proxy_at_keycloak.base}/")


# TypeScript 1 renews its token instead of asking the user while it holds a refresh token, so it never gets further.
stepping_up = pytest.mark.parametrize(
    "client",
    [client for name, client in CLIENTS.items() if name != "typescript-1"],
    ids=[name for name in CLIENTS if name != "typescript-1"],
)


@stepping_up
async def test_a_client_asks_for_the_scope_of_a_tool_at_the_development_issuer(
    client: StockClient, at_dev_issuer: Stage
) -> None:
    login = Login(at_dev_issuer.resource)
    who = await client.call(login, "whoami", "change")
    assert {"mcp:tools", "mcp:write"} <= set(who["scopes"])
    assert len(login.visited) == 2


@stepping_up
async def test_a_client_asks_for_the_scope_of_a_tool_at_keycloak(client: StockClient, at_keycloak: Stage) -> None:
    # Keycloak holds a client that registered itself to the scopes it registered, which are those of its first login.
    login = Login(at_keycloak.resource, client_id=KNOWN_CLIENT_ID)
    who = await client.call(login, "whoami", "change")
    assert {"mcp:tools", "mcp:write"} <= set(who["scopes"])
    assert len(login.visited) == 2
