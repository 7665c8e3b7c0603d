"""What was verified lately."""

from __future__ import annotations

import hashlib
import math
from collections import OrderedDict
from collections.abc import Callable
from typing import Generic, TypeVar

from mcpauthkit.core.clock import Clock, SystemClock

T = TypeVar("T")
_Entry = tuple[T, Callable[[], bool], float, float]


class TokenCache(Generic[T]):
    """Results of verified tokens by the tokens' SHA-256.

    Only good tokens get in, so a flood of bad ones cannot push others out. An entry dies with its token, when its time
    is over, when it says that it is not current any more (new keys), or as the least recently used one of a full cache.

    Args:
        clock: Time.
        max_entries: How many are kept; 0 switches the cache off.
        leeway_seconds: How long past `exp` a token still counts, the same as the verifier's.
    """

    def __init__(
        self,
        *,
        clock: Clock | None = None,
        max_entries: int = 10_000,
        leeway_seconds: float = 60.0,
    ) -> None:
        self._clock = clock or SystemClock()
        self._max_entries = max_entries
        self._leeway = leeway_seconds
        self._entries: OrderedDict[bytes, _Entry[T]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._entries)

    def get(self, token: bytes) -> T | None:
        """The result for a token, or None when it has to be verified."""
        if not self._max_entries:
            return None
        key = hashlib.sha256(token).digest()
        entry = self._entries.get(key)
        if entry is None:
            return None
        value, is_current, dies_at, expires_at = entry
        clock = self._clock
        if is_current() and clock.monotonic() < dies_at and clock.wall() < expires_at:
            self._entries.move_to_end(key)
            return value
        del self._entries[key]
        return None

    def put(
        self,
        token: bytes,
        value: T,
        *,
        remember_seconds: float,
        is_current: Callable[[], bool],
        expires_at: float | None,
    ) -> None:
        """Remember the result of a verified token.

        Args:
            token: The token's bytes, with whatever else the result depends on; only their digest is kept.
            value: What to remember.
            remember_seconds: How long it is relied on without verifying again; 0 keeps nothing.
            is_current: Whether it may still be relied on.
            expires_at: The token's `exp`, or None when it has no end of its own.
        """
        if not self._max_entries or remember_seconds <= 0:
            return
        dies_at = self._clock.monotonic() + remember_seconds
        ends_at = math.inf if expires_at is None else expires_at + self._leeway
        self._entries[hashlib.sha256(token).digest()] = (value, is_current, dies_at, ends_at)
        if len(self._entries) > self._max_entries:
            self._entries.popitem(last=False)
