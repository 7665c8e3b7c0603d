"""The store port."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Protocol, runtime_checkable


class Store(Protocol):
    """Short texts under keys, each with a time to live. Ours inherit one suite of contract tests.

    Keys are opaque here and hold no user identifiers. Lifetimes are in seconds; None keeps an entry until it is
    deleted.
    """

    async def get(self, key: str) -> str | None:
        """The value, or None when absent or expired."""
        ...

    async def put(self, key: str, value: str, *, ttl_seconds: float | None) -> None:
        """Set the value, replacing one that is there."""
        ...

    async def add(self, key: str, value: str, *, ttl_seconds: float | None) -> bool:
        """Set the value only if the key is absent; exactly one of many concurrent callers gets True."""
        ...

    async def take(self, key: str) -> str | None:
        """Get and delete in one step; exactly one of many concurrent callers gets the value."""
        ...

    async def delete(self, key: str) -> None:
        """Remove the key; an absent one is no error."""
        ...


@runtime_checkable
class Watchable(Protocol):
    """What a store can do besides, when it can wake waiters."""

    async def wait_for_change(self, key: str, seen: str | None, *, timeout_seconds: float) -> None:
        """Return when the value under `key` is no longer `seen`, or when the time is over; whichever is first."""
        ...


@runtime_checkable
class Conditional(Protocol):
    """What a store can do besides, when it can change what is still as it was seen, in one step.

    Leases, and records that are sealed anew while others use them, need it to be safe between processes. A store whose
    step is one only within its own process says so by an attribute, `is_exact = False`.
    """

    async def put_if(self, key: str, value: str, *, seen: str, ttl_seconds: float | None) -> bool:
        """Set the value if the one there is `seen`; whether it was. Exactly one of many concurrent callers wins."""
        ...

    async def delete_if(self, key: str, *, seen: str) -> bool:
        """Remove the key if its value is `seen`; whether it was."""
        ...


@runtime_checkable
class Listable(Protocol):
    """What a store can do besides, when it can tell what it holds."""

    def list_keys(self) -> AsyncIterator[str]:
        """Every key once or oftener, in no order; those that come or go meanwhile may be missing."""
        ...


@runtime_checkable
class Checkable(Protocol):
    """What a store can do besides, when it can tell at the start what is wrong with it.

    Otherwise the first user finds out.
    """

    async def check_access(self) -> None:
        """Try whether it can be used; its errors are for operators, and say where the store is.

        Raises:
            ConfigurationError: It answers and refuses, until an operator changes something.
            StoreUnavailable: It cannot be used at the moment.
        """
        ...


@runtime_checkable
class Closable(Protocol):
    """What a store can do besides, when it holds connections."""

    async def aclose(self) -> None:
        """Close them; the store is of no use afterwards."""
        ...


def is_shared(store: Store) -> bool:
    """Whether other processes see what this one puts; stores say no by an attribute `is_shared`."""
    return bool(getattr(store, "is_shared", True))


def is_exact(store: Store) -> bool:
    """Whether nobody can come between a condition and its change; stores say no by an attribute `is_exact`."""
    return isinstance(store, Conditional) and bool(getattr(store, "is_exact", True))


def is_in_clear(store: Store) -> bool:
    """Whether what a store is told crosses a network unencrypted; stores say yes by an attribute `is_in_clear`."""
    return bool(getattr(store, "is_in_clear", False))
