"""Reading and writing HTTP header text."""

from __future__ import annotations

import re
from collections.abc import Iterable

_UNSAFE_IN_QUOTED = re.compile(r"[^\x20\x21\x23-\x5b\x5d-\x7e]")

RawHeaders = Iterable[tuple[bytes, bytes]]


class HeaderFields:
    """The header fields of one request, for looking several of them up quickly.

    Args:
        raw: The fields as ASGI has them, names in lower case.
    """

    __slots__ = ("_all_differ", "_by_name", "raw")

    def __init__(self, raw: RawHeaders) -> None:
        self.raw = raw = raw if isinstance(raw, list) else list(raw)
        self._by_name = dict(raw)
        self._all_differ = len(self._by_name) == len(raw)

    def __contains__(self, name: bytes) -> bool:
        return name in self._by_name

    def values(self, name: bytes) -> list[bytes]:
        """Every value of one field, in order."""
        value = self._by_name.get(name)
        if value is None:
            return []
        return [value] if self._all_differ else header_values(self.raw, name)

    def first(self, name: bytes) -> str | None:
        """The first value of a field as text, or None."""
        value = self._by_name.get(name)
        if value is None:
            return None
        return value.decode("latin-1") if self._all_differ else first_header(self.raw, name)


def header_values(headers: RawHeaders, name: bytes) -> list[bytes]:
    """Every value of one header, in order. ASGI names are lower case already."""
    return [value for key, value in headers if key == name]


def first_header(headers: RawHeaders, name: bytes) -> str | None:
    """The first value of a header as text, or None."""
    for key, value in headers:
        if key == name:
            return value.decode("latin-1")
    return None


def media_type(content_type: str) -> str:
    """The media type of a `Content-Type` in lower case, without its parameters (RFC 9110 section 8.3)."""
    return content_type.partition(";")[0].strip().lower()


def quoted(text: str) -> str:
    """A quoted-string (RFC 9110 section 5.6.4) of characters RFC 6750 section 3 allows; others become `?`."""
    return f'"{_UNSAFE_IN_QUOTED.sub("?", text)}"'


def cookie_value(headers: RawHeaders, name: str) -> str | None:
    """The value of one cookie.

    A second cookie of the same name makes both unusable: a sibling domain or path could have planted one.
    """
    found: list[str] = []
    for raw in header_values(headers, b"cookie"):
        for pair in raw.decode("latin-1").split(";"):
            key, _, value = pair.strip().partition("=")
            if key == name:
                found.append(value.strip('"'))
    return found[0] if len(found) == 1 else None
