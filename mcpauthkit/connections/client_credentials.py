"""The client-credentials grant (RFC 6749 section 4.4): this application's own account at a service."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from mcpauthkit.connections.credential import Credential, Origin
from mcpauthkit.connections.userless_asking import TokenEndpoint, obtained_by
from mcpauthkit.connections.without_user import ClientCredentials, check_issuers
from mcpauthkit.core.clock import Clock, SystemClock
from mcpauthkit.core.secret import Secret
from mcpauthkit.fetch import Fetch
from mcpauthkit.oauth.token import process_token_response
from mcpauthkit.oauth.token_exchange import client_credentials_request


class ClientCredentialsGrant:
    """Obtains the credential of a service account.

    Args:
        value: What to ask for.
        endpoint: The provider's token endpoint and client.
        fetch: The fetch port.
        clock: Time.

    Raises:
        ConfigurationError: The client has no secret; only a confidential client has credentials (section 4.4).
    """

    def __init__(
        self, value: ClientCredentials, *, endpoint: TokenEndpoint, fetch: Fetch, clock: Clock | None = None
    ) -> None:
        self._value = value
        self._at = endpoint.for_way(value)
        self._fetch = fetch
        self._clock = clock or SystemClock()
        self.issuers = check_issuers(value.issuers)
        self.way = self._at.digest("client-credentials", value.audience, value.resource, *value.scopes)

    @property
    def origin(self) -> Origin:
        """Always the service account."""
        return "service-account"

    async def obtain(self, scopes: Sequence[str], *, caller_token: Secret | None = None) -> Credential:  # noqa: ARG002
        """Ask for a token; see `UserlessGrant.obtain`. Who calls makes no difference."""
        value = self._value
        request = client_credentials_request(
            self._at.url,
            self._at.client,
            scopes=value.scopes or scopes,
            audience=value.audience,
            resource=value.resource,
            scope_separator=self._at.scope_separator,
            body=self._at.body,
        )
        asked = (*value.scopes, *scopes)
        credential = await obtained_by(
            request, process_token_response, at=self._at, asked=asked, fetch=self._fetch, clock=self._clock
        )
        # What was fixed stands for what tools need, in words of its own, if the server gave all of it.
        if value.scopes and credential.scopes.issuperset(value.scopes):
            return replace(credential, scopes=credential.scopes.union(scopes))
        return credential

    async def aclose(self) -> None:
        """Close the fetch port's own client."""
        await self._fetch.aclose()
