"""The door while the issuer rotates, fails, lies or is flooded; and what the token cache adds to it."""

from __future__ import annotations

from typing import Any

import anyio
import pytest

from mcpauthkit.testing import Endpoint
from tests.web.door import BASE, Door, door

LONG = 100_000


async def test_a_cold_start_without_an_issuer_is_503_and_never_401() -> None:
    # K5b, B1 "issuer down, cold"
    async with door() as here:
        here.issuer.faults.respond("discovery", status=500)
        response = await here.get(here.token())
        assert response.status_code == 503
        assert response.headers["retry-after"] == "5"
        assert "www-authenticate" not in response.headers
        assert response.json()["error"] == "issuer_unavailable"
        for _ in range(20):
            assert (await here.get(here.token())).status_code == 503
        assert here.issuer.requests.count("discovery") == 1
        here.issuer.faults.clear()
        here.clock.advance(5)
        assert (await here.get(here.token())).status_code == 200


@pytest.mark.parametrize(
    ("endpoint", "status", "body"),
    [
        ("discovery", 404, ""),
        ("discovery", 200, "<html>"),
        ("discovery", 302, ""),
        ("jwks", 500, ""),
        ("jwks", 429, ""),
        ("jwks", 404, ""),
        ("jwks", 302, ""),
        ("jwks", 200, "[]"),
        ("jwks", 200, '{"keys":[]}'),
        ("jwks", 200, '{"keys":' + "[" * 100 + "]" * 100 + "}"),
    ],
)
async def test_an_issuer_that_answers_nonsense_is_503(endpoint: Endpoint, status: int, body: str) -> None:
    async with door() as here:
        here.issuer.faults.respond(endpoint, status=status, body=body)
        assert (await here.get(here.token())).status_code == 503
        # Who sends nothing, or a stranger's token, is told so without the issuer's help.
        assert await here.statuses("junk") == [401]
        assert (await here.get()).status_code == 401


@pytest.mark.parametrize("lie", ["wrong_discovery_issuer", "jwks_redirect", "oversized_jwks"])
async def test_an_issuer_that_lies_is_503(lie: str) -> None:
    # K3c: the document of another issuer was accepted.
    async with door() as here:
        here.issuer.misbehave(**{lie: True})
        assert (await here.get(here.token())).status_code == 503
        here.issuer.behave()
        here.clock.advance(5)
        assert (await here.get(here.token())).status_code == 200


async def test_keys_serve_an_outage_and_then_the_door_says_503() -> None:
    # B1 "issuer down after TTL, keys cached"
    async with door(keys_max_age_seconds=600, keys_max_stale_seconds=3600) as here:
        token = here.token(expires_in=LONG)
        assert await here.statuses(token) == [200]
        here.issuer.faults.respond("jwks", status=500)
        here.clock.advance(601)
        assert await here.statuses(token, here.token("bob")) == [200, 200]
        here.clock.advance(3500)
        assert await here.statuses(token) == [200]
        here.clock.advance(100)
        # Not even a remembered token outlives the bound.
        assert await here.statuses(token) == [503]


async def test_the_first_token_of_a_rotated_key_costs_one_fetch() -> None:
    async with door() as here:
        old = here.token()
        assert await here.statuses(old) == [200]
        here.clock.advance(60)
        here.issuer.rotate_keys()
        assert await here.statuses(here.token(), here.token("bob"), old) == [200, 200, 200]
        assert here.issuer.requests.count("jwks") == 2
        assert here.issuer.requests.count("discovery") == 1


async def test_a_withdrawn_keys_token_is_refused_after_the_documented_bound_though_it_was_remembered() -> None:
    async with door(keys_max_age_seconds=600) as here:
        token = here.token(expires_in=LONG)
        assert await here.statuses(token) == [200]
        here.issuer.rotate_keys(keep_old=False)
        here.clock.advance(590)
        # Verified again, and remembered again, ten seconds before the keys are too old.
        assert await here.statuses(token) == [200]
        here.clock.advance(11)
        assert await here.statuses(token) == [401]


async def test_a_withdrawn_keys_remembered_token_is_refused_once_new_keys_are_here() -> None:
    async with door() as here:
        token = here.token(expires_in=LONG, iat=1)
        assert await here.statuses(token, token, token) == [200, 200, 200]
        here.clock.advance(60)
        here.issuer.rotate_keys(keep_old=False)
        assert await here.statuses(here.token("bob"), token) == [200, 401]


async def test_a_flood_of_made_up_keys_hurts_nobody_else() -> None:
    # B1 "200 made-up kids"; K5c
    async with door() as here:
        genuine = [here.token(f"user-{number}", expires_in=LONG) for number in range(20)]
        await here.get(genuine[0])
        here.clock.advance(120)
        made_up = [here.token(headers={"kid": f"made-up-{number}"}, iat=1) for number in range(1000)]
        answers: list[int] = []

        async def attack(tokens: list[str]) -> None:
            assert set(await here.statuses(*tokens)) == {401}

        async def work() -> None:
            answers.extend(await here.statuses(*genuine))

        async with anyio.create_task_group() as tasks:
            for start in range(0, 1000, 100):
                tasks.start_soon(attack, made_up[start : start + 100])
                tasks.start_soon(work)
        assert answers == [200] * 200
        assert here.issuer.requests.count("jwks") == 2
        # A key nobody could know of yet: its user must not be told to sign in again.
        here.issuer.rotate_keys()
        fresh = here.token("fresh")
        response = await here.get(fresh)
        assert response.status_code == 503
        assert response.headers["retry-after"] == "30"
        here.clock.advance(30)
        assert await here.statuses(fresh) == [200]
        assert here.issuer.requests.count("jwks") == 3


async def test_a_hundred_first_requests_share_one_discovery_and_one_fetch() -> None:
    # K5a', B1
    async with door() as here:
        answers: list[int] = []

        async def knock(sub: str) -> None:
            answers.extend(await here.statuses(here.token(sub)))

        async with anyio.create_task_group() as tasks:
            for number in range(100):
                tasks.start_soon(knock, f"user-{number}")
        assert answers == [200] * 100
        assert here.issuer.requests.count("discovery") == 1
        assert here.issuer.requests.count("jwks") == 1


async def test_an_issuer_below_a_path_is_found() -> None:
    async with door(issuer_options={"path": "/realms/dev"}) as here:
        assert await here.statuses(here.token()) == [200]


@pytest.mark.parametrize("algorithm", ["PS256", "ES256", "EdDSA", "Ed25519"])
async def test_an_issuer_may_sign_with_any_accepted_algorithm(algorithm: str) -> None:
    # A1: EdDSA was listed and never verified.
    async with door(issuer_options={"algorithm": algorithm}) as here:
        assert await here.statuses(here.token()) == [200]


@pytest.mark.parametrize("size", [10_000, 0])
async def test_a_token_is_refused_at_its_end_remembered_or_not(size: int) -> None:
    async with door(token_cache_size=size) as here:
        token = here.token(expires_in=100)
        assert await here.statuses(token, token) == [200, 200]
        here.clock.advance(159)
        assert await here.statuses(token) == [200]
        here.clock.advance(1)
        response = await here.get(token)
        assert response.status_code == 401
        assert 'error="invalid_token"' in response.headers["www-authenticate"]


async def test_two_issuers_subjects_of_one_name_are_two_people() -> None:
    # L8: the second reader got the first one's token.
    async with door() as one, door() as other:
        assert await one.statuses(other.token()) == [401]
        assert await other.statuses(one.token()) == [401]
        assert await one.statuses(one.token()) == await other.statuses(other.token()) == [200]


async def audience(here: Door, path: str, aud: Any) -> int:
    return (await here.get(here.token(audience=aud), path)).status_code


async def test_a_token_for_one_server_is_no_good_at_its_neighbour() -> None:
    async with door(resource_paths=("/a/mcp", "/b/mcp")) as here:
        for path, other in (("/a/mcp", "/b/mcp"), ("/b/mcp", "/a/mcp")):
            assert await audience(here, path, f"{BASE}{path}") == 200
            assert await audience(here, f"{path}/x", f"{BASE}{path}") == 200
            assert await audience(here, other, f"{BASE}{path}") == 401
            # The routes of no server in particular are neither's.
            assert await audience(here, "/api/me", f"{BASE}{path}") == 401
            assert await audience(here, "/api/me", BASE) == 200
            assert await audience(here, other, [f"{BASE}{path}", f"{BASE}{other}"]) == 200


@pytest.mark.parametrize("behind", ["%0A", "%0D", "%00", "%C2%85", "%E2%80%A8"])
async def test_a_path_with_control_characters_is_nobodys(behind: str) -> None:
    # A router takes `/b/mcp` with a newline behind it for `/b/mcp`: a token of the neighbour got in there.
    for paths in (("/mcp",), ("/a/mcp", "/b/mcp")):
        async with door(resource_paths=paths) as here:
            token = here.token(audience=f"{BASE}{paths[0]}")
            assert (await here.get(token, f"{paths[-1]}{behind}")).status_code == 400
            assert (await here.get(None, f"/health{behind}")).status_code in {400, 401}


async def test_the_other_routes_of_an_application_with_one_server_take_its_tokens() -> None:
    async with door() as here:
        assert await audience(here, "/api/me", f"{BASE}/mcp") == 200
        assert await audience(here, "/api/me", BASE) == 401


async def test_a_remembered_token_is_no_good_at_the_neighbour_either() -> None:
    async with door(resource_paths=("/a/mcp", "/b/mcp")) as here:
        token = here.token(audience=f"{BASE}/a/mcp")
        for _ in range(3):
            assert (await here.get(token, "/a/mcp")).status_code == 200
            assert (await here.get(token, "/b/mcp")).status_code == 401


async def test_each_servers_challenge_names_its_own_document() -> None:
    async with door(resource_paths=("/a/mcp", "/b/mcp")) as here:
        for path in ("/a/mcp", "/b/mcp"):
            challenge = (await here.get(path=path)).headers["www-authenticate"]
            assert f'resource_metadata="{BASE}/.well-known/oauth-protected-resource{path}"' in challenge


@pytest.mark.parametrize(
    "aud",
    [
        f"{BASE}/mcp/",
        BASE,
        f"{BASE}/",
        f"{BASE}/MCP",
        "https://MCP.example.com/mcp",
        f"{BASE}:443/mcp",
        "test-client",
        [],
    ],
)
async def test_a_near_miss_of_the_audience_is_a_miss(aud: Any) -> None:
    # B1 "wrong aud / no aud"; K1d
    async with door() as here:
        assert await audience(here, "/mcp", aud or "nobody") == 401
        if not aud:
            assert await here.statuses(here.token(aud=[]), here.token(aud=None)) == [401, 401]


@pytest.mark.parametrize("accepted", ["api://mine", ["api://mine", "other"]])
async def test_a_named_audience_replaces_the_default(accepted: Any) -> None:
    async with door(audience=accepted) as here:
        assert await audience(here, "/mcp", "api://mine") == 200
        assert await audience(here, "/other", ["x", "api://mine"]) == 200
        assert await audience(here, "/mcp", f"{BASE}/mcp") == 401
