"""The caller's own sign-in, exchanged for a token of a service: RFC 8693, and Entra's on-behalf-of."""

from __future__ import annotations

from collections.abc import Sequence

from mcpauthkit.connections.credential import Credential, Origin
from mcpauthkit.connections.userless_asking import TokenEndpoint, obtained_by
from mcpauthkit.connections.without_user import OnBehalfOf, TokenExchange, check_issuers
from mcpauthkit.core.clock import Clock, SystemClock
from mcpauthkit.core.secret import Secret
from mcpauthkit.errors import ConfigurationError, GrantRefused
from mcpauthkit.fetch import Fetch
from mcpauthkit.oauth.messages import HttpRequest
from mcpauthkit.oauth.token import process_token_response
from mcpauthkit.oauth.token_exchange import (
    exchange_request,
    on_behalf_of_request,
    process_exchange_response,
)

# RFC 8693 section 2.2.2 calls a subject token that is invalid or unacceptable an invalid request.
_ABOUT_THE_CALLER = frozenset({"invalid_request"})


class TokenExchangeGrant:
    """Obtains credentials by token exchange.

    Args:
        value: What to ask for.
        endpoint: The provider's token endpoint and client.
        fetch: The fetch port.
        clock: Time.

    Raises:
        ConfigurationError: The client has no secret: anybody who finds a token lying about could exchange it then.
    """

    def __init__(
        self, value: TokenExchange, *, endpoint: TokenEndpoint, fetch: Fetch, clock: Clock | None = None
    ) -> None:
        self._value = value
        self._at = endpoint.for_way(value)
        self._fetch = fetch
        self._clock = clock or SystemClock()
        self.issuers = check_issuers(value.issuers)
        self.way = self._at.digest(
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
            self._at.url,
            self._at.client,
            subject_token=_needed(caller_token),
            subject_token_type=value.subject_token_type,
            requested_token_type=value.requested_token_type,
            audience=value.audience,
            resource=value.resource,
            scopes=value.scopes or scopes,
            scope_separator=self._at.scope_separator,
            body=self._at.body,
        )
        return await obtained_by(
            request,
            process_exchange_response,
            at=self._at,
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

    def __init__(self, value: OnBehalfOf, *, endpoint: TokenEndpoint, fetch: Fetch, clock: Clock | None = None) -> None:
        self._value = value
        self._at = endpoint.for_way(value)
        self._fetch = fetch
        self._clock = clock or SystemClock()
        self.issuers = check_issuers(value.issuers)
        self.way = self._at.digest("on-behalf-of", *value.scopes)

    @property
    def origin(self) -> Origin:
        """Always the caller's own rights."""
        return "exchange"

    async def obtain(self, scopes: Sequence[str], *, caller_token: Secret | None) -> Credential:
        """Exchange the caller's token; see `UserlessGrant.obtain`."""
        return await obtained_by(
            self._request(scopes, _needed(caller_token)),
            process_token_response,
            at=self._at,
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
        return on_behalf_of_request(
            self._at.url,
            self._at.client,
            assertion=assertion,
            scopes=wanted,
            scope_separator=self._at.scope_separator,
            body=self._at.body,
        )


def _needed(caller_token: Secret | None) -> Secret:
    if caller_token is None:
        raise GrantRefused("invalid_grant", reason="the caller came without a token that could be exchanged")
    return caller_token
