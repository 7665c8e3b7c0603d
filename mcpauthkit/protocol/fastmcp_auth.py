"""The kit's verifiers behind FastMCP's own `auth=`, for servers without `JwtAuthMiddleware` in front.

Theory of operation. FastMCP asks a token verifier and knows two answers, a token or None, and None is a 401 that sends
the user to sign in. "Could not be judged" is neither, so it is raised. As `FastMCP(auth=...)` the verifier brings a
middleware that turns it into 503 with Retry-After. Behind FastMCP's `RemoteAuthProvider` nobody asks it for one, and
the request ends as 500, which no client takes for a reason to throw its login away. `MultiAuth` takes every exception
for a refusal and answers 401; several verifiers need no `MultiAuth`, they go into one of these.

The token that FastMCP gets carries the principal, and so does everything that FastMCP makes of it. `current_user` is
set where the token is verified, which is in the task that serves the request; our middleware empties it afterwards, and
behind `RemoteAuthProvider` it ends with the task, of which servers start one for each request.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Awaitable, Callable, Sequence

from fastmcp.server.auth import AccessToken
from fastmcp.server.auth import TokenVerifier as FastMCPTokenVerifier
from mcp.server.auth.middleware.bearer_auth import AuthenticatedUser
from starlette.middleware import Middleware
from starlette.types import ASGIApp, Receive, Scope, Send

from mcpauthkit.core.audit import Event, EventName, Recorder, current_recorder, record_refusal
from mcpauthkit.core.clock import Clock
from mcpauthkit.core.headers import header_values
from mcpauthkit.core.log import RequestLog
from mcpauthkit.core.urls import check_base_url
from mcpauthkit.errors import AuditUnavailable, InvalidRequest, IssuerUnavailable, RequestError, WrongAudience
from mcpauthkit.fetch import Fetch, HttpFetch
from mcpauthkit.identity.chain import VerifierChain
from mcpauthkit.identity.decryption_keys import DecryptionKeys
from mcpauthkit.identity.judge import Judge, accepted_audiences
from mcpauthkit.identity.port import Presented, TokenVerifier
from mcpauthkit.identity.token_cache import TokenCache
from mcpauthkit.identity.trusted_issuer import TrustedIssuer, issuers_from
from mcpauthkit.identity.verifier import JwtVerifier
from mcpauthkit.oauth.scopes import check_scopes
from mcpauthkit.principal import Principal, current_user
from mcpauthkit.protocol.sinks import RECORDER_KEY, PrincipalToken

_log = RequestLog("protocol")


class KitTokenVerifier(FastMCPTokenVerifier):
    """FastMCP's `TokenVerifier` over the kit's; see `fastmcp_token_verifier`."""

    def __init__(
        self,
        verifiers: Sequence[TokenVerifier],
        *,
        resource: str,
        required_scopes: Sequence[str] = (),
        token_cache_size: int = 10_000,
        leeway_seconds: float = 60.0,
        clock: Clock | None = None,
        fetch: Fetch | None = None,
        audit: Recorder | None = None,
    ) -> None:
        self._fetch = fetch
        self._audit = audit
        super().__init__(required_scopes=list(check_scopes(required_scopes)))
        self._resource = check_base_url(resource, "resource")
        self._accepted = accepted_audiences(self._resource)
        cache: TokenCache[PrincipalToken] = TokenCache(
            clock=clock, max_entries=token_cache_size, leeway_seconds=leeway_seconds
        )
        self._judge = Judge(VerifierChain(verifiers), PrincipalToken.of, cache)

    async def verify_token(self, token: str) -> AccessToken | None:
        """The verified token, or None; while it is served, `current_user` is its principal.

        Raises:
            IssuerUnavailable: It could not be judged.
            AuditUnavailable: It is good, which cannot be recorded.
        """
        try:
            verified = await self._judge.judge(Presented(token), self._resource, self._accepted)
        except IssuerUnavailable:
            raise
        except RequestError as error:
            record_refusal(Event(event=EventName.TOKEN_REFUSED, decision="deny", reason=error.code))
            # Only a genuine token gets as far as its audience, so nobody can fill the log with these.
            level = logging.WARNING if isinstance(error, WrongAudience) else logging.INFO
            _log.log(level, "token refused %s", error.for_log())
            current_user.set(None)
            return None
        current_user.set(verified.principal)
        return verified

    def get_middleware(self) -> list[Middleware]:
        """FastMCP's own middleware, and ours around it."""
        return [Middleware(_Door, close=self.aclose, audit=self._audit), *super().get_middleware()]

    async def aclose(self) -> None:
        """Close what was opened to ask issuers; FastMCP's application does so when it ends."""
        if self._fetch is not None:
            await self._fetch.aclose()


def fastmcp_token_verifier(
    *verifiers: TokenVerifier,
    resource: str,
    issuers: Sequence[TrustedIssuer | str] = (),
    decryption_keys: DecryptionKeys | None = None,
    required_scopes: Sequence[str] = (),
    token_cache_size: int = 10_000,
    leeway_seconds: float = 60.0,
    clock: Clock | None = None,
    audit: Recorder | None = None,
) -> KitTokenVerifier:
    """A token verifier for `FastMCP(auth=...)` and for `RemoteAuthProvider(token_verifier=...)`.

    FastMCP hands on the bearer token and nothing else, so API keys and trusted headers are not found here; they need
    `JwtAuthMiddleware`, which also tells clients why a token was refused, as FastMCP does not. FastMCP itself knows no
    leeway for `exp`.

    Args:
        verifiers: Other ways to prove who is calling, asked in order after the issuers; the first that recognises a
            token judges it alone.
        resource: The MCP server's URL as clients reach it, which tokens have to name as their audience.
        issuers: Whose tokens are accepted.
        decryption_keys: Our private keys, if issuers encrypt tokens to us.
        required_scopes: Scopes every request needs; FastMCP answers 403 without.
        token_cache_size: How many verified tokens are remembered; 0 verifies every time.
        leeway_seconds: How long past its `exp` a remembered token still counts.
        clock: Time.
        audit: Where events of the requests go, such as an `AuditTrail`; the logger `mcpauthkit.audit` unless given.

    Raises:
        ConfigurationError: There is no verifier, or the resource is no https URL (http only on loopback).
    """
    fetch = HttpFetch() if issuers else None
    if fetch is not None:
        signed = JwtVerifier(
            issuers_from(issuers, fetch=fetch, clock=clock),
            leeway_seconds=leeway_seconds,
            decryption_keys=decryption_keys,
            takes_any_bearer=not verifiers,
        )
        verifiers = (signed, *verifiers)
    return KitTokenVerifier(
        verifiers,
        resource=resource,
        required_scopes=required_scopes,
        token_cache_size=token_cache_size,
        leeway_seconds=leeway_seconds,
        clock=clock,
        fetch=fetch,
        audit=audit,
    )


def principal_of_user(user: object) -> Principal | None:
    """The principal that `verify_token` put into the SDK's user; None when somebody else made that user."""
    token = user.access_token if isinstance(user, AuthenticatedUser) else None
    return token.principal if isinstance(token, PrincipalToken) else None


class _Door:
    """Around FastMCP's authentication: outages are told as such, and `current_user` ends with the request."""

    def __init__(self, app: ASGIApp, *, close: Callable[[], Awaitable[None]], audit: Recorder | None) -> None:
        self._app = app
        self._close = close
        self._audit = audit

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one ASGI scope."""
        if scope["type"] == "lifespan":
            try:
                await self._app(scope, receive, send)
            finally:
                await self._close()
            return
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        if len(header_values(scope["headers"], b"authorization")) > 1:
            await _answer(InvalidRequest(reason="several Authorization headers"), send)
            return
        reset = current_user.set(None)
        recording = None
        if self._audit is not None:
            recording = current_recorder.set(self._audit)
            scope[RECORDER_KEY] = self._audit
        try:
            await self._app(scope, receive, send)
        except (IssuerUnavailable, AuditUnavailable) as error:
            # It comes from `verify_token`, before the application, so nothing was sent yet.
            await _answer(error, send)
        finally:
            if recording is not None:
                current_recorder.reset(recording)
            current_user.reset(reset)


async def _answer(error: RequestError | AuditUnavailable, send: Send) -> None:
    _log.info("request refused status=%s %s", error.status_hint, error.for_log())
    body = json.dumps({"error": error.oauth_error or error.code, "error_description": error.public}).encode()
    headers = [
        (b"content-type", b"application/json"),
        (b"content-length", str(len(body)).encode()),
        (b"cache-control", b"no-store"),
    ]
    if isinstance(error, IssuerUnavailable):
        headers.append((b"retry-after", str(error.retry_after_seconds).encode()))
    await send({"type": "http.response.start", "status": error.status_hint, "headers": headers})
    await send({"type": "http.response.body", "body": body})
