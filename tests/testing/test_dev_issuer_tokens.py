from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from joserfc import jws

from mcpauthkit.testing import BrowserRobot, DevIssuer, FakeClock, OAuthClient, sign_in

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

CLOCK = FakeClock()


@pytest.fixture(scope="module")
def served() -> Iterator[DevIssuer]:
    with DevIssuer(algorithm="ES256", clock=CLOCK) as issuer:
        yield issuer


@pytest.fixture
def issuer(served: DevIssuer) -> Iterator[DevIssuer]:
    yield served
    served.behave()


@pytest.fixture
def client(issuer: DevIssuer) -> OAuthClient:
    return OAuthClient.of(issuer)


@pytest.fixture
async def plain_http() -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient() as http:
        yield http


async def code_for(client: OAuthClient, user: str = "alice", **parameters: str | list[str] | None) -> str:
    async with BrowserRobot() as robot:
        page = await robot.open(client.authorization_url(**parameters))
        page = await sign_in(robot, page, user=user, stop_at=client.redirect_uri)
        return page.query["code"]


async def tokens_for(client: OAuthClient, user: str = "alice", **parameters: str | list[str] | None) -> dict[str, Any]:
    answer = await client.exchange(await code_for(client, user, **parameters))
    assert answer.status_code == 200, answer.text
    body: dict[str, Any] = answer.json()
    return body


def claims_of(token: str) -> dict[str, Any]:
    claims: dict[str, Any] = json.loads(jws.extract_compact(token.encode()).payload)
    return claims


def refused(answer: httpx.Response, error: str, status: int = 400) -> bool:
    assert answer.headers["cache-control"] == "no-store"
    return (answer.status_code, answer.json()["error"]) == (status, error)


async def test_a_code_becomes_an_access_token_and_an_id_token(issuer: DevIssuer, client: OAuthClient) -> None:
    tokens = await tokens_for(client, scope="openid mcp:tools mystery", nonce="n-1", resource="http://127.0.0.1/mcp")
    assert tokens["token_type"] == "Bearer"
    assert tokens["expires_in"] == 300
    assert tokens["scope"] == "openid mcp:tools"  # unknown scopes are ignored
    access = claims_of(tokens["access_token"])
    assert (access["iss"], access["sub"]) == (issuer.issuer_url, "alice")
    assert (access["aud"], access["client_id"]) == ("http://127.0.0.1/mcp", client.client_id)
    assert access["scope"] == "openid mcp:tools"
    assert access["exp"] - access["iat"] == 300
    assert access["email"] == "alice@example.test"
    identity = claims_of(tokens["id_token"])
    assert (identity["iss"], identity["aud"], identity["nonce"]) == (issuer.issuer_url, client.client_id, "n-1")
    assert identity["auth_time"] == int(CLOCK.wall())
    assert (identity["name"], identity["preferred_username"]) == ("Alice Example", "alice")


async def test_without_openid_there_is_no_id_token(client: OAuthClient) -> None:
    assert "id_token" not in await tokens_for(client, scope="mcp:tools")


async def test_bob_is_bob(client: OAuthClient) -> None:
    assert claims_of((await tokens_for(client, "bob"))["access_token"])["sub"] == "bob"


async def test_several_resources_become_several_audiences(client: OAuthClient) -> None:
    resources = ["https://one.example/mcp", "https://two.example/mcp"]
    tokens = await tokens_for(client, resource=resources)
    assert claims_of(tokens["access_token"])["aud"] == resources


async def test_a_token_request_may_pick_one_of_the_resources(client: OAuthClient) -> None:
    code = await code_for(client, resource=["https://one.example/mcp", "https://two.example/mcp"])
    tokens = (await client.exchange(code, resource="https://two.example/mcp")).json()
    assert claims_of(tokens["access_token"])["aud"] == "https://two.example/mcp"


@pytest.mark.parametrize("resource", ["https://three.example/mcp", "https://one.example/mcp/", "relative"])
async def test_a_resource_that_was_not_asked_for_is_refused(client: OAuthClient, resource: str) -> None:
    code = await code_for(client, resource="https://one.example/mcp")
    assert refused(await client.exchange(code, resource=resource), "invalid_target")


async def test_without_a_resource_the_audience_is_the_client(client: OAuthClient) -> None:
    assert claims_of((await tokens_for(client))["access_token"])["aud"] == client.client_id


async def test_a_code_works_once_and_reuse_kills_what_it_gave(client: OAuthClient) -> None:
    code = await code_for(client, scope="offline_access")
    tokens = (await client.exchange(code)).json()
    assert refused(await client.exchange(code), "invalid_grant")
    assert refused(await client.refresh(tokens["refresh_token"]), "invalid_grant")


async def test_a_code_is_good_for_a_minute(client: OAuthClient) -> None:
    code = await code_for(client)
    CLOCK.advance(61)
    assert refused(await client.exchange(code), "invalid_grant")


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"code_verifier": "wrong" * 10}, "invalid_grant"),
        ({"code_verifier": None}, "invalid_request"),
        ({"redirect_uri": "http://127.0.0.1:10/callback"}, "invalid_grant"),
        ({"redirect_uri": None}, "invalid_grant"),
        ({"code": "unknown"}, "invalid_grant"),
        ({"code": None}, "invalid_request"),
        ({"code": ["one", "two"]}, "invalid_request"),
        ({"grant_type": "password"}, "unsupported_grant_type"),
        ({"grant_type": None}, "invalid_request"),
    ],
)
async def test_a_token_request_that_does_not_fit_is_refused(
    client: OAuthClient, change: dict[str, str | list[str] | None], error: str
) -> None:
    assert refused(await client.exchange(await code_for(client), **change), error)


async def test_a_code_of_another_client_is_refused_and_stays_good(issuer: DevIssuer, client: OAuthClient) -> None:
    other = OAuthClient.of(issuer, client_id="other-client")
    code = await code_for(client)
    assert refused(await other.exchange(code, code_verifier=client.code_verifier), "invalid_grant")
    assert (await client.exchange(code)).status_code == 200


async def test_refreshing_rotates_the_refresh_token(client: OAuthClient) -> None:
    first = await tokens_for(client, scope="openid offline_access", resource="https://one.example/mcp")
    second = (await client.refresh(first["refresh_token"], resource="https://one.example/mcp")).json()
    assert second["refresh_token"] != first["refresh_token"]
    assert second["scope"] == "openid offline_access"
    assert claims_of(second["access_token"])["aud"] == "https://one.example/mcp"
    assert "id_token" in second


async def test_reuse_of_a_refresh_token_kills_the_family(client: OAuthClient) -> None:
    first = await tokens_for(client, scope="offline_access")
    second = (await client.refresh(first["refresh_token"])).json()
    assert refused(await client.refresh(first["refresh_token"]), "invalid_grant")
    assert refused(await client.refresh(second["refresh_token"]), "invalid_grant")


async def test_a_refresh_may_narrow_the_scope_but_not_widen_it(client: OAuthClient) -> None:
    first = await tokens_for(client, scope="email offline_access")
    assert refused(await client.refresh(first["refresh_token"], scope="email mcp:tools"), "invalid_scope")
    second = (await client.refresh(first["refresh_token"], scope="email mystery")).json()
    assert second["scope"] == "email"
    third = (await client.refresh(second["refresh_token"])).json()
    assert third["scope"] == "email offline_access"  # narrowing held for one access token only


async def test_a_refused_refresh_does_not_use_the_token_up(client: OAuthClient) -> None:
    first = await tokens_for(client, scope="offline_access")
    assert refused(await client.refresh(first["refresh_token"], resource="https://x.example"), "invalid_target")
    assert (await client.refresh(first["refresh_token"])).status_code == 200


async def test_an_unknown_refresh_token_is_refused(client: OAuthClient) -> None:
    assert refused(await client.refresh("unknown"), "invalid_grant")
    assert refused(await client.refresh(""), "invalid_request")


async def test_a_refresh_token_of_another_client_is_refused(issuer: DevIssuer, client: OAuthClient) -> None:
    other = OAuthClient.of(issuer, client_id="other-client")
    first = await tokens_for(client, scope="offline_access")
    assert refused(await other.refresh(first["refresh_token"]), "invalid_grant")
    assert (await client.refresh(first["refresh_token"])).status_code == 200


async def test_a_refresh_token_needs_offline_access_or_the_registered_grant(issuer: DevIssuer) -> None:
    issuer.add_client("codes-only", redirect_uris=["http://127.0.0.1/callback"], grant_types=["authorization_code"])
    client = OAuthClient.of(issuer, client_id="codes-only")
    issuer.add_client("codes-only", redirect_uris=["http://127.0.0.1/callback"], grant_types=["authorization_code"])
    assert "refresh_token" not in await tokens_for(client, scope="mcp:tools")
    assert "refresh_token" in await tokens_for(client, scope="offline_access")


async def test_revoked_refresh_tokens_are_refused(issuer: DevIssuer, client: OAuthClient) -> None:
    alice = await tokens_for(client, scope="offline_access")
    bob = await tokens_for(client, "bob", scope="offline_access")
    assert issuer.revoke_refresh_tokens("alice") >= 1
    assert refused(await client.refresh(alice["refresh_token"]), "invalid_grant")
    assert (await client.refresh(bob["refresh_token"])).status_code == 200
    assert issuer.revoke_refresh_tokens() >= 1
    assert issuer.revoke_refresh_tokens() == 0


async def test_a_confidential_client_may_send_its_secret_either_way(issuer: DevIssuer) -> None:
    client = OAuthClient.of(issuer, client_id="secretive:client")
    secret = "with a space, a + and 100%"
    issuer.add_client("secretive:client", secret, [client.redirect_uri])
    code = await code_for(client)
    client.client_secret = secret
    assert (await client.exchange(code)).status_code == 200
    code = await code_for(client)
    client.client_secret = None
    assert (await client.exchange(code, client_secret=secret)).status_code == 200


@pytest.mark.parametrize("secret", ["wrong", None])
async def test_a_confidential_client_without_its_secret_is_refused(issuer: DevIssuer, secret: str | None) -> None:
    client = OAuthClient.of(issuer, client_id="confidential")
    issuer.add_client("confidential", "canary", [client.redirect_uri])
    client.client_secret = secret
    answer = await client.refresh("any")
    assert refused(answer, "invalid_client", 401)
    assert answer.headers["www-authenticate"] == "Basic"


async def test_a_public_client_has_no_secret_to_send(client: OAuthClient) -> None:
    assert refused(await client.refresh("any", client_secret="made up"), "invalid_client", 401)


async def test_two_ways_of_authentication_at_once_are_refused(client: OAuthClient) -> None:
    client.client_secret = "canary"
    assert refused(await client.refresh("any", client_secret="canary"), "invalid_request")


@pytest.mark.parametrize("header", ["Basic !!!", "Basic /w==", "Basic bm9jb2xvbg=="])
async def test_an_unreadable_authorization_header_is_refused(
    issuer: DevIssuer, header: str, plain_http: httpx.AsyncClient
) -> None:
    answer = await plain_http.post(
        f"{issuer.issuer_url}/token", data={"grant_type": "refresh_token"}, headers={"authorization": header}
    )
    assert refused(answer, "invalid_client", 401)


async def test_an_unknown_client_is_refused(client: OAuthClient) -> None:
    client.client_id = "unknown"
    assert refused(await client.refresh("any"), "invalid_client", 401)


async def test_access_tokens_can_be_expired_when_issued(issuer: DevIssuer, client: OAuthClient) -> None:
    issuer.misbehave(expired_access_tokens=True)
    assert claims_of((await tokens_for(client))["access_token"])["exp"] < CLOCK.wall()


async def test_audience_and_nonce_can_be_wrong(issuer: DevIssuer, client: OAuthClient) -> None:
    issuer.misbehave(wrong_audience=True, wrong_nonce=True)
    tokens = await tokens_for(client, scope="openid", nonce="n-1", resource="https://one.example/mcp")
    assert claims_of(tokens["access_token"])["aud"] != "https://one.example/mcp"
    assert claims_of(tokens["id_token"])["nonce"] != "n-1"


async def test_scripts_of_any_origin_may_ask_for_tokens(issuer: DevIssuer, plain_http: httpx.AsyncClient) -> None:
    answer = await plain_http.post(f"{issuer.issuer_url}/token", headers={"origin": "http://inspector.example"})
    assert answer.headers["access-control-allow-origin"] == "*"
