"""Direct mode in front of a real Keycloak: clients log in there, and the kit knows who they are."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.services.clients import FastMcpClient, Login
from tests.services.keycloak import KNOWN_CLIENT_ID, Keycloak
from tests.services.stage import Stage, stage


@pytest.fixture
def server(keycloak: Keycloak, server_port: int) -> Iterator[Stage]:
    with stage(keycloak.issuer_url, port=server_port) as running:
        yield running


@pytest.mark.parametrize(("user", "roles"), [("alice", ("admin", "staff")), ("bob", ("staff",))])
async def test_a_client_that_registers_itself_gets_name_and_realm_roles(
    keycloak: Keycloak, server: Stage, user: str, roles: tuple[str, ...]
) -> None:
    who = await FastMcpClient().call(Login(server.resource, user=user), "whoami")
    assert who["issuer"] == keycloak.issuer_url
    # The client asks to stay signed in on its own account, which Keycloak counts as a role, too.
    assert set(who["roles"]) - {"offline_access"} == set(roles)


async def test_a_client_known_beforehand_needs_no_registration(server: Stage) -> None:
    login = Login(server.resource, client_id=KNOWN_CLIENT_ID)
    assert (await FastMcpClient().call(login, "whoami"))["name"] == "alice"
    assert f"client_id={KNOWN_CLIENT_ID}" in login.visited[0]
