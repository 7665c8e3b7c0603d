"""A store that can be out of order."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from mcpauthkit.stores.memory import MemoryStore

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from mcpauthkit.core.clock import Clock


class DevStore(MemoryStore):
    """A memory store that cannot be reached while a test says so. What it holds is still there afterwards.

    Args:
        clock: Time; the monotonic one decides expiry.

    Attributes:
        is_out: Whether it fails in everything at the moment; any thread may say so.
    """

    def __init__(self, *, clock: Clock | None = None) -> None:
        super().__init__(clock=clock)
        self.is_out = False

    @contextmanager
    def outage(self) -> Iterator[None]:
        """Fail in everything for as long as the block runs, as a database that does not answer."""
        self.is_out = True
        try:
            yield
        finally:
            self.is_out = False

    async def get(self, key: str) -> str | None:
        """The value, or None when absent or expired."""
        self._check()
        return await super().get(key)

    async def put(self, key: str, value: str, *, ttl_seconds: float | None) -> None:
        """Set the value."""
        self._check()
        await super().put(key, value, ttl_seconds=ttl_seconds)

    async def add(self, key: str, value: str, *, ttl_seconds: float | None) -> bool:
        """Set the value only if the key is absent."""
        self._check()
        return await super().add(key, value, ttl_seconds=ttl_seconds)

    async def take(self, key: str) -> str | None:
        """Get and delete in one step."""
        self._check()
        return await super().take(key)

    async def put_if(self, key: str, value: str, *, seen: str, ttl_seconds: float | None) -> bool:
        """Set the value if the one there is `seen`."""
        self._check()
        return await super().put_if(key, value, seen=seen, ttl_seconds=ttl_seconds)

    async def delete_if(self, key: str, *, seen: str) -> bool:
        """Remove the key if its value is `seen`."""
        self._check()
        return await super().delete_if(key, seen=seen)

    async def list_keys(self) -> AsyncIterator[str]:
        """Every key."""
        self._check()
        async for key in super().list_keys():
            yield key

    async def check_access(self) -> None:
        """Try whether it can be used."""
        self._check()

    def _check(self) -> None:
        if self.is_out:
            # What a driver raises, and no error of ours: whatever stands above a store has to be ready for that.
            raise ConnectionRefusedError("the store is out of order because a test says so")
