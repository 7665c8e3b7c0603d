"""Stores of the py-key-value project: DynamoDB, PostgreSQL, MongoDB, files and others."""

from __future__ import annotations

import inspect
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any, NamedTuple, Protocol, Self, SupportsFloat, runtime_checkable

import anyio

from mcpauthkit.core.encoding import sha256_hex
from mcpauthkit.core.log import RequestLog
from mcpauthkit.errors import ConfigurationError
from mcpauthkit.stores.waiters import Waiters

_log = RequestLog("stores")
_POLL_SECONDS = 0.5
_PATIENCE_SECONDS = 10.0
_LOCKS = 64
_STORES = "key_value.aio.stores."
# They answer with one page of the whole database, and nothing tells that there was more.
_LIST_ONE_PAGE = ("redis", "valkey")
_MOST_LISTED = 10_000
_UNREADABLE = "unreadable"


class KeyValue(Protocol):
    """What is used of a store of `key_value.aio`; all of them are one."""

    async def get(self, key: str, *, collection: str | None = None) -> dict[str, Any] | None:
        """The value, or None when absent or expired."""
        ...

    async def put(
        self, key: str, value: Mapping[str, Any], *, collection: str | None = None, ttl: SupportsFloat | None = None
    ) -> None:
        """Set the value for some seconds, or for good."""
        ...

    async def delete(self, key: str, *, collection: str | None = None) -> bool:
        """Remove the key; whether it was there."""
        ...


@runtime_checkable
class _ListsKeys(Protocol):
    async def keys(self, collection: str | None = None, *, limit: int | None = None) -> list[str]: ...


class KeyValueStore:
    """Keeps texts in any store of the py-key-value project (`key_value.aio`).

    Good for one process whose state is to survive it, and for several that can live with the following. Such a store
    has no way to change a value only if it is still as it was, to lock, or to tell of changes, so between processes:

    - `add`, `put_if` and `delete_if` are two steps, and exact within one process only. Two processes may hold one lease
      at the same moment, and then both renew one credential; a service that rotates refresh tokens may take that for
      theft and end the connection.
    - So no record is sealed anew as it is read: it might come back after another process has ended it. A record stays
      under its key until it is written next, or until `mcpauthkit store rotate`, with the processes stopped.
    - `take` gives a value once where the store's `delete` says honestly whether it removed something. S3 does not, and
      a link might be used twice there.
    - A change made elsewhere is found by looking every half second, so answers come up to that much later, and each
      waiting call costs two reads a second.

    Use `RedisStore` where several replicas serve the same users.

    Keys go to it as SHA-256 digests, since such stores put them into file names and limit their length; the key itself
    stands in the value, and a value that is found under another key is refused. Lifetimes are kept by the store's own
    clock. It is a `Listable` if the store tells what it holds, all of it.

    Args:
        store: The store; it stays open when this one is no longer used.
        collection: What it files our entries under.

    Raises:
        ConfigurationError: What should be a store is none.
    """

    is_exact = False

    def __new__(cls, store: KeyValue, *, collection: str = "mcpauthkit") -> Self:
        """One that can say what it holds, if its store can."""
        del collection
        # As `pathlib.Path` does it: an `isinstance` check then tells the truth, which a method that fails would not.
        kind = _ListableKeyValueStore if cls is KeyValueStore and _lists_its_keys(store) else cls
        return object.__new__(kind)  # type: ignore[return-value]  # a subclass of this class, whose `Self` is this

    def __init__(self, store: KeyValue, *, collection: str = "mcpauthkit") -> None:
        # Not at the top: it takes long, and who has such a store has it loaded already.
        from key_value.aio.errors import DeserializationError  # noqa: PLC0415
        from key_value.aio.protocols.key_value import AsyncKeyValueProtocol  # noqa: PLC0415

        _check(store, AsyncKeyValueProtocol)
        self._unreadable = (DeserializationError, UnicodeDecodeError)
        self._store = store
        self._collection = collection
        self._waiters = Waiters()
        self._locks = tuple(anyio.Lock() for _ in range(_LOCKS))
        self.is_shared = _kind(store) != "memory"
        if self.is_shared:
            # No warning: one process is what it is for, and in production several are refused.
            _log.info(
                "store shared without locks kind=%s hint=%r",
                type(store).__name__,
                "Safe for one process. Several renew a credential twice now and then: give those a RedisStore.",
            )

    async def get(self, key: str) -> str | None:
        """The value, or None when absent or expired.

        What is there and was not put there by us, or only half, is a text that opens nowhere: the store works, and this
        one user is asked anew.

        Raises:
            TimeoutError: The store did not answer in ten seconds; so for every method here.
        """
        with anyio.fail_after(_PATIENCE_SECONDS):
            return await self._read(key)

    async def put(self, key: str, value: str, *, ttl_seconds: float | None) -> None:
        """Set the value."""
        async with self._alone_with(key):
            await self._write(key, value, ttl_seconds)

    async def add(self, key: str, value: str, *, ttl_seconds: float | None) -> bool:
        """Set the value only if the key is absent; among processes, two may do it at the same moment."""
        async with self._alone_with(key):
            if await self._read(key) is not None:
                return False
            await self._write(key, value, ttl_seconds)
            return True

    async def take(self, key: str) -> str | None:
        """Get and delete: whoever is told that it was there to be deleted has it."""
        async with self._alone_with(key):
            value = await self._read(key)
            # An entry that is dead and not yet swept can be deleted too, so both count.
            return value if await self._remove(key) else None

    async def delete(self, key: str) -> None:
        """Remove the key."""
        async with self._alone_with(key):
            await self._remove(key)

    async def put_if(self, key: str, value: str, *, seen: str, ttl_seconds: float | None) -> bool:
        """Set the value if the one there is `seen`; among processes, two may do it at the same moment."""
        async with self._alone_with(key):
            if await self._read(key) != seen:
                return False
            await self._write(key, value, ttl_seconds)
            return True

    async def delete_if(self, key: str, *, seen: str) -> bool:
        """Remove the key if its value is `seen`; another process may change it at the same moment."""
        async with self._alone_with(key):
            return await self._read(key) == seen and await self._remove(key)

    async def wait_for_change(self, key: str, seen: str | None, *, timeout_seconds: float) -> None:
        """Return when the value is no longer `seen`, or after the time."""
        with self._waiters.waiting(key) as changed, anyio.move_on_after(timeout_seconds):
            while not changed.is_set() and await self.get(key) == seen:
                with anyio.move_on_after(_POLL_SECONDS):
                    await changed.wait()

    @asynccontextmanager
    async def _alone_with(self, key: str) -> AsyncIterator[None]:
        # Held while the store works, which is all that this process can do about a store that has no such step itself.
        # A few keys share a lock; nobody holds two of them.
        with anyio.fail_after(_PATIENCE_SECONDS):
            async with self._locks[int(_name(key)[:8], 16) % _LOCKS]:
                yield

    async def _read(self, key: str) -> str | None:
        try:
            entry = await self._entry(_name(key))
        except _NotOurs:
            return _UNREADABLE
        if entry is None:
            return None
        return entry.text if entry.key == key else _UNREADABLE

    async def _entry(self, name: str) -> _Entry | None:
        """What is kept under a name.

        Raises:
            _NotOurs: It was not put there by us, or only half.
        """
        try:
            found = await self._store.get(name, collection=self._collection)
        except self._unreadable:
            raise _NotOurs from None
        return None if found is None else _Entry.parse(found)

    async def _write(self, key: str, value: str, ttl_seconds: float | None) -> None:
        if ttl_seconds is not None and ttl_seconds <= 0:
            # These stores refuse to keep what is dead already.
            await self._remove(key)
            return
        entry = _Entry(key, value)._asdict()
        await self._store.put(_name(key), entry, collection=self._collection, ttl=ttl_seconds)
        self._waiters.wake(key)

    async def _remove(self, key: str) -> bool:
        was_there = await self._store.delete(_name(key), collection=self._collection)
        self._waiters.wake(key)
        return was_there


class _ListableKeyValueStore(KeyValueStore):
    async def list_keys(self) -> AsyncIterator[str]:
        """Every key that is alive.

        Raises:
            ConfigurationError: There are more than the store lists.
        """
        store = self._store
        lists_all = getattr(store, "lists_all_keys", False)
        assert isinstance(store, _ListsKeys)
        with anyio.fail_after(_PATIENCE_SECONDS):
            names = await store.keys(collection=self._collection)
        if len(names) >= _MOST_LISTED and not lists_all:
            raise ConfigurationError(
                f"A {type(store).__name__} lists no more than {_MOST_LISTED:,} keys, and holds as many.",
                hint="Move to RedisStore, which lists all of them, or wait until what this one holds has expired.",
            )
        for name in names:
            key = await self._key_of(name)
            if key is not None:
                yield key

    async def _key_of(self, name: str) -> str | None:
        try:
            with anyio.fail_after(_PATIENCE_SECONDS):
                entry = await self._entry(name)
        except _NotOurs:
            return None
        return entry.key if entry is not None and _name(entry.key) == name else None


class _NotOurs(Exception):
    pass


class _Entry(NamedTuple):
    key: str
    text: str

    @classmethod
    def parse(cls, found: Mapping[str, Any]) -> _Entry:
        key, text = found.get("key"), found.get("text")
        if not isinstance(key, str) or not isinstance(text, str):
            raise _NotOurs
        return cls(key, text)


def _name(key: str) -> str:
    return sha256_hex("mcpauthkit/key", key)


def _kind(store: object) -> str:
    """Which of the project's own stores it is, by the name of its folder; empty for others and for wrapped ones."""
    module = type(store).__module__
    return module.removeprefix(_STORES).partition(".")[0] if module.startswith(_STORES) else ""


def _lists_its_keys(store: object) -> bool:
    return isinstance(store, _ListsKeys) and _kind(store) not in _LIST_ONE_PAGE


def _check(given: object, port: type[Any]) -> None:
    if inspect.isclass(given) or not isinstance(given, port):
        kind = f"the class {given.__name__}" if inspect.isclass(given) else f"a {type(given).__name__}"
        raise ConfigurationError(
            f"KeyValueStore got {kind}, which is no store of py-key-value.",
            hint="Give an object of key_value.aio.stores, such as DynamoDBStore(table_name=...).",
        )
