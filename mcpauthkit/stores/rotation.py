"""The walk that seals what a store holds under the minting key."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Collection
from dataclasses import dataclass, replace

from mcpauthkit.core.clock import Clock
from mcpauthkit.core.keyring import KeyRing, is_fingerprint, is_key_name
from mcpauthkit.errors import ConfigurationError, SealedElsewhere, SealError
from mcpauthkit.stores.port import Conditional, Listable, Store
from mcpauthkit.stores.sealed import SealedStore, SealState
from mcpauthkit.stores.walk import for_each, keys_below, record_name

_MOST_AT_ONCE = 256


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A record that does not open.

    Args:
        key: Where it stands; keys hold digests of users, no names.
        reason: Why: sealed under a key that is not in the ring, changed or moved, or nothing of ours.
        sealed_under: The key that is not in the ring, `name.fingerprint`; empty for all others.
        kind: What of ours stands under such keys, such as `credential` or `flow`; empty for what is nothing of ours.
        is_short_lived: Whether it soon ends by itself and nobody has to connect again for it: flows, marks, leases, and
            tokens that are obtained without a user.
        is_removed: Whether the walk has removed it.
    """

    key: str
    reason: str
    sealed_under: str
    kind: str = ""
    is_short_lived: bool = False
    is_removed: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Resealed:
    """What a walk over a store found and did.

    Args:
        walked: How many records there were.
        resealed: How many are under the minting key from now on.
        current: How many were already.
        older: How many are under other keys of the ring still: they live for less than a day, or changed all the time.
        ended: How many had ended, stood there all the same, as after a backup was put back, and were removed.
        unreadable: Those that do not open, by key.
        forgotten: How many of these were removed.
    """

    walked: int
    resealed: int
    current: int
    older: int
    ended: int
    unreadable: tuple[Unreadable, ...]
    forgotten: int


async def reseal_all(
    store: Store,
    key_ring: KeyRing,
    *,
    namespace: str = "",
    forget_keys: Collection[str] = (),
    forget_damaged: bool = False,
    concurrency: int = 16,
    clock: Clock | None = None,
) -> Resealed:
    """Seal every record of a store under the minting key, beside applications that use it.

    What an application changes meanwhile stays as it wrote it. Records that live for less than a day are left to die
    under their keys; what has died already and stands there all the same is removed. The walk may be broken off and
    repeated.

    Args:
        store: The store; one that tells its keys and compares before it changes.
        key_ring: The key ring of the application.
        namespace: Leave alone what is not below it; empty for all that the store holds.
        forget_keys: Remove the records that are sealed under these keys, once the walk is over: keys that are lost, as
            another replica or application may read them otherwise. A name of a key that the ring does not have, or
            `name.fingerprint` as the result says it. Their users are asked again, as they would be anyway.
        forget_damaged: Remove the records that nobody can read any more, or that nobody has sealed. Neither removes
            anything where no record opens at all: then the ring is the wrong one.
        concurrency: How many records are in work at once, 256 at most.
        clock: Time.

    Raises:
        ConfigurationError: The store cannot do that, or not with as many records as it has; `forget_keys` names a key
            of the ring, none, or two by one name; or something is to be removed and no record opens.
        StoreUnavailable: The store failed; what is done is done.
    """
    listable = _walkable(store)
    if not 1 <= concurrency <= _MOST_AT_ONCE:
        raise ConfigurationError(f"concurrency is {concurrency!r}.", hint=f"Give 1 to {_MOST_AT_ONCE}.")
    for key in forget_keys:
        _check_lost(key, key_ring)
    walk = _Walk(SealedStore(store, key_ring, clock=clock), concurrency, namespace)
    await walk.reseal(keys_below(namespace, listable.list_keys()))
    if forget_keys or forget_damaged:
        await walk.forget(forget_keys, is_damaged_too=forget_damaged)
    return walk.result()


def _walkable(store: Store) -> Listable:
    if isinstance(store, Listable) and isinstance(store, Conditional):
        return store
    raise ConfigurationError(
        f"A {type(store).__name__} cannot be walked: it does not list its keys, or not compare before it changes.",
        hint="Keep the older keys in the ring: what is written from now on is under the minting one.",
    )


def _check_lost(key: str, key_ring: KeyRing) -> None:
    name, dot, fingerprint = key.partition(".")
    if not is_key_name(name) or (dot and not is_fingerprint(fingerprint)):
        raise ConfigurationError(
            f"No key is called {key!r:.80}.", hint="Write the name, or name and fingerprint, as the walk tells them."
        )
    if key_ring.fingerprint(name) is not None and fingerprint in {"", key_ring.fingerprint(name)}:
        raise ConfigurationError(
            f"The key ring has the key {key!r}, so its records are not lost.",
            hint="Another secret of the same name is told by name and fingerprint: write both, with a dot in between.",
        )


class _Walk:
    """One walk and what it counts."""

    def __init__(self, store: SealedStore, concurrency: int, namespace: str) -> None:
        self._store = store
        self._concurrency = concurrency
        self._namespace = namespace
        self._states: Counter[SealState] = Counter()
        self._unreadable: list[Unreadable] = []
        self._removed: set[str] = set()

    async def reseal(self, keys: AsyncIterator[str]) -> None:
        await for_each(keys, self._reseal_one, self._concurrency)

    async def forget(self, keys: Collection[str], *, is_damaged_too: bool) -> None:
        for key in keys:
            self._check_unambiguous(key)

        def is_asked_for(error: SealError) -> bool:
            if isinstance(error, SealedElsewhere):
                return error.sealed_under in keys or error.sealed_under.partition(".")[0] in keys
            return is_damaged_too

        async def forget_one(key: str) -> None:
            if await self._store.forget_unreadable(key, is_asked_for):
                self._removed.add(key)

        if self._unreadable and not self._opened:
            raise ConfigurationError(
                f"None of {len(self._unreadable)} records opens with this key ring, so nothing was removed.",
                hint="Give the ring that the application has; if its keys are lost, empty the store instead.",
            )
        await for_each(_keys_of(self._unreadable), forget_one, self._concurrency)

    def result(self) -> Resealed:
        return Resealed(
            walked=self._opened + self._states[SealState.ENDED] + len(self._unreadable),
            resealed=self._states[SealState.RESEALED],
            current=self._states[SealState.CURRENT],
            older=self._states[SealState.OLDER],
            ended=self._states[SealState.ENDED],
            unreadable=tuple(
                replace(one, is_removed=one.key in self._removed)
                for one in sorted(self._unreadable, key=lambda one: one.key)
            ),
            forgotten=len(self._removed),
        )

    @property
    def _opened(self) -> int:
        return self._states.total() - self._states[SealState.ABSENT] - self._states[SealState.ENDED]

    async def _reseal_one(self, key: str) -> None:
        try:
            state = await self._store.reseal(key)
        except SealError as error:
            sealed_under = error.sealed_under if isinstance(error, SealedElsewhere) else ""
            name = record_name(key, self._namespace)
            self._unreadable.append(
                Unreadable(key, error.reason, sealed_under, kind=name.kind, is_short_lived=name.is_short_lived)
            )
        else:
            self._states[state] += 1

    def _check_unambiguous(self, key: str) -> None:
        secrets = {one.sealed_under for one in self._unreadable if one.sealed_under.partition(".")[0] == key}
        if len(secrets) > 1:
            raise ConfigurationError(
                f"{len(secrets)} secrets are called {key!r}: {', '.join(sorted(secrets))}. Nothing was removed.",
                hint="One of them may be that of another replica or application. Write the one that is lost.",
            )


async def _keys_of(unreadable: list[Unreadable]) -> AsyncIterator[str]:
    for one in unreadable:
        yield one.key
