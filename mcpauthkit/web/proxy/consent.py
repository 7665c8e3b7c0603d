"""What a browser carries for the proxy: the pages it was shown, what it has agreed to, and the logins it is in."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass, field

from starlette.responses import Response

from mcpauthkit.core.encoding import sha256_hex
from mcpauthkit.core.entropy import Entropy
from mcpauthkit.oauth.server_authorization import AskedAuthorization, asked_from
from mcpauthkit.web.cookies import SealedCookies
from mcpauthkit.web.proxy.upstream import Departure

_TICKET_SECONDS = 600
_APPROVED_SECONDS = 30 * 86_400
_LOGIN_SECONDS = 600
_MAX_APPROVALS = 20
# Each is up to 3.5 kilobytes long, and servers in front of us read no more than 8 to 16 of cookies.
_MAX_LOGINS = 2
_MAX_TICKETS = 5

Headers = Iterable[tuple[bytes, bytes]]


@dataclass(frozen=True, slots=True)
class Login:
    """A login that a browser is in at the issuer.

    Args:
        asked: What the client asked for.
        code_verifier: Our PKCE verifier at the issuer.
    """

    asked: AskedAuthorization
    code_verifier: str = field(repr=False)


class BrowserMemory:
    """Sealed cookies of the proxy.

    Every page has a cookie of its own, and every name says whose it is, so that neither two tabs nor two applications
    on one host disturb each other.

    Args:
        cookies: Reads and writes them.
        entropy: Names pages.
        base_url: The public address of the application.
        upstream: The issuer and our client there: agreement to sign in at one is none for another.
    """

    def __init__(self, cookies: SealedCookies, *, entropy: Entropy, base_url: str, upstream: str) -> None:
        self._cookies = cookies
        self._entropy = entropy
        self._upstream = upstream
        self._mark = sha256_hex("proxy-application", base_url)[:8]
        self._approvals = f"proxy-approved-{self._mark}"

    def show_page(self, response: Response, headers: Headers) -> str:
        """The name of a page about to be shown, whose links are good in this browser, once."""
        nonce = self._entropy.token(16)
        self._make_room(response, headers, "ticket", _MAX_TICKETS)
        self._cookies.write(response, self._name("ticket", nonce), {}, lifetime_seconds=_TICKET_SECONDS)
        return nonce

    def was_shown(self, headers: Headers, nonce: str) -> bool:
        """Whether a page was shown in this browser, and none of its links used."""
        return self._cookies.read(headers, self._name("ticket", nonce)) is not None

    def leave_page(self, response: Response, nonce: str) -> None:
        """A link of the page has been used."""
        self._cookies.clear(response, self._name("ticket", nonce))

    def has_approved(self, headers: Headers, asked: AskedAuthorization) -> bool:
        """Whether the person here has agreed to this very request within the last month."""
        return self._fingerprint(asked) in self._approved(headers)

    def remember(self, response: Response, headers: Headers, asked: AskedAuthorization) -> None:
        """Remember that the person here has agreed."""
        fingerprint = self._fingerprint(asked)
        approved = [fingerprint, *(one for one in self._approved(headers) if one != fingerprint)]
        content = {"approved": approved[:_MAX_APPROVALS]}
        self._cookies.write(response, self._approvals, content, lifetime_seconds=_APPROVED_SECONDS)

    def start(self, response: Response, headers: Headers, asked: AskedAuthorization, departure: Departure) -> None:
        """Remember a login until the browser comes back from the issuer."""
        self._make_room(response, headers, "login", _MAX_LOGINS)
        content = {"asked": asdict(asked), "verifier": departure.code_verifier}
        name = self._name("login", departure.state)
        self._cookies.write(response, name, content, lifetime_seconds=_LOGIN_SECONDS)

    def login(self, headers: Headers, state: str) -> Login | None:
        """The login a browser is in, or None when it is in none with this `state`."""
        content = self._cookies.read(headers, self._name("login", state))
        try:
            return None if content is None else Login(asked_from(content["asked"]), content["verifier"])
        except (KeyError, TypeError):
            # A cookie of another version of ours.
            return None

    def forget(self, response: Response, state: str) -> None:
        """End a login."""
        self._cookies.clear(response, self._name("login", state))

    def _approved(self, headers: Headers) -> list[str]:
        approved = (self._cookies.read(headers, self._approvals) or {}).get("approved")
        return approved if isinstance(approved, list) else []

    def _make_room(self, response: Response, headers: Headers, kind: str, most: int) -> None:
        self._cookies.make_room(response, headers, rf"proxy-{kind}-{self._mark}-[0-9a-f]{{32}}", most=most)

    def _name(self, kind: str, value: str) -> str:
        # The whole digest is in the name, and the name is sealed in: a cookie opens for its state or page only.
        return f"proxy-{kind}-{self._mark}-{sha256_hex(f'proxy-{kind}', value)[:32]}"

    def _fingerprint(self, asked: AskedAuthorization) -> str:
        scopes = " ".join(sorted(asked.scopes))
        return sha256_hex("proxy-approved", self._upstream, asked.client, asked.redirect_uri, scopes, asked.resource)[
            :24
        ]
