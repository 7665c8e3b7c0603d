"""The memory store."""

from __future__ import annotations

from mcpauthkit import MemoryStore
from mcpauthkit.testing import FakeClock
from tests.contracts.store import StoreContract


class TestMemoryStore(StoreContract):
    def make(self) -> MemoryStore:
        return MemoryStore(clock=self.clock)


async def test_abandoned_entries_are_reclaimed_as_others_come() -> None:
    # L11: entries of abandoned flows were never reclaimed.
    clock = FakeClock()
    store = MemoryStore(clock=clock)
    for number in range(1000):
        await store.put(f"flow-{number}", "v", ttl_seconds=60)
        clock.advance(1)
        assert len(store) <= 60


async def test_an_entry_set_again_does_not_die_at_its_first_death() -> None:
    clock = FakeClock()
    store = MemoryStore(clock=clock)
    await store.put("k", "1", ttl_seconds=10)
    await store.put("k", "2", ttl_seconds=100)
    clock.advance(50)
    assert len(store) == 1
    assert await store.get("k") == "2"


async def test_two_stores_share_nothing() -> None:
    one, other = MemoryStore(), MemoryStore()
    await one.put("k", "v", ttl_seconds=None)
    assert await other.get("k") is None


async def test_a_wall_clock_that_jumps_kills_nothing() -> None:
    clock = FakeClock()
    store = MemoryStore(clock=clock)
    await store.put("k", "v", ttl_seconds=10)
    clock.set_wall(clock.wall() + 1_000_000)
    assert await store.get("k") == "v"


async def test_a_key_that_is_written_over_and_over_leaves_nothing_behind() -> None:
    clock = FakeClock()
    store = MemoryStore(clock=clock)
    for _ in range(5000):
        await store.put("key", "value", ttl_seconds=3600)
    assert len(store._deaths) < 200
    clock.advance(3600)
    assert len(store) == 0
