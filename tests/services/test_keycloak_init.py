"""What `mcpauthkit init keycloak` writes is imported by a real Keycloak, and a server with these settings works."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from fastmcp import FastMCP

from mcpauthkit import AuthKit
from mcpauthkit.testing import BrowserRobot, LoopbackServer
from tests.cli.commands import run
from tests.services.clients import FastMcpClient, Login, PythonSdkClient, StockClient
from tests.services.documents import Authority, metadata_document
from tests.services.keycloak import Keycloak
from tests.services.people import get_on
from tests.services.stage import build_mcp
from tests.services.typescript_client import TypeScriptClient

clients = pytest.mark.parametrize(
    "client",
    [FastMcpClient(), PythonSdkClient(), TypeScriptClient(2, "modern")],
    ids=["fastmcp", "python-sdk", "typescript-2"],
)


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def init(keycloak: Keycloak, server_url: str, *options: str) -> dict[str, Any]:
    """Run the command; the realm that it wrote."""
    addresses = ("--server-base-url", server_url, "--keycloak-url", keycloak.base_url, "--realm", "fresh")
    assert run("init", "keycloak", *addresses, *options) == 0
    return dict(json.loads(Path("keycloak-realm.json").read_text()))


@contextmanager
def serving(port: int) -> Iterator[str]:
    """A server of the settings in the working directory; the address that people enter in their client."""
    kit = AuthKit.from_settings()
    app: FastAPI = kit.app(_mcp())
    with LoopbackServer(app, port=port) as server:
        yield f"{server.base_url}/mcp"


def _mcp() -> FastMCP:
    return build_mcp()


@clients
async def test_clients_register_there_and_users_get_in(
    client: StockClient, keycloak: Keycloak, server_url: str, server_port: int
) -> None:
    realm = init(keycloak, server_url, "--dev")
    with keycloak.admin() as admin, admin.imported(realm), serving(server_port) as mcp_url:
        alice = await client.call(Login(mcp_url), "whoami")
        bob = await client.call(Login(mcp_url, user="bob"), "whoami")
    assert (alice["name"], bob["name"]) == ("alice", "bob")
    assert alice["issuer"] == f"{keycloak.base_url}/realms/fresh"
    assert "mcp:tools" in alice["scopes"]
    assert set(alice["roles"]) - {"offline_access"} == {"admin", "staff"}
    assert set(bob["roles"]) - {"offline_access"} == {"staff"}


async def test_clients_may_name_themselves_by_their_document(
    keycloak: Keycloak, server_url: str, server_port: int, authority: Authority
) -> None:
    realm = init(keycloak, server_url, "--dev", "--cimd", "--client-host", "agents.example.com")
    # That of these tests lies on this machine, where nobody else's should.
    (profile,) = realm["clientProfiles"]["profiles"]
    (policy,) = realm["clientPolicies"]["policies"]
    profile["executors"][0]["configuration"]["cimd-allow-permitted-domains"] += ["localhost", "127.0.0.1"]
    policy["conditions"][0]["configuration"]["client-id-uri-allow-permitted-domains"] += ["localhost", "127.0.0.1"]
    with (
        metadata_document(authority) as document,
        keycloak.admin() as admin,
        admin.imported(realm),
        serving(server_port) as mcp_url,
    ):
        login = Login(mcp_url, metadata_url=document.url)
        assert (await FastMcpClient().call(login, "whoami"))["name"] == "alice"
        assert login.client_id_used == document.url


async def test_the_connect_pages_sign_users_in_with_the_client_of_the_realm(
    keycloak: Keycloak, server_url: str, server_port: int
) -> None:
    realm = init(keycloak, server_url, "--dev")
    with keycloak.admin() as admin, admin.imported(realm):
        kit = AuthKit.from_settings()
        kit.oauth("github", client_id="id", client_secret="not-used-here")
        with LoopbackServer(kit.app(_mcp()), port=server_port) as server:
            async with BrowserRobot() as robot:
                page = await get_on(robot, await robot.open(f"{server.base_url}/connections"), user="alice")
    assert page.status == 200
    assert page.url == f"{server_url}/connections"


async def test_a_realm_for_users_has_none_to_begin_with(keycloak: Keycloak, server_url: str) -> None:
    realm = init(keycloak, server_url, "--scope", "mcp:tools", "mcp:write", "--role", "editor", "--cimd")
    with keycloak.admin() as admin, admin.imported(realm):
        assert admin.call("GET", "/../fresh/users") == []
        names = {one["name"] for one in admin.call("GET", "/../fresh/client-scopes")}
        assert {"mcp:tools", "mcp:write", "openid", "offline_access", "basic", "profile"} <= names
        assert "editor" in {one["name"] for one in admin.call("GET", "/../fresh/roles")}
