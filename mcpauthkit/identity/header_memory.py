"""Headers of tokens that were read and found good lately."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Generic, TypeVar

from mcpauthkit.core.encoding import base64url_decode, parse_json_object

T = TypeVar("T")

_MAX_HEADER_BYTES = 4 * 1024
_MAX_HEADER_DEPTH = 4


class HeaderMemory(Generic[T]):
    """What header segments mean: all tokens of one key begin with the same text.

    Reading a header depends on nothing but its text, so remembering is safe; rubbish only makes it forget.

    Args:
        check: Makes of a header's members what is to be known of it, or raises InvalidToken.
        max_entries: How many are kept.
    """

    def __init__(self, check: Callable[[dict[str, Any]], T], *, max_entries: int = 64) -> None:
        self._check = check
        self._max_entries = max_entries
        self._known: dict[bytes, T] = {}

    def __contains__(self, segment: bytes) -> bool:
        return segment in self._known

    def read(self, segment: bytes) -> T:
        """What a header segment says.

        Raises:
            ValueError: It is not readable.
            InvalidToken: It is not acceptable.
        """
        known = self._known.get(segment)
        if known is None:
            data = base64url_decode(segment)
            known = self._check(parse_json_object(data, max_bytes=_MAX_HEADER_BYTES, max_depth=_MAX_HEADER_DEPTH))
            if len(self._known) >= self._max_entries:
                self._known.clear()
            self._known[segment] = known
        return known
