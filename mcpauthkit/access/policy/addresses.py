"""In which forms an address is judged, as servers take differently spelled addresses for the same thing.

Theory of operation. A template decodes what it finds in an address, drops a query and a fragment, and hands the rest to
a function, which may open it as a path. So `docs://%73ecret`, `docs://secret?x` and `files://a/../private` reach what a
rule forbids by its plain address. What a server makes of an address is not known here; therefore it is judged as it was
sent and in every plain form that somebody may take it for, and all of these have to be allowed.
"""

from __future__ import annotations

import glob
import re
import unicodedata
from typing import Final
from urllib.parse import unquote

_CONTROLS: Final = r"\x00-\x1f\x7f"
_ODD: Final = rf"{_CONTROLS}\x20\x80-\U0010ffff%\\?#/"
_DOTS: Final = r"(?!\.{1,2}(?:/|\Z))"
_USUAL: Final = re.compile(rf"[a-z][a-z0-9+.-]*://{_DOTS}[^A-Z{_ODD}]*(?:/{_DOTS}[^{_ODD}]+)*")
_REMOVED: Final = re.compile(f"[{_CONTROLS}]")
_SLASHES: Final = re.compile(r"(?<![:/])/{2,}")
_WILDCARDS: Final = re.compile(r"(\*|\?|\[!?\]?[^\]]*\])")
_MOST_ROUNDS: Final = 16


def forms_of(uri: str) -> tuple[str, ...]:
    """The forms in which an address is judged, the one that was sent first; a plain address has one alone.

    Args:
        uri: The address as it was sent.

    Returns:
        The forms; none for an address that is encoded more often than anybody has reason to.
    """
    if _USUAL.fullmatch(uri):
        return (uri,)
    without_fragment = uri.partition("#")[0]
    texts = [_settled(one) for one in (uri, without_fragment, without_fragment.partition("?")[0])]
    if texts[0] is None:
        return ()
    texts.append(re.split("[?#]", texts[0], maxsplit=1)[0])
    plain = [_plain(one, is_host_kept=kept) for one in texts if one is not None for kept in (False, True)]
    return tuple(dict.fromkeys([uri, *plain]))


def written_as(uri: str) -> tuple[str, ...]:
    """An address in a rule, and the plain forms that an address has which is spelled like it.

    Args:
        uri: The address as the rule has it. A query is a part of it, as the rule says so.
    """
    settled = None if _USUAL.fullmatch(uri) else _settled(uri)
    if settled is None:
        return (uri,)
    return tuple(dict.fromkeys([uri, _plain(settled, is_host_kept=False), _plain(settled, is_host_kept=True)]))


def pattern_written_as(pattern: str) -> tuple[str, ...]:
    """A pattern of addresses in a rule, and the same for plain forms where that is another one.

    Args:
        pattern: The pattern as the rule has it.
    """
    parts = _WILDCARDS.split(pattern)
    # Every second part is a wildcard.
    texts = [_settled(one) for one in parts[::2]]
    if None in texts:
        return (pattern,)
    parts[::2] = [glob.escape(_SLASHES.sub("/", one)) for one in texts if one is not None]
    scheme, colon, rest = parts[0].partition("://")
    if colon:
        host, slash, path = rest.partition("/")
        parts[0] = f"{scheme.lower()}://{_host(host)}{slash}{path}"
    return tuple(dict.fromkeys([pattern, "".join(parts)]))


def _settled(text: str) -> str | None:
    """A text decoded until nothing is left to decode; None where that takes too long."""
    for _ in range(_MOST_ROUNDS):
        decoded = unicodedata.normalize("NFC", unquote(_REMOVED.sub("", text))).replace("\\", "/")
        if decoded == text:
            return text
        text = decoded
    return None


def _plain(text: str, *, is_host_kept: bool) -> str:
    """An address without dot segments, empty ones and capitals where these say nothing.

    Templates see the host as the first part of a path, which `..` can take away; for clients of proxied servers it
    cannot.
    """
    scheme, colon, rest = text.strip().partition(":")
    if not colon:
        return text
    slashes = "//" if rest.startswith("//") else ""
    rest = rest.removeprefix(slashes)
    root = "/" if rest.startswith("/") else ""
    kept: list[str] = []
    fixed = 1 if is_host_kept and not root else 0
    for number, segment in enumerate(rest.split("/")):
        if number < fixed:
            kept.append(segment)
        elif segment == "..":
            del kept[max(fixed, len(kept) - 1) :]
        elif segment not in {"", "."}:
            kept.append(segment)
    if kept and not root:
        kept[0] = _host(kept[0])
    return f"{scheme.lower()}:{slashes}{root}{'/'.join(kept)}"


def _host(text: str) -> str:
    return unicodedata.normalize("NFKC", text).lower()
