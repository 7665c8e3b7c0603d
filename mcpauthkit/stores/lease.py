"""Leases: of all processes that share a store, one at a time holds a key, and no dead one holds it for long.

Theory of operation. The holder adds a record under the key, with a text that nobody else writes and a short life, and
lengthens that life for as long as it holds. It ends the lease only while the text is still its own. If the process
dies, the record does too, some seconds later, and somebody else goes on. If the record is lost, because the store was
restarted without it or the holder was stopped for longer than it lives, two may hold one lease; so whoever writes under
a lease looks again before it does.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import anyio

from mcpauthkit.core.log import RequestLog
from mcpauthkit.errors import StoreBusy, StoreUnavailable
from mcpauthkit.stores.outage import OutageTranslated
from mcpauthkit.stores.port import Conditional, Store, Watchable
from mcpauthkit.stores.uninterrupted import uninterrupted

_log = RequestLog("stores")

LEASE_SECONDS = 10.0
"""How long a lease outlives its holder's last sign of life, unless told otherwise."""

_BEATS = 3
# A holder that has died wakes nobody, so those who wait look by themselves now and then.
_LOOK_SECONDS = 2.0
_POLL_SECONDS = 0.2


class Lease:
    """One holder's lease, or the wish for it.

    A store that is not `Conditional` is asked and then told in two steps, which other processes can come between.

    Args:
        store: What the processes share.
        key: What is held.
        mark: The text that says whose it is; nobody else writes the same.
        seconds: How long it outlives its holder's last sign of life.
    """

    def __init__(self, store: Store, key: str, mark: str, *, seconds: float = LEASE_SECONDS) -> None:
        self._store = store
        self._key = key
        self._mark = mark
        self._seconds = seconds

    @asynccontextmanager
    async def held(self, *, timeout_seconds: float) -> AsyncIterator[None]:
        """Hold it while the block runs.

        Args:
            timeout_seconds: How long to wait for somebody else who holds it; 0 for not at all.

        Raises:
            StoreBusy: Somebody held it for longer than that.
            StoreUnavailable: The store failed.
        """
        await self._acquire(timeout_seconds)
        beating = asyncio.ensure_future(self._beat())
        try:
            yield
        finally:
            beating.cancel()
            await uninterrupted(self._end(beating))

    async def _acquire(self, timeout_seconds: float) -> None:
        is_mine = False
        try:
            with anyio.move_on_after(timeout_seconds or None):
                is_mine = await self._add()
                while not is_mine and timeout_seconds:
                    await self._wait_for_holder()
                    is_mine = await self._add()
        finally:
            if not is_mine:
                # Cut off in the middle, it may have become ours without our knowing.
                await uninterrupted(self._release())
        if not is_mine:
            raise StoreBusy(reason="somebody else held the lease all the time")

    async def _add(self) -> bool:
        with OutageTranslated():
            return await self._store.add(self._key, self._mark, ttl_seconds=self._seconds)

    async def _wait_for_holder(self) -> None:
        with OutageTranslated():
            theirs = await self._store.get(self._key)
            if theirs is None:
                return
            if isinstance(self._store, Watchable):
                await self._store.wait_for_change(self._key, theirs, timeout_seconds=_LOOK_SECONDS)
            else:
                await anyio.sleep(_POLL_SECONDS)

    async def _beat(self) -> None:
        while True:
            await anyio.sleep(self._seconds / _BEATS)
            try:
                is_mine = await self._lengthen() or await self._add()
            except StoreUnavailable as error:
                _log.warning("lease not lengthened %s", error.for_log())
            else:
                if not is_mine:
                    _log.warning("lease lost to another process key=%s", self._key)
                    return

    async def _end(self, beating: asyncio.Task[None]) -> None:
        await asyncio.wait([beating])
        await self._release()

    async def _lengthen(self) -> bool:
        with OutageTranslated():
            if isinstance(self._store, Conditional):
                return await self._store.put_if(self._key, self._mark, seen=self._mark, ttl_seconds=self._seconds)
            if await self._store.get(self._key) != self._mark:
                return False
            await self._store.put(self._key, self._mark, ttl_seconds=self._seconds)
            return True

    async def _release(self) -> None:
        try:
            with OutageTranslated():
                if isinstance(self._store, Conditional):
                    await self._store.delete_if(self._key, seen=self._mark)
                elif await self._store.get(self._key) == self._mark:
                    await self._store.delete(self._key)
        except StoreUnavailable as error:
            # What was done under it is done; the record dies by itself.
            _log.warning(
                "lease not given back %s hint=%r",
                error.for_log(),
                f"Nothing to do: it ends by itself, {self._seconds:g} seconds after it was last lengthened.",
            )
