"""What both development servers need to speak OAuth: errors, client credentials, PKCE, redirect addresses, CORS."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import ssl
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote_plus, urlencode, urlsplit

import httpx
from starlette.middleware.cors import CORSMiddleware
from starlette.responses import JSONResponse, RedirectResponse

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from starlette.requests import Request
    from starlette.types import ASGIApp, Receive, Scope, Send

LOOPBACK_HOSTS = frozenset({"127.0.0.1", "::1", "localhost"})

NO_STORE = {"cache-control": "no-store", "pragma": "no-cache"}


class OAuthFailure(Exception):  # a message of the protocol, not a bug
    """An OAuth error to be answered (RFC 6749 sections 4.1.2.1 and 5.2)."""

    def __init__(self, error: str, description: str, *, status: int = 400) -> None:
        super().__init__(error, description)
        self.error = error
        self.description = description
        self.status = status

    def body(self) -> dict[str, str]:
        """The members of the error response."""
        return {"error": self.error, "error_description": self.description}


def failure_response(failure: OAuthFailure) -> JSONResponse:
    """The JSON error response; a 401 names the scheme to authenticate with (RFC 6749 section 5.2)."""
    headers = dict(NO_STORE)
    if failure.status == 401:  # noqa: PLR2004
        headers["www-authenticate"] = "Basic"
    return JSONResponse(failure.body(), status_code=failure.status, headers=headers)


@dataclass(frozen=True, slots=True)
class Parameters:
    """Request parameters, of which only `resource` may be repeated (RFC 6749 section 3.1, RFC 8707 section 2)."""

    values: Mapping[str, str]
    resources: tuple[str, ...] = ()

    @classmethod
    def of(cls, pairs: Collection[tuple[str, Any]]) -> Parameters:
        """Read pairs of a query or form.

        Raises:
            OAuthFailure: A parameter is repeated.
        """
        values: dict[str, str] = {}
        resources: list[str] = []
        for name, value in pairs:
            if name == "resource":
                resources.append(str(value))
            elif name in values:
                raise OAuthFailure("invalid_request", f"{name} is repeated")
            else:
                values[name] = str(value)
        return cls(values, tuple(resources))

    def get(self, name: str) -> str:
        """The value, or an empty string; the standard treats both alike."""
        return self.values.get(name, "")

    def need(self, name: str) -> str:
        """The value of a parameter that must be there.

        Raises:
            OAuthFailure: It is missing or empty.
        """
        value = self.get(name)
        if not value:
            raise OAuthFailure("invalid_request", f"{name} is missing")
        return value


async def form_pairs(request: Request) -> list[tuple[str, Any]]:
    """Names and values of a form body, in order."""
    async with request.form() as form:
        return form.multi_items()


async def form_parameters(request: Request) -> Parameters:
    """The parameters of a form body.

    Raises:
        OAuthFailure: A parameter is repeated.
    """
    return Parameters.of(await form_pairs(request))


@dataclass(frozen=True, slots=True)
class ClientCredentials:
    """What a client says about itself at a token endpoint."""

    client_id: str
    client_secret: str | None = field(default=None, repr=False)
    method: str = "none"


def client_credentials(request: Request, parameters: Parameters) -> ClientCredentials:
    """Read `client_secret_basic`, `client_secret_post` or a public client's id (RFC 6749 section 2.3.1).

    Raises:
        OAuthFailure: The header is unreadable, or two methods were used at once.
    """
    scheme, _, encoded = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "basic":
        secret = parameters.values.get("client_secret")
        method = "none" if secret is None else "client_secret_post"
        return ClientCredentials(parameters.need("client_id"), secret, method)
    if "client_secret" in parameters.values:
        raise OAuthFailure("invalid_request", "two ways of client authentication at once")
    try:
        user, separator, password = base64.b64decode(encoded, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError) as error:
        raise OAuthFailure("invalid_client", "the Authorization header is unreadable", status=401) from error
    if not separator:
        raise OAuthFailure("invalid_client", "the Authorization header is unreadable", status=401)
    # Both halves are form-encoded before base64; forgetting that breaks secrets with a plus or a percent sign.
    return ClientCredentials(unquote_plus(user), unquote_plus(password), "client_secret_basic")


def tls_for(url: str) -> ssl.SSLContext:
    """A TLS context that verifies; without authorities for a plain http address, as loading them costs 30 ms."""
    if urlsplit(url).scheme == "https":
        return httpx.create_ssl_context()
    return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


def secret_matches(presented: str | None, expected: str | None) -> bool:
    """True if a public client presented nothing, or a confidential one its secret."""
    if expected is None or presented is None:
        return presented is None and expected is None
    # JSON may hold half a letter, which is no UTF-8.
    return hmac.compare_digest(presented.encode("utf-8", "surrogatepass"), expected.encode("utf-8", "surrogatepass"))


def pkce_matches(verifier: str, challenge: str) -> bool:
    """Check an S256 verifier (RFC 7636 section 4.6)."""
    digest = hashlib.sha256(verifier.encode()).digest()
    computed = base64.urlsafe_b64encode(digest).rstrip(b"=")
    return hmac.compare_digest(computed, challenge.encode())


def is_loopback_redirect(uri: str) -> bool:
    """True for an http address on a loopback host."""
    try:
        parts = urlsplit(uri)
        host = parts.hostname
    except ValueError:
        return False
    return parts.scheme == "http" and host in LOOPBACK_HOSTS and not parts.username and not parts.fragment


def redirect_matches(requested: str, registered: Collection[str]) -> bool:
    """True if a redirect address is a registered one, byte for byte; on loopback any port will do.

    Native clients listen on whatever port is free (RFC 8252 section 7.3).
    """
    if requested in registered:
        return True
    if not is_loopback_redirect(requested):
        return False
    wanted = _without_port(requested)
    return any(is_loopback_redirect(uri) and _without_port(uri) == wanted for uri in registered)


def _without_port(uri: str) -> tuple[str | None, str, str]:
    parts = urlsplit(uri)
    return parts.hostname, parts.path, parts.query


def redirect_with(redirect_uri: str, **parameters: str) -> RedirectResponse:
    """Send the browser back to a client with these parameters added; empty ones are left out."""
    added = urlencode({name: value for name, value in parameters.items() if value})
    base, mark, query = redirect_uri.partition("?")
    target = f"{base}?{query}&{added}" if mark and query else f"{base}?{added}"
    return RedirectResponse(target, status_code=303, headers=NO_STORE)


class CorsFor:
    """Lets scripts of any origin use some paths, so that MCP clients inside browsers work.

    The pages are not among them: they answer with cookies and are nobody else's business.
    """

    def __init__(self, app: ASGIApp, *, paths: Collection[str]) -> None:
        self._app = app
        self._open = CORSMiddleware(
            app,
            allow_origins=["*"],
            allow_methods=["GET", "POST"],
            allow_headers=["*"],
            expose_headers=["WWW-Authenticate"],
        )
        self._paths = frozenset(paths)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer with or without CORS headers, by path."""
        chosen = self._open if scope["type"] == "http" and scope["path"] in self._paths else self._app
        await chosen(scope, receive, send)
