"""Where an authorization server may send a browser back to: the difference between a login and an open redirect.

Addresses stay strings and are compared byte for byte (RFC 9700 section 4.1.3). The one exception is the port of a
loopback address, because native clients listen on whatever port is free (RFC 8252 section 7.3).
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Collection, Iterable
from urllib.parse import SplitResult, parse_qsl, urlencode, urlsplit

MAX_REDIRECT_LENGTH = 512

_MAX_PORT = 65535
# Printable ASCII without space, quotes, angle brackets, backslash, and the characters of wildcards and fragments.
_PLAIN = re.compile(r"[!$%&'()+,\-./0-9:;=?@A-Z\[\]_a-z~]+\Z")
# The three spellings of this machine that RFC 8252 section 7.3 knows; others, such as 127.1 or 0.0.0.0, are games.
_LOOPBACK = re.compile(
    r"http://(?P<host>localhost|127\.0\.0\.1|\[::1\])(?::(?P<port>[1-9][0-9]{0,4}))?(?P<rest>[/?].*)?\Z"
)
_HTTPS = re.compile(r"https://(?P<host>\[[0-9a-f:.]+\]|[a-z0-9.-]+)(?::(?P<port>[1-9][0-9]{0,4}))?(?:[/?].*)?\Z")
_LABEL = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\Z")
# Browsers take a host for an IPv4 address when its last label is such a number (WHATWG URL, "ends in a number").
_NUMBER = re.compile(r"(?:[0-9]+|0x[0-9a-f]*)\Z")
# A domain of the app's maker, reversed: first the top level, which is letters or an internationalised name.
_PRIVATE = re.compile(
    r"(?P<top>[a-z]{2,63}|xn--[a-z0-9-]{1,59})(?:\.[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?)+:/{1,2}[^/?]"
)
_ANY_SCHEME = re.compile(r"(?P<scheme>[a-z][a-z0-9+.-]*):/{1,2}[^/?]")
# What a browser acts on by itself: a redirect there runs script, reads files or writes mail.
_SCHEMES_OF_THE_BROWSER = frozenset(
    {"about", "blob", "chrome", "data", "file", "filesystem", "ftp", "http", "https", "intent", "javascript"}
    | {"mailto", "ms-appx", "resource", "sms", "tel", "vbscript", "view-source", "ws", "wss"}
)
_OF_THE_ANSWER = frozenset(
    {"code", "state", "iss", "error", "error_description", "error_uri", "id_token", "access_token", "token_type"}
    | {"expires_in", "session_state", "response"}
)


def check_redirect_uri(uri: object, *, private: Collection[str] = ()) -> str:
    """A redirect URI that may be registered: https, http on this machine, or the private scheme of an installed app.

    Args:
        uri: The address.
        private: Addresses accepted although their scheme is no reversed domain name. The whole address counts: what an
            app does with another one of its scheme nobody knows.

    Raises:
        ValueError: It may not; the text says why.
    """
    if not isinstance(uri, str) or not uri or len(uri) > MAX_REDIRECT_LENGTH:
        raise ValueError(f"a redirect URI is a text of at most {MAX_REDIRECT_LENGTH} characters")
    if _PLAIN.match(uri) is None:
        raise ValueError(
            "a redirect URI holds no spaces, wildcards, fragments, quotes, backslashes or control characters"
        )
    parts = _parts_of(uri)
    if "@" in parts.netloc:
        raise ValueError("a redirect URI holds no credentials")
    if ";" in parts.query:
        raise ValueError("the query of a redirect URI holds no semicolon, which some libraries split at")
    if _OF_THE_ANSWER & {name for name, _ in parse_qsl(parts.query, keep_blank_values=True)}:
        # Which of two `code` parameters a client reads is up to its library.
        raise ValueError("the query of a redirect URI holds no parameter of the answer")
    _check_kind(uri, private)
    return uri


def _check_kind(uri: str, private: Collection[str]) -> None:
    scheme = uri.partition(":")[0]
    if scheme == "https":
        if not _names_a_host(uri):
            raise ValueError("an https redirect URI names a host as browsers write it, and a port from 1 to 65535")
    elif scheme == "http":
        if not is_loopback_redirect(uri):
            raise ValueError("plain http is for loopback only: localhost, 127.0.0.1 or [::1]")
    elif not _is_private_use(uri, private):
        raise ValueError("a private scheme is a reversed domain name of the app's maker (RFC 8252 section 7.1)")


def is_loopback_redirect(uri: str) -> bool:
    """Whether an address leads to a program listening on this machine."""
    match = _LOOPBACK.match(uri)
    return match is not None and int(match["port"] or 1) <= _MAX_PORT


def without_port(uri: str) -> str:
    """A loopback address without its port, which changes from login to login; any other address as it is."""
    match = _LOOPBACK.match(uri) if is_loopback_redirect(uri) else None
    return uri if match is None else f"http://{match['host']}{match['rest'] or ''}"


def redirect_matches(requested: str, registered: Iterable[str]) -> bool:
    """Whether an address is one of those registered, byte for byte, or but for the port of a loopback address."""
    if len(requested) > MAX_REDIRECT_LENGTH:
        return False
    wanted = without_port(requested)
    return any(wanted == without_port(one) for one in registered)


def has_owner(redirect_uri: str) -> bool:
    """Whether only the owner of a host can be behind an address.

    Anybody's program can listen on a loopback port or claim a private scheme (RFC 8252 sections 8.6 and 8.4).
    """
    return redirect_uri.startswith("https://")


def destination(redirect_uri: str) -> str:
    """Where an address leads, in words for a person."""
    parts = urlsplit(redirect_uri)
    if has_owner(redirect_uri):
        return parts.netloc
    if is_loopback_redirect(redirect_uri):
        return "a program on this computer"
    return f"the app on this device that opens {parts.scheme}: links"


def answer_url(redirect_uri: str, parameters: dict[str, str]) -> str:
    """The address with the answer's parameters added (RFC 6749 section 4.1.2); empty ones are left out."""
    added = urlencode({name: value for name, value in parameters.items() if value})
    # The registered part stays byte for byte what it was.
    mark = "?" if "?" not in redirect_uri else "" if redirect_uri.endswith(("?", "&")) else "&"
    return f"{redirect_uri}{mark}{added}"


def _parts_of(uri: str) -> SplitResult:
    try:
        return urlsplit(uri)
    except ValueError as error:
        # In words of our own: the library's repeat what was sent.
        raise ValueError("a redirect URI has a host that can be read") from error


def _names_a_host(uri: str) -> bool:
    # Everything that a browser would read in another way than we do stays outside: capitals, escapes, numbers.
    match = _HTTPS.match(uri)
    if match is None or int(match["port"] or 1) > _MAX_PORT:
        return False
    host = match["host"]
    if host.startswith("[") or _NUMBER.match(host.rpartition(".")[2]):
        try:
            return str(ipaddress.ip_address(host.strip("[]"))) == host.strip("[]")
        except ValueError:
            return False
    return all(map(_LABEL.match, host.split(".")))


def _is_private_use(uri: str, private: Collection[str]) -> bool:
    match = _ANY_SCHEME.match(uri)
    if match is None or match["scheme"] in _SCHEMES_OF_THE_BROWSER:
        return False
    if uri in private:
        return True
    # No `x-apple.`, `ms-word.` or `javascript.`: what the system or a browser acts on has no domain.
    reversed_domain = _PRIVATE.match(uri)
    return reversed_domain is not None and reversed_domain["top"] not in _SCHEMES_OF_THE_BROWSER
