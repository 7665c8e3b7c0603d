"""What was verified lately."""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from typing import Generic, TypeVar

from mcpauthkit.core.clock import Clock, SystemClock

T = TypeVar("T")

NO_EPOCH = -1
"""The epoch in which nothing is remembered."""


class TokenCache(Generic[T]):
    """Results of verified tokens by the tokens' SHA-256.

    Only good tokens get in, so a flood of bad ones cannot push others out. An entry dies with its token, after
    `max_age_seconds`, with a new epoch (new keys), or as the least recently used one of a full cache.

    Args:
        clock: Time.
        max_entries: How many are kept; 0 switches the cache off.
        max_age_seconds: How long a result is relied on without verifying again.
        leeway_seconds: How long past `exp` a token still counts, the same as the verifier's.
    """

    def __init__(
        self,
        *,
        clock: Clock | None = None,
        max_entries: int = 10_000,
        max_age_seconds: float = 300.0,
        leeway_seconds: float = 60.0,
    ) -> None:
        self._clock = clock or SystemClock()
        self._max_entries = max_entries
        self._max_age = max_age_seconds
        self._leeway = leeway_seconds
        self._entries: OrderedDict[bytes, tuple[T, int, float, float]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._entries)

    def get(self, token: bytes, epoch: int) -> T | None:
        """The result for a token, or None when it has to be verified."""
        if not self._max_entries or epoch == NO_EPOCH:
            return None
        key = hashlib.sha256(token).digest()
        entry = self._entries.get(key)
        if entry is None:
            return None
        value, known_epoch, dies_at, expires_at = entry
        clock = self._clock
        if known_epoch == epoch and clock.monotonic() < dies_at and clock.wall() < expires_at:
            self._entries.move_to_end(key)
            return value
        del self._entries[key]
        return None

    def put(self, token: bytes, value: T, *, epoch: int, expires_at: float) -> None:
        """Remember the result of a verified token.

        Args:
            token: The token's bytes, with whatever else the result depends on; only their digest is kept.
            value: What to remember.
            epoch: The verifier's epoch from before it began verifying.
            expires_at: The token's `exp`.
        """
        if not self._max_entries or epoch == NO_EPOCH:
            return
        dies_at = self._clock.monotonic() + self._max_age
        self._entries[hashlib.sha256(token).digest()] = (value, epoch, dies_at, expires_at + self._leeway)
        if len(self._entries) > self._max_entries:
            self._entries.popitem(last=False)
