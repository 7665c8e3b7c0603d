"""What a store holds, in numbers: read and counted, nothing changed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

from mcpauthkit.core.clock import Clock, SystemClock
from mcpauthkit.core.keyring import KeyRing
from mcpauthkit.core.sealing import Sealer
from mcpauthkit.errors import ConfigurationError, SealedElsewhere, SealError, SealExpired
from mcpauthkit.stores.outage import OutageTranslated
from mcpauthkit.stores.port import Listable, Store
from mcpauthkit.stores.walk import RecordName, for_each, keys_below, record_name

KeyState = Literal["seals", "opens", "missing"]
"""What the key ring knows of a key: it seals with it, it only opens with it, or it has none of that name and secret."""

_CONCURRENCY: Final = 16
_WITH_SERVICE: Final = frozenset({"credential", "accounts", "note", "lease", "userless", "current"})
_USER: Final = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordCount:
    """Records of one kind for one service.

    Args:
        kind: What of ours they are, such as `credential` or `flow`; empty for what is nothing of ours.
        service: The service, where their keys name one.
        records: How many there are.
        unreadable: How many of them do not open.
        characters: How many characters they have in all.
    """

    kind: str
    service: str
    records: int
    unreadable: int
    characters: int


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyCount:
    """Records that are sealed under one key.

    Args:
        key: The key's name, and where the ring does not have it, name and fingerprint.
        state: What the ring knows of it.
        records: How many there are.
    """

    key: str
    state: KeyState
    records: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Statistics:
    """What a store holds.

    Args:
        records: How many records there are.
        users: Of how many users there are credentials. Nobody can tell from it who they are.
        kinds: Them by kind and service, in alphabetical order.
        keys: Them by the key that they are sealed under.
        ended: How many have ended and stand there all the same, as after a backup was put back.
        damaged: How many do not open with any key: changed, moved, or nothing of ours.
        missed: How many that last do not open here, whatever the reason: their users would be asked again.
    """

    records: int
    users: int
    kinds: Sequence[RecordCount]
    keys: Sequence[KeyCount]
    ended: int
    damaged: int
    missed: int


async def statistics_of(
    store: Store, key_ring: KeyRing, *, namespace: str = "", clock: Clock | None = None
) -> Statistics:
    """Read all that a store holds, beside applications that use it, and count it.

    Args:
        store: The store; one that tells its keys.
        key_ring: The key ring of the application.
        namespace: Count only what is below it; empty for all that the store holds.
        clock: Time.

    Raises:
        ConfigurationError: The store cannot tell what it holds, or not as much as it has.
        StoreUnavailable: The store failed.
    """
    if not isinstance(store, Listable):
        raise ConfigurationError(
            f"A {type(store).__name__} does not list its keys, so nobody can count them.",
            hint="Ask the database behind it.",
        )
    count = _Count(store, key_ring, namespace, clock or SystemClock())
    await for_each(keys_below(namespace, store.list_keys()), count.add, _CONCURRENCY)
    return count.result()


class _Count:
    """What was counted so far."""

    def __init__(self, store: Store, key_ring: KeyRing, namespace: str, clock: Clock) -> None:
        self._store = store
        # Not a SealedStore: that one seals anew what it reads, and reports what does not open.
        self._sealer = Sealer(key_ring, "store")
        self._ring = key_ring
        self._namespace = namespace
        self._clock = clock
        self._records: Counter[tuple[str, str]] = Counter()
        self._unreadable: Counter[tuple[str, str]] = Counter()
        self._characters: Counter[tuple[str, str]] = Counter()
        self._keys: Counter[str] = Counter()
        self._users: set[str] = set()
        self._ended = self._damaged = self._missed = 0

    async def add(self, key: str) -> None:
        with OutageTranslated():
            sealed = await self._store.get(key)
        if sealed is None:
            return
        name = record_name(key, self._namespace)
        place = (name.kind, _service(name))
        self._records[place] += 1
        self._characters[place] += len(sealed)
        if name.kind == "credential" and len(name.rest) > _USER:
            self._users.add(name.rest[_USER])
        try:
            self._keys[self._sealer.unseal(sealed, context=key, now=self._clock.wall()).key_name] += 1
        except SealExpired:
            self._ended += 1
        except SealError as error:
            self._unreadable[place] += 1
            self._missed += not name.is_short_lived
            if isinstance(error, SealedElsewhere) and error.sealed_under:
                self._keys[error.sealed_under] += 1
            else:
                self._damaged += 1

    def result(self) -> Statistics:
        kinds = [
            RecordCount(
                kind=kind,
                service=service,
                records=number,
                unreadable=self._unreadable[kind, service],
                characters=self._characters[kind, service],
            )
            for (kind, service), number in sorted(self._records.items())
        ]
        keys = [KeyCount(key=key, state=self._state(key), records=number) for key, number in sorted(self._keys.items())]
        return Statistics(
            records=self._records.total(),
            users=len(self._users),
            kinds=kinds,
            keys=keys,
            ended=self._ended,
            damaged=self._damaged,
            missed=self._missed,
        )

    def _state(self, key: str) -> KeyState:
        # With a dot in it, it is name and fingerprint of a secret that the ring does not have.
        if "." in key:
            return "missing"
        return "seals" if key == self._ring.minting else "opens"


def _service(name: RecordName) -> str:
    return name.rest[0] if name.kind in _WITH_SERVICE else ""
