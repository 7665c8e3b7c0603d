"""The three ways to a credential that ask nobody, against real servers on loopback."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from joserfc import jws

from mcpauthkit import Secret
from mcpauthkit.connections.userless_asking import TokenEndpoint
from mcpauthkit.connections.userless_grants import grants_from
from mcpauthkit.connections.without_user import ClientCredentials, OnBehalfOf, TokenExchange, WithoutUser
from mcpauthkit.errors import ConfigurationError, GrantRefused
from mcpauthkit.fetch import Fetch, HttpFetch
from mcpauthkit.oauth.token import OAuthClient
from mcpauthkit.oauth.token_exchange import JWT_BEARER, TOKEN_EXCHANGE
from mcpauthkit.testing import DevIssuer, DevService
from tests.contracts.userless import UserlessContract

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from mcpauthkit.connections.credential import Credential
    from mcpauthkit.connections.grant import UserlessGrant

HERE, LEDGER = "https://mcp.example/mcp", "https://ledger.example"
SECRET = "gateway-secret-canary"
PUBLIC = OAuthClient("public")
NOWHERE = "https://forge.example/token"


@pytest.fixture(scope="module", name="issuer_served")
def _issuer_served() -> Iterator[DevIssuer]:
    with DevIssuer(algorithm="ES256") as issuer:
        issuer.add_exchange_client("gateway", SECRET, targets=[LEDGER], called_as=[HERE])
        yield issuer


@pytest.fixture(scope="module", name="service_served")
def _service_served() -> Iterator[DevService]:
    with DevService() as service:
        yield service


def grant_from(
    value: WithoutUser, client: OAuthClient = PUBLIC, token_url: str = NOWHERE, *, fetch: Fetch | None = None
) -> UserlessGrant:
    return grants_from([value], endpoint=endpoint(client, token_url), fetch=fetch or HttpFetch())[0]


def endpoint(client: OAuthClient, url: str = NOWHERE, **habits: Any) -> TokenEndpoint:
    """A provider's endpoint that the application gave itself."""
    return TokenEndpoint(url=url, client=client, **{"exchanges": (TokenExchange, OnBehalfOf), **habits})


class _OverHttp(UserlessContract):
    fetch: Fetch

    @pytest.fixture(autouse=True)
    async def _fetching(self) -> AsyncIterator[None]:
        self.fetch = HttpFetch()
        yield
        await self.fetch.aclose()

    def grant(self, value: WithoutUser, client: OAuthClient = PUBLIC, token_url: str = NOWHERE) -> UserlessGrant:
        return grant_from(value, client, token_url, fetch=self.fetch)


class _AtTheIssuer(_OverHttp):
    issuer: DevIssuer

    @pytest.fixture(autouse=True)
    def _served(self, issuer_served: DevIssuer) -> Iterator[None]:
        self.issuer = issuer_served
        yield
        self.issuer.behave()

    @property
    def secrets(self) -> tuple[str, ...]:
        return (SECRET,)

    def caller_token(self) -> Secret:
        return Secret(self.issuer.token(audience=HERE))

    def answer(self, status: int, body: str) -> None:
        self.issuer.faults.respond("token", status=status, body=body)

    def is_good(self, credential: Credential) -> bool:
        payload = jws.extract_compact(credential.access_token.reveal().encode()).payload
        claims = json.loads(payload)
        return (claims["sub"], claims["aud"]) == ("alice", LEDGER)

    async def test_the_credential_is_the_callers(self) -> None:
        assert self.make().origin == "exchange"
        bob = Secret(self.issuer.token(sub="bob", audience=HERE))
        assert not self.is_good(await self.make().obtain(self.scopes, caller_token=bob))

    async def test_without_a_callers_token_there_is_nothing_to_exchange(self) -> None:
        with pytest.raises(GrantRefused):
            await self.make().obtain(self.scopes, caller_token=None)


class TestTokenExchange(_AtTheIssuer):
    def make(self) -> UserlessGrant:
        url = f"{self.issuer.issuer_url}/token"
        return self.grant(TokenExchange(audience=LEDGER, token_url=url, client_id="gateway", client_secret=SECRET))

    async def test_a_callers_token_that_is_not_accepted_is_no_fault_of_this_server(self) -> None:
        # RFC 8693 section 2.2.2 has no better word for it.
        with pytest.raises(GrantRefused) as refused:
            await self.make().obtain(self.scopes, caller_token=Secret(self.issuer.token(audience="https://other")))
        assert refused.value.error == "invalid_request"

    async def test_it_asks_for_what_the_tool_needs_at_the_service_named(self) -> None:
        await self.obtained()
        request = self.issuer.requests.all("token", grant_type=TOKEN_EXCHANGE)[-1]
        assert request.form["scope"] == ["repo"]
        assert request.form["audience"] == [LEDGER]


class TestOnBehalfOf(_AtTheIssuer):
    scopes = (f"{LEDGER}/read",)

    def make(self) -> UserlessGrant:
        url = f"{self.issuer.issuer_url}/token"
        return self.grant(OnBehalfOf(), OAuthClient("gateway", Secret(SECRET), "client_secret_basic"), url)

    async def test_fixed_scopes_stand_for_what_the_tool_needs(self) -> None:
        url = f"{self.issuer.issuer_url}/token"
        value = OnBehalfOf(scopes=[f"{LEDGER}/.default"], token_url=url, client_id="gateway", client_secret=SECRET)
        await self.grant(value).obtain(["read"], caller_token=self.caller_token())
        request = self.issuer.requests.all("token", grant_type=JWT_BEARER)[-1]
        assert request.form["scope"] == [f"{LEDGER}/.default"]

    async def test_without_any_scope_nobody_knows_which_service_is_meant(self) -> None:
        with pytest.raises(ConfigurationError):
            await self.make().obtain([], caller_token=self.caller_token())


class TestClientCredentials(_OverHttp):
    service: DevService

    @pytest.fixture(autouse=True)
    def _served(self, service_served: DevService) -> Iterator[None]:
        self.service = service_served
        yield
        self.service.behave()

    def make(self) -> UserlessGrant:
        client = OAuthClient(self.service.client_id, Secret(self.service.client_secret), "client_secret_post")
        return self.grant(ClientCredentials(), client, self.service.token_url)

    @property
    def secrets(self) -> tuple[str, ...]:
        return (self.service.client_secret,)

    def caller_token(self) -> None:
        return None

    def answer(self, status: int, body: str) -> None:
        self.service.faults.respond("token", status=status, body=body)

    def is_good(self, credential: Credential) -> bool:
        bearer = {"authorization": f"Bearer {credential.access_token.reveal()}"}
        return bool(httpx.get(f"{self.service.api_url}/user", headers=bearer).json()["login"] == "octo-robot")

    async def test_the_credential_is_this_applications(self) -> None:
        assert self.make().origin == "service-account"

    async def test_the_providers_client_may_prove_itself_in_another_way_here(self) -> None:
        client = OAuthClient(self.service.client_id, Secret(self.service.client_secret), "client_secret_post")
        value = ClientCredentials(client_authentication="client_secret_basic")
        assert self.is_good(await self.grant(value, client, self.service.token_url).obtain(["repo"], caller_token=None))
        assert "client_secret" not in self.service.requests.all("token")[-1].form

    async def test_the_callers_token_goes_nowhere(self) -> None:
        await self.make().obtain(self.scopes, caller_token=Secret("callers-canary"))
        request = self.service.requests.all("token")[-1]
        assert "callers-canary" not in str(request)

    async def test_an_answer_that_names_no_scope_grants_what_was_asked(self) -> None:
        self.answer(200, '{"access_token": "t", "token_type": "Bearer"}')
        value = ClientCredentials(scopes=["https://graph.example/.default"])
        client = OAuthClient("app", Secret("s"), "client_secret_post")
        credential = await self.grant(value, client, self.service.token_url).obtain(["Read"], caller_token=None)
        assert credential.scopes == {"Read", "https://graph.example/.default"}


@pytest.mark.parametrize("kind", [TokenExchange, OnBehalfOf, ClientCredentials])
def test_a_public_client_gets_no_way(kind: type[TokenExchange]) -> None:
    for client in (PUBLIC, OAuthClient("public", None, "client_secret_post")):
        with pytest.raises(ConfigurationError):
            grant_from(kind(), client)


@pytest.mark.parametrize(
    "options",
    [
        {"token_url": "http://issuer.example/token"},
        {"client_id": "gateway"},
        {"client_secret": "secret"},
        {"scopes": "one text"},
        {"issuers": "https://issuer.example"},
        {"issuers": []},
        {"issuers": [""]},
        {"issuers": [None]},
    ],
)
@pytest.mark.parametrize("kind", [TokenExchange, OnBehalfOf, ClientCredentials])
def test_a_way_that_cannot_work_is_told_where_it_is_written(kind: type[TokenExchange], options: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError):
        kind(**options)


def test_a_secret_does_not_show_when_a_way_is_printed() -> None:
    value = ClientCredentials(client_id="app", client_secret="canary")
    assert "canary" not in repr(value)
    assert isinstance(value.client_secret, Secret)


def test_ways_keep_their_order_and_an_applications_own_may_stand_among_them() -> None:
    client = OAuthClient("app", Secret("secret"), "client_secret_post")
    own = grant_from(ClientCredentials(), client)
    made = grants_from([TokenExchange(), own, OnBehalfOf()], endpoint=endpoint(client), fetch=HttpFetch())
    assert [one.origin for one in made] == ["exchange", "service-account", "exchange"]
    assert made[1] is own


def test_what_is_no_way_is_told_apart() -> None:
    with pytest.raises(ConfigurationError) as refused:
        grant_from("token-exchange")  # type: ignore[arg-type]  # wrong on purpose
    assert "str" in refused.value.public
