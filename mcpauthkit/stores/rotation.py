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
    if not isinstance(store, Listable) or not isinstance(store, Conditional):
        raise ConfigurationError(
            f"A {type(store).__name__} cannot be walked: it does not list its keys, or not compare before it changes.",
            hint="Keep the older keys in the ring: what is written from now on is under the minting one.",
        )
    if not 1 <= concurrency <= _MOST_AT_ONCE:
        raise ConfigurationError(f"concurrency is {concurrency!r}.", hint=f"Give 1 to {_MOST_AT_ONCE}.")
    sealed = SealedStore(store, key_ring, clock=clock)
    states: Counter[SealState] = Counter()
    unreadable: list[Unreadable] = []

    async def reseal(key: str) -> None:
        try:
            states[await sealed.reseal(key)] += 1
        except SealError as error:
            unreadable.append(Unreadable(key, error.reason))

    await _for_each(_once(store.list_keys()), reseal, concurrency)
    opened = states[SealState.CURRENT] + states[SealState.RESEALED] + states[SealState.OLDER]
    forgotten = 0
    if forget_unreadable and unreadable:
        if not opened:
            raise ConfigurationError(
                f"None of {len(unreadable)} records opens with this key ring, so nothing was removed.",
                hint="Give the ring that the application has; if its keys are lost, empty the store instead.",
            )
        forgotten = await _forget(sealed, unreadable, concurrency)
    return Resealed(
        walked=opened + len(unreadable),
        resealed=states[SealState.RESEALED],
        current=states[SealState.CURRENT],
        older=states[SealState.OLDER],
        unreadable=tuple(sorted(unreadable, key=lambda one: one.key)),
        forgotten=forgotten,
    )


async def _forget(sealed: SealedStore, unreadable: list[Unreadable], concurrency: int) -> int:
    forgotten: list[str] = []

    async def forget(key: str) -> None:
        if await sealed.forget_unreadable(key):
            forgotten.append(key)

    await _for_each(_keys_of(unreadable), forget, concurrency)
    return len(forgotten)


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
