from __future__ import annotations

from typing import TYPE_CHECKING, Any

import httpx
import pytest

from mcpauthkit.testing import BrowserRobot, DevIssuer, FakeClock, OAuthClient, sign_in

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

CLOCK = FakeClock()


@pytest.fixture(scope="module")
def issuer() -> Iterator[DevIssuer]:
    with DevIssuer(algorithm="ES256", clock=CLOCK) as served:
        yield served


@pytest.fixture
async def http() -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient() as client:
        yield client


@pytest.fixture
async def robot() -> AsyncIterator[BrowserRobot]:
    async with BrowserRobot() as browser:
        yield browser


async def tokens_for(client: OAuthClient, robot: BrowserRobot) -> dict[str, Any]:
    page = await robot.open(client.authorization_url(scope="openid offline_access"), stop_at=client.redirect_uri)
    page = await sign_in(robot, page, stop_at=client.redirect_uri)
    body: dict[str, Any] = (await client.exchange(page.query["code"])).json()
    return body


async def userinfo(http: httpx.AsyncClient, issuer: DevIssuer, token: str, scheme: str = "Bearer") -> httpx.Response:
    return await http.get(f"{issuer.issuer_url}/userinfo", headers={"authorization": f"{scheme} {token}"})


async def test_userinfo_describes_the_user_of_the_token(http: httpx.AsyncClient, issuer: DevIssuer) -> None:
    answer = await userinfo(http, issuer, issuer.token(sub="bob", scope="openid"))
    assert answer.json() == {
        "sub": "bob",
        "name": "Bob Example",
        "email": "bob@example.test",
        "preferred_username": "bob",
    }


async def test_userinfo_knows_only_the_subject_of_a_stranger(http: httpx.AsyncClient, issuer: DevIssuer) -> None:
    assert (await userinfo(http, issuer, issuer.token(sub="u-1", scope="openid"))).json() == {"sub": "u-1"}


async def test_userinfo_needs_the_scope_openid(http: httpx.AsyncClient, issuer: DevIssuer) -> None:
    answer = await userinfo(http, issuer, issuer.token(scope="mcp:tools"))
    assert answer.status_code == 403
    assert 'error="insufficient_scope"' in answer.headers["www-authenticate"]


@pytest.mark.parametrize(
    "claims",
    [
        {"expires_in": -1},
        {"exp": None},
        {"exp": "tomorrow"},
        {"iss": "https://other.example"},
        {"jti": None},
    ],
)
async def test_userinfo_refuses_tokens_that_are_not_good(
    http: httpx.AsyncClient, issuer: DevIssuer, claims: dict[str, Any]
) -> None:
    assert (await userinfo(http, issuer, issuer.token(scope="openid", **claims))).status_code == 401


@pytest.mark.parametrize("token", ["garbage", "a.b.c", "e30.e30.e30"])
async def test_userinfo_refuses_what_is_not_a_token(http: httpx.AsyncClient, issuer: DevIssuer, token: str) -> None:
    answer = await userinfo(http, issuer, token)
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"].startswith("Bearer")


async def test_userinfo_takes_bearer_tokens_only(http: httpx.AsyncClient, issuer: DevIssuer) -> None:
    assert (await userinfo(http, issuer, issuer.token(scope="openid"), "Basic")).status_code == 401


async def test_an_id_token_does_not_open_userinfo(
    http: httpx.AsyncClient, issuer: DevIssuer, robot: BrowserRobot
) -> None:
    tokens = await tokens_for(OAuthClient.of(issuer), robot)
    assert (await userinfo(http, issuer, tokens["access_token"])).status_code == 200
    assert (await userinfo(http, issuer, tokens["id_token"])).status_code == 401


async def test_revoking_a_refresh_token_ends_the_grant(
    http: httpx.AsyncClient, issuer: DevIssuer, robot: BrowserRobot
) -> None:
    client = OAuthClient.of(issuer)
    tokens = await tokens_for(client, robot)
    answer = await client.post(f"{issuer.issuer_url}/revoke", token=tokens["refresh_token"])
    assert answer.status_code == 200
    assert (await client.refresh(tokens["refresh_token"])).json()["error"] == "invalid_grant"
    assert (await userinfo(http, issuer, tokens["access_token"])).status_code == 401


async def test_revoking_an_access_token_leaves_the_refresh_token_good(
    http: httpx.AsyncClient, issuer: DevIssuer, robot: BrowserRobot
) -> None:
    client = OAuthClient.of(issuer)
    tokens = await tokens_for(client, robot)
    await client.post(f"{issuer.issuer_url}/revoke", token=tokens["access_token"])
    assert (await userinfo(http, issuer, tokens["access_token"])).status_code == 401
    assert (await client.refresh(tokens["refresh_token"])).status_code == 200


async def test_nobody_revokes_the_tokens_of_another_client(
    http: httpx.AsyncClient, issuer: DevIssuer, robot: BrowserRobot
) -> None:
    client, other = OAuthClient.of(issuer), OAuthClient.of(issuer, client_id="other")
    tokens = await tokens_for(client, robot)
    for token in (tokens["access_token"], tokens["refresh_token"], "unknown"):
        assert (await other.post(f"{issuer.issuer_url}/revoke", token=token)).status_code == 200
    assert (await userinfo(http, issuer, tokens["access_token"])).status_code == 200
    assert (await client.refresh(tokens["refresh_token"])).status_code == 200


async def test_revocation_needs_a_token_and_a_known_client(issuer: DevIssuer) -> None:
    client = OAuthClient.of(issuer)
    assert (await client.post(f"{issuer.issuer_url}/revoke")).json()["error"] == "invalid_request"
    client.client_id = "unknown"
    assert (await client.post(f"{issuer.issuer_url}/revoke", token="x")).status_code == 401


async def test_logout_ends_single_sign_on(issuer: DevIssuer, robot: BrowserRobot) -> None:
    client = OAuthClient.of(issuer)
    await tokens_for(client, robot)
    assert (await robot.open(f"{issuer.issuer_url}/logout")).title == "Signed out"
    assert robot.cookies == {}
    assert (await robot.open(client.authorization_url())).title == "Sign in"


async def test_logout_goes_back_to_a_registered_address_only(issuer: DevIssuer, robot: BrowserRobot) -> None:
    issuer.add_client("leaver", redirect_uris=[], post_logout_redirect_uris=["https://app.example/bye"])
    url = f"{issuer.issuer_url}/logout?client_id=leaver&state=s&post_logout_redirect_uri="
    page = await robot.open(f"{url}https://app.example/bye", stop_at="https://app.example/")
    assert page.url == "https://app.example/bye?state=s"
    assert (await robot.open(f"{url}https://attacker.example/")).title == "Signed out"
