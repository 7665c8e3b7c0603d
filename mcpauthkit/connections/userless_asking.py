"""What the grants that need no user have in common: whose client asks, and what a refusal means."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from mcpauthkit.connections.credential import Credential
from mcpauthkit.connections.without_user import WayOptions
from mcpauthkit.core.clock import Clock
from mcpauthkit.core.encoding import sha256_hex
from mcpauthkit.core.secret import as_secret
from mcpauthkit.core.urls import origin_of
from mcpauthkit.errors import ConfigurationError, GrantRefused, RemoteMisbehaved
from mcpauthkit.fetch import Fetch
from mcpauthkit.oauth.messages import HttpRequest, HttpResponse
from mcpauthkit.oauth.token import BodyKind, OAuthClient, TokenSet
from mcpauthkit.oauth.token_shape import TokenShape

_GIVE = "Give it token_url=, client_id= and client_secret=."

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


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenEndpoint:
    """A token endpoint, its habits, and our client there.

    Args:
        url: Where it is; empty when nobody knows.
        client: Our client.
        tokens: How its answers differ.
        body: What it takes.
        scope_separator: What joins scopes in requests.
        exchanges: The ways that may show it callers' own tokens without naming it.
    """

    url: str = ""
    client: OAuthClient = field(default_factory=lambda: OAuthClient(""))
    tokens: TokenShape = field(default_factory=TokenShape)
    body: BodyKind = "form"
    scope_separator: str = " "
    exchanges: tuple[type[WayOptions], ...] = ()

    def for_way(self, value: WayOptions) -> TokenEndpoint:
        """Where a way asks, and as whom; this is the provider's endpoint, for what the way does not name.

        Raises:
            ConfigurationError: The way has no endpoint, none that may see callers' tokens, or no confidential client
                for it.
        """
        url = value.token_url or self.url
        if not url:
            raise ConfigurationError(f"{type(value).__name__} knows no token endpoint.", hint=_GIVE)
        # Whoever has a caller's token is that caller, at every server that takes it. A service that users connect to
        # is somebody else than who signs them in, and must not be shown it because of an argument left out.
        if value.shows_callers_token and not value.token_url and not isinstance(value, self.exchanges):
            raise ConfigurationError(
                f"{type(value).__name__} names no token_url, and would show {url} the tokens callers sign in with.",
                hint=f"{_GIVE} They are those of the server that signs callers in.",
            )
        if not value.client_id and origin_of(url) != origin_of(self.url or url):
            raise ConfigurationError(
                f"{type(value).__name__} names no client, and would send {origin_of(url)} the provider's secret.",
                hint=_GIVE,
            )
        client = _client_of(value, self.client)
        # The habits are those of one endpoint, and say nothing about another.
        if url != self.url:
            return TokenEndpoint(url=url, client=client)
        return replace(self, client=client)

    def digest(self, *parts: str) -> str:
        """What tells a way from others: another client or another audience is another way."""
        return sha256_hex("way", self.url, self.client.client_id, *parts)[:16]


def _client_of(value: WayOptions, client: OAuthClient) -> OAuthClient:
    secret = as_secret(value.client_secret) if value.client_secret else client.client_secret
    if secret is None or (not value.client_secret and client.authentication == "none"):
        raise ConfigurationError(
            f"{type(value).__name__} needs a confidential client.",
            hint="Give client_id and client_secret to it or the provider.",
        )
    if value.client_id:
        return OAuthClient(value.client_id, secret, value.client_authentication or "client_secret_post")
    if value.client_authentication is not None:
        return OAuthClient(client.client_id, secret, value.client_authentication)
    return client


async def obtained_by(
    request: HttpRequest,
    process: Callable[[HttpResponse, TokenShape], TokenSet],
    *,
    at: TokenEndpoint,
    asked: Sequence[str],
    fetch: Fetch,
    clock: Clock,
    also_refusals: frozenset[str] = frozenset(),
) -> Credential:
    """Send a request for a token, and tell refusals of the caller from those of this server.

    Args:
        request: The request.
        process: Reads the answer.
        at: The endpoint.
        asked: What is granted when the answer does not say (RFC 6749 section 5.1).
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
        tokens = process(await fetch(request), at.tokens)
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
