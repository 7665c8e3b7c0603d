"""Tokens of a real Keycloak at the door: whose they are, whom they are for, and what becomes of them with their key."""

from __future__ import annotations

import re

from tests.services.keycloak import Keycloak
from tests.services.keycloak_door import keycloak_door, token_of, tokens_of


async def test_a_token_without_the_scope_that_names_us_is_refused_with_the_setting_to_change(
    keycloak: Keycloak, server_url: str
) -> None:
    async with keycloak_door(keycloak, server_url) as door:
        refused = await door.get(await token_of(keycloak, scope="openid profile"))
    assert refused.status_code == 401
    challenge = refused.headers["www-authenticate"]
    assert 'error="invalid_token"' in challenge
    (description,) = re.findall(r'error_description="([^"]*)"', challenge)
    assert "Audience mapper" in description
    assert f"{server_url}/mcp" in description


async def test_realm_roles_become_the_principals_roles(keycloak: Keycloak, server_url: str) -> None:
    async with keycloak_door(keycloak, server_url) as door:
        alice = await door.get(await token_of(keycloak, user="alice"))
        bob = await door.get(await token_of(keycloak, user="bob"))
    assert set(alice.json()["roles"]) == {"admin", "staff"}
    assert set(bob.json()["roles"]) == {"staff"}


async def test_an_id_token_of_keycloak_is_no_access_token(keycloak: Keycloak, server_url: str) -> None:
    async with keycloak_door(keycloak, server_url, audience="mcp-client") as door:
        tokens = await tokens_of(keycloak)
        assert (await door.get(tokens["id_token"])).status_code == 401


async def test_a_new_signing_key_is_accepted_at_once_with_one_fetch(keycloak: Keycloak, server_url: str) -> None:
    async with keycloak_door(keycloak, server_url) as door:
        old = await token_of(keycloak)
        assert (await door.get(old)).status_code == 200
        with keycloak.admin() as admin, admin.new_signing_key():
            new = await token_of(keycloak)
            assert [(await door.get(new)).status_code for _ in range(3)] == [200, 200, 200]
            assert door.key_fetches == [200, 200]
            assert (await door.get(old)).status_code == 200


async def test_tokens_of_a_removed_key_stop_within_the_age_of_the_key_set(keycloak: Keycloak, server_url: str) -> None:
    async with keycloak_door(keycloak, server_url, keys_max_age_seconds=20) as door:
        with keycloak.admin() as admin, admin.new_signing_key():
            token = await token_of(keycloak)
            assert (await door.get(token)).status_code == 200
        assert (await door.get(token)).status_code == 200
        door.clock.advance(21)
        refused = await door.get(token)
        assert refused.status_code == 401
        assert 'error="invalid_token"' in refused.headers["www-authenticate"]
