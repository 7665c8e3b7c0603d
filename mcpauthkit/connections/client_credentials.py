"""The client-credentials grant (RFC 6749 section 4.4): this application's own account at a service."""

from __future__ import annotations

from collections.abc import Sequence

from mcpauthkit.connections.credential import Credential, Origin
from mcpauthkit.connections.userless_asking import OwnClient, obtained_by
from mcpauthkit.connections.without_user import ClientCredentials
from mcpauthkit.core.clock import Clock, SystemClock
from mcpauthkit.core.secret import Secret
from mcpauthkit.fetch import Fetch
from mcpauthkit.oauth.token import OAuthClient, process_token_response
from mcpauthkit.oauth.token_exchange import client_credentials_request


class ClientCredentialsGrant:
    """Obtains the credential of a service account.

    Args:
        value: What to ask for.
        client: The provider's client.
        token_url: The provider's token endpoint.
        fetch: The fetch port.
        clock: Time.

    Raises:
        ConfigurationError: The client has no secret; only a confidential client has credentials (section 4.4).
    """

    def __init__(
        self, value: ClientCredentials, *, client: OAuthClient, token_url: str, fetch: Fetch, clock: Clock | None = None
    ) -> None:
        self._value = value
        self._own = OwnClient.of(value, client, token_url, "ClientCredentials")
        self._fetch = fetch
        self._clock = clock or SystemClock()
        self.issuers = frozenset(value.issuers)
        self.way = self._own.digest("client-credentials", value.audience, value.resource, *value.scopes)

    @property
    def origin(self) -> Origin:
        """Always the service account."""
        return "service-account"

    async def obtain(self, scopes: Sequence[str], *, caller_token: Secret | None = None) -> Credential:  # noqa: ARG002
        """Ask for a token; see `UserlessGrant.obtain`. Who calls makes no difference."""
        value = self._value
        request = client_credentials_request(
            self._own.token_url,
            self._own.client,
            scopes=value.scopes or scopes,
            audience=value.audience,
            resource=value.resource,
        )
        return await obtained_by(
            request, process_token_response, asked=(*value.scopes, *scopes), fetch=self._fetch, clock=self._clock
        )

    async def aclose(self) -> None:
        """Close the fetch port's own client."""
        await self._fetch.aclose()
