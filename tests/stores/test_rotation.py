"""Keys are rotated without logging anybody out: records are sealed anew as they are read, and a walk does the rest."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from typing import Any

import anyio
import pytest

from mcpauthkit import KeyRing, MemoryStore
from mcpauthkit.errors import ConfigurationError, SealedElsewhere, SealError, StoreUnavailable
from mcpauthkit.stores.rotation import Resealed, reseal_all
from mcpauthkit.stores.sealed import SealedStore
from mcpauthkit.testing import FakeClock
from tests.stores.content import content_of
from tests.stores.plain import PlainStore

FIRST, SECOND = "first-key-of-at-least-32-bytes-length", "later-key-of-at-least-32-bytes-length"
OLD = KeyRing({"a": FIRST}, minting="a")
BOTH_OLD = KeyRing({"a": FIRST, "b": SECOND}, minting="a")
BOTH_NEW = KeyRing({"a": FIRST, "b": SECOND}, minting="b")
NEW = KeyRing({"b": SECOND}, minting="b")
STRANGE = KeyRing({"c": "other-key-of-at-least-32-bytes-length"}, minting="c")
YEAR, DAY = 365 * 86_400.0, 86_400.0
RECORD = {"token": "canary"}
NOTHING = Resealed(walked=0, resealed=0, current=0, older=0, ended=0, unreadable=(), forgotten=0)


class CountingStore(MemoryStore):
    """Counts what is changed conditionally, fails when told to, and lets somebody act in between."""

    def __init__(self, clock: FakeClock) -> None:
        super().__init__(clock=clock)
        self.tries = 0
        self.trouble: Exception | None = None
        self.meanwhile: list[Callable[[], Awaitable[None]]] = []

    async def put_if(self, key: str, value: str, *, seen: str, ttl_seconds: float | None) -> bool:
        self.tries += 1
        if self.trouble is not None:
            raise self.trouble
        if self.meanwhile:
            await self.meanwhile.pop()()
        return await super().put_if(key, value, seen=seen, ttl_seconds=ttl_seconds)


class TwiceStore(MemoryStore):
    """Tells each key twice, as a cursor over a growing table may."""

    async def list_keys(self) -> AsyncIterator[str]:
        for _ in range(2):
            async for key in super().list_keys():
                yield key


class OnlyListable(PlainStore):
    async def list_keys(self) -> AsyncIterator[str]:
        async for key in self.inner.list_keys():
            yield key


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def store(clock: FakeClock) -> CountingStore:
    return CountingStore(clock)


async def key_name(store: MemoryStore, key: str) -> str:
    return (await store.get(key) or "..").split(".")[1]


def over(store: Any, ring: KeyRing, clock: FakeClock) -> SealedStore:
    return SealedStore(store, ring, clock=clock)


@pytest.mark.parametrize("ttl_seconds", [YEAR, None])
async def test_a_record_is_sealed_anew_as_it_is_read_and_opens_without_the_old_key(
    store: CountingStore, clock: FakeClock, ttl_seconds: float | None
) -> None:
    await over(store, OLD, clock).put("k", RECORD, ttl_seconds=ttl_seconds)
    assert await over(store, BOTH_NEW, clock).get("k") == RECORD
    assert await key_name(store, "k") == "b"
    assert await over(store, NEW, clock).get("k") == RECORD


async def test_a_record_that_is_sealed_anew_lives_neither_longer_nor_shorter(
    store: CountingStore, clock: FakeClock
) -> None:
    await over(store, OLD, clock).put("k", RECORD, ttl_seconds=YEAR)
    clock.advance(100 * DAY)
    await over(store, BOTH_NEW, clock).get("k")
    copied = await store.get("k")
    assert copied is not None
    clock.advance(265 * DAY - 1)
    assert await over(store, NEW, clock).get("k") == RECORD
    clock.advance(1)
    assert len(store) == 0
    await store.put("k", copied, ttl_seconds=None)
    assert await over(store, NEW, clock).get("k") is None


async def test_a_record_without_an_end_stays_without_one(store: CountingStore, clock: FakeClock) -> None:
    await over(store, OLD, clock).put("k", RECORD, ttl_seconds=None)
    await over(store, BOTH_NEW, clock).get("k")
    clock.advance(100 * YEAR)
    assert await over(store, NEW, clock).get("k") == RECORD


async def test_what_lives_for_less_than_a_day_is_left_alone(store: CountingStore, clock: FakeClock) -> None:
    await over(store, OLD, clock).put("k", RECORD, ttl_seconds=DAY)
    assert await over(store, BOTH_NEW, clock).get("k") == RECORD
    assert store.tries == 0
    assert await reseal_all(store, BOTH_NEW, clock=clock) == replace(NOTHING, walked=1, older=1)
    assert await key_name(store, "k") == "a"


async def test_what_is_read_under_the_minting_key_is_not_written(store: CountingStore, clock: FakeClock) -> None:
    await over(store, BOTH_OLD, clock).put("k", RECORD, ttl_seconds=YEAR)
    await over(store, BOTH_OLD, clock).get("k")
    assert store.tries == 0


async def test_a_change_of_somebody_else_is_not_undone(store: CountingStore, clock: FakeClock) -> None:
    await over(store, OLD, clock).put("k", RECORD, ttl_seconds=YEAR)
    app = over(store, BOTH_NEW, clock)
    store.meanwhile.append(lambda: app.put("k", {"token": "theirs"}, ttl_seconds=YEAR))
    assert await over(store, BOTH_NEW, clock).get("k") == RECORD
    assert await over(store, BOTH_NEW, clock).get("k") == {"token": "theirs"}


async def test_a_record_that_is_deleted_meanwhile_does_not_come_back(store: CountingStore, clock: FakeClock) -> None:
    await over(store, OLD, clock).put("k", RECORD, ttl_seconds=YEAR)
    store.meanwhile.append(lambda: store.delete("k"))
    assert await over(store, BOTH_NEW, clock).get("k") == RECORD
    assert await store.get("k") is None
    await over(store, OLD, clock).put("k", RECORD, ttl_seconds=YEAR)
    store.meanwhile.append(lambda: store.delete("k"))
    assert await reseal_all(store, BOTH_NEW, clock=clock) == NOTHING


@pytest.mark.parametrize("method", ["get", "take"])
async def test_an_outage_while_a_record_is_sealed_anew_costs_nobody_a_call(
    store: CountingStore, clock: FakeClock, caplog: pytest.LogCaptureFixture, method: str
) -> None:
    await over(store, OLD, clock).put("k", RECORD, ttl_seconds=YEAR)
    store.trouble = ConnectionError("redis://user:canary@host")
    with caplog.at_level(logging.DEBUG):
        assert await getattr(over(store, BOTH_NEW, clock), method)("k") == RECORD
    assert "canary" not in caplog.text
    assert any(one.name == "mcpauthkit.stores" for one in caplog.records) == (method == "get")


async def test_replicas_that_mint_with_different_keys_do_not_write_by_turns(
    store: CountingStore, clock: FakeClock
) -> None:
    replicas = [over(store, BOTH_OLD, clock), over(store, BOTH_NEW, clock)]
    await replicas[0].put("k", RECORD, ttl_seconds=YEAR)
    for _ in range(20):
        for replica in replicas:
            assert await replica.get("k") == RECORD
    assert store.tries <= 2


async def test_of_many_who_read_at_once_each_gets_the_record(store: CountingStore, clock: FakeClock) -> None:
    await over(store, OLD, clock).put("k", RECORD, ttl_seconds=YEAR)
    found: list[Any] = []

    async def read() -> None:
        found.append(await over(store, BOTH_NEW, clock).get("k"))

    async with anyio.create_task_group() as tasks:
        for _ in range(50):
            tasks.start_soon(read)
    assert found == [RECORD] * 50
    assert await key_name(store, "k") == "b"


async def test_in_a_store_that_cannot_compare_a_record_moves_when_it_is_written(
    store: CountingStore, clock: FakeClock
) -> None:
    plain = PlainStore(store)
    await over(plain, OLD, clock).put("k", RECORD, ttl_seconds=YEAR)
    new = over(plain, BOTH_NEW, clock)
    assert await new.get("k") == RECORD
    assert await key_name(store, "k") == "a"
    await new.put("k", RECORD, ttl_seconds=YEAR)
    assert await key_name(store, "k") == "b"


async def test_a_lease_that_is_held_is_left_to_its_holder(store: CountingStore, clock: FakeClock) -> None:
    async with over(store, OLD, clock).lease("lease", timeout_seconds=0):
        mark = await store.get("lease")
        done = await reseal_all(store, BOTH_NEW, clock=clock)
        assert await store.get("lease") == mark
        clock.advance(5)
        await reseal_all(store, BOTH_NEW, clock=clock)
        assert await store.get("lease") == mark
    assert (done.resealed, done.unreadable) == (0, ())
    assert await store.get("lease") is None


async def test_a_walk_tells_what_it_found_and_did(store: CountingStore, clock: FakeClock) -> None:
    await over(store, OLD, clock).put("credential", RECORD, ttl_seconds=YEAR)
    await over(store, OLD, clock).put("flow", RECORD, ttl_seconds=600)
    await over(store, NEW, clock).put("later", RECORD, ttl_seconds=None)
    await over(store, STRANGE, clock).put("strange", RECORD, ttl_seconds=YEAR)
    await store.put("plaintext", '{"token": "planted"}', ttl_seconds=None)
    await store.put("moved", await store.get("credential") or "", ttl_seconds=None)
    done = await reseal_all(store, BOTH_NEW, clock=clock)
    assert (done.walked, done.resealed, done.current, done.older, done.forgotten) == (6, 1, 1, 1, 0)
    assert [one.key for one in done.unreadable] == ["moved", "plaintext", "strange"]
    moved, plaintext, strange = (one.reason for one in done.unreadable)
    assert len({moved, plaintext, strange}) == 3
    assert " c." in strange
    assert await over(store, STRANGE, clock).get("strange") == RECORD
    again = await reseal_all(store, BOTH_NEW, clock=clock)
    assert (again.walked, again.resealed, again.current) == (6, 0, 2)


async def test_what_is_told_twice_is_counted_once(clock: FakeClock) -> None:
    store = TwiceStore(clock=clock)
    for number in range(100):
        await over(store, OLD, clock).put(f"k{number}", RECORD, ttl_seconds=YEAR)
    done = await reseal_all(store, BOTH_NEW, concurrency=7, clock=clock)
    assert done == replace(NOTHING, walked=100, resealed=100)


async def test_what_an_application_writes_during_the_walk_stays(clock: FakeClock) -> None:
    store = MemoryStore(clock=clock)
    old, app = over(store, OLD, clock), over(store, BOTH_NEW, clock)
    for number in range(200):
        await old.put(f"k{number}", {"n": 0}, ttl_seconds=YEAR)

    async def use() -> None:
        for number in range(200):
            await app.put(f"k{number}", {"n": 1}, ttl_seconds=YEAR)
            if number % 3 == 0:
                await app.delete(f"k{number}")
            await anyio.lowlevel.checkpoint()

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(use)
        tasks.start_soon(lambda: reseal_all(store, BOTH_NEW, clock=clock))
    for number in range(200):
        assert await over(store, NEW, clock).get(f"k{number}") == (None if number % 3 == 0 else {"n": 1})


async def test_a_record_that_changes_all_the_time_does_not_hold_up_the_walk(
    store: CountingStore, clock: FakeClock
) -> None:
    old = over(store, OLD, clock)
    await old.put("k", RECORD, ttl_seconds=YEAR)
    store.meanwhile.extend([lambda: old.put("k", RECORD, ttl_seconds=YEAR)] * 50)
    assert await reseal_all(store, BOTH_NEW, clock=clock) == replace(NOTHING, walked=1, older=1)


async def test_an_outage_ends_the_walk_with_one_error(store: CountingStore, clock: FakeClock) -> None:
    for number in range(50):
        await over(store, OLD, clock).put(f"k{number}", RECORD, ttl_seconds=YEAR)
    store.trouble = ConnectionError("canary")
    with pytest.raises(StoreUnavailable) as caught:
        await reseal_all(store, BOTH_NEW, clock=clock)
    assert "canary" not in f"{caught.value!r} {caught.value.for_log()}"
    store.trouble = None
    assert (await reseal_all(store, BOTH_NEW, clock=clock)).resealed == 50


async def test_a_store_that_cannot_list_all_of_it_ends_the_walk_with_its_own_words(clock: FakeClock) -> None:
    fault = ConfigurationError("Too many.", hint="Move.")

    class Overfull(MemoryStore):
        async def list_keys(self) -> AsyncIterator[str]:
            yield "k"
            raise fault

    with pytest.raises(ConfigurationError) as caught:
        await reseal_all(Overfull(clock=clock), BOTH_NEW, clock=clock)
    assert caught.value is fault


async def test_what_has_ended_and_was_put_back_without_an_end_is_removed_and_counted(
    store: CountingStore, clock: FakeClock
) -> None:
    await over(store, OLD, clock).put("credential", RECORD, ttl_seconds=YEAR)
    async with over(store, OLD, clock).lease("lease", timeout_seconds=0):
        lease = await store.get("lease") or ""
    await over(store, OLD, clock).put("flow", RECORD, ttl_seconds=600)
    flow = await store.get("flow") or ""
    clock.advance(3600)
    await over(store, OLD, clock).put("fresh", RECORD, ttl_seconds=600)
    fresh = await store.get("fresh") or ""
    clock.advance(600)
    for key, text in (("lease", lease), ("flow", flow), ("fresh", fresh)):
        await store.put(key, text, ttl_seconds=None)
    # Clocks differ by seconds: what has only just ended here may be alive elsewhere.
    assert await reseal_all(store, BOTH_NEW, clock=clock) == replace(NOTHING, walked=3, resealed=1, ended=2)
    assert set(await content_of(store)) == {"credential", "fresh"}
    clock.advance(60)
    assert await reseal_all(store, BOTH_NEW, clock=clock) == replace(NOTHING, walked=2, current=1, ended=1)


async def test_what_is_written_in_the_place_of_something_ended_stays(clock: FakeClock) -> None:
    class Busy(MemoryStore):
        async def delete_if(self, key: str, *, seen: str) -> bool:
            await over(self, OLD, clock).put(key, RECORD, ttl_seconds=600)
            return await super().delete_if(key, seen=seen)

    store = Busy(clock=clock)
    await over(store, OLD, clock).put("flow", {}, ttl_seconds=600)
    old = await store.get("flow") or ""
    clock.advance(3600)
    await store.put("flow", old, ttl_seconds=None)
    assert await reseal_all(store, OLD, clock=clock) == NOTHING
    assert await over(store, OLD, clock).get("flow") == RECORD


@pytest.mark.parametrize("kind", [PlainStore, OnlyListable])
async def test_a_store_that_cannot_be_walked_says_what_to_do_instead(kind: type[PlainStore]) -> None:
    with pytest.raises(ConfigurationError) as caught:
        await reseal_all(kind(MemoryStore()), NEW)
    assert kind.__name__ in caught.value.public
    assert caught.value.hint


@pytest.mark.parametrize("concurrency", [0, -1, 257])
async def test_a_walk_without_bounds_is_refused(concurrency: int) -> None:
    with pytest.raises(ConfigurationError):
        await reseal_all(MemoryStore(), NEW, concurrency=concurrency)


async def test_whether_others_may_hold_the_key_is_told_by_the_type_and_not_by_the_text(
    store: CountingStore, clock: FakeClock
) -> None:
    await over(store, STRANGE, clock).put("strange", RECORD, ttl_seconds=YEAR)
    await store.put("newer", "mk2.a.AAAA", ttl_seconds=YEAR)
    await over(store, OLD, clock).put("bad", RECORD, ttl_seconds=YEAR)
    await store.put("bad", (await store.get("bad") or "")[:-4], ttl_seconds=YEAR)
    texts = set()
    for key, kind in (("strange", SealedElsewhere), ("newer", SealedElsewhere), ("bad", SealError)):
        with pytest.raises(SealError) as caught:
            await over(store, OLD, clock).get(key)
        assert type(caught.value) is kind
        texts.add((str(caught.value), caught.value.status_hint))
    assert len(texts) == 1
