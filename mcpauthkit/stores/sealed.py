"""A store that seals what it keeps."""

from __future__ import annotations

import enum
import inspect
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import anyio

from mcpauthkit.core.audit import Event, EventName, record_refusal
from mcpauthkit.core.clock import Clock, SystemClock
from mcpauthkit.core.keyring import KeyRing
from mcpauthkit.core.log import RequestLog
from mcpauthkit.core.sealing import Sealer, Unsealed
from mcpauthkit.errors import ConfigurationError, SealError, SealExpired, StoreBusy, StoreUnavailable
from mcpauthkit.stores.lease import Lease
from mcpauthkit.stores.outage import OutageTranslated
from mcpauthkit.stores.port import Conditional, Store, Watchable, is_exact
from mcpauthkit.stores.remembered import Remembered

_log = RequestLog("stores")
_POLL_SECONDS = 0.5
# Flows, leases, marks and the like die by themselves sooner than anybody drops a key, and some are compared as texts by
# those who wrote them: sealed anew, a lease would be taken from its holder.
_SHORT_LIFE_SECONDS = 86_400.0
# Longer than anything takes that is done under a lease. The store ends it after seconds; this is for the one that a
# backup brings back without an end.
_LEASE_LIFE_SECONDS = 900.0
# How long after its sealed life something is in the way for certain: clocks differ.
_OVERDUE_SECONDS = 60.0
_RESEAL_TRIES = 5
_UPDATE_TRIES = 10
_UPDATE_PAUSE_SECONDS = 0.01
_METHODS = ("get", "put", "add", "take", "delete")


class SealState(enum.Enum):
    """How a record is sealed, after `SealedStore.reseal` has seen to it."""

    ABSENT = enum.auto()
    ENDED = enum.auto()
    """Its sealed life was over, and it stood there all the same; it is removed."""
    CURRENT = enum.auto()
    """Under the minting key already."""
    RESEALED = enum.auto()
    """Under the minting key from now on."""
    OLDER = enum.auto()
    """Under another key of the ring still: it lives for less than a day, or somebody else keeps changing it."""


class SealedStore:
    """JSON records over any `Store`, sealed under the key ring and bound to their key.

    Whoever can write to the storage cannot plant a record: plaintext and foreign values are refused, and a
    record copied to another key (another user, another service) does not open. What does not open goes to the audit
    log, once for each key and not at every read.

    A record under an accepted key that does not mint is sealed anew as it is read, if it lives for more than a day and
    the store compares and changes in one step (`is_exact`); in any other it stays under its key until it is written
    next. Each process tries that once for a record, so that replicas which mint with different keys do not write it by
    turns.

    The end of a record's life is written into its seal by the clock of the replica that wrote it, and read by that of
    the one that reads it. Where that one is some seconds ahead, the record ends as much earlier; where it is behind,
    the store's own clock ends it. Nothing that replicas share this way lives for less than minutes; leases live by the
    store's clock alone.

    Args:
        store: Where the sealed texts go.
        key_ring: What seals them.
        clock: Time; the wall clock decides the expiry inside the seal.

    Attributes:
        key_ring: What seals them.

    Raises:
        ConfigurationError: What should be a store or a key ring is none.
    """

    def __init__(self, store: Store, key_ring: KeyRing, *, clock: Clock | None = None) -> None:
        _check_store(store)
        self.key_ring = key_ring
        self._store = store
        self._sealer = Sealer(key_ring, "store")
        self._clock = clock or SystemClock()
        self._refused = Remembered()
        self._resealed = Remembered()

    async def get(self, key: str) -> dict[str, Any] | None:
        """The record, or None when absent.

        Raises:
            SealError: Something is there, but it was not sealed by us for this key. It is left in place: a
                replica with the wrong key must not wipe what others can read.
            StoreUnavailable: The store failed; so for every method here.
        """
        with OutageTranslated():
            sealed = await self._store.get(key)
        unsealed = None if sealed is None else self._unseal(key, sealed)
        if sealed is None or unsealed is None:
            return None
        if self._is_outdated(unsealed) and self._resealed.is_new(key):
            await self._reseal_in_passing(key, sealed, unsealed)
        return unsealed.claims

    async def put(self, key: str, record: dict[str, Any], *, ttl_seconds: float | None) -> None:
        """Set the record."""
        sealed = self._seal(key, record, ttl_seconds)
        with OutageTranslated():
            await self._store.put(key, sealed, ttl_seconds=ttl_seconds)

    async def add(self, key: str, record: dict[str, Any], *, ttl_seconds: float | None) -> bool:
        """Set the record only if the key is absent, or if what stands there has ended more than a minute ago."""
        sealed = self._seal(key, record, ttl_seconds)
        with OutageTranslated():
            if await self._store.add(key, sealed, ttl_seconds=ttl_seconds):
                return True
            return await self._cleared(key) and await self._store.add(key, sealed, ttl_seconds=ttl_seconds)

    async def update(
        self, key: str, change: Callable[[dict[str, Any]], dict[str, Any] | None], *, ttl_seconds: float | None
    ) -> dict[str, Any] | None:
        """Change a record as it is at this moment; the record then, or None where it was not changed.

        In a store that is not `Conditional`, what another process writes at the same time may be lost.

        Args:
            key: The record's key.
            change: Makes the new record of the one that is there, or None to leave it; called once more if somebody
                else was quicker. Where no record is, it is not called.
            ttl_seconds: How long it lives from now on.

        Raises:
            SealError: As for `get`.
            StoreBusy: Others were quicker again and again.
        """
        for number in range(_UPDATE_TRIES):
            with OutageTranslated():
                sealed = await self._store.get(key)
            record = None if sealed is None else self._open(key, sealed)
            changed = None if record is None else change(record)
            if sealed is None or changed is None:
                return None
            if await self._replace(key, sealed, changed, ttl_seconds):
                return changed
            await anyio.sleep(_UPDATE_PAUSE_SECONDS * number)
        raise StoreBusy(reason="a record is changed by others all the time")

    async def take(self, key: str) -> dict[str, Any] | None:
        """Get and delete in one step.

        Raises:
            SealError: Something is there, but it was not sealed by us for this key. It is left in place, as by `get`.
        """
        with OutageTranslated():
            seen = await self._store.get(key)
        if seen is not None:
            self._open(key, seen)
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

        A store that cannot wake waiters is asked again every half second. An outage of the store that is over in time
        ends no wait.

        Raises:
            SealError: What is there was not sealed by us for this key.
            StoreUnavailable: There is an outage of the store when the time is over.
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

    @asynccontextmanager
    async def lease(self, key: str, *, timeout_seconds: float) -> AsyncIterator[None]:
        """Be the only one, among all processes that share the store, who holds this key while a block runs.

        Args:
            key: What is held; no record has the same.
            timeout_seconds: How long to wait for somebody else who holds it; 0 for not at all.

        Raises:
            StoreBusy: Somebody held it for longer than that.
        """
        # Sealed as everything is: it needs a text that nobody else writes, and this is one.
        # A rotation must leave it alone; the life inside its seal says so, and nobody else asks for that.
        mark = self._sealer.seal({}, context=key, expires_at=self._clock.wall() + _LEASE_LIFE_SECONDS)
        lease = Lease(self._store, key, mark)
        async with AsyncExitStack() as stack:
            try:
                await stack.enter_async_context(lease.held(timeout_seconds=timeout_seconds))
            except StoreBusy:
                # Looked at only now, because every lease would pay for it.
                if not await self._cleared(key):
                    raise
                await stack.enter_async_context(lease.held(timeout_seconds=0))
            yield

    async def reseal(self, key: str) -> SealState:
        """Seal a record anew if it is under another key than the minting one, without touching what others change.

        Raises:
            SealError: As for `get`; it is not reported here.
            StoreUnavailable: As for `get`.
        """
        for _ in range(_RESEAL_TRIES):
            state = await self._try_reseal(key)
            if state is not None:
                return state
        return SealState.OLDER

    async def forget_unreadable(self, key: str, which: Callable[[SealError], bool]) -> bool:
        """Remove a record that does not open here, and leave one that does; whether it was removed.

        Others may hold the key that it is sealed under: only an operator can know that nobody does.

        Args:
            key: The record's key.
            which: Whether what does not open for this reason is to go.

        Raises:
            StoreUnavailable: The store failed.
        """
        if not isinstance(self._store, Conditional):
            return False
        with OutageTranslated():
            sealed = await self._store.get(key)
        refusal = None if sealed is None else self._refusal(key, sealed)
        if sealed is None or refusal is None or not which(refusal):
            return False
        with OutageTranslated():
            is_gone = await self._store.delete_if(key, seen=sealed)
        if is_gone:
            _tell(EventName.RECORD_REMOVED, key, "unreadable")
        return is_gone

    async def _changed(self, key: str, seen: str | None, timeout_seconds: float) -> None:
        if isinstance(self._store, Watchable):
            with OutageTranslated():
                await self._store.wait_for_change(key, seen, timeout_seconds=timeout_seconds)
        else:
            await anyio.sleep(_POLL_SECONDS)

    async def _replace(self, key: str, seen: str, record: dict[str, Any], ttl_seconds: float | None) -> bool:
        sealed = self._seal(key, record, ttl_seconds)
        with OutageTranslated():
            if isinstance(self._store, Conditional):
                return await self._store.put_if(key, sealed, seen=seen, ttl_seconds=ttl_seconds)
            await self._store.put(key, sealed, ttl_seconds=ttl_seconds)
            return True

    def _seal(self, key: str, record: dict[str, Any], ttl_seconds: float | None) -> str:
        expires_at = None if ttl_seconds is None else self._clock.wall() + ttl_seconds
        return self._sealer.seal(record, context=key, expires_at=expires_at)

    def _open(self, key: str, sealed: str) -> dict[str, Any] | None:
        unsealed = self._unseal(key, sealed)
        return None if unsealed is None else unsealed.claims

    def _refusal(self, key: str, sealed: str) -> SealError | None:
        try:
            self._open(key, sealed)
        except SealError as error:
            return error
        return None

    def _unseal(self, key: str, sealed: str) -> Unsealed | None:
        try:
            unsealed = self._sealer.unseal(sealed, context=key, now=self._clock.wall())
        except SealExpired:
            # Storages keep time by their own clocks, and some only look when they feel like it.
            return None
        except SealError as error:
            if self._refused.is_new(key):
                _tell(EventName.RECORD_REFUSED, key, error.for_log())
            raise
        self._refused.forget(key)
        return unsealed

    async def _cleared(self, key: str) -> bool:
        """Remove what has ended and stands there all the same; whether that was done.

        A backup brings things back without their lifetimes, and so may whoever can write to the storage.
        """
        with OutageTranslated():
            sealed = await self._store.get(key)
            if sealed is None or not self._is_overdue(key, sealed):
                return False
            if isinstance(self._store, Conditional):
                return await self._store.delete_if(key, seen=sealed)
            await self._store.delete(key)
            return True

    def _is_overdue(self, key: str, sealed: str) -> bool:
        try:
            self._sealer.unseal(sealed, context=key, now=self._clock.wall() - _OVERDUE_SECONDS)
        except SealExpired:
            return True
        except SealError:
            return False
        return False

    def _is_outdated(self, unsealed: Unsealed) -> bool:
        # In two steps, what another process ends in between would come back: no reader may cause that.
        return unsealed.key_name != self._sealer.minting and self._lives_long(unsealed) and is_exact(self._store)

    def _lives_long(self, unsealed: Unsealed) -> bool:
        return unsealed.expires_at is None or unsealed.expires_at - self._clock.wall() > _SHORT_LIFE_SECONDS

    async def _try_reseal(self, key: str) -> SealState | None:
        """The record's state, or None when somebody else has just changed it."""
        with OutageTranslated():
            sealed = await self._store.get(key)
        if sealed is None:
            return SealState.ABSENT
        try:
            unsealed = self._sealer.unseal(sealed, context=key, now=self._clock.wall())
        except SealExpired:
            return SealState.ENDED if await self._cleared(key) else SealState.ABSENT
        if unsealed.key_name == self._sealer.minting:
            return SealState.CURRENT
        if not self._lives_long(unsealed):
            return SealState.OLDER
        return SealState.RESEALED if await self._put_anew(key, sealed, unsealed) else None

    async def _reseal_in_passing(self, key: str, sealed: str, unsealed: Unsealed) -> None:
        try:
            await self._put_anew(key, sealed, unsealed)
        except StoreUnavailable as error:
            # Whoever reads has the record already; its key is still good for it.
            _log.warning("record not sealed anew key=%s %s", key, error.for_log())

    async def _put_anew(self, key: str, sealed: str, unsealed: Unsealed) -> bool:
        if not isinstance(self._store, Conditional):
            return False
        expires_at = unsealed.expires_at
        anew = self._sealer.seal(unsealed.claims, context=key, expires_at=expires_at)
        ttl_seconds = None if expires_at is None else expires_at - self._clock.wall()
        with OutageTranslated():
            return await self._store.put_if(key, anew, seen=sealed, ttl_seconds=ttl_seconds)


def _tell(event: EventName, key: str, reason: str) -> None:
    record_refusal(Event(event=event, kind="key", target=_shown(key), reason=reason, is_warning=True))


def _shown(key: str) -> str:
    # A walk meets keys that are not of our making, and line breaks in them would forge lines of the log.
    return ascii(key)[1:-1]


def _check_store(given: object) -> None:
    if inspect.isclass(given) or not all(callable(getattr(given, one, None)) for one in _METHODS):
        kind = f"the class {given.__name__}" if inspect.isclass(given) else f"a {type(given).__name__}"
        raise ConfigurationError(
            f"store is {kind}, which keeps nothing.",
            hint=f"Give MemoryStore(), or an object with the async methods {', '.join(_METHODS)}.",
        )
