"""A store with outages."""

from __future__ import annotations

from mcpauthkit import MemoryStore

CANARY = "redis://:s3cretpw@10.0.0.5:6379"
"""What its errors say and nobody may read."""


class FailingStore(MemoryStore):
    """A memory store that fails for as long as it is told to."""

    fails = False

    async def get(self, key: str) -> str | None:
        self._check()
        return await super().get(key)

    async def put(self, key: str, value: str, *, ttl_seconds: float | None) -> None:
        self._check()
        await super().put(key, value, ttl_seconds=ttl_seconds)

    async def add(self, key: str, value: str, *, ttl_seconds: float | None) -> bool:
        self._check()
        return await super().add(key, value, ttl_seconds=ttl_seconds)

    async def take(self, key: str) -> str | None:
        self._check()
        return await super().take(key)

    async def put_if(self, key: str, value: str, *, seen: str, ttl_seconds: float | None) -> bool:
        self._check()
        return await super().put_if(key, value, seen=seen, ttl_seconds=ttl_seconds)

    async def delete_if(self, key: str, *, seen: str) -> bool:
        self._check()
        return await super().delete_if(key, seen=seen)

    def _check(self) -> None:
        if self.fails:
            raise ConnectionError(f"cannot reach {CANARY}")
