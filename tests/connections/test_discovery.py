"""The grant for services that describe themselves, against the development issuer."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from mcpauthkit.connections.authorization_code import AuthorizationCodeGrant
from mcpauthkit.connections.credential import Account, Credential
from mcpauthkit.connections.discovery import Discovery
from mcpauthkit.connections.preset import ServicePreset
from mcpauthkit.core.secret import Secret
from mcpauthkit.errors import ConfigurationError, RemoteMisbehaved, RemoteUnavailable
from mcpauthkit.fetch import HttpFetch
from mcpauthkit.oauth.token import OAuthClient
from mcpauthkit.testing import BrowserRobot, DevIssuer, FakeClock, sign_in
from tests.contracts.grant import REDIRECT, GrantContract

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator, Mapping

    from mcpauthkit.connections.grant import Attempt

PRESET = ServicePreset(
    name="forge", display_name="Forge", authorize_url="", token_url="", always_scopes=("openid", "offline_access")
)
ISSUER = "https://issuer.example/tenant"
DOCUMENT = {
    "issuer": ISSUER,
    "authorization_endpoint": "https://issuer.example/authorize",
    "token_endpoint": "https://issuer.example/token",
}
CLIENT = OAuthClient("client", Secret("s3cret"), "client_secret_post")


OPEN: list[HttpFetch] = []


@pytest.fixture(autouse=True)
async def _closed_at_the_end() -> AsyncIterator[None]:
    yield
    while OPEN:
        await OPEN.pop().aclose()


@pytest.fixture
def issuer() -> Iterator[DevIssuer]:
    with DevIssuer(scopes=("openid", "offline_access", "repo")) as one:
        one.add_client("forge-client", "forge-secret", [REDIRECT])
        yield one


class TestDiscoveredGrant(GrantContract):
    issuer: DevIssuer
    account = Account("alice", "alice")

    @pytest.fixture(autouse=True)
    def _issuer(self, issuer: DevIssuer) -> None:
        self.issuer = issuer

    def make(self) -> AuthorizationCodeGrant:
        fetch = HttpFetch()
        OPEN.append(fetch)
        discovery = Discovery(PRESET, issuer_url=self.issuer.issuer_url, fetch=fetch)
        client = OAuthClient("forge-client", Secret("forge-secret"), "client_secret_post")
        return AuthorizationCodeGrant(PRESET, client, fetch=fetch, discover=discovery)

    async def consented(self, attempt: Attempt) -> Mapping[str, str]:
        async with BrowserRobot() as robot:
            page = await robot.open(attempt.url)
            return (await sign_in(robot, page, user="alice", stop_at=REDIRECT)).query

    async def denied(self, attempt: Attempt) -> Mapping[str, str]:
        async with BrowserRobot() as robot:
            page = await robot.open(attempt.url)
            return (await robot.submit(page, button="Cancel", stop_at=REDIRECT)).query

    def be_down(self) -> None:
        for endpoint in ("token", "revoke", "userinfo"):
            self.issuer.faults.respond(endpoint, status=500)

    def talk_nonsense(self) -> None:
        for endpoint in ("token", "userinfo"):
            self.issuer.faults.respond(endpoint, status=200, body="<html>")

    def withdraw(self) -> None:
        self.issuer.revoke_refresh_tokens()

    def is_good(self, credential: Credential) -> bool:
        carried = {"authorization": f"Bearer {credential.access_token.reveal()}"}
        return httpx.get(f"{self.issuer.issuer_url}/userinfo", headers=carried).status_code == 200

    async def test_the_documents_are_read_once_and_an_answer_without_the_promised_name_is_refused(self) -> None:
        grant = self.make()
        self.issuer.misbehave(omit_iss=True)
        with pytest.raises(RemoteMisbehaved):
            await self.connected(grant)
        self.issuer.behave()
        await grant.renew(await self.connected(grant))
        assert self.issuer.requests.count("discovery") == 1
        assert "authorization" in self.issuer.requests.all("token")[-1].headers

    async def test_an_outage_of_the_documents_is_no_refusal_and_passes(self) -> None:
        grant = self.make()
        self.issuer.faults.respond("discovery", status=503)
        with pytest.raises(RemoteUnavailable):
            await grant.begin(("repo",), redirect_uri=REDIRECT)


def discovery(*answers: tuple[int, Any], preset: ServicePreset = PRESET, **options: Any) -> Discovery:
    """A discovery whose issuer gives these answers in turn, and the last one for ever."""
    left = list(answers)

    def answer(_request: httpx.Request) -> httpx.Response:
        status, body = left.pop(0) if len(left) > 1 else left[0]
        return httpx.Response(status, json=body)

    fetch = HttpFetch(httpx.AsyncClient(transport=httpx.MockTransport(answer)))
    return Discovery(preset, issuer_url=ISSUER, fetch=fetch, clock=FakeClock(), **options)


async def test_a_plain_oauth_server_without_keys_or_userinfo_is_enough() -> None:
    found = await discovery((404, {}), (200, DOCUMENT))()
    assert (found.authorize_url, found.token_url) == (DOCUMENT["authorization_endpoint"], DOCUMENT["token_endpoint"])
    assert (found.issuer, found.sends_issuer) == (ISSUER, False)
    assert (found.revocation, found.whoami) == (None, None)
    assert found.client_authentication == "client_secret_basic"


@pytest.mark.parametrize(
    "changes",
    [
        {"issuer": f"{ISSUER}/"},
        {"issuer": ISSUER.upper()},
        {"issuer": None},
        {"token_endpoint": None},
        {"authorization_endpoint": None},
        {"token_endpoint": "http://issuer.example/token"},
        {"token_endpoint": "http://127.0.0.1/token"},
        {"revocation_endpoint": "http://issuer.example/revoke"},
        {"userinfo_endpoint": "file:///etc/passwd"},
        {"code_challenge_methods_supported": ["plain"]},
        {"code_challenge_methods_supported": []},
    ],
)
async def test_a_document_that_leads_elsewhere_or_weakens_the_flow_is_not_used(changes: dict[str, Any]) -> None:
    with pytest.raises(RemoteMisbehaved):
        await discovery((200, {**DOCUMENT, **changes}))()


async def test_no_document_at_all_names_the_address_to_look_at() -> None:
    with pytest.raises(RemoteMisbehaved) as refused:
        await discovery((404, {}))()
    assert f"{ISSUER}/.well-known/openid-configuration" in refused.value.hint


async def test_what_the_app_says_goes_before_what_the_issuer_says() -> None:
    document = {**DOCUMENT, "code_challenge_methods_supported": ["plain"], "token_endpoint_auth_methods_supported": []}
    preset = replace(PRESET, pkce=False, token_url="https://issuer.example/other-token")
    found = await discovery((200, document), preset=preset, client_authentication="client_secret_post")()
    assert found.token_url == "https://issuer.example/other-token"
    assert found.client_authentication == "client_secret_post"


@pytest.mark.parametrize(
    ("methods", "used"),
    [
        (["client_secret_post"], "client_secret_post"),
        (["client_secret_post", "client_secret_basic"], "client_secret_basic"),
        (["private_key_jwt"], "client_secret_basic"),
        ("rubbish", "client_secret_basic"),
    ],
)
async def test_the_client_proves_itself_as_the_issuer_takes_it(methods: Any, used: str) -> None:
    found = await discovery((200, {**DOCUMENT, "token_endpoint_auth_methods_supported": methods}))()
    assert found.client_authentication == used


@pytest.mark.parametrize("url", ["http://issuer.example", f"{ISSUER}/.well-known/openid-configuration", "issuer"])
async def test_an_issuer_that_is_no_identifier_is_refused_at_once(url: str) -> None:
    with pytest.raises(ConfigurationError):
        Discovery(PRESET, issuer_url=url, fetch=HttpFetch())
