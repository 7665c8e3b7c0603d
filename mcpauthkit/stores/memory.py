"""The store of one process."""

from __future__ import annotations

import heapq
import math
from collections.abc import AsyncIterator

import anyio

from mcpauthkit.core.clock import Clock, SystemClock
from mcpauthkit.stores.waiters import Waiters

_SPARE_DEATHS = 64


class MemoryStore:
    """Keeps everything in this process; nothing survives it, and another process sees nothing of it.

    Expired entries are removed as later calls pass by, a few per call, so that abandoned flows do not pile up.

    Args:
        clock: Time; the monotonic one decides expiry.
    """

    is_shared = False

    def __init__(self, *, clock: Clock | None = None) -> None:
        self._clock = clock or SystemClock()
        self._entries: dict[str, tuple[str, float]] = {}
        self._deaths: list[tuple[float, str]] = []
        self._waiters = Waiters()

    def __len__(self) -> int:
        """How many entries are alive."""
        self._sweep(len(self._deaths))
        return len(self._entries)

    async def get(self, key: str) -> str | None:
        """The value, or None when absent or expired."""
        return self._read(key)

    async def put(self, key: str, value: str, *, ttl_seconds: float | None) -> None:
        """Set the value."""
        self._sweep(8)
        dies_at = math.inf if ttl_seconds is None else self._clock.monotonic() + ttl_seconds
        self._entries[key] = (value, dies_at)
        if dies_at != math.inf:
            self._remember_death(key, dies_at)
        self._waiters.wake(key)

    async def add(self, key: str, value: str, *, ttl_seconds: float | None) -> bool:
        """Set the value only if the key is absent."""
        if self._read(key) is not None:
            return False
        await self.put(key, value, ttl_seconds=ttl_seconds)
        return True

    async def take(self, key: str) -> str | None:
        """Get and delete in one step: nothing awaits in between."""
        value = self._read(key)
        if self._entries.pop(key, None) is not None:
            self._waiters.wake(key)
        return value

    async def delete(self, key: str) -> None:
        """Remove the key."""
        await self.take(key)

    async def put_if(self, key: str, value: str, *, seen: str, ttl_seconds: float | None) -> bool:
        """Set the value if the one there is `seen`."""
        if self._read(key) != seen:
            return False
        await self.put(key, value, ttl_seconds=ttl_seconds)
        return True

    async def delete_if(self, key: str, *, seen: str) -> bool:
        """Remove the key if its value is `seen`."""
        if self._read(key) != seen:
            return False
        await self.delete(key)
        return True

    async def list_keys(self) -> AsyncIterator[str]:
        """Every key that is alive."""
        for key in [one for one in self._entries if self._read(one) is not None]:
            yield key

    async def wait_for_change(self, key: str, seen: str | None, *, timeout_seconds: float) -> None:
        """Return when the value is no longer `seen`, or after the time."""
        with self._waiters.waiting(key) as changed, anyio.move_on_after(timeout_seconds):
            if self._read(key) == seen:
                await changed.wait()

    def _read(self, key: str) -> str | None:
        value, dies_at = self._entries.get(key, (None, math.inf))
        return value if self._clock.monotonic() < dies_at else None

    def _sweep(self, at_most: int) -> None:
        now = self._clock.monotonic()
        for _ in range(at_most):
            if not self._deaths or self._deaths[0][0] > now:
                return
            _, key = heapq.heappop(self._deaths)
            entry = self._entries.get(key)
            # The key may have been set again since, with a later death.
            if entry is not None and entry[1] <= now:
                del self._entries[key]
                self._waiters.wake(key)

    def _remember_death(self, key: str, dies_at: float) -> None:
        heapq.heappush(self._deaths, (dies_at, key))
        # A key that is written over and over leaves a death behind each time.
        if len(self._deaths) > 2 * len(self._entries) + _SPARE_DEATHS:
            self._deaths = [(dies_at, key) for key, (_, dies_at) in self._entries.items() if dies_at != math.inf]
            heapq.heapify(self._deaths)
