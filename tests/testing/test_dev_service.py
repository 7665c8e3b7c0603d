from __future__ import annotations

from typing import TYPE_CHECKING, Any

import httpx
import pytest

from mcpauthkit.testing import BrowserRobot, DevAccount, DevService, FakeClock, OAuthClient, approve, deny

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

CLOCK = FakeClock()


@pytest.fixture(scope="module")
def served() -> Iterator[DevService]:
    with DevService(clock=CLOCK) as service:
        yield service


@pytest.fixture
def service(served: DevService) -> Iterator[DevService]:
    yield served
    served.behave()
    served.requests.clear()
    served.revoke_grants()


@pytest.fixture
def client(service: DevService) -> OAuthClient:
    return OAuthClient.of(service)


@pytest.fixture
async def robot() -> AsyncIterator[BrowserRobot]:
    async with BrowserRobot() as browser:
        yield browser


@pytest.fixture
async def http() -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient() as plain:
        yield plain


async def code_for(client: OAuthClient, robot: BrowserRobot, account: str = "octo-alice", **parameters: Any) -> str:
    page = await robot.open(client.authorization_url(**parameters))
    page = await approve(robot, page, account=account, stop_at=client.redirect_uri)
    return page.query["code"]


async def tokens_for(
    client: OAuthClient, robot: BrowserRobot, account: str = "octo-alice", **parameters: Any
) -> dict[str, Any]:
    code = await code_for(client, robot, account, **{"scope": "read:user repo", **parameters})
    answer = await client.exchange(code)
    assert answer.status_code == 200, answer.text
    body: dict[str, Any] = answer.json()
    return body


async def get(http: httpx.AsyncClient, service: DevService, path: str, token: str) -> httpx.Response:
    return await http.get(service.api_url + path, headers={"authorization": f"Bearer {token}"})


def refused(answer: httpx.Response, error: str, status: int = 400) -> bool:
    return (answer.status_code, answer.json()["error"]) == (status, error)


async def test_the_consent_page_names_client_service_and_scopes(client: OAuthClient, robot: BrowserRobot) -> None:
    page = await robot.open(client.authorization_url(scope="repo,read:user mystery"))
    assert page.title == "Authorize access to DevForge"
    for word in ("devforge-client", "repo", "read:user", "octo-alice", "octo-bob"):
        assert word in page.text
    assert "mystery" not in page.text
    assert "public data" in (await robot.open(client.authorization_url())).text


async def test_allowing_brings_the_browser_back_with_code_state_and_iss(
    service: DevService, client: OAuthClient, robot: BrowserRobot
) -> None:
    page = await robot.open(client.authorization_url())
    page = await approve(robot, page, stop_at=client.redirect_uri)
    assert page.query.keys() == {"code", "state", "iss"}
    assert (page.query["state"], page.query["iss"]) == (client.state, service.base_url)


async def test_denying_is_told_to_the_client(client: OAuthClient, robot: BrowserRobot) -> None:
    page = await deny(robot, await robot.open(client.authorization_url()), stop_at=client.redirect_uri)
    assert (page.query["error"], page.query["state"]) == ("access_denied", client.state)


async def test_a_token_opens_the_api_of_its_account(
    service: DevService, client: OAuthClient, robot: BrowserRobot, http: httpx.AsyncClient
) -> None:
    tokens = await tokens_for(client, robot, "octo-bob")
    assert (tokens["token_type"], tokens["scope"], tokens["expires_in"]) == ("bearer", "read:user repo", 3600)
    user = await get(http, service, "/user", tokens["access_token"])
    assert user.json() == {"login": "octo-bob", "name": "Bob Example", "email": "bob@example.test"}
    repos = await get(http, service, "/repos", tokens["access_token"])
    assert [repo["full_name"] for repo in repos.json()] == ["octo-bob/compiler", "octo-bob/garden"]
    assert service.live_tokens("octo-bob") == (tokens["access_token"],)
    assert service.live_tokens("octo-alice") == ()


async def test_repositories_need_the_scope_repo(
    service: DevService, client: OAuthClient, robot: BrowserRobot, http: httpx.AsyncClient
) -> None:
    tokens = await tokens_for(client, robot, scope="read:user")
    assert (await get(http, service, "/repos", tokens["access_token"])).status_code == 403


@pytest.mark.parametrize("path", ["/user", "/repos"])
@pytest.mark.parametrize("authorization", [None, "Bearer unknown", "Basic abc"])
async def test_the_api_refuses_bad_credentials(
    service: DevService, http: httpx.AsyncClient, path: str, authorization: str | None
) -> None:
    headers = {} if authorization is None else {"authorization": authorization}
    answer = await http.get(service.api_url + path, headers=headers)
    assert (answer.status_code, answer.json()) == (401, {"message": "Bad credentials"})


async def test_access_tokens_expire_and_are_refreshed(
    service: DevService, client: OAuthClient, robot: BrowserRobot, http: httpx.AsyncClient
) -> None:
    first = await tokens_for(client, robot)
    CLOCK.advance(3600)
    assert (await get(http, service, "/user", first["access_token"])).status_code == 401
    second = (await client.refresh(first["refresh_token"])).json()
    assert second["refresh_token"] != first["refresh_token"]
    assert (await get(http, service, "/user", second["access_token"])).status_code == 200
    assert service.requests.count("token", grant_type="refresh_token") == 1


async def test_tokens_can_be_expired_by_a_switch_and_refreshed(
    service: DevService, client: OAuthClient, robot: BrowserRobot
) -> None:
    alice, bob = await tokens_for(client, robot), await tokens_for(client, robot, "octo-bob")
    assert service.expire_tokens("octo-alice") == 1
    assert service.live_tokens() == (bob["access_token"],)
    assert service.expire_tokens() == 1
    assert (await client.refresh(alice["refresh_token"])).status_code == 200


async def test_reuse_of_a_refresh_token_kills_the_grant(
    service: DevService, client: OAuthClient, robot: BrowserRobot
) -> None:
    first = await tokens_for(client, robot)
    second = (await client.refresh(first["refresh_token"])).json()
    assert refused(await client.refresh(first["refresh_token"]), "invalid_grant")
    assert refused(await client.refresh(second["refresh_token"]), "invalid_grant")
    assert service.live_tokens() == ()


async def test_revoked_grants_are_gone_for_good(service: DevService, client: OAuthClient, robot: BrowserRobot) -> None:
    alice, bob = await tokens_for(client, robot), await tokens_for(client, robot, "octo-bob")
    assert service.revoke_grants(login="octo-alice") == 1
    assert service.live_tokens() == (bob["access_token"],)
    assert refused(await client.refresh(alice["refresh_token"]), "invalid_grant")
    assert service.revoke_grants() == 1
    assert service.revoke_grants() == 0


async def test_revoking_an_access_token_leaves_its_refresh_token_good(
    service: DevService, client: OAuthClient, robot: BrowserRobot
) -> None:
    tokens = await tokens_for(client, robot)
    assert (await client.post(service.revoke_url, token=tokens["access_token"])).status_code == 200
    assert service.live_tokens() == ()
    assert (await client.refresh(tokens["refresh_token"])).status_code == 200


async def test_revoking_a_refresh_token_ends_the_grant(
    service: DevService, client: OAuthClient, robot: BrowserRobot
) -> None:
    tokens = await tokens_for(client, robot)
    assert (await client.post(service.revoke_url, token=tokens["refresh_token"])).status_code == 200
    assert service.live_tokens() == ()


async def test_revocation_forgives_unknown_tokens_and_nothing_else(service: DevService, client: OAuthClient) -> None:
    assert (await client.post(service.revoke_url, token="unknown")).status_code == 200
    assert refused(await client.post(service.revoke_url), "invalid_request")
    client.client_secret = "wrong"
    assert refused(await client.post(service.revoke_url, token="unknown"), "invalid_client", 401)


async def test_a_code_works_once_and_reuse_revokes_what_it_gave(
    service: DevService, client: OAuthClient, robot: BrowserRobot
) -> None:
    code = await code_for(client, robot)
    assert (await client.exchange(code)).status_code == 200
    assert refused(await client.exchange(code), "invalid_grant")
    assert service.live_tokens() == ()


async def test_a_code_is_good_for_a_minute(client: OAuthClient, robot: BrowserRobot) -> None:
    code = await code_for(client, robot)
    CLOCK.advance(61)
    assert refused(await client.exchange(code), "invalid_grant")


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"code": "unknown"}, "invalid_grant"),
        ({"redirect_uri": "http://127.0.0.1:10/callback"}, "invalid_grant"),
        ({"code_verifier": "wrong" * 10}, "invalid_grant"),
        ({"code_verifier": None}, "invalid_grant"),
        ({"grant_type": "password"}, "unsupported_grant_type"),
    ],
)
async def test_a_token_request_that_does_not_fit_is_refused(
    client: OAuthClient, robot: BrowserRobot, change: dict[str, str | None], error: str
) -> None:
    assert refused(await client.exchange(await code_for(client, robot), **change), error)


async def test_pkce_is_optional_but_cannot_be_stripped(client: OAuthClient, robot: BrowserRobot) -> None:
    without: dict[str, Any] = {"code_challenge": None, "code_challenge_method": None}
    code = await code_for(client, robot, **without)
    assert (await client.exchange(code, code_verifier=None, grant_type=None)).status_code == 200
    code = await code_for(client, robot, **without)
    assert refused(await client.exchange(code), "invalid_grant")


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"response_type": "token"}, "unsupported_response_type"),
        ({"code_challenge_method": "plain"}, "invalid_request"),
        ({"code_challenge": None}, "invalid_request"),
    ],
)
async def test_a_request_that_is_not_in_order_is_sent_back_with_the_error(
    client: OAuthClient, robot: BrowserRobot, change: dict[str, str | None], error: str
) -> None:
    page = await robot.open(client.authorization_url(**change), stop_at=client.redirect_uri)
    assert page.query["error"] == error


@pytest.mark.parametrize(
    "change",
    [
        {"client_id": "unknown"},
        {"client_id": None},
        {"redirect_uri": None},
        {"redirect_uri": "https://app.example/callback"},
        {"redirect_uri": "http://127.0.0.1.attacker.example/"},
        {"redirect_uri": ["http://127.0.0.1/a", "http://127.0.0.1/b"]},
    ],
)
async def test_an_address_that_is_not_the_clients_gets_an_error_page(
    client: OAuthClient, robot: BrowserRobot, change: dict[str, Any]
) -> None:
    page = await robot.open(client.authorization_url(**change))
    assert (page.status, len(page.history)) == (400, 1)


async def test_registered_redirect_addresses_replace_the_loopback_default(robot: BrowserRobot) -> None:
    with DevService() as strict:
        strict.add_redirect_uri("https://app.example/callback")
        client = OAuthClient.of(strict, redirect_uri="https://app.example/callback")
        page = await approve(robot, await robot.open(client.authorization_url()), stop_at="https://app.example/")
        assert "code" in page.query
        assert (await robot.open(client.authorization_url(redirect_uri="http://127.0.0.1/callback"))).status == 400


async def test_an_unknown_account_stays_on_the_consent_page(
    service: DevService, client: OAuthClient, http: httpx.AsyncClient
) -> None:
    form = {"client_id": client.client_id, "redirect_uri": client.redirect_uri, "decision": "allow", "account": "x"}
    answer = await http.post(service.authorize_url, data=form)
    assert answer.status_code == 400
    assert "Choose one of the accounts" in answer.text


async def test_the_callback_can_lie_about_iss_and_state(
    service: DevService, client: OAuthClient, robot: BrowserRobot
) -> None:
    async def answer() -> dict[str, str]:
        page = await robot.open(client.authorization_url())
        return (await approve(robot, page, stop_at=client.redirect_uri)).query

    service.misbehave(wrong_iss=True, wrong_state=True)
    lying = await answer()
    assert lying["iss"] != service.base_url
    assert lying["state"] != client.state
    service.misbehave(wrong_iss=False, omit_iss=True)
    assert "iss" not in await answer()
    service.behave()
    honest = await answer()
    assert (honest["iss"], honest["state"]) == (service.base_url, client.state)


async def test_fewer_scopes_than_asked_can_be_granted(
    service: DevService, client: OAuthClient, robot: BrowserRobot
) -> None:
    service.misbehave(fewer_scopes=True)
    assert (await tokens_for(client, robot))["scope"] == "read:user"


async def test_faults_reach_the_token_endpoint(service: DevService, client: OAuthClient) -> None:
    service.faults.respond("token", status=502, times=1)
    assert (await client.refresh("any")).status_code == 502
    assert (await client.refresh("any")).status_code == 400
    assert service.requests.count("token") == 2


async def test_the_github_style_answers_errors_with_200_and_scopes_with_commas(robot: BrowserRobot) -> None:
    with DevService(error_style="github") as service:
        client = OAuthClient.of(service)
        assert refused(await client.exchange("unknown"), "invalid_grant", 200)
        assert (await tokens_for(client, robot))["scope"] == "read:user,repo"


async def test_tokens_without_a_lifetime_neither_expire_nor_refresh(robot: BrowserRobot) -> None:
    clock = FakeClock()
    with DevService(access_token_ttl_seconds=None, clock=clock) as service:
        tokens = await tokens_for(OAuthClient.of(service), robot)
        clock.advance(10**9)
        assert tokens.keys() == {"access_token", "token_type", "scope"}
        assert service.live_tokens() == (tokens["access_token"],)


async def test_name_client_scopes_and_accounts_can_be_chosen(robot: BrowserRobot) -> None:
    carol = DevAccount("carol", "Carol", "carol@example.test")
    with DevService(name="Wiki", client_id="c", client_secret="canary", scopes=["read"], users=[carol]) as service:
        assert (service.client_id, service.client_secret, service.scopes) == ("c", "canary", ("read",))
        client = OAuthClient.of(service)
        page = await robot.open(client.authorization_url())
        assert "Wiki" in page.title
        assert "code" in (await approve(robot, page, account="carol", stop_at=client.redirect_uri)).query


def test_each_service_has_a_secret_of_its_own(service: DevService) -> None:
    other = DevService()
    other.stop()
    assert len(other.client_secret) >= 32
    assert other.client_secret != service.client_secret


async def test_the_repositories_have_githubs_address_too() -> None:
    with DevService() as service:
        async with httpx.AsyncClient() as http:
            answers = [(await http.get(f"{service.api_url}{path}")).json() for path in ("/repos", "/user/repos")]
    assert answers[0] == answers[1]
    assert service.requests.count("repos") == 2
