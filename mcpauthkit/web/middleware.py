"""Leg 1 at the door: every request has a verified bearer token, or is refused (RFC 6750 section 3.1)."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from contextvars import ContextVar
from typing import Any

import httpx
from starlette.types import ASGIApp, Receive, Scope, Send

from mcpauthkit.core.clock import Clock, SystemClock
from mcpauthkit.core.headers import first_header, header_values
from mcpauthkit.core.keyring import KeyRing
from mcpauthkit.core.log import RequestLog
from mcpauthkit.core.secret import Secret
from mcpauthkit.errors import ConfigurationError, InvalidRequest, MissingToken, RequestError, WrongAudience
from mcpauthkit.fetch import HttpFetch
from mcpauthkit.identity.claims import check_audience
from mcpauthkit.identity.issuer import Issuer
from mcpauthkit.identity.token_cache import TokenCache
from mcpauthkit.identity.verifier import JwtVerifier
from mcpauthkit.oauth.scopes import check_scopes
from mcpauthkit.principal import current_user as kit_current_user
from mcpauthkit.protocol.sinks import SdkIdentity
from mcpauthkit.web.browser_login import SIGN_IN_SCOPE, BrowserLogin
from mcpauthkit.web.hub import HUB_STATE, Hub
from mcpauthkit.web.open_paths import OpenPaths
from mcpauthkit.web.resources import DEFAULT_RESOURCE_PATHS, ProtectedResource, ProtectedResources
from mcpauthkit.web.responses import Refusal

_log = RequestLog("web")
_BEARER = b"bearer"


class JwtAuthMiddleware:
    """Pure ASGI middleware that lets only verified callers through.

    Add it with `app.add_middleware(JwtAuthMiddleware, issuer_url=..., server_base_url=...)`; add CORSMiddleware after
    it, so that browsers can read a 401. Inside a request, `current_user.get()` and `get_user()` give the principal,
    and FastMCP's `get_access_token()` and `auth=` checks work.

    Args:
        app: The application behind it.
        issuer_url: The OIDC issuer, byte for byte as it spells itself, trailing slash included.
        server_base_url: The public address of this application.
        current_user: A context variable of yours to fill besides the kit's own.
        open_paths: Paths served without a token, with everything below them. The kit's own pages and metadata
            documents are open by themselves.
        resource_paths: Path of each MCP server as clients reach it.
        audience: Accepted audiences instead of the default, which is the URL of the resource that is called.
        scopes: Base scopes named in every 401, so that clients ask for these and not for all there are.
        leeway_seconds: How far clocks may differ.
        token_cache_size: How many verified tokens are remembered; 0 verifies every time.
        keys_max_age_seconds: How long the issuer's keys are trusted without asking again.
        keys_max_stale_seconds: How much longer they serve while the issuer is down.
        cooldown_seconds: The least time between two refetches for unknown key ids.
        browser_client_id: The kit's own client at the issuer, for signing browsers in on the connect pages; without
            one it registers itself (RFC 7591) where the issuer allows that.
        browser_client_secret: Its secret, for a confidential client.
        key_ring: What seals browser sessions; without one they end with the process.
        http_client: An httpx client of yours for talking to the issuer; it stays open.
        clock: Time.

    Raises:
        ConfigurationError: An argument cannot be used; the message says what to write instead.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        issuer_url: str,
        server_base_url: str,
        current_user: ContextVar[Any] | None = None,
        open_paths: Sequence[str] = (),
        resource_paths: Sequence[str] = DEFAULT_RESOURCE_PATHS,
        audience: str | Sequence[str] | None = None,
        scopes: Sequence[str] = (),
        leeway_seconds: float = 60.0,
        token_cache_size: int = 10_000,
        keys_max_age_seconds: float = 600.0,
        keys_max_stale_seconds: float = 3600.0,
        cooldown_seconds: float = 30.0,
        browser_client_id: str | None = None,
        browser_client_secret: str | Secret | None = None,
        key_ring: KeyRing | None = None,
        http_client: httpx.AsyncClient | None = None,
        clock: Clock | None = None,
    ) -> None:
        self._app = app
        clock = clock or SystemClock()
        self._resources = ProtectedResources(server_base_url, resource_paths)
        self._audiences = _accepted_audiences(audience)
        self._elsewhere = self._resources.accepted_elsewhere
        self._scope_text = " ".join(check_scopes(scopes))
        self._open = OpenPaths(open_paths)
        self._contexts = (kit_current_user, *(() if current_user in {None, kit_current_user} else (current_user,)))
        self._fetch = HttpFetch(http_client)
        issuer = Issuer(
            issuer_url,
            fetch=self._fetch,
            clock=clock,
            keys_max_age_seconds=keys_max_age_seconds,
            keys_max_stale_seconds=keys_max_stale_seconds,
            cooldown_seconds=cooldown_seconds,
        )
        self._verifier = JwtVerifier(issuer, leeway_seconds=leeway_seconds)
        self._cache: TokenCache[SdkIdentity] = TokenCache(
            clock=clock, max_entries=token_cache_size, leeway_seconds=leeway_seconds
        )
        self._sign_in = BrowserLogin(
            issuer,
            base_url=self._resources.base_url,
            key_ring=key_ring or KeyRing.ephemeral(),
            client_id=browser_client_id,
            client_secret=browser_client_secret,
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one ASGI scope."""
        kind = scope["type"]
        if kind == "http" or kind == "websocket":  # noqa: PLR1714  # on the path of every request
            await self._serve(scope, receive, send)
        elif kind == "lifespan":
            try:
                await self._app(scope, receive, send)
            finally:
                await self._fetch.aclose()
        else:
            # An extension of ASGI we do not know may carry requests past us.
            raise ConfigurationError(
                f"JwtAuthMiddleware does not know ASGI scopes of type {kind!r}.",
                hint="Put what needs them outside of the middleware.",
            )

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        path = _path(scope)
        if self._is_open(scope, path):
            scope[SIGN_IN_SCOPE] = self._sign_in
            await self._app(scope, receive, send)
            return
        if _is_preflight(scope):
            await _refuse_preflight(send)
            return
        resource = self._resources.for_path(path)
        try:
            if not path.isprintable():
                # A router may take `/b/mcp` with a newline behind it for `/b/mcp`; we would check another audience.
                raise InvalidRequest("The path holds control characters.")
            identity = await self._identify(scope, resource)
        except RequestError as error:
            await self._refuse(error, resource, scope, receive, send)
            return
        principal = identity.principal.on_request(_peer(scope), first_header(scope["headers"], b"user-agent"))
        tokens = [context.set(principal) for context in self._contexts]
        sink = identity.enter(scope)
        scope.setdefault("state", {})["principal"] = principal
        try:
            await self._app(scope, receive, send)
        finally:
            identity.leave(sink)
            for context, token in zip(self._contexts, tokens, strict=True):
                context.reset(token)

    async def _identify(self, scope: Scope, resource: ProtectedResource | None) -> SdkIdentity:
        token = _bearer_token(scope)
        url = resource.url if resource is not None else self._resources.base_url
        # The audience belongs to what was verified, so the resource belongs to what is remembered.
        known_as = url.encode() + b" " + token
        identity = self._cache.get(known_as)
        if identity is None:
            text = token.decode("latin-1")
            verified = await self._verifier.verify(text)
            principal = verified.principal
            check_audience(principal, self._accepted(resource))
            identity = SdkIdentity(principal, text, url)
            self._cache.put(
                known_as,
                identity,
                remember_seconds=verified.remember_seconds,
                is_current=verified.is_current,
                expires_at=principal.expires_at,
            )
        return identity

    def _accepted(self, resource: ProtectedResource | None) -> frozenset[str]:
        """A token for one MCP server is no good at its neighbour.

        The application's other routes take the tokens of its only server; where there are several, they belong to none
        of them and take tokens for the base URL.
        """
        if self._audiences is not None:
            return self._audiences
        return self._elsewhere if resource is None else resource.accepted

    def _is_open(self, scope: Scope, path: str) -> bool:
        hub: Hub | None = getattr(getattr(scope.get("app", self._app), "state", None), HUB_STATE, None)
        if hub is not None and path in hub.paths:
            return True
        return self._open.is_open(path, scope.get("raw_path") or b"")

    async def _refuse(
        self, error: RequestError, resource: ProtectedResource | None, scope: Scope, receive: Receive, send: Send
    ) -> None:
        # Only a genuine token gets as far as its audience, so nobody can fill the log with these.
        level = logging.WARNING if isinstance(error, WrongAudience) else logging.INFO
        _log.log(level, "request refused status=%s %s", error.status_hint, error.for_log())
        metadata_url = (resource or self._resources.all[0]).metadata_url
        refusal = Refusal(error, resource_metadata=metadata_url, scope=self._scope_text)
        if scope["type"] == "websocket":
            await refusal.send_websocket(scope, receive, send)
        else:
            await refusal.send_http(send)


def _accepted_audiences(audience: str | Sequence[str] | None) -> frozenset[str] | None:
    if audience is None:
        return None
    accepted = frozenset([audience] if isinstance(audience, str) else audience)
    if not accepted or not all(accepted):
        raise ConfigurationError(
            "audience is empty, which would refuse every token.",
            hint="Leave it out to accept tokens for the resource's own URL, or name what the issuer puts into aud.",
        )
    return accepted


def _bearer_token(scope: Scope) -> bytes:
    """The one bearer token of a request (RFC 6750 section 2.1); never from the query or the body."""
    query: bytes = scope.get("query_string", b"")
    if b"access_token=" in query and any(pair.startswith(b"access_token=") for pair in query.split(b"&")):
        raise InvalidRequest("Send the access token in the Authorization header, never in the address.")
    values = header_values(scope["headers"], b"authorization")
    if len(values) > 1:
        raise InvalidRequest(reason=f"{len(values)} Authorization headers")
    scheme, _, token = values[0].partition(b" ") if values else (b"", b"", b"")
    if scheme.lower() != _BEARER:
        raise MissingToken
    return token.strip(b" ")


def _is_preflight(scope: Scope) -> bool:
    # A browser sends a preflight without credentials by definition; any other OPTIONS needs a token.
    if scope["type"] != "http" or scope["method"] != "OPTIONS":
        return False
    headers = scope["headers"]
    return bool(header_values(headers, b"origin")) and bool(header_values(headers, b"access-control-request-method"))


async def _refuse_preflight(send: Send) -> None:
    # CORSMiddleware stands outside of us and has answered the preflights it allows. The others go no further: behind
    # us may be routes that do not look at the method.
    await send({"type": "http.response.start", "status": 204, "headers": [(b"cache-control", b"no-store")]})
    await send({"type": "http.response.body", "body": b""})


def _path(scope: Scope) -> str:
    """The path below the address the server itself is mounted at."""
    path: str = scope["path"]
    root: str = scope.get("root_path", "")
    return path[len(root) :] if root and path.startswith(f"{root}/") else path


def _peer(scope: Scope) -> str | None:
    client = scope.get("client")
    return client[0] if client else None
