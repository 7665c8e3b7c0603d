"""A store that can do no more than it must."""

from __future__ import annotations

from mcpauthkit import MemoryStore


class PlainStore:
    """Keeps texts in a memory store and cannot wake anybody."""

    def __init__(self, inner: MemoryStore) -> None:
        self.inner = inner
        self.reads = 0

    async def get(self, key: str) -> str | None:
        self.reads += 1
        return await self.inner.get(key)

    async def put(self, key: str, value: str, *, ttl_seconds: float | None) -> None:
        await self.inner.put(key, value, ttl_seconds=ttl_seconds)

    async def add(self, key: str, value: str, *, ttl_seconds: float | None) -> bool:
        return await self.inner.add(key, value, ttl_seconds=ttl_seconds)

    async def take(self, key: str) -> str | None:
        return await self.inner.take(key)

    async def delete(self, key: str) -> None:
        await self.inner.delete(key)
