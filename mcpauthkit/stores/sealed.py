"""A store that seals what it keeps."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Any

import anyio

from mcpauthkit.core.clock import Clock, SystemClock
from mcpauthkit.core.keyring import KeyRing
from mcpauthkit.core.sealing import Sealer
from mcpauthkit.errors import ConfigurationError, SealExpired, StoreUnavailable
from mcpauthkit.stores.lease import Lease
from mcpauthkit.stores.outage import OutageTranslated
from mcpauthkit.stores.port import Store, Watchable

_POLL_SECONDS = 0.5
_METHODS = ("get", "put", "add", "take", "delete")


class SealedStore:
    """JSON records over any `Store`, sealed under the key ring and bound to their key.

    Whoever can write to the storage cannot plant a record: plaintext and foreign values are refused, and a
    record copied to another key (another user, another service) does not open.

    Args:
        store: Where the sealed texts go.
        key_ring: What seals them.
        clock: Time; the wall clock decides the expiry inside the seal.

    Raises:
        ConfigurationError: What should be a store or a key ring is none.
    """

    def __init__(self, store: Store, key_ring: KeyRing, *, clock: Clock | None = None) -> None:
        _check_store(store)
        self._store = store
        self._sealer = Sealer(key_ring, "store")
        self._clock = clock or SystemClock()

    async def get(self, key: str) -> dict[str, Any] | None:
        """The record, or None when absent.

        Raises:
            SealError: Something is there, but it was not sealed by us for this key. It is left in place: a
                replica with the wrong key must not wipe what others can read.
            StoreUnavailable: The store failed; so for every method here.
        """
        with OutageTranslated():
            sealed = await self._store.get(key)
        return None if sealed is None else self._open(key, sealed)

    async def put(self, key: str, record: dict[str, Any], *, ttl_seconds: float | None) -> None:
        """Set the record."""
        sealed = self._seal(key, record, ttl_seconds)
        with OutageTranslated():
            await self._store.put(key, sealed, ttl_seconds=ttl_seconds)

    async def add(self, key: str, record: dict[str, Any], *, ttl_seconds: float | None) -> bool:
        """Set the record only if the key is absent."""
        sealed = self._seal(key, record, ttl_seconds)
        with OutageTranslated():
            return await self._store.add(key, sealed, ttl_seconds=ttl_seconds)

    async def take(self, key: str) -> dict[str, Any] | None:
        """Get and delete in one step.

        Raises:
            SealError: Something is there, but it was not sealed by us for this key. It is left in place, as by `get`.
        """
        await self.get(key)
        with OutageTranslated():
            sealed = await self._store.take(key)
        return None if sealed is None else self._open(key, sealed)

    async def delete(self, key: str) -> None:
        """Remove the record."""
        with OutageTranslated():
            await self._store.delete(key)

    async def wait_until(
        self, key: str, accept: Callable[[dict[str, Any] | None], bool], *, timeout_seconds: float
    ) -> dict[str, Any] | None:
        """Wait until the record is as wanted; the record then, or the one there is when the time is over.

        A store that cannot wake waiters is asked again every half second. A store that is away for a part of that time
        ends no wait.

        Raises:
            SealError: What is there was not sealed by us for this key.
            StoreUnavailable: The store is away when the time is over.
        """
        with anyio.move_on_after(timeout_seconds):
            while True:
                try:
                    with OutageTranslated():
                        sealed = await self._store.get(key)
                    record = None if sealed is None else self._open(key, sealed)
                    if accept(record):
                        return record
                    await self._changed(key, sealed, timeout_seconds)
                except StoreUnavailable:
                    await anyio.sleep(_POLL_SECONDS)
        return await self.get(key)

    def lease(self, key: str, *, timeout_seconds: float) -> AbstractAsyncContextManager[None]:
        """Be the only one, among all processes that share the store, who holds this key while a block runs.

        Args:
            key: What is held; no record has the same.
            timeout_seconds: How long to wait for somebody else who holds it; 0 for not at all.

        Raises:
            StoreBusy: Somebody held it for longer than that.
        """
        # Sealed as everything is: it needs a text that nobody else writes, and this is one.
        mark = self._sealer.seal({}, context=key, expires_at=None)
        return Lease(self._store, key, mark).held(timeout_seconds=timeout_seconds)

    async def _changed(self, key: str, seen: str | None, timeout_seconds: float) -> None:
        if isinstance(self._store, Watchable):
            with OutageTranslated():
                await self._store.wait_for_change(key, seen, timeout_seconds=timeout_seconds)
        else:
            await anyio.sleep(_POLL_SECONDS)

    def _seal(self, key: str, record: dict[str, Any], ttl_seconds: float | None) -> str:
        expires_at = None if ttl_seconds is None else self._clock.wall() + ttl_seconds
        return self._sealer.seal(record, context=key, expires_at=expires_at)

    def _open(self, key: str, sealed: str) -> dict[str, Any] | None:
        try:
            return self._sealer.open(sealed, context=key, now=self._clock.wall())
        except SealExpired:
            # Storages keep time by their own clocks, and some only look when they feel like it.
            return None


def _check_store(given: object) -> None:
    if inspect.isclass(given) or not all(callable(getattr(given, one, None)) for one in _METHODS):
        kind = f"the class {given.__name__}" if inspect.isclass(given) else f"a {type(given).__name__}"
        raise ConfigurationError(
            f"store is {kind}, which keeps nothing.",
            hint=f"Give MemoryStore(), or an object with the async methods {', '.join(_METHODS)}.",
        )
