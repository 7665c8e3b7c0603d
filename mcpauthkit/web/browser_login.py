"""Browser login at the leg-1 issuer: who is sitting in front of our pages?

OpenID Connect authorization code with PKCE and nonce. Nothing is stored: the login in progress travels in a sealed
cookie of its own, the finished one in the session cookie.
"""

from __future__ import annotations

import hmac
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from mcpauthkit.core.encoding import sha256_hex
from mcpauthkit.core.entropy import Entropy, SystemEntropy
from mcpauthkit.core.keyring import KeyRing
from mcpauthkit.core.secret import Secret, as_secret
from mcpauthkit.errors import ConfigurationError, GrantRefused, InvalidToken, RemoteMisbehaved
from mcpauthkit.fetch import CachedDocument
from mcpauthkit.identity.claims import check_audience
from mcpauthkit.identity.issuer import Issuer
from mcpauthkit.identity.verifier import JwtVerifier
from mcpauthkit.oauth.authorization import AuthorizationRequest, process_authorization_response
from mcpauthkit.oauth.registration import process_registration, registration_request
from mcpauthkit.oauth.token import OAuthClient, code_request, process_token_response
from mcpauthkit.principal import Principal, log_digest
from mcpauthkit.web.cookies import SealedCookies
from mcpauthkit.web.pages import redirect

CALLBACK_PATH = "/connect/login/callback"
SIGN_IN_SCOPE = "mcpauthkit.sign_in"
"""The key of the ASGI scope under which `JwtAuthMiddleware` offers browser login to the kit's own pages."""

_SESSION = "session"
_SESSION_SECONDS = 3600
_LOGIN_SECONDS = 600
_SCOPES = ("openid", "profile")
_OTHER_LOGIN = "The sign-in service's answer belongs to another sign-in."
_MONTH_SECONDS = 30 * 86_400.0


@dataclass(frozen=True, slots=True)
class BrowserSession:
    """Who is signed in in a browser.

    Args:
        session_id: Tells one session from another; a visit to a service is bound to it.
        issuer: The issuer that said so.
        subject: The subject it named.
        name: What the issuer calls the person; for display only.
    """

    session_id: str = field(repr=False)
    issuer: str
    subject: str
    name: str

    @property
    def digest(self) -> str:
        """A short digest of the identity for logs."""
        return log_digest(self.issuer, self.subject)


class BrowserLogin:
    """Signs browsers in at an issuer.

    Args:
        issuer: The issuer.
        base_url: The public address of the application.
        key_ring: What seals the cookies.
        client_id: Our client at the issuer; None to register one (RFC 7591).
        client_secret: Its secret, for a confidential client.
        entropy: Source of states, nonces and verifiers.
    """

    def __init__(
        self,
        issuer: Issuer,
        *,
        base_url: str,
        key_ring: KeyRing,
        client_id: str | None = None,
        client_secret: str | Secret | None = None,
        entropy: Entropy | None = None,
    ) -> None:
        self._issuer = issuer
        self._base_url = base_url
        self._cookies = SealedCookies(base_url, key_ring, clock=issuer.clock)
        self._verifier = JwtVerifier(issuer, expects="id_token")
        self._entropy = entropy or SystemEntropy()
        self._configured = _configured_client(client_id, client_secret)
        self._registered: CachedDocument[OAuthClient] = CachedDocument(
            self._register, clock=issuer.clock, max_age_seconds=_MONTH_SECONDS
        )

    def session(self, headers: Iterable[tuple[bytes, bytes]]) -> BrowserSession | None:
        """The session of a request, or None."""
        content = self._cookies.read(headers, _SESSION)
        try:
            return None if content is None else BrowserSession(**content)
        except TypeError:
            # A cookie of another version of ours: the browser signs in again.
            return None

    async def start(self, return_to: str, *, choose_account: bool = False) -> Response:
        """Send the browser to the issuer.

        Args:
            return_to: A path of ours to come back to.
            choose_account: Whether the issuer shall ask who it is, even if somebody is signed in there.

        Raises:
            RemoteError: The issuer cannot be reached, or offers us no way to be its client.
        """
        metadata = await self._issuer.metadata.get()
        if metadata.authorization_endpoint is None:
            raise RemoteMisbehaved(reason="issuer metadata names no authorization_endpoint")
        client = await self._client()
        state, nonce, verifier = (self._entropy.token() for _ in range(3))
        request = AuthorizationRequest(
            endpoint=metadata.authorization_endpoint,
            client_id=client.client_id,
            redirect_uri=self._redirect_uri,
            state=state,
            code_verifier=verifier,
            scopes=_SCOPES,
            nonce=nonce,
            extra={"prompt": "login"} if choose_account else {},
        )
        response = redirect(request.url)
        # The client goes along: another replica, which registered another one, may have to finish.
        pending = {
            "state": state,
            "nonce": nonce,
            "verifier": verifier,
            "return_to": return_to,
            "client_id": client.client_id,
        }
        self._cookies.write(response, _pending_name(state), pending, lifetime_seconds=_LOGIN_SECONDS)
        return response

    async def finish(self, request: Request) -> Response:
        """Take the issuer's answer, set the session cookie, and go back to where the login began.

        Raises:
            InvalidToken: This browser did not start this login, or the ID token is not good.
            GrantRefused: The issuer or its user said no.
            RemoteError: The issuer cannot be reached or misbehaves.
            IssuerUnavailable: The issuer's keys cannot be had.
        """
        query = request.query_params
        pending = self._pending(request.headers.raw, query.get("state", ""))
        principal = await self._exchange(query, pending)
        response = redirect(self._base_url + pending["return_to"])
        session = {
            "session_id": self._entropy.token(),
            "issuer": principal.issuer,
            "subject": principal.subject,
            "name": _display_name(principal),
        }
        self._cookies.write(response, _SESSION, session, lifetime_seconds=_SESSION_SECONDS)
        self._cookies.clear(response, _pending_name(pending["state"]))
        return response

    def _pending(self, headers: Iterable[tuple[bytes, bytes]], state: str) -> dict[str, Any]:
        pending = self._cookies.read(headers, _pending_name(state))
        if pending is None or not hmac.compare_digest(str(pending["state"]).encode(), state.encode()):
            raise InvalidToken(
                "This sign-in was not started in this browser, or took too long.", reason="no login in progress"
            )
        return pending

    async def _exchange(self, query: Mapping[str, str], pending: Mapping[str, Any]) -> Principal:
        metadata = await self._issuer.metadata.get()
        code = process_authorization_response(query, expected_issuer=metadata.issuer, iss_required=metadata.sends_iss)
        if metadata.token_endpoint is None:
            raise RemoteMisbehaved(reason="issuer metadata names no token_endpoint")
        client = await self._client()
        if client.client_id != pending["client_id"]:
            client = OAuthClient(pending["client_id"])
        request = code_request(
            metadata.token_endpoint,
            client,
            code=code,
            redirect_uri=self._redirect_uri,
            code_verifier=pending["verifier"],
        )
        try:
            tokens = process_token_response(await self._issuer.fetch(request))
        except GrantRefused as error:
            if error.error == "invalid_client" and self._configured is None:
                # The issuer has forgotten us: the next login registers again.
                await self._registered.refetch(self._registered.version)
            raise
        if tokens.id_token is None:
            raise RemoteMisbehaved(reason="token response without id_token")
        principal = (await self._verifier.verify(tokens.id_token.reveal())).principal
        # OpenID Connect Core 1.0 section 3.1.3.7: for us, from this login, not replayed from another.
        check_audience(principal, frozenset({client.client_id}))
        if principal.get("azp", client.client_id) != client.client_id:
            raise InvalidToken(_OTHER_LOGIN, reason="ID token azp is another client")
        if not hmac.compare_digest(str(principal.get("nonce")).encode(), str(pending["nonce"]).encode()):
            raise InvalidToken(_OTHER_LOGIN, reason="ID token nonce is not of this login")
        return principal

    async def _client(self) -> OAuthClient:
        return self._configured or await self._registered.get()

    async def _register(self) -> OAuthClient:
        metadata = await self._issuer.metadata.get()
        if metadata.registration_endpoint is None:
            raise RemoteMisbehaved(
                hint="Register a client at the issuer by hand and pass it as browser_client_id.",
                reason="the issuer offers no registration",
            )
        request = registration_request(
            metadata.registration_endpoint,
            name="MCP server sign-in",
            redirect_uris=[self._redirect_uri],
            scope=" ".join(_SCOPES),
        )
        return process_registration(await self._issuer.fetch(request))

    @property
    def _redirect_uri(self) -> str:
        return f"{self._base_url}{CALLBACK_PATH}"


def _configured_client(client_id: str | None, client_secret: str | Secret | None) -> OAuthClient | None:
    if client_id is None:
        if client_secret:
            raise ConfigurationError(
                "browser_client_secret was given without browser_client_id.", hint="Give both, or neither to register."
            )
        return None
    if client_secret is None:
        return OAuthClient(client_id)
    return OAuthClient(client_id, as_secret(client_secret), "client_secret_basic")


def _pending_name(state: str) -> str:
    # One cookie per login, so that two tabs do not disturb each other.
    return f"login-{sha256_hex('login', state)[:16]}"


def _display_name(principal: Principal) -> str:
    for claim in ("name", "preferred_username", "email"):
        value = principal.get(claim)
        if isinstance(value, str) and value:
            return value[:100]
    return principal.subject[:100]
