"""One lock for all connections of a principal with one service, in this process and among all that share the store."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from weakref import WeakValueDictionary

import anyio

from mcpauthkit.errors import StoreBusy
from mcpauthkit.principal import Principal, identity_digest_of
from mcpauthkit.stores.sealed import SealedStore

# Longer than a renewal takes at a service that is slow and is asked three times.
_BUSY_SECONDS = 45.0
_SHORTEST_SECONDS = 0.01


class _Holder:
    """A lock, alive while somebody holds or awaits it."""

    __slots__ = ("__weakref__", "lock")

    def __init__(self) -> None:
        self.lock = anyio.Lock()


class Locks:
    """The locks of one service's users.

    The calls of one process queue here, so that each process has one contender for the lease, however many calls.

    Args:
        store: The sealed store, which gives the leases.
        namespace: Separates applications that share one store.
        service: The service.
    """

    def __init__(self, store: SealedStore, *, namespace: str, service: str) -> None:
        self._store = store
        self._prefix = f"{namespace}:lease:{service}"
        self._holders: WeakValueDictionary[str, _Holder] = WeakValueDictionary()

    def __len__(self) -> int:
        """How many are held or awaited in this process."""
        return len(self._holders)

    @asynccontextmanager
    async def exclusive(self, principal: Principal) -> AsyncIterator[None]:
        """Be the only one who changes this principal's connections.

        Raises:
            StoreBusy: Another process was changing them for longer than any of us should take.
        """
        key = f"{self._prefix}:{identity_digest_of(principal)}"
        holder = self._holders.setdefault(key, _Holder())
        # One time limit for both, or the last of many calls would wait as often as there are calls before it.
        until = anyio.current_time() + _BUSY_SECONDS
        await self._acquire(holder.lock)
        try:
            left = max(_SHORTEST_SECONDS, until - anyio.current_time())
            async with self._store.lease(key, timeout_seconds=left):
                yield
        finally:
            holder.lock.release()

    @staticmethod
    async def _acquire(lock: anyio.Lock) -> None:
        is_mine = False
        with anyio.move_on_after(_BUSY_SECONDS):
            await lock.acquire()
            is_mine = True
        if not is_mine:
            raise StoreBusy(reason="calls before this one took too long")
