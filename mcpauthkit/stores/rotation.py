"""The walk that seals what a store holds under the minting key."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass

import anyio

from mcpauthkit.core.clock import Clock
from mcpauthkit.core.keyring import KeyRing
from mcpauthkit.errors import AuthKitError, ConfigurationError, SealError
from mcpauthkit.stores.outage import OutageTranslated
from mcpauthkit.stores.port import Conditional, Listable, Store
from mcpauthkit.stores.sealed import SealedStore, SealState

_MOST_AT_ONCE = 256


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A record that does not open.

    Args:
        key: Where it stands; keys hold digests of users, no names.
        reason: Why: sealed under a key that is not in the ring, changed or moved, or nothing of ours.
    """

    key: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Resealed:
    """What a walk over a store found and did.

    Args:
        walked: How many records there were.
        resealed: How many are under the minting key from now on.
        current: How many were already.
        older: How many are under other keys of the ring still: they live for less than a day, or changed all the time.
        unreadable: Those that do not open, by key.
        forgotten: How many of these were removed.
    """

    walked: int
    resealed: int
    current: int
    older: int
    unreadable: tuple[Unreadable, ...]
    forgotten: int


async def reseal_all(
    store: Store,
    key_ring: KeyRing,
    *,
    forget_unreadable: bool = False,
    concurrency: int = 16,
    clock: Clock | None = None,
) -> Resealed:
    """Seal every record of a store under the minting key, beside applications that use it.

    What an application changes meanwhile stays as it wrote it. Records that live for less than a day are left to die
    under their keys. The walk may be broken off and repeated.

    Args:
        store: The store; one that tells its keys and compares before it changes.
        key_ring: The key ring of the application.
        forget_unreadable: Remove the records that do not open, once the walk is over. Their users are asked again, as
            they would be anyway. Nothing is removed where no record opens at all: then the ring is the wrong one.
        concurrency: How many records are in work at once, 256 at most.
        clock: Time.

    Raises:
        ConfigurationError: The store cannot do that, or not with as many records as it has; or `forget_unreadable` and
            no record opens.
        StoreUnavailable: The store failed; what is done is done.
    """
    listable = _walkable(store)
    if not 1 <= concurrency <= _MOST_AT_ONCE:
        raise ConfigurationError(f"concurrency is {concurrency!r}.", hint=f"Give 1 to {_MOST_AT_ONCE}.")
    walk = _Walk(SealedStore(store, key_ring, clock=clock), concurrency)
    await walk.reseal(listable.list_keys())
    if forget_unreadable:
        await walk.forget()
    return walk.result()


def _walkable(store: Store) -> Listable:
    if isinstance(store, Listable) and isinstance(store, Conditional):
        return store
    raise ConfigurationError(
        f"A {type(store).__name__} cannot be walked: it does not list its keys, or not compare before it changes.",
        hint="Keep the older keys in the ring: what is written from now on is under the minting one.",
    )


class _Walk:
    """One walk and what it counts."""

    def __init__(self, store: SealedStore, concurrency: int) -> None:
        self._store = store
        self._concurrency = concurrency
        self._states: Counter[SealState] = Counter()
        self._unreadable: list[Unreadable] = []
        self._forgotten = 0

    async def reseal(self, keys: AsyncIterator[str]) -> None:
        await _for_each(_once(keys), self._reseal_one, self._concurrency)

    async def forget(self) -> None:
        if self._unreadable and not self._opened:
            raise ConfigurationError(
                f"None of {len(self._unreadable)} records opens with this key ring, so nothing was removed.",
                hint="Give the ring that the application has; if its keys are lost, empty the store instead.",
            )
        await _for_each(_keys_of(self._unreadable), self._forget_one, self._concurrency)

    def result(self) -> Resealed:
        return Resealed(
            walked=self._opened + len(self._unreadable),
            resealed=self._states[SealState.RESEALED],
            current=self._states[SealState.CURRENT],
            older=self._states[SealState.OLDER],
            unreadable=tuple(sorted(self._unreadable, key=lambda one: one.key)),
            forgotten=self._forgotten,
        )

    @property
    def _opened(self) -> int:
        return self._states.total() - self._states[SealState.ABSENT]

    async def _reseal_one(self, key: str) -> None:
        try:
            state = await self._store.reseal(key)
        except SealError as error:
            self._unreadable.append(Unreadable(key, error.reason))
        else:
            self._states[state] += 1

    async def _forget_one(self, key: str) -> None:
        if await self._store.forget_unreadable(key):
            self._forgotten += 1


async def _keys_of(unreadable: list[Unreadable]) -> AsyncIterator[str]:
    for one in unreadable:
        yield one.key


async def _once(keys: AsyncIterator[str]) -> AsyncIterator[str]:
    seen: set[str] = set()
    # Stores may tell a key twice, and it would be counted twice.
    async for key in keys:
        if key not in seen:
            seen.add(key)
            yield key


async def _for_each(keys: AsyncIterator[str], act: Callable[[str], Awaitable[None]], concurrency: int) -> None:
    """Do something with every key, a few at once; the first failure ends it."""
    turn = anyio.Lock()
    failures: list[AuthKitError] = []

    async def work() -> None:
        try:
            while True:
                async with turn:
                    with OutageTranslated():
                        key = await anext(keys, None)
                if key is None:
                    return
                await act(key)
        except AuthKitError as error:
            failures.append(error)
            tasks.cancel_scope.cancel()

    async with anyio.create_task_group() as tasks:
        for _ in range(concurrency):
            tasks.start_soon(work)
    if failures:
        raise failures[0]
