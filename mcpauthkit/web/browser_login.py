"""Browser login at the leg-1 issuer: who is sitting in front of our pages?

OpenID Connect authorization code with PKCE and nonce. Nothing is stored: the login in progress travels in a sealed
cookie of its own, the finished one in the session cookie.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from mcpauthkit.core.audit import Actor, Event, EventName, record
from mcpauthkit.core.clock import Clock
from mcpauthkit.core.encoding import sha256_hex
from mcpauthkit.core.entropy import Entropy, SystemEntropy
from mcpauthkit.core.keyring import KeyRing
from mcpauthkit.core.secret import same_text
from mcpauthkit.errors import InvalidToken
from mcpauthkit.principal import Principal, actor_named, actor_of, log_digest
from mcpauthkit.web.cookies import SealedCookies
from mcpauthkit.web.csrf import CsrfTokens
from mcpauthkit.web.issuer_client import IssuerClient
from mcpauthkit.web.pages import redirect

CALLBACK_PATH = "/connect/login/callback"
SIGN_IN_KEY = "mcpauthkit.sign_in"
"""The key of the ASGI scope under which `JwtAuthMiddleware` offers browser login to the kit's own pages."""

_SESSION = "session"
SESSION_SECONDS = 3600
"""How long a browser stays signed in; its cookie is all there is of that, unless the user signs out before."""
_LOGIN_SECONDS = 600
_PENDING = "login-[0-9a-f]{16}"
# More tabs than people open at once, and less than servers and proxies take in the fields of a request.
_MAX_LOGINS = 8
_NOT_STARTED_HERE = "This sign-in was not started in this browser, or took too long."


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

    @property
    def actor(self) -> Actor:
        """The person as the record knows them."""
        return actor_named(self.issuer, self.subject, self.name)


class BrowserLogin:
    """Signs browsers in at an issuer.

    Args:
        clients: Our client at each issuer; the first one is asked where nothing says which.
        base_url: The public address of the application.
        key_ring: What seals the cookies, and the tokens of forms.
        clock: Time.
        entropy: Source of states, nonces and verifiers.

    Attributes:
        key_ring: What seals the cookies.
        csrf: The tokens of forms.
    """

    def __init__(
        self,
        clients: Sequence[IssuerClient],
        *,
        base_url: str,
        key_ring: KeyRing,
        clock: Clock,
        entropy: Entropy | None = None,
    ) -> None:
        self._clients = {client.issuer_url: client for client in clients}
        self._first = clients[0]
        self.key_ring = key_ring
        self._base_url = base_url
        self._cookies = SealedCookies(base_url, key_ring, clock=clock)
        self.csrf = CsrfTokens(base_url, key_ring, clock=clock)
        self._entropy = entropy or SystemEntropy()

    def session(self, headers: Iterable[tuple[bytes, bytes]]) -> BrowserSession | None:
        """The session of a request, or None. Whether its user has ended it since, `session_of` knows."""
        content = self._cookies.read(headers, _SESSION)
        try:
            return None if content is None else BrowserSession(**content)
        except TypeError:
            # A cookie of another version of ours: the browser signs in again.
            return None

    def forget_session(self, response: Response) -> None:
        """Take the session's cookie away from the browser."""
        self._cookies.clear(response, _SESSION)

    def issuer_marked(self, mark: str) -> str | None:
        """The issuer of ours that a mark stands for, or None."""
        return next((url for url in self._clients if issuer_mark(url) == mark), None)

    async def start(
        self, request: Request, return_to: str, *, issuer_url: str | None = None, choose_account: bool = False
    ) -> Response:
        """Send the browser to an issuer.

        Args:
            request: What the browser came with.
            return_to: A path of ours to come back to.
            issuer_url: Where the user is known; one we do not know means the first one.
            choose_account: Whether the issuer shall ask who it is, even if somebody is signed in there.

        Raises:
            RemoteError: The issuer cannot be reached, or offers us no way to be its client.
        """
        client = self._clients.get(issuer_url or "", self._first)
        state, nonce, verifier = (self._entropy.token() for _ in range(3))
        asked, of_client = await client.authorization(
            state=state, nonce=nonce, code_verifier=verifier, choose_account=choose_account
        )
        response = redirect(asked.url)
        pending = {
            "state": state,
            "nonce": nonce,
            "verifier": verifier,
            "return_to": return_to,
            "issuer": client.issuer_url,
            **of_client,
        }
        self._cookies.make_room(response, request.headers.raw, _PENDING, most=_MAX_LOGINS)
        self._cookies.write(response, _pending_name(state), pending, lifetime_seconds=_LOGIN_SECONDS)
        return response

    async def finish(self, request: Request) -> Response:
        """Take the issuer's answer, set the session cookie, and go back to where the login began.

        Raises:
            InvalidToken: This browser did not start this login, or the ID token is not good.
            GrantRefused: The issuer or its user said no.
            RemoteError: The issuer cannot be reached or misbehaves.
            IssuerUnavailable: The issuer's keys cannot be had.
            AuditUnavailable: Nobody may sign in without a record.
        """
        query = request.query_params
        pending = self._pending(request.headers.raw, query.get("state", ""))
        client = self._clients.get(str(pending.get("issuer")))
        if client is None:
            raise InvalidToken(_NOT_STARTED_HERE, reason="the login's issuer is not configured any more")
        principal = await client.exchange(query, pending)
        record(Event(event=EventName.SIGNED_IN, actor=actor_of(principal)))
        response = redirect(self._base_url + pending["return_to"])
        session = {
            "session_id": self._entropy.token(),
            "issuer": principal.issuer,
            "subject": principal.subject,
            "name": _display_name(principal),
        }
        self._cookies.write(response, _SESSION, session, lifetime_seconds=SESSION_SECONDS)
        self._cookies.clear(response, _pending_name(pending["state"]))
        return response

    def _pending(self, headers: Iterable[tuple[bytes, bytes]], state: str) -> dict[str, Any]:
        pending = self._cookies.read(headers, _pending_name(state))
        if pending is None or not same_text(str(pending["state"]), state):
            raise InvalidToken(_NOT_STARTED_HERE, reason="no login in progress")
        return pending


def issuer_mark(issuer_url: str) -> str:
    """A short text for an issuer in addresses of our pages, which name no other site."""
    return sha256_hex("issuer", issuer_url)[:16]


def _pending_name(state: str) -> str:
    # One cookie per login, so that two tabs do not disturb each other.
    return f"login-{sha256_hex('login', state)[:16]}"


def _display_name(principal: Principal) -> str:
    for claim in ("name", "preferred_username", "email"):
        value = principal.get(claim)
        if isinstance(value, str) and value:
            return value[:100]
    return principal.subject[:100]
