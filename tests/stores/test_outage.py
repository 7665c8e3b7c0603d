"""A store that is away for a while: waits outlast it, and everything else says so at once."""

from __future__ import annotations

from typing import Any

import anyio
import pytest

from mcpauthkit import KeyRing, MemoryStore
from mcpauthkit.errors import StoreUnavailable
from mcpauthkit.stores.sealed import SealedStore

RING = KeyRing({"a": "first-key-of-at-least-32-bytes-length"}, minting="a")


class Away(MemoryStore):
    """A memory store that can be switched off."""

    is_away = True

    async def get(self, key: str) -> str | None:
        if self.is_away:
            raise ConnectionError("cannot reach redis://:s3cretpw@10.0.0.5:6379")
        return await super().get(key)


async def test_a_wait_outlasts_an_outage() -> None:
    store = Away()
    sealed = SealedStore(store, RING)
    found: list[Any] = []

    async def wait() -> None:
        found.append(await sealed.wait_until("k", lambda record: record is not None, timeout_seconds=30))

    with anyio.fail_after(5):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(wait)
            await anyio.wait_all_tasks_blocked()
            await sealed.put("k", {"n": 1}, ttl_seconds=60)
            store.is_away = False
    assert found == [{"n": 1}]


async def test_a_wait_that_ends_within_an_outage_says_so_and_no_more() -> None:
    sealed = SealedStore(Away(), RING)
    with pytest.raises(StoreUnavailable) as refused:
        await sealed.wait_until("k", lambda record: record is not None, timeout_seconds=0.01)
    assert "s3cretpw" not in refused.value.for_log() + str(refused.value.__cause__)
