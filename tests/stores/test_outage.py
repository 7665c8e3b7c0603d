"""An outage of the store: waits outlast it, and everything else says so at once."""

from __future__ import annotations

from typing import Any

import anyio
import pytest

from mcpauthkit import KeyRing
from mcpauthkit.errors import StoreUnavailable
from mcpauthkit.stores.sealed import SealedStore
from tests.stores.failing import FailingStore

RING = KeyRing({"a": "first-key-of-at-least-32-bytes-length"}, minting="a")


async def test_a_wait_outlasts_an_outage() -> None:
    store = FailingStore()
    store.fails = True
    sealed = SealedStore(store, RING)
    found: list[Any] = []

    async def wait() -> None:
        found.append(await sealed.wait_until("k", lambda record: record is not None, timeout_seconds=30))

    with anyio.fail_after(5):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(wait)
            await anyio.wait_all_tasks_blocked()
            store.fails = False
            await sealed.put("k", {"n": 1}, ttl_seconds=60)
    assert found == [{"n": 1}]


async def test_a_wait_that_ends_within_an_outage_says_so_and_no_more() -> None:
    store = FailingStore()
    store.fails = True
    sealed = SealedStore(store, RING)
    with pytest.raises(StoreUnavailable) as refused:
        await sealed.wait_until("k", lambda record: record is not None, timeout_seconds=0.01)
    assert "s3cretpw" not in refused.value.for_log() + str(refused.value.__cause__)
