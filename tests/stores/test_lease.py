"""Leases: one holder at a time among all who share a store, and no dead one for long."""

from __future__ import annotations

import asyncio

import anyio
import pytest

from mcpauthkit import KeyRing, MemoryStore
from mcpauthkit.errors import StoreBusy, StoreUnavailable
from mcpauthkit.stores.lease import LEASE_SECONDS, Lease
from mcpauthkit.stores.sealed import SealedStore
from mcpauthkit.testing import FakeClock
from tests.stores.failing import FailingStore
from tests.stores.plain import PlainStore

RING = KeyRing({"a": "first-key-of-at-least-32-bytes-length"}, minting="a")


class Watch:
    """How many hold something at once, and how many have."""

    def __init__(self) -> None:
        self.now = self.most = self.all = 0

    async def hold(self, store: SealedStore) -> None:
        async with store.lease("k", timeout_seconds=30):
            self.now += 1
            self.all += 1
            self.most = max(self.most, self.now)
            await anyio.lowlevel.checkpoint()
            self.now -= 1


def replicas(store: MemoryStore | PlainStore, clock: FakeClock) -> tuple[SealedStore, SealedStore]:
    return SealedStore(store, RING, clock=clock), SealedStore(store, RING, clock=clock)


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture(params=["memory", "plain"])
def store(request: pytest.FixtureRequest, clock: FakeClock) -> MemoryStore | PlainStore:
    memory = MemoryStore(clock=clock)
    return memory if request.param == "memory" else PlainStore(memory)


async def test_of_many_on_several_replicas_one_holds_it_at_a_time(
    store: MemoryStore | PlainStore, clock: FakeClock
) -> None:
    watch, pair = Watch(), replicas(store, clock)
    count = 40 if isinstance(store, MemoryStore) else 4
    with anyio.fail_after(20):
        async with anyio.create_task_group() as tasks:
            for number in range(count):
                tasks.start_soon(watch.hold, pair[number % 2])
    assert (watch.most, watch.all) == (1, count)


async def test_whoever_does_not_wait_is_told_that_it_is_held(store: MemoryStore | PlainStore, clock: FakeClock) -> None:
    one, other = replicas(store, clock)
    async with one.lease("k", timeout_seconds=1):
        with pytest.raises(StoreBusy):
            async with other.lease("k", timeout_seconds=0):
                pytest.fail("two hold it")
        async with other.lease("another", timeout_seconds=0):
            pass
    async with other.lease("k", timeout_seconds=0):
        pass


async def test_waiting_has_an_end(clock: FakeClock) -> None:
    one, other = replicas(MemoryStore(clock=clock), clock)
    with anyio.fail_after(5):
        async with one.lease("k", timeout_seconds=1):
            with pytest.raises(StoreBusy):
                async with other.lease("k", timeout_seconds=0.01):
                    pytest.fail("two hold it")


async def test_a_holder_that_died_holds_it_for_some_seconds_only(
    store: MemoryStore | PlainStore, clock: FakeClock
) -> None:
    one, other = replicas(store, clock)
    async with one.lease("k", timeout_seconds=1):
        clock.advance(LEASE_SECONDS)
        async with other.lease("k", timeout_seconds=0):
            pass


async def test_a_holder_that_comes_late_ends_nobody_elses_lease(
    store: MemoryStore | PlainStore, clock: FakeClock
) -> None:
    one, other = replicas(store, clock)
    async with one.lease("k", timeout_seconds=1):
        clock.advance(LEASE_SECONDS)
        theirs = other.lease("k", timeout_seconds=0)
        await theirs.__aenter__()
    with pytest.raises(StoreBusy):
        async with one.lease("k", timeout_seconds=0):
            pytest.fail("two hold it")
    await theirs.__aexit__(None, None, None)


async def put_back(store: MemoryStore | PlainStore, clock: FakeClock, ring: KeyRing, *, seconds: float) -> None:
    """What a backup without lifetimes brings back: the lease of somebody who held it as long ago."""
    async with SealedStore(store, ring, clock=clock).lease("k", timeout_seconds=0):
        mark = await store.get("k")
    assert mark is not None
    clock.advance(seconds)
    await store.put("k", mark, ttl_seconds=None)


async def test_a_lease_that_a_backup_has_brought_back_without_an_end_locks_nobody_out(
    store: MemoryStore | PlainStore, clock: FakeClock
) -> None:
    await put_back(store, clock, RING, seconds=3600)
    one, other = replicas(store, clock)
    async with one.lease("k", timeout_seconds=0):
        with pytest.raises(StoreBusy):
            async with other.lease("k", timeout_seconds=0):
                pytest.fail("two hold it")
    assert await store.get("k") is None


async def test_a_lease_that_its_holder_keeps_alive_for_minutes_is_not_taken_over(
    store: MemoryStore | PlainStore, clock: FakeClock
) -> None:
    await put_back(store, clock, RING, seconds=600)
    with pytest.raises(StoreBusy):
        async with SealedStore(store, RING, clock=clock).lease("k", timeout_seconds=0):
            pytest.fail("two hold it")


async def test_a_lease_of_somebody_with_another_key_is_not_taken_over(
    store: MemoryStore | PlainStore, clock: FakeClock
) -> None:
    strange = KeyRing({"b": "other-key-of-at-least-32-bytes-length"}, minting="b")
    await put_back(store, clock, strange, seconds=3600)
    with pytest.raises(StoreBusy):
        async with SealedStore(store, RING, clock=clock).lease("k", timeout_seconds=0):
            pytest.fail("nobody knows whether it has ended")


@pytest.mark.parametrize("how", ["scope", "task"])
async def test_who_is_cancelled_while_holding_or_waiting_leaves_it_to_others(clock: FakeClock, how: str) -> None:
    one, other = replicas(MemoryStore(clock=clock), clock)

    async def hold() -> None:
        async with one.lease("k", timeout_seconds=30):
            await anyio.sleep_forever()

    with anyio.fail_after(5):
        holding, waiting = asyncio.create_task(hold()), asyncio.create_task(hold())
        await anyio.wait_all_tasks_blocked()
        if how == "task":
            waiting.cancel()
            holding.cancel()
        else:
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(hold)
                await anyio.wait_all_tasks_blocked()
                tasks.cancel_scope.cancel()
            holding.cancel()
            waiting.cancel()
        await asyncio.wait([holding, waiting])
        async with other.lease("k", timeout_seconds=0):
            pass


async def test_a_block_that_fails_gives_the_lease_back_and_its_error_on(clock: FakeClock) -> None:
    one, other = replicas(MemoryStore(clock=clock), clock)
    with pytest.raises(ZeroDivisionError):
        async with one.lease("k", timeout_seconds=1):
            raise ZeroDivisionError
    async with other.lease("k", timeout_seconds=0):
        pass


async def test_a_store_that_fails_gives_no_lease(clock: FakeClock) -> None:
    store = FailingStore(clock=clock)
    store.fails = True
    with pytest.raises(StoreUnavailable) as refused:
        async with SealedStore(store, RING, clock=clock).lease("k", timeout_seconds=1):
            pytest.fail("nobody knows whether somebody else holds it")
    assert not isinstance(refused.value, StoreBusy)


async def test_an_outage_while_it_is_held_undoes_nothing_and_asks_nothing_of_the_operator(
    clock: FakeClock, caplog: pytest.LogCaptureFixture
) -> None:
    store = FailingStore(clock=clock)
    sealed = SealedStore(store, RING, clock=clock)
    done = False
    async with sealed.lease("k", timeout_seconds=1):
        store.fails = done = True
    store.fails = False
    assert done
    (told,) = [one.getMessage() for one in caplog.records if "not given back" in one.getMessage()]
    assert "by itself" in told
    clock.advance(LEASE_SECONDS)
    async with sealed.lease("k", timeout_seconds=0):
        pass


async def test_what_is_kept_of_a_lease_is_sealed(clock: FakeClock) -> None:
    store = MemoryStore(clock=clock)
    async with SealedStore(store, RING, clock=clock).lease("k", timeout_seconds=1):
        assert (await store.get("k") or "").startswith("mk1.a.")


@pytest.mark.parametrize("is_plain", [False, True], ids=["memory", "plain"])
async def test_a_holder_that_takes_long_keeps_it(clock: FakeClock, is_plain: bool) -> None:
    memory = MemoryStore(clock=clock)
    store = PlainStore(memory) if is_plain else memory
    async with Lease(store, "k", "mine", seconds=0.15).held(timeout_seconds=1):
        for _ in range(4):
            clock.advance(0.1)
            # Writing the same again wakes who waits, too: from now on it lives for its whole time again.
            await memory.wait_for_change("k", "mine", timeout_seconds=5)
        with pytest.raises(StoreBusy):
            async with Lease(store, "k", "theirs").held(timeout_seconds=0):
                pytest.fail("two hold it")


async def test_a_lease_that_the_store_has_lost_is_entered_again() -> None:
    store = MemoryStore()
    with anyio.fail_after(5):
        async with Lease(store, "k", "mine", seconds=0.15).held(timeout_seconds=1):
            await store.delete("k")
            await store.wait_for_change("k", None, timeout_seconds=5)
            assert await store.get("k") == "mine"


async def test_a_lease_that_somebody_else_has_by_now_stays_theirs() -> None:
    store = MemoryStore()
    async with Lease(store, "k", "mine", seconds=0.15).held(timeout_seconds=1):
        await store.put("k", "theirs", ttl_seconds=60)
        await store.wait_for_change("k", "theirs", timeout_seconds=0.3)
    assert await store.get("k") == "theirs"
