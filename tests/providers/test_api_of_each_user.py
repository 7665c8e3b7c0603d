"""Services whose users have hosts of their own: `client()` goes where the user's credential says, and nowhere else."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import httpx
import pytest

from mcpauthkit import OAuthProvider
from mcpauthkit.connections.credential import Account
from mcpauthkit.errors import ConfigurationError
from mcpauthkit.services import ServicePreset, TokenShape
from tests.connections.small_world import ALICE, RING, credential
from tests.protocol.room import Room, said

PRESET = ServicePreset(
    name="crm",
    display_name="Crm",
    authorize_url="https://login.crm.example/authorize",
    token_url="https://login.crm.example/token",
    api_url="{instance_url}/v2",
    told_hosts=(".crm.example",),
    tokens=TokenShape(details={"instance_url": "instance_url"}),
    api_headers={"X-Version": "7"},
)


@pytest.mark.parametrize(
    ("told", "seen"),
    [
        ("https://eu7.crm.example", "https://eu7.crm.example/v2/deals 7"),
        ("https://evil.example", None),
        ("", None),
    ],
)
async def test_the_credential_goes_to_the_users_own_host_if_it_is_the_services(told: str, seen: str | None) -> None:
    here = Room()
    crm = OAuthProvider.from_preset(
        PRESET,
        client_id="id",
        client_secret="s",
        server_base_url="https://mcp.example",
        store=here.store,
        key_ring=RING,
        clock=here.clock,
    )
    here.register(crm)
    held = credential("token-canary", scopes=(), expires_at=here.clock.wall() + 3600)
    await here.vault.put(ALICE, "crm", replace(held, details={"instance_url": told}))
    requests: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        requests.append(request)
        return httpx.Response(200)

    @here.mcp.tool()
    @crm.require_token()
    async def deals() -> str:
        async with crm.client(transport=httpx.MockTransport(answer)) as http:
            sent = (await http.get("/deals")).request
            return f"{sent.url} {sent.headers['x-version']}"

    async with here.client("modern") as client:
        is_error, text = await said(client, "deals")
    assert is_error == (seen is None)
    assert text == seen or seen is None
    assert len(requests) == (0 if seen is None else 1)
    assert "token-canary" not in text


SITE = "https://api.atlassian.com/ex/jira/{cloud_id}"
CLIENT: dict[str, Any] = {"client_id": "id", "client_secret": "s", "server_base_url": "https://mcp.example"}


@pytest.mark.parametrize(
    ("tenant", "seen"),
    [
        ("1324a887-45db", "https://api.atlassian.com/ex/jira/1324a887-45db/rest/api/3/myself"),
        # Several sites, of which nobody knows the one that is meant.
        ("", None),
        ("..", None),
        ("1/../../admin", None),
    ],
)
async def test_paths_lead_to_the_one_site_that_a_user_let_in(tenant: str, seen: str | None) -> None:
    here = Room()
    jira = OAuthProvider.from_preset(
        "atlassian", api_url=SITE, **CLIENT, store=here.store, key_ring=RING, clock=here.clock
    )
    here.register(jira)
    held = credential("token-canary", scopes=(), expires_at=here.clock.wall() + 3600)
    await here.vault.put(ALICE, "atlassian", replace(held, account=Account("alice", "Alice", tenant)))

    @here.mcp.tool()
    @jira.require_token()
    async def myself() -> str:
        transport = httpx.MockTransport(lambda _: httpx.Response(200))
        async with jira.client(transport=transport) as http:
            return str((await http.get("/rest/api/3/myself")).request.url)

    async with here.client("modern") as client:
        is_error, text = await said(client, "myself")
    assert is_error == (seen is None)
    assert text == seen or seen is None


def test_an_address_that_differs_by_user_holds_what_the_service_tells_only() -> None:
    with pytest.raises(ConfigurationError):
        OAuthProvider.from_preset("atlassian", api_url="https://{cloud_id}.example/x/{site}", **CLIENT)
    with pytest.raises(ConfigurationError):
        OAuthProvider.from_preset("github", api_url="https://api.github.com/{cloud_id}", **CLIENT)


def test_a_fixed_address_of_the_applications_goes_before_one_that_differs_by_user() -> None:
    crm = OAuthProvider.from_preset(PRESET, api_url="https://proxy.crm.example", **CLIENT)
    assert crm.api_url == "https://proxy.crm.example"
