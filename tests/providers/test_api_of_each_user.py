"""Services whose users have hosts of their own: `client()` goes where the user's credential says, and nowhere else."""

from __future__ import annotations

from dataclasses import replace

import httpx
import pytest

from mcpauthkit import OAuthProvider
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
