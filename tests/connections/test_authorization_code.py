"""The authorization-code grant against the development service."""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from mcpauthkit.connections.authorization_code import AuthorizationCodeGrant
from mcpauthkit.connections.credential import Account, Credential
from mcpauthkit.connections.preset import AccountPaths, Revocation, ServicePreset, WhoAmI
from mcpauthkit.core.secret import Secret
from mcpauthkit.errors import ConfigurationError, GrantRefused, RemoteMisbehaved, RemoteUnavailable
from mcpauthkit.fetch import HttpFetch
from mcpauthkit.oauth.authorization import code_challenge
from mcpauthkit.oauth.token import OAuthClient
from mcpauthkit.testing import BrowserRobot, DevService, FakeClock, approve, deny
from tests.contracts.grant import REDIRECT, GrantContract

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator, Mapping

    from mcpauthkit.connections.grant import Attempt


OPEN: list[HttpFetch] = []


@pytest.fixture
def service() -> Iterator[DevService]:
    with DevService() as one:
        yield one


@pytest.fixture(autouse=True)
async def _closed_at_the_end() -> AsyncIterator[None]:
    yield
    while OPEN:
        await OPEN.pop().aclose()


def grant_of(service: DevService, **changes: Any) -> AuthorizationCodeGrant:
    client = changes.pop("client", OAuthClient(service.client_id, Secret(service.client_secret), "client_secret_post"))
    clock = changes.pop("clock", FakeClock())
    values: dict[str, Any] = {
        "name": "forge",
        "display_name": "DevForge",
        "authorize_url": service.authorize_url,
        "token_url": service.token_url,
        "issuer": service.base_url,
        "revocation": Revocation(url=service.revoke_url),
        "whoami": WhoAmI(url=f"{service.api_url}/user", account=AccountPaths(id="login", label="email")),
        **changes,
    }
    OPEN.append(HttpFetch())
    return AuthorizationCodeGrant(ServicePreset(**values), client, fetch=OPEN[-1], clock=clock)


async def consent(attempt: Attempt, *, say_no: bool = False) -> Mapping[str, str]:
    async with BrowserRobot() as robot:
        page = await robot.open(attempt.url)
        if say_no:
            return (await deny(robot, page, stop_at=REDIRECT)).query
        return (await approve(robot, page, account="octo-alice", stop_at=REDIRECT)).query


async def connect(grant: AuthorizationCodeGrant, *scopes: str) -> Credential:
    attempt = await grant.begin(scopes, redirect_uri=REDIRECT)
    return await grant.complete(await consent(attempt), attempt.private, scopes, redirect_uri=REDIRECT)


class TestAuthorizationCodeGrant(GrantContract):
    service: DevService

    @pytest.fixture(autouse=True)
    def _service(self, service: DevService) -> None:
        self.service = service

    def make(self) -> AuthorizationCodeGrant:
        return grant_of(self.service)

    async def consented(self, attempt: Attempt) -> Mapping[str, str]:
        return await consent(attempt)

    async def denied(self, attempt: Attempt) -> Mapping[str, str]:
        return await consent(attempt, say_no=True)

    def be_down(self) -> None:
        for endpoint in ("token", "revoke", "user"):
            self.service.faults.respond(endpoint, status=500)

    def talk_nonsense(self) -> None:
        for endpoint in ("token", "user"):
            self.service.faults.respond(endpoint, status=200, body="<html>")

    def withdraw(self) -> None:
        self.service.revoke_grants()

    account = Account("octo-alice", "alice@example.test")

    def is_good(self, credential: Credential) -> bool:
        return credential.access_token.reveal() in self.service.live_tokens()


def asked(attempt: Attempt) -> dict[str, str]:
    return dict(httpx.URL(attempt.url).params)


def answering(service: DevService, **body: Any) -> None:
    service.faults.respond("token", status=200, body=json.dumps({"access_token": "a", "token_type": "bearer", **body}))


OLD = Credential.of_token(Secret("old"), scopes=frozenset({"repo"}), refresh_token=Secret("old-refresh"))


async def test_the_request_carries_the_challenge_of_the_verifier_we_keep(service: DevService) -> None:
    # A1: "Authorization Code + PKCE on leg 2": no code_challenge, no verifier.
    attempt = await grant_of(service).begin(("repo", "read:user"), redirect_uri=REDIRECT)
    query = asked(attempt)
    assert query.pop("code_challenge") == code_challenge(attempt.private["code_verifier"])
    assert query == {
        "response_type": "code",
        "client_id": service.client_id,
        "redirect_uri": REDIRECT,
        "state": attempt.state,
        "code_challenge_method": "S256",
        "scope": "repo read:user",
    }
    # RFC 7636 section 4.1.
    assert 43 <= len(attempt.private["code_verifier"]) <= 128


async def test_extra_parameters_and_another_separator_are_used_and_nothing_is_lost(service: DevService) -> None:
    # A1: a URL that already had a `?` got a second one.
    grant = grant_of(
        service,
        authorize_url=f"{service.authorize_url}?tenant=acme",
        scope_separator=",",
        authorize_params={"access_type": "offline", "prompt": "consent"},
    )
    attempt = await grant.begin(("repo", "read:user"), redirect_uri=REDIRECT)
    query = asked(attempt)
    assert attempt.url.count("?") == 1
    assert (query["tenant"], query["access_type"], query["prompt"]) == ("acme", "offline", "consent")
    assert query["scope"] == "repo,read:user"
    assert "scope" not in asked(await grant.begin((), redirect_uri=REDIRECT))


@pytest.mark.parametrize("name", ["state", "redirect_uri", "code_challenge", "client_id", "response_type"])
async def test_extra_parameters_cannot_replace_ours(service: DevService, name: str) -> None:
    with pytest.raises(ConfigurationError):
        grant_of(service, authorize_params={name: "x"})


@pytest.mark.parametrize("authentication", ["client_secret_post", "client_secret_basic"])
async def test_the_client_proves_itself_as_told(service: DevService, authentication: Any) -> None:
    secret = Secret(service.client_secret)
    credential = await connect(grant_of(service, client=OAuthClient(service.client_id, secret, authentication)), "repo")
    assert credential.access_token.reveal() in service.live_tokens()
    request = service.requests.all("token")[0]
    pair = base64.b64encode(f"{service.client_id}:{service.client_secret}".encode()).decode()
    if authentication == "client_secret_basic":
        assert request.headers["authorization"] == f"Basic {pair}"
        assert "client_secret" not in request.form
    else:
        assert "authorization" not in request.headers
        assert request.form["client_secret"] == [service.client_secret]


async def test_a_public_client_sends_its_name_and_no_secret(service: DevService) -> None:
    answering(service)
    grant = grant_of(service, client=OAuthClient("public-client"))
    await grant.renew(OLD)
    request = service.requests.all("token")[0]
    assert request.form["client_id"] == ["public-client"]
    assert "client_secret" not in request.form
    assert "authorization" not in request.headers


async def test_a_wrong_secret_is_a_refusal(service: DevService) -> None:
    grant = grant_of(service, client=OAuthClient(service.client_id, Secret("wrong"), "client_secret_post"))
    with pytest.raises(GrantRefused) as refused:
        await connect(grant, "repo")
    assert refused.value.error == "invalid_client"


async def test_an_error_that_comes_with_http_200_is_an_error() -> None:
    with DevService(error_style="github") as service:
        grant = grant_of(service)
        attempt = await grant.begin(("repo",), redirect_uri=REDIRECT)
        with pytest.raises(GrantRefused) as refused:
            await grant.complete({"code": "made-up"}, attempt.private, ("repo",), redirect_uri=REDIRECT)
        assert refused.value.error == "invalid_grant"
        credential = await connect(grant, "repo", "read:user")
        assert credential.scopes == {"repo", "read:user"}


async def test_an_answer_in_another_servers_name_is_not_exchanged(service: DevService) -> None:
    # L4
    grant = grant_of(service)
    attempt = await grant.begin(("repo",), redirect_uri=REDIRECT)
    query = dict(await consent(attempt))
    for wrong in ("https://evil.example", f"{service.base_url}/", service.base_url.upper(), ""):
        with pytest.raises(RemoteMisbehaved):
            await grant.complete({**query, "iss": wrong}, attempt.private, ("repo",), redirect_uri=REDIRECT)
    # An error in another server's name is not believed either.
    with pytest.raises(RemoteMisbehaved):
        await grant.complete(
            {"error": "access_denied", "iss": "https://evil.example"}, attempt.private, ("repo",), redirect_uri=REDIRECT
        )
    assert service.requests.count("token") == 0


async def test_a_service_that_names_nobody_is_taken_as_most_services_are(service: DevService) -> None:
    service.misbehave(omit_iss=True)
    for grant in (grant_of(service), grant_of(service, issuer=None)):
        assert (await connect(grant, "repo")).access_token.reveal() in service.live_tokens()


async def test_fewer_scopes_than_asked_are_what_the_credential_has(service: DevService) -> None:
    service.misbehave(fewer_scopes=True)
    assert (await connect(grant_of(service), "repo", "read:user")).scopes == {"repo"}


async def test_a_credential_lives_as_long_as_the_service_says_from_when_it_was_asked(service: DevService) -> None:
    clock = FakeClock()
    assert (await connect(grant_of(service, clock=clock), "repo")).expires_at == clock.wall() + 3600


async def test_a_service_whose_tokens_do_not_expire_gives_nothing_to_renew() -> None:
    with DevService(access_token_ttl_seconds=None) as service:
        credential = await connect(grant_of(service), "repo")
    assert credential.expires_at is None
    assert credential.refresh_token is None


async def test_a_renewal_keeps_the_old_refresh_token_when_no_new_one_comes(service: DevService) -> None:
    answering(service, expires_in=60)
    renewed = await grant_of(service).renew(OLD)
    assert renewed.refresh_token == OLD.refresh_token
    assert renewed.access_token.reveal() == "a"
    assert renewed.scopes == OLD.scopes


async def test_a_renewal_takes_the_new_refresh_token_and_scopes_when_they_come(service: DevService) -> None:
    answering(service, refresh_token="new-refresh", scope="gist")
    renewed = await grant_of(service).renew(OLD)
    assert renewed.refresh_token == Secret("new-refresh")
    assert renewed.scopes == {"gist"}


@pytest.mark.parametrize("error", ["temporarily_unavailable", "server_error", "slow_down"])
async def test_a_renewal_that_the_service_puts_off_is_no_refusal(service: DevService, error: str) -> None:
    service.faults.respond("token", status=400, body=json.dumps({"error": error}))
    with pytest.raises(RemoteUnavailable):
        await grant_of(service).renew(OLD)


async def test_a_service_that_is_gone_is_unavailable(service: DevService) -> None:
    grant = grant_of(service)
    service.stop()
    with pytest.raises(RemoteUnavailable):
        await grant.renew(OLD)


async def test_no_error_repeats_what_the_service_sent(service: DevService) -> None:
    # N1b: a token answer that lacked access_token was logged whole.
    service.faults.respond("token", status=200, body=json.dumps({"refresh_token": "canary", "id_token": "canary"}))
    with pytest.raises(RemoteMisbehaved) as refused:
        await grant_of(service).renew(OLD)
    told = (str(refused.value), refused.value.reason, refused.value.hint, repr(refused.value))
    assert not any("canary" in one or "old-refresh" in one for one in told)
