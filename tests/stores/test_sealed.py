"""Sealed records: whoever can write to the storage cannot plant, move or read one."""

from __future__ import annotations

import json
from typing import Any

import anyio
import pytest

from mcpauthkit import KeyRing, MemoryStore, Store
from mcpauthkit.errors import SealError
from mcpauthkit.stores.sealed import SealedStore
from mcpauthkit.testing import FakeClock
from tests.stores.plain import PlainStore

RING = KeyRing({"a": "first-key-of-at-least-32-bytes-length"}, minting="a")
OTHER = KeyRing({"a": "other-key-of-at-least-32-bytes-length"}, minting="a")
ROTATED = KeyRing(
    {"b": "later-key-of-at-least-32-bytes-length", "a": "first-key-of-at-least-32-bytes-length"}, minting="b"
)
RECORD = {"token": "canary", "n": [1, {"a": None}]}


async def moved(store: MemoryStore, source: str, target: str) -> None:
    value = await store.get(source)
    assert value is not None
    await store.put(target, value, ttl_seconds=None)


@pytest.fixture
def store() -> MemoryStore:
    return MemoryStore()


@pytest.fixture
def sealed(store: MemoryStore) -> SealedStore:
    return SealedStore(store, RING)


async def test_a_record_survives_a_round_trip(sealed: SealedStore) -> None:
    await sealed.put("k", RECORD, ttl_seconds=60)
    assert await sealed.get("k") == RECORD
    assert await sealed.take("k") == RECORD
    assert await sealed.take("k") is None
    assert await sealed.get("k") is None


async def test_add_and_delete_reach_the_storage(sealed: SealedStore, store: MemoryStore) -> None:
    assert await sealed.add("k", RECORD, ttl_seconds=60)
    assert not await sealed.add("k", {}, ttl_seconds=60)
    assert await sealed.get("k") == RECORD
    await sealed.delete("k")
    assert await store.get("k") is None


async def test_the_storage_sees_no_content(sealed: SealedStore, store: MemoryStore) -> None:
    await sealed.put("k", RECORD, ttl_seconds=60)
    assert "canary" not in (await store.get("k") or "")


async def test_alices_record_under_bobs_key_is_refused(sealed: SealedStore, store: MemoryStore) -> None:
    # S1, S1a, S5: Alice's ciphertext opened under Bob's key and under another provider.
    await sealed.put("forge:alice", RECORD, ttl_seconds=None)
    for target in ("forge:bob", "wiki:alice", "forge:alice2", "FORGE:alice"):
        await moved(store, "forge:alice", target)
        with pytest.raises(SealError):
            await sealed.get(target)


async def test_a_pending_entry_copied_to_a_made_up_state_is_refused(sealed: SealedStore, store: MemoryStore) -> None:
    # S1b
    await sealed.put("visit:real-state", {"flow": "f"}, ttl_seconds=60)
    await moved(store, "visit:real-state", "visit:made-up")
    with pytest.raises(SealError):
        await sealed.take("visit:made-up")


async def test_an_old_record_put_back_after_its_time_is_no_record() -> None:
    # S1c as far as a seal can tell: the expiry is inside, and the storage's own clock is not believed.
    clock = FakeClock()
    store = MemoryStore(clock=clock)
    sealed = SealedStore(store, RING, clock=clock)
    await sealed.put("k", RECORD, ttl_seconds=60)
    old = await store.get("k")
    assert old is not None
    clock.advance(60)
    await store.put("k", old, ttl_seconds=None)
    assert await sealed.get("k") is None
    assert await sealed.take("k") is None


async def test_what_has_ended_and_was_put_back_without_an_end_keeps_nobody_from_adding() -> None:
    clock = FakeClock()
    store = MemoryStore(clock=clock)
    sealed = SealedStore(store, RING, clock=clock)
    await sealed.put("k", {"old": True}, ttl_seconds=60)
    old = await store.get("k") or ""
    clock.advance(60)
    await store.put("k", old, ttl_seconds=None)
    # Clocks differ by seconds: somebody else may hold it to be alive.
    assert not await sealed.add("k", RECORD, ttl_seconds=60)
    clock.advance(60)
    assert await sealed.add("k", RECORD, ttl_seconds=60)
    assert not await sealed.add("k", {}, ttl_seconds=60)
    assert await sealed.get("k") == RECORD


async def test_the_storage_is_told_the_lifetime() -> None:
    # S2: entries were kept for ever.
    clock = FakeClock()
    store = MemoryStore(clock=clock)
    sealed = SealedStore(store, RING, clock=clock)
    await sealed.put("a", RECORD, ttl_seconds=60)
    await sealed.add("b", RECORD, ttl_seconds=60)
    clock.advance(60)
    assert len(store) == 0


@pytest.mark.parametrize("method", ["get", "take"])
async def test_a_replica_with_the_wrong_key_deletes_nothing(
    sealed: SealedStore, store: MemoryStore, method: str
) -> None:
    # S3: reading once with another key wiped the entry.
    await sealed.put("k", RECORD, ttl_seconds=None)
    with pytest.raises(SealError):
        await getattr(SealedStore(store, OTHER), method)("k")
    assert await sealed.get("k") == RECORD


async def test_a_rotated_ring_reads_what_is_there(sealed: SealedStore, store: MemoryStore) -> None:
    await sealed.put("k", RECORD, ttl_seconds=None)
    rotated = SealedStore(store, ROTATED)
    assert await rotated.get("k") == RECORD
    await rotated.put("k", RECORD, ttl_seconds=None)
    with pytest.raises(SealError):
        await sealed.get("k")


@pytest.mark.parametrize("planted", [json.dumps(RECORD), "", "{}", "mk1.a.AAAA", "x" * 1000])
async def test_a_planted_value_is_refused(sealed: SealedStore, store: MemoryStore, planted: str) -> None:
    await store.put("k", planted, ttl_seconds=None)
    with pytest.raises(SealError):
        await sealed.get("k")
    with pytest.raises(SealError):
        await sealed.take("k")
    with pytest.raises(SealError):
        await sealed.wait_until("k", bool, timeout_seconds=1)


async def test_what_is_got_is_a_copy(sealed: SealedStore) -> None:
    # S6: the returned dict was the stored one.
    mine: dict[str, Any] = {"scopes": ["a"]}
    await sealed.put("k", mine, ttl_seconds=None)
    mine["scopes"].append("planted")
    got = await sealed.get("k")
    assert got == {"scopes": ["a"]}
    got["scopes"].append("planted")
    assert await sealed.get("k") == {"scopes": ["a"]}


async def test_of_fifty_concurrent_takes_one_wins(sealed: SealedStore) -> None:
    # S4
    await sealed.put("k", RECORD, ttl_seconds=60)
    taken: list[Any] = []

    async def take() -> None:
        taken.append(await sealed.take("k"))

    async with anyio.create_task_group() as tasks:
        for _ in range(50):
            tasks.start_soon(take)
    assert [one for one in taken if one is not None] == [RECORD]


def is_done(record: dict[str, Any] | None) -> bool:
    return record is not None and record["done"] is True


@pytest.mark.parametrize("watchable", [True, False])
async def test_waiting_ends_when_the_record_is_as_wanted(*, watchable: bool) -> None:
    memory = MemoryStore()
    store: Store = memory if watchable else PlainStore(memory)
    sealed = SealedStore(store, RING)
    seen: list[Any] = []

    async def wait() -> None:
        seen.append(await sealed.wait_until("k", is_done, timeout_seconds=10))

    with anyio.fail_after(5):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(wait)
            await anyio.wait_all_tasks_blocked()
            await sealed.put("k", {"done": False}, ttl_seconds=60)
            await anyio.wait_all_tasks_blocked()
            assert seen == []
            await sealed.put("k", {"done": True}, ttl_seconds=60)
    assert seen == [{"done": True}]


@pytest.mark.parametrize("watchable", [True, False])
@pytest.mark.parametrize("there", [None, {"done": False}])
async def test_waiting_ends_with_what_is_there_when_the_time_is_over(
    there: dict[str, Any] | None, *, watchable: bool
) -> None:
    memory = MemoryStore()
    store: Store = memory if watchable else PlainStore(memory)
    sealed = SealedStore(store, RING)
    if there is not None:
        await sealed.put("k", there, ttl_seconds=60)
    with anyio.fail_after(5):
        assert await sealed.wait_until("k", is_done, timeout_seconds=0.02) == there


async def test_a_store_that_cannot_wake_is_not_asked_all_the_time() -> None:
    plain = PlainStore(MemoryStore())
    await SealedStore(plain, RING).wait_until("k", is_done, timeout_seconds=0.05)
    assert plain.reads <= 2


def refusals(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [
        one.getMessage() for one in caplog.records if one.name == "mcpauthkit.audit" and "refused" in one.getMessage()
    ]


@pytest.mark.parametrize(
    ("planted", "told"),
    [
        (json.dumps(RECORD), "nothing of ours"),
        ("mk1.2025-11.0123abcd.AAAA", "2025-11"),
        ("mk1.a.AAAA", "changed"),
        ("mk1.a\nforged line.AAAA", "nothing of ours"),
    ],
    ids=["plaintext", "a key that is not here", "changed", "a text that would forge a log line"],
)
async def test_what_does_not_open_is_reported_once_with_the_reason(
    sealed: SealedStore, store: MemoryStore, caplog: pytest.LogCaptureFixture, planted: str, told: str
) -> None:
    await store.put("k", planted, ttl_seconds=None)
    for _ in range(10):
        with pytest.raises(SealError):
            await sealed.get("k")
    (line,) = refusals(caplog)
    assert "key=k" in line
    assert told in line
    assert not any(part in line for part in ("\n", "canary", "AAAA"))


async def test_a_record_that_is_spoilt_again_after_it_was_good_is_reported_again(
    sealed: SealedStore, store: MemoryStore, caplog: pytest.LogCaptureFixture
) -> None:
    for _ in range(2):
        await store.put("k", "planted", ttl_seconds=None)
        with pytest.raises(SealError):
            await sealed.get("k")
        await sealed.put("k", RECORD, ttl_seconds=None)
        assert await sealed.get("k") == RECORD
    assert len(refusals(caplog)) == 2


async def test_each_key_is_reported_for_itself(
    sealed: SealedStore, store: MemoryStore, caplog: pytest.LogCaptureFixture
) -> None:
    for _ in range(3):
        for number in range(100):
            await store.put(f"k{number}", "planted", ttl_seconds=None)
            with pytest.raises(SealError):
                await sealed.take(f"k{number}")
    assert len(refusals(caplog)) == 100


async def test_a_replica_whose_clock_is_ahead_sees_a_record_end_as_much_earlier_and_one_behind_never_later() -> None:
    clock, ahead, behind = FakeClock(), FakeClock(), FakeClock()
    ahead.set_wall(clock.wall() + 5)
    behind.set_wall(clock.wall() - 5)
    store = MemoryStore(clock=clock)
    await SealedStore(store, RING, clock=clock).put("k", RECORD, ttl_seconds=600)
    for one in (clock, ahead, behind):
        one.advance(594)
    assert await SealedStore(store, RING, clock=ahead).get("k") == RECORD
    for one in (clock, ahead, behind):
        one.advance(5)
    assert await SealedStore(store, RING, clock=ahead).get("k") is None
    assert await SealedStore(store, RING, clock=behind).get("k") == RECORD
    for one in (clock, ahead, behind):
        one.advance(1)
    assert await SealedStore(store, RING, clock=behind).get("k") is None
