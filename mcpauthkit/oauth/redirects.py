"""Where an authorization server may send a browser back to: the difference between a login and an open redirect.

Addresses stay strings and are compared byte for byte (RFC 9700 section 4.1.3). The one exception is the port of a
loopback address, because native clients listen on whatever port is free (RFC 8252 section 7.3).
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from urllib.parse import SplitResult, parse_qsl, urlencode, urlsplit

MAX_REDIRECT_LENGTH = 512

_MAX_PORT = 65535
# Printable ASCII without space, quotes, angle brackets, backslash, and the characters of wildcards and fragments.
_PLAIN = re.compile(r"[!$%&'()+,\-./0-9:;=?@A-Z\[\]_a-z~]+\Z")
# The three spellings of this machine that RFC 8252 section 7.3 knows; others, such as 127.1 or 0.0.0.0, are games.
_LOOPBACK = re.compile(r"http://(?P<host>localhost|127\.0\.0\.1|\[::1\])(?::(?P<port>[0-9]{1,5}))?(?P<rest>[/?].*)?\Z")
_PRIVATE = re.compile(r"(?P<scheme>[a-z][a-z0-9+.-]*):/{1,2}[^/?]")
# What a browser acts on by itself: a redirect there runs script, reads files or writes mail.
_SCHEMES_OF_THE_BROWSER = frozenset(
    {"about", "blob", "chrome", "data", "file", "filesystem", "ftp", "http", "https", "intent", "javascript"}
    | {"mailto", "ms-appx", "resource", "sms", "tel", "vbscript", "view-source", "ws", "wss"}
)
_OF_THE_ANSWER = frozenset({"code", "state", "iss", "error", "error_description", "error_uri", "id_token"})


def check_redirect_uri(uri: object, *, schemes: Collection[str] = ()) -> str:
    """A redirect URI that may be registered: https, http on this machine, or the private scheme of an installed app.

    Args:
        uri: The address.
        schemes: Private schemes accepted although they are no reversed domain name, such as `cursor`.

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
    if _OF_THE_ANSWER & {name for name, _ in parse_qsl(parts.query, keep_blank_values=True)}:
        # Which of two `code` parameters a client reads is up to its library.
        raise ValueError("the query of a redirect URI holds no parameter of the answer")
    scheme = uri.partition(":")[0]
    if scheme == "https":
        if not parts.hostname or not uri.startswith("https://"):
            raise ValueError("an https redirect URI names a host")
    elif scheme == "http":
        if not is_loopback_redirect(uri):
            raise ValueError("plain http is for loopback only: localhost, 127.0.0.1 or [::1]")
    elif not _is_private_use(uri, schemes):
        raise ValueError("a private scheme is a reversed domain name of the app's maker (RFC 8252 section 7.1)")
    return uri


def is_loopback_redirect(uri: str) -> bool:
    """Whether an address leads to a program listening on this machine."""
    match = _LOOPBACK.match(uri)
    return match is not None and (match["port"] is None or 0 < int(match["port"]) <= _MAX_PORT)


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
        parts = urlsplit(uri)
        if parts.scheme == "https":
            _ = parts.port
    except ValueError as error:
        # In words of our own: the library's repeat what was sent.
        raise ValueError("a redirect URI has a host and a port that can be read") from error
    return parts


def _is_private_use(uri: str, schemes: Collection[str]) -> bool:
    match = _PRIVATE.match(uri)
    if match is None or match["scheme"] in _SCHEMES_OF_THE_BROWSER:
        return False
    return match["scheme"] in schemes or "." in match["scheme"].strip(".")
