"""What a browser carries for the proxy: which browser it is, what it has agreed to, and the logins it is in."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from typing import Any

from starlette.responses import Response

from mcpauthkit.core.encoding import sha256_hex
from mcpauthkit.core.entropy import Entropy
from mcpauthkit.core.headers import header_values
from mcpauthkit.core.secret import same_text
from mcpauthkit.oauth.redirects import has_owner
from mcpauthkit.oauth.server_authorization import AskedAuthorization, asked_from
from mcpauthkit.web.cookies import SealedCookies
from mcpauthkit.web.proxy.upstream import Departure

_BROWSER = "proxy-browser"
_APPROVED = "proxy-approved"
_LOGIN = "proxy-login-"
_BROWSER_SECONDS = 3600
_APPROVED_SECONDS = 30 * 86_400
_LOGIN_SECONDS = 600
_MAX_APPROVALS = 20
# Each is up to 3.5 kilobytes long, and servers in front of us read no more than 8 to 16 of cookies.
_MAX_LOGINS = 2

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

    Args:
        cookies: Reads and writes them.
        entropy: Names browsers.
    """

    def __init__(self, cookies: SealedCookies, *, entropy: Entropy) -> None:
        self._cookies = cookies
        self._entropy = entropy

    def recognise(self, response: Response, headers: Headers) -> str:
        """The digest of the browser; one that we do not know gets a name with this response."""
        content = self._cookies.read(headers, _BROWSER) or {"id": self._entropy.token()}
        self._cookies.write(response, _BROWSER, content, lifetime_seconds=_BROWSER_SECONDS)
        return _digest(content)

    def is_browser(self, headers: Headers, browser: str) -> bool:
        """Whether this is the browser with that digest."""
        content = self._cookies.read(headers, _BROWSER)
        return content is not None and same_text(_digest(content), browser)

    def has_approved(self, headers: Headers, asked: AskedAuthorization) -> bool:
        """Whether the person here has agreed to this very request within the last month.

        Only where the answer goes to the owner of an https address. A program on the same machine can ask under the id
        of another one and listen on a loopback port or claim a scheme, so those ask every time (RFC 8252 section 8.6).
        """
        return has_owner(asked.redirect_uri) and _fingerprint(asked) in self._approved(headers)

    def remember(self, response: Response, headers: Headers, asked: AskedAuthorization) -> None:
        """Remember that the person here has agreed."""
        if has_owner(asked.redirect_uri):
            fingerprint = _fingerprint(asked)
            approved = [fingerprint, *(one for one in self._approved(headers) if one != fingerprint)]
            content = {"approved": approved[:_MAX_APPROVALS]}
            self._cookies.write(response, _APPROVED, content, lifetime_seconds=_APPROVED_SECONDS)

    def start(self, response: Response, headers: Headers, asked: AskedAuthorization, departure: Departure) -> None:
        """Remember a login until the browser comes back from the issuer."""
        others = self._logins(headers)
        for name in others if len(others) >= _MAX_LOGINS else ():
            self._cookies.clear(response, name)
        content = {"asked": asdict(asked), "verifier": departure.code_verifier}
        self._cookies.write(response, _login_name(departure.state), content, lifetime_seconds=_LOGIN_SECONDS)

    def login(self, headers: Headers, state: str) -> Login | None:
        """The login a browser is in, or None when it is in none with this `state`."""
        content = self._cookies.read(headers, _login_name(state))
        try:
            return None if content is None else Login(asked_from(content["asked"]), content["verifier"])
        except (KeyError, TypeError):
            # A cookie of another version of ours.
            return None

    def forget(self, response: Response, state: str) -> None:
        """End a login."""
        self._cookies.clear(response, _login_name(state))

    def _approved(self, headers: Headers) -> list[str]:
        approved = (self._cookies.read(headers, _APPROVED) or {}).get("approved")
        return approved if isinstance(approved, list) else []

    def _logins(self, headers: Headers) -> list[str]:
        names = [
            pair.partition("=")[0].strip()
            for raw in header_values(headers, b"cookie")
            for pair in raw.decode("latin-1").split(";")
        ]
        return [f"{_LOGIN}{name.partition(_LOGIN)[2]}" for name in names if _LOGIN in name]


def _login_name(state: str) -> str:
    # The whole digest of the state is in the name, and the name is sealed in: a cookie opens for its state only.
    return f"{_LOGIN}{sha256_hex('proxy-login', state)[:32]}"


def _digest(content: dict[str, Any]) -> str:
    return sha256_hex("proxy-browser", str(content.get("id")))[:32]


def _fingerprint(asked: AskedAuthorization) -> str:
    return sha256_hex(
        "proxy-approved", asked.client, asked.redirect_uri, " ".join(sorted(asked.scopes)), asked.resource
    )[:24]
