"""Leg 1 at the door: every request has a verified bearer token, or is refused (RFC 6750 section 3.1)."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from contextvars import ContextVar
from functools import partial
from typing import Any, Unpack

import httpx
from starlette.types import ASGIApp, Receive, Scope, Send

from mcpauthkit.access.tool_scopes import ToolScopes
from mcpauthkit.core.audit import Recorder, checked_recorder, current_recorder
from mcpauthkit.core.clock import Clock, SystemClock
from mcpauthkit.core.entropy import Entropy, SystemEntropy
from mcpauthkit.core.headers import HeaderFields
from mcpauthkit.core.keyring import KeyRing
from mcpauthkit.core.known_options import check_options
from mcpauthkit.core.log import RequestLog
from mcpauthkit.core.secret import Secret
from mcpauthkit.errors import (
    AuditUnavailable,
    ConfigurationError,
    ForbiddenOrigin,
    InvalidRequest,
    RequestError,
    WrongAudience,
)
from mcpauthkit.fetch import HttpFetch
from mcpauthkit.identity.decryption_keys import DecryptionKeys
from mcpauthkit.identity.issuer_profile import IssuerProfile
from mcpauthkit.identity.judge import Judge
from mcpauthkit.identity.port import TokenVerifier
from mcpauthkit.identity.trusted_issuer import TrustedIssuer
from mcpauthkit.oauth.challenge import bearer_challenge
from mcpauthkit.principal import current_user as kit_current_user
from mcpauthkit.protocol.sinks import RECORDER_KEY, SIGN_IN_ISSUERS_KEY, SdkIdentity
from mcpauthkit.stores.environment import key_ring_from_environment
from mcpauthkit.web.admission import Admission, Admissions, tell_refusal
from mcpauthkit.web.browser_login import SIGN_IN_KEY
from mcpauthkit.web.call_rules import CallRules
from mcpauthkit.web.coverage import check_coverage, check_services, mcp_endpoints
from mcpauthkit.web.deployment import Deployment
from mcpauthkit.web.enrichment import OnAuthenticate
from mcpauthkit.web.hub import hub_of
from mcpauthkit.web.injection import CHALLENGE_KEY
from mcpauthkit.web.key_document import KeyDocument
from mcpauthkit.web.limits import LimitOptions, Limits
from mcpauthkit.web.open_paths import OpenPaths
from mcpauthkit.web.origins import AllowedOrigins
from mcpauthkit.web.production import check_deployment
from mcpauthkit.web.request_ids import RequestIds
from mcpauthkit.web.resources import DEFAULT_RESOURCE_PATHS, ProtectedResource, ProtectedResources
from mcpauthkit.web.responses import Refusal
from mcpauthkit.web.spans import hide_query
from mcpauthkit.web.start_gate import StartGate, refuse_unfit
from mcpauthkit.web.trust import Trust, browser_login, check_keys, close_verifiers, trusted_issuers

_log = RequestLog("web")


class JwtAuthMiddleware:
    """Pure ASGI middleware that lets only verified callers through.

    Add it with `app.add_middleware(JwtAuthMiddleware, issuer_url=..., server_base_url=...)`. Inside a request,
    `current_user.get()` and `get_user()` give the principal; FastMCP's `get_access_token()` and `auth=` checks work.

    Args:
        app: The application behind it.
        server_base_url: The public address of this application.
        issuer_url: The OIDC issuer, byte for byte as it spells itself, trailing slash included.
        audience: Accepted audiences instead of the default, which is the URL of the resource that is called.
        profile: Whose habits the issuer has: `keycloak`, `okta`, `entra`, `auth0`, ...; see `TrustedIssuer`.
        issuers: Further issuers, each with an audience, a profile and claims of its own.
        verifiers: Other ways to prove who is calling, asked in order after the issuers.
        decryption_keys: Our private keys for encrypted tokens; their public halves are served at
            `/.well-known/jwks.json`. Without them, those of the file that `MCP_KEY_FILE_PATH` names, if it is set.
        encrypted_only: Whether an issuer's token that is only signed is refused; `verifiers` have rules of their own.
        resource_paths: Path of each MCP server as clients reach it.
        open_paths: Paths served without a token, with everything below them. The kit's own pages and metadata
            documents are open by themselves.
        public_tools: Tools that callers without a token may use; the others then draw the 401. Lists are public too.
        scopes: Base scopes named in every 401, so that clients ask for these and not for all there are.
        require_scopes: Scopes every request needs.
        tool_scopes: Further scopes by tool; a call without them is answered 403 and makes clients ask for them. It is
            judged by the name on the wire: a tool that calls others by name (FastMCP's search and code transforms)
            needs the scopes of all it can reach. Of tools that are not in it, a mapping says nothing; `ToolScopes`,
            which `AccessMiddleware` takes as well, refuses them unless it is told otherwise.
        allowed_origins: Web pages that may call the MCP endpoint, besides our own and, in development, loopback; they
            get CORS headers, all others a 403.
        on_authenticate: Called with the principal and the connection after each authentication, to fill
            `principal.extra`.
        current_user: A context variable of yours to fill besides the kit's own.
        browser_client_id: The kit's own client at the issuer, for signing browsers in on the connect pages; without
            one it registers itself (RFC 7591) where the issuer allows that.
        browser_client_secret: Its secret, for a confidential client.
        key_ring: What seals browser sessions. Without, that of `STORAGE_ENCRYPTION_KEY` or
            `STORAGE_ENCRYPTION_KEY_PATH`; where neither is set they end with the process.
        production: Refuse to start with what is fit for development only: keys that end with this process or look like
            samples, an http address, and, unless `MCPAUTHKIT_REPLICAS=1` says that there is one process, a store that
            is for one or questions that only one can go on with. `MCPAUTHKIT_PRODUCTION=1` says the same. Where no
            start is seen, because the server leaves the lifespan out, every request is answered 503 instead.
        audit: Where events of the requests go, such as an `AuditTrail`; the logger `mcpauthkit.audit` unless given.
        http_client: An httpx client of yours for talking to the issuers; it stays open.
        clock: Time.
        entropy: Source of request ids.
        limits: `leeway_seconds=60`, `token_cache_size=10_000`, `keys_max_age_seconds=600`,
            `keys_max_stale_seconds=3600` and `cooldown_seconds=30`; see `Limits`.

    Raises:
        ConfigurationError: An argument cannot be used; the message says what to write instead.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        server_base_url: str,
        issuer_url: str | None = None,
        audience: str | Sequence[str] | None = None,
        profile: str | IssuerProfile | None = None,
        issuers: Sequence[TrustedIssuer] = (),
        verifiers: Sequence[TokenVerifier] = (),
        decryption_keys: DecryptionKeys | None = None,
        encrypted_only: bool = False,
        resource_paths: Sequence[str] = DEFAULT_RESOURCE_PATHS,
        open_paths: Sequence[str] = (),
        public_tools: Sequence[str] = (),
        scopes: Sequence[str] = (),
        require_scopes: Sequence[str] = (),
        tool_scopes: ToolScopes | Mapping[str, Sequence[str]] | None = None,
        allowed_origins: Sequence[str] = (),
        on_authenticate: OnAuthenticate | None = None,
        current_user: ContextVar[Any] | None = None,
        browser_client_id: str | None = None,
        browser_client_secret: str | Secret | None = None,
        key_ring: KeyRing | None = None,
        production: bool = False,
        audit: Recorder | None = None,
        http_client: httpx.AsyncClient | None = None,
        clock: Clock | None = None,
        entropy: Entropy | None = None,
        **limits: Unpack[LimitOptions],
    ) -> None:
        check_options(limits, LimitOptions, JwtAuthMiddleware)
        self._app, clock = app, clock or SystemClock()
        self._production, self._is_fit, self._audit = production, False, checked_recorder(audit)
        self._resources = ProtectedResources(server_base_url, resource_paths)
        self._open = OpenPaths(open_paths, [one.path for one in self._resources.all])
        self._contexts = (kit_current_user, *(() if current_user in {None, kit_current_user} else (current_user,)))
        self._request_ids = RequestIds(entropy or SystemEntropy())
        self._fetch, self._verifiers = HttpFetch(http_client), tuple(verifiers)
        self._origins = AllowedOrigins(server_base_url, allowed_origins)
        self._rules = CallRules(
            scopes=scopes, require_scopes=require_scopes, tool_scopes=tool_scopes, public_tools=public_tools
        )
        keys = check_keys(decryption_keys)
        self._key_document = None if keys is None else KeyDocument(keys)
        configured = trusted_issuers(issuer_url, audience=audience, profile=profile, issuers=issuers)
        trust = Trust(
            configured, verifiers, decryption_keys=keys, encrypted_only=encrypted_only, limits=Limits(**limits)
        )
        self._trusted = trusted = trust.issuers(self._fetch, clock)
        judge = Judge(trust.chain(trusted), SdkIdentity, trust.limits.token_cache(clock))
        self._admissions = Admissions(judge, self._resources.elsewhere, self._rules, on_authenticate, clock)
        self._sign_in_issuers = frozenset(one.issuer_url for one in trusted)
        ring, client = key_ring or key_ring_from_environment(), (browser_client_id, browser_client_secret)
        self._sign_in = browser_login(
            trusted, base_url=self._resources.base_url, key_ring=ring, clock=clock, client=client
        )
        self._for_pages = self._origins.with_cors(self._serve_page) if self._origins.feeds_cors else self._serve_page

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one ASGI scope."""
        kind = scope["type"]
        if kind == "http" or kind == "websocket":  # noqa: PLR1714  # on the path of every request
            headers = HeaderFields(scope["headers"])
            token, send = self._request_ids.enter(scope, headers, send)
            recording = None
            if self._audit is not None:
                recording = current_recorder.set(self._audit)
                # Sessions of the legacy era run their calls in the context of the request that began them.
                scope[RECORDER_KEY] = self._audit
            try:
                if not self._is_fit and not self._check_late(scope):
                    await refuse_unfit(scope, receive, send)
                elif b"origin" in headers:
                    await self._check_origin(scope, headers, receive, send)
                else:
                    await self._serve(scope, headers, receive, send)
            finally:
                if recording is not None:
                    current_recorder.reset(recording)
                self._request_ids.leave(token)
        elif kind == "lifespan":
            await self._live(scope, receive, send)
        else:
            # An extension of ASGI we do not know may carry requests past us.
            raise ConfigurationError(
                f"JwtAuthMiddleware does not know ASGI scopes of type {kind!r}.",
                hint="Put what needs them outside of the middleware.",
            )

    async def _live(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            app = scope.get("app", self._app)
            self._check_routes(app)
        except ConfigurationError as error:
            # A server takes an exception here for an application without a lifespan, and would go on.
            _log.error("not started %s", error.for_log())
            await receive()
            await send({"type": "lifespan.startup.failed", "message": str(error)})
            return

        gate = StartGate(receive, send, partial(self._check_started, app))
        try:
            await self._app(scope, gate.receive, gate.send)
        finally:
            await self._fetch.aclose()
            await close_verifiers(self._verifiers)

    def _check_late(self, scope: Scope) -> bool:
        """Whether an application may serve whose start has not been seen, or has failed.

        A server may be told to leave the lifespan out, and what an application is mounted in may keep it to itself.
        """
        app = scope.get("app", self._app)
        try:
            self._check_routes(app)
            self._check_started(app)
        except ConfigurationError as error:
            _log.error("request refused status=503 fault=%r hint=%r", error.public.partition(":\n")[0], error.hint)
        else:
            hint = "Serve with the lifespan on; what mounts the application has to pass its lifespan on."
            _log.warning("served without a start, so not everything of ours works hint=%r", hint)
        return self._is_fit

    def _check_routes(self, app: Any) -> None:
        deployment = Deployment.of(app)
        deployment.base_url, deployment.issuers = self._resources.base_url, self._trusted
        check_coverage(app, self._resources, self._open)
        check_services(app, self._resources.base_url, JwtAuthMiddleware)

    def _check_started(self, app: Any) -> None:
        hub = hub_of(app)
        if self._sign_in is not None and hub is not None and hub.services:
            Deployment.of(app).key_rings["JwtAuthMiddleware"] = self._sign_in.key_ring
        endpoints = [one for _, one in mcp_endpoints(getattr(app, "routes", ()))]
        check_deployment(app, base_url=self._resources.base_url, endpoints=endpoints, production=self._production)
        if self._sign_in_issuers and (hub is None or not hub.serves_metadata):
            _log.warning(
                "every 401 names %s and nothing of ours serves it hint=%r",
                self._resources.all[0].metadata_url,
                "Include oauth_meta_router(...) with the same server_base_url and resource_paths.",
            )
        self._is_fit = True

    async def _check_origin(self, scope: Scope, headers: HeaderFields, receive: Receive, send: Send) -> None:
        resource = self._resources.for_path(_path(scope))
        if resource is None:
            await self._serve(scope, headers, receive, send)
            return
        try:
            self._origins.check(headers.raw)
        except ForbiddenOrigin as error:
            tell_refusal(error)
            await self._refuse(error, resource, scope, receive, send)
            return
        await self._for_pages(scope, receive, send)

    async def _serve_page(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._serve(scope, HeaderFields(scope["headers"]), receive, send)

    async def _serve(self, scope: Scope, headers: HeaderFields, receive: Receive, send: Send) -> None:
        path = _path(scope)
        resource = self._resources.for_path(path)
        if self._key_document is not None and self._key_document.serves(scope, path):
            await self._key_document.send(scope, send)
            return
        if self._is_open(scope, path, resource):
            scope[SIGN_IN_KEY] = self._sign_in
            scope[CHALLENGE_KEY] = self._challenge_of_routes
            await self._app(scope, receive, send)
            return
        if _is_preflight(scope, headers):
            await _refuse_preflight(send)
            return
        try:
            if not path.isprintable():
                # A router may take `/b/mcp` with a newline behind it for `/b/mcp`; we would check another audience.
                raise InvalidRequest("The path holds control characters.")
            admission = await self._admissions.admit(scope, headers, receive, resource)
        except (RequestError, AuditUnavailable) as error:
            await self._refuse(error, resource, scope, receive, send)
            return
        identity, principal = admission.identity, admission.principal
        if identity is None or principal is None:
            await self._serve_nobody(admission, scope, send)
            return
        tokens = [(context, context.set(principal)) for context in self._contexts]
        sink = identity.enter(scope, principal, in_anonymous_session=admission.in_anonymous_session)
        scope["state"]["principal"] = principal
        scope[SIGN_IN_ISSUERS_KEY] = self._sign_in_issuers
        try:
            await self._app(scope, admission.receive, send)
        finally:
            identity.leave(sink)
            for context, token in tokens:
                context.reset(token)

    async def _serve_nobody(self, admission: Admission, scope: Scope, send: Send) -> None:
        scope[CHALLENGE_KEY] = self._challenge_of_routes
        sessions = self._admissions.anonymous_sessions

        async def serve(send: Send) -> None:
            await self._app(scope, admission.receive, send)

        if admission.session_id is not None and scope["method"] == "GET":
            await sessions.serve_stream(admission.session_id, send, serve)
        else:
            await serve(sessions.opening(send) if admission.opens_session else send)

    def _is_open(self, scope: Scope, path: str, resource: ProtectedResource | None) -> bool:
        if resource is not None and path == resource.path:
            # No page of ours is where an MCP server is, and OpenPaths refuses to cover one.
            return False
        if self._open.is_open(path, scope.get("raw_path") or b"", scope.get("method", "GET")):
            return True
        hub = hub_of(scope.get("app", self._app))
        if hub is None or path not in hub.paths:
            return False
        # Whoever sends a code by the wrong method has sent it all the same.
        hide_query(path)
        return hub.is_open(path, scope.get("method", ""))

    def _challenge_of_routes(self) -> str:
        """What a route that is open, and needs a user all the same, answers with its 401."""
        metadata_url = self._resources.all[0].metadata_url
        return bearer_challenge(resource_metadata=metadata_url, scope=self._rules.sign_in_scopes)

    async def _refuse(
        self,
        error: RequestError | AuditUnavailable,
        resource: ProtectedResource | None,
        scope: Scope,
        receive: Receive,
        send: Send,
    ) -> None:
        # Only a genuine token gets as far as its audience, so nobody can fill the log with these.
        level = logging.WARNING if isinstance(error, WrongAudience) else logging.INFO
        _log.log(level, "request refused status=%s %s", error.status_hint, error.for_log())
        metadata_url = (resource or self._resources.all[0]).metadata_url
        refusal = Refusal(error, resource_metadata=metadata_url, scope=self._rules.sign_in_scopes)
        if scope["type"] == "websocket":
            await refusal.send_websocket(scope, receive, send)
        else:
            await refusal.send_http(send)


def _is_preflight(scope: Scope, headers: HeaderFields) -> bool:
    # A browser sends a preflight without credentials by definition; any other OPTIONS needs a token.
    if scope["type"] != "http" or scope["method"] != "OPTIONS":
        return False
    return b"origin" in headers and b"access-control-request-method" in headers


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
