"""The caller's own sign-in, exchanged for a token of a service: RFC 8693, and Entra's on-behalf-of."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from mcpauthkit.connections.credential import Credential, Origin
from mcpauthkit.connections.way import OwnClient, WayOptions, obtained_by
from mcpauthkit.core.clock import Clock, SystemClock
from mcpauthkit.core.secret import Secret
from mcpauthkit.errors import ConfigurationError, GrantRefused
from mcpauthkit.fetch import Fetch
from mcpauthkit.oauth.messages import HttpRequest
from mcpauthkit.oauth.token import OAuthClient, process_token_response
from mcpauthkit.oauth.token_exchange import (
    ACCESS_TOKEN_TYPE,
    exchange_request,
    on_behalf_of_request,
    process_exchange_response,
)

# RFC 8693 section 2.2.2 calls a subject token that is invalid or unacceptable an invalid request.
_ABOUT_THE_CALLER = frozenset({"invalid_request"})


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenExchange(WayOptions):
    """The caller's access token, exchanged for one of the service (RFC 8693): nobody is asked anything.

    The token goes to the token endpoint only, and is kept nowhere. It is the authorization server that decides who may
    exchange what; mostly that is the organisation's own issuer, and then `token_url` and the client are given here.

    Args:
        audience: The service's name at the authorization server.
        resource: The service's address, where the server wants that instead or besides.
        subject_token_type: What the caller's token is called; `...:jwt` where a server insists.
        requested_token_type: What is asked for.
        scopes: What is asked for instead of what tools need.
        issuers: Callers of these issuers only. Name them where there are several: the tokens of one are none of the
            others' business.
        token_url: The token endpoint; the provider's unless given.
        client_id: The client; the provider's unless given.
        client_secret: Its secret.
        client_authentication: How the secret is sent; `client_secret_post` by default.

    Raises:
        ConfigurationError: An argument cannot be used.
    """

    audience: str = ""
    resource: str = ""
    subject_token_type: str = ACCESS_TOKEN_TYPE
    requested_token_type: str = ACCESS_TOKEN_TYPE


@dataclass(frozen=True, slots=True, kw_only=True)
class OnBehalfOf(WayOptions):
    """The caller's access token, exchanged at Microsoft Entra ("on-behalf-of").

    The client is the application whose tokens callers bring, so give `client_id` and `client_secret` if the provider's
    are others. Where Entra wants the user's consent or a second factor first, the user is asked.

    Args:
        scopes: What is asked for instead of what tools need, such as `https://graph.microsoft.com/.default`. A scope
            names the service too.
        issuers: Callers of these issuers only; as for `TokenExchange`.
        token_url: The tenant's token endpoint; the provider's unless given.
        client_id: The client; the provider's unless given.
        client_secret: Its secret.
        client_authentication: How the secret is sent; `client_secret_post` by default.

    Raises:
        ConfigurationError: An argument cannot be used.
    """


class TokenExchangeGrant:
    """Obtains credentials by token exchange.

    Args:
        value: What to ask for.
        client: The provider's client.
        token_url: The provider's token endpoint.
        fetch: The fetch port.
        clock: Time.

    Raises:
        ConfigurationError: The client has no secret: anybody who finds a token lying about could exchange it then.
    """

    def __init__(
        self, value: TokenExchange, *, client: OAuthClient, token_url: str, fetch: Fetch, clock: Clock | None = None
    ) -> None:
        self._value = value
        self._own = OwnClient.of(value, client, token_url, "TokenExchange")
        self._fetch = fetch
        self._clock = clock or SystemClock()
        self.issuers = frozenset(value.issuers)
        self.way = self._own.digest(
            "token-exchange",
            value.audience,
            value.resource,
            value.subject_token_type,
            value.requested_token_type,
            *value.scopes,
        )

    @property
    def origin(self) -> Origin:
        """Always the caller's own rights."""
        return "exchange"

    async def obtain(self, scopes: Sequence[str], *, caller_token: Secret | None) -> Credential:
        """Exchange the caller's token; see `UserlessGrant.obtain`."""
        value = self._value
        request = exchange_request(
            self._own.token_url,
            self._own.client,
            subject_token=_needed(caller_token),
            subject_token_type=value.subject_token_type,
            requested_token_type=value.requested_token_type,
            audience=value.audience,
            resource=value.resource,
            scopes=value.scopes or scopes,
        )
        return await obtained_by(
            request,
            process_exchange_response,
            asked=(*value.scopes, *scopes),
            fetch=self._fetch,
            clock=self._clock,
            also_refusals=_ABOUT_THE_CALLER,
        )

    async def aclose(self) -> None:
        """Close the fetch port's own client."""
        await self._fetch.aclose()


class OnBehalfOfGrant:
    """Obtains credentials on behalf of callers of Entra; arguments as for `TokenExchangeGrant`."""

    def __init__(
        self, value: OnBehalfOf, *, client: OAuthClient, token_url: str, fetch: Fetch, clock: Clock | None = None
    ) -> None:
        self._value = value
        self._own = OwnClient.of(value, client, token_url, "OnBehalfOf")
        self._fetch = fetch
        self._clock = clock or SystemClock()
        self.issuers = frozenset(value.issuers)
        self.way = self._own.digest("on-behalf-of", *value.scopes)

    @property
    def origin(self) -> Origin:
        """Always the caller's own rights."""
        return "exchange"

    async def obtain(self, scopes: Sequence[str], *, caller_token: Secret | None) -> Credential:
        """Exchange the caller's token; see `UserlessGrant.obtain`."""
        return await obtained_by(
            self._request(scopes, _needed(caller_token)),
            process_token_response,
            asked=(*self._value.scopes, *scopes),
            fetch=self._fetch,
            clock=self._clock,
        )

    async def aclose(self) -> None:
        """Close the fetch port's own client."""
        await self._fetch.aclose()

    def _request(self, scopes: Sequence[str], assertion: Secret) -> HttpRequest:
        wanted = self._value.scopes or scopes
        if not wanted:
            raise ConfigurationError(
                "OnBehalfOf has no scopes to ask for, and only they name the service.",
                hint='Give it scopes=["https://graph.microsoft.com/.default"], or the tool those it needs.',
            )
        return on_behalf_of_request(self._own.token_url, self._own.client, assertion=assertion, scopes=wanted)


def _needed(caller_token: Secret | None) -> Secret:
    if caller_token is None:
        raise GrantRefused("invalid_grant", reason="the caller came without a token that could be exchanged")
    return caller_token
