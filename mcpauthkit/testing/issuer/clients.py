"""The issuer's clients: who they are, where they may be sent back to, how they authenticate."""

from __future__ import annotations

import re
import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, get_args
from urllib.parse import urlsplit

from mcpauthkit.oauth.token_exchange import JWT_BEARER, TOKEN_EXCHANGE
from mcpauthkit.testing.wire import (
    LOOPBACK_HOSTS,
    ClientCredentials,
    OAuthFailure,
    redirect_matches,
    secret_matches,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

AuthMethod = Literal["none", "client_secret_basic", "client_secret_post"]
AUTH_METHODS: tuple[AuthMethod, ...] = get_args(AuthMethod)
GRANT_TYPES = ("authorization_code", "refresh_token")
EXCHANGE_GRANT_TYPES = (TOKEN_EXCHANGE, JWT_BEARER)

_PRIVATE_SCHEME = re.compile(r"[a-z][a-z0-9+.-]*\Z")
# Schemes a browser acts on by itself: a redirect there would run script, read files or write mail.
_SCHEMES_OF_THE_BROWSER = frozenset(
    {"about", "blob", "chrome", "data", "file", "filesystem", "ftp", "http", "https", "intent", "javascript"}
    | {"mailto", "tel", "vbscript", "view-source", "ws", "wss"}
)


@dataclass(frozen=True, slots=True)
class Client:
    """One registered client.

    Attributes:
        client_id: Its id; an URL for a client id metadata document.
        redirect_uris: Where the browser may be sent back to.
        client_secret: None for a public client.
        auth_method: How it authenticates at the token endpoint.
        grant_types: The grants it may use.
        client_name: For the login page.
        post_logout_redirect_uris: Where the browser may go after logout.
        targets: The services it may get exchanged tokens for.
        called_as: The audiences of tokens it may exchange; any if there are none.
    """

    client_id: str
    redirect_uris: tuple[str, ...]
    client_secret: str | None = field(default=None, repr=False)
    auth_method: AuthMethod = "none"
    grant_types: tuple[str, ...] = GRANT_TYPES
    client_name: str = ""
    post_logout_redirect_uris: tuple[str, ...] = ()
    targets: tuple[str, ...] = ()
    called_as: tuple[str, ...] = ()

    def may_return_to(self, redirect_uri: str) -> bool:
        """True for a registered redirect address; loopback addresses match with any port."""
        return redirect_matches(redirect_uri, self.redirect_uris)

    def authenticate(self, credentials: ClientCredentials) -> None:
        """Check what a client presented at the token endpoint; a secret may come by header or form.

        Raises:
            OAuthFailure: Wrong secret, or none, or one from a public client.
        """
        if not secret_matches(credentials.client_secret, self.client_secret):
            raise OAuthFailure("invalid_client", "client authentication failed", status=401)


class ClientRegistry:
    """All clients by id. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._clients: dict[str, Client] = {}

    def add(self, client: Client) -> None:
        """Register or replace a client."""
        with self._lock:
            self._clients[client.client_id] = client

    def get(self, client_id: str) -> Client | None:
        """The client with this id."""
        with self._lock:
            return self._clients.get(client_id)

    def remove(self, client_id: str) -> None:
        """Forget a client, as a provider does that cleans up; unknown ids are ignored."""
        with self._lock:
            self._clients.pop(client_id, None)


def checked_redirect_uris(uris: object) -> tuple[str, ...]:
    """The redirect addresses of a registration, if all of them are acceptable.

    https anywhere, http on loopback hosts only, and private-use schemes of native apps (RFC 8252 section 7);
    never a fragment, never credentials.

    Raises:
        OAuthFailure: `invalid_redirect_uri` (RFC 7591 section 3.2.2).
    """
    if not isinstance(uris, list) or not uris:
        raise OAuthFailure("invalid_redirect_uri", "redirect_uris must be a list with at least one entry")
    for uri in uris:
        if not isinstance(uri, str) or not _is_acceptable_redirect(uri):
            raise OAuthFailure("invalid_redirect_uri", "a redirect URI is not acceptable")
    return tuple(uris)


def _is_acceptable_redirect(uri: str) -> bool:
    # Browsers drop tabs, newlines and leading spaces before they read the scheme.
    if any(character <= " " for character in uri) or "#" in uri:
        return False
    try:
        parts = urlsplit(uri)
        host, _ = parts.hostname, parts.port
    except ValueError:
        return False
    if parts.username is not None:
        return False
    if parts.scheme == "https":
        return bool(host)
    if parts.scheme == "http":
        return host in LOOPBACK_HOSTS
    is_private_use = _PRIVATE_SCHEME.match(parts.scheme) is not None
    return is_private_use and parts.scheme not in _SCHEMES_OF_THE_BROWSER


def static_client(
    client_id: str,
    client_secret: str | None,
    redirect_uris: Sequence[str],
    grant_types: Sequence[str],
    post_logout_redirect_uris: Sequence[str],
) -> Client:
    """A client registered by hand; with a secret it may send it either way."""
    return Client(
        client_id=client_id,
        redirect_uris=tuple(redirect_uris),
        client_secret=client_secret,
        auth_method="none" if client_secret is None else "client_secret_basic",
        grant_types=tuple(grant_types),
        client_name=client_id,
        post_logout_redirect_uris=tuple(post_logout_redirect_uris),
    )
