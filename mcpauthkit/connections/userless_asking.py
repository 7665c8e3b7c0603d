"""What the grants that need no user have in common: whose client asks, and what a refusal means."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Self

from mcpauthkit.connections.credential import Credential
from mcpauthkit.connections.without_user import WayOptions
from mcpauthkit.core.clock import Clock
from mcpauthkit.core.encoding import sha256_hex
from mcpauthkit.core.secret import as_secret
from mcpauthkit.errors import ConfigurationError, GrantRefused, RemoteMisbehaved
from mcpauthkit.fetch import Fetch
from mcpauthkit.oauth.messages import HttpRequest, HttpResponse
from mcpauthkit.oauth.token import OAuthClient, TokenSet

_NOT_THIS_WAY = frozenset(
    {
        # RFC 6749 sections 4.1.2.1 and 5.2, RFC 8693 section 2.2.2: this caller, or this client for this purpose.
        "access_denied",
        "invalid_grant",
        "invalid_scope",
        "invalid_target",
        "unauthorized_client",
        # OpenID Connect Core section 3.1.2.6, RFC 9470 section 3, and Auth0's own: the user has to do something.
        "account_selection_required",
        "consent_required",
        "insufficient_user_authentication",
        "interaction_required",
        "login_required",
        "mfa_required",
    }
)


@dataclass(frozen=True, slots=True)
class OwnClient:
    """The client and token endpoint of one way.

    Args:
        client: A confidential client.
        token_url: Where it asks.
    """

    client: OAuthClient
    token_url: str

    @classmethod
    def of(cls, value: WayOptions, client: OAuthClient, token_url: str, name: str) -> Self:
        """Those of a value, or the provider's.

        Raises:
            ConfigurationError: The client has no secret.
        """
        secret = as_secret(value.client_secret) if value.client_secret else client.client_secret
        if secret is None or (not value.client_secret and client.authentication == "none"):
            raise ConfigurationError(
                f"{name} needs a confidential client.", hint="Give client_id and client_secret to it or the provider."
            )
        if value.client_id:
            client = OAuthClient(value.client_id, secret, value.client_authentication or "client_secret_post")
        elif value.client_authentication is not None:
            client = OAuthClient(client.client_id, secret, value.client_authentication)
        return cls(client, value.token_url or token_url)

    def digest(self, *parts: str) -> str:
        """What tells a way from others: another client or another audience is another way."""
        return sha256_hex("way", self.token_url, self.client.client_id, *parts)[:16]


async def obtained_by(
    request: HttpRequest,
    process: Callable[[HttpResponse], TokenSet],
    *,
    asked: Sequence[str],
    fetch: Fetch,
    clock: Clock,
    also_refusals: frozenset[str] = frozenset(),
) -> Credential:
    """Send a request for a token, and tell refusals of the caller from those of this server.

    Args:
        request: The request.
        process: Reads the answer.
        asked: What is granted when the answer does not say.
        fetch: The fetch port.
        clock: Time.
        also_refusals: Further errors that concern the caller.

    Raises:
        GrantRefused: Not this way; the next one may be open, and in the end the user is asked.
        RemoteUnavailable: No answer now.
        RemoteMisbehaved: The answer is unusable, or refuses this server itself.
    """
    asked_at = clock.wall()
    try:
        tokens = process(await fetch(request))
    except GrantRefused as error:
        if error.error in _NOT_THIS_WAY or error.error in also_refusals:
            raise
        # A wrong secret would otherwise ask every user to connect, and none of them can mend it.
        raise RemoteMisbehaved(
            "The sign-in service refused this server itself.",
            hint=f"Check client_id, client_secret, token_url and what the client may do there ({error.error}).",
            reason=error.reason,
        ) from error
    return Credential.from_tokens(tokens, asked=asked, now=asked_at)
