"""What a store holds is counted without a trace of it."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator

import pytest

from mcpauthkit import KeyRing, MemoryStore
from mcpauthkit.errors import ConfigurationError, StoreUnavailable
from mcpauthkit.stores.sealed import SealedStore
from mcpauthkit.stores.statistics import KeyCount, Statistics, statistics_of
from mcpauthkit.testing import FakeClock
from tests.stores.content import content_of
from tests.stores.plain import PlainStore

RING = KeyRing(
    {"a": "first-key-of-at-least-32-bytes-length", "b": "later-key-of-at-least-32-bytes-length"}, minting="b"
)
OLD = KeyRing({"a": "first-key-of-at-least-32-bytes-length"}, minting="a")
STRANGE = KeyRing({"c": "other-key-of-at-least-32-bytes-length"}, minting="c")
YEAR = 365 * 86_400.0


class Twice(MemoryStore):
    """Tells each key twice, as a cursor over a growing table may."""

    async def list_keys(self) -> AsyncIterator[str]:
        for _ in range(2):
            async for key in super().list_keys():
                yield key


class Broken(MemoryStore):
    async def get(self, key: str) -> str | None:
        raise ConnectionError(key)


def numbers(found: Statistics) -> dict[tuple[str, str], tuple[int, int]]:
    return {(one.kind, one.service): (one.records, one.unreadable) for one in found.kinds}


async def fill(store: MemoryStore, clock: FakeClock) -> None:
    now, old, strange = (SealedStore(store, ring, clock=clock) for ring in (RING, OLD, STRANGE))
    await now.put("app:credential:github:u1", {}, ttl_seconds=YEAR)
    await old.put("app:credential:github:u2", {}, ttl_seconds=YEAR)
    await old.put("app:credential:jira:u2:work", {}, ttl_seconds=None)
    await strange.put("app:credential:jira:u3", {}, ttl_seconds=YEAR)
    await now.put("app:flow:f1", {}, ttl_seconds=600)
    await strange.put("app:flow:f2", {}, ttl_seconds=600)
    await store.put("planted", "{}", ttl_seconds=None)


@pytest.mark.parametrize("kind", [MemoryStore, Twice])
async def test_records_are_counted_by_kind_service_and_key(kind: type[MemoryStore]) -> None:
    clock = FakeClock()
    store = kind(clock=clock)
    await fill(store, clock)
    found = await statistics_of(store, RING, clock=clock)
    assert (found.records, found.users, found.damaged, found.missed) == (7, 3, 1, 2)
    assert numbers(found) == {
        ("", ""): (1, 1),
        ("credential", "github"): (2, 0),
        ("credential", "jira"): (2, 1),
        ("flow", ""): (2, 1),
    }
    assert list(found.keys) == [
        KeyCount(key="a", state="opens", records=2),
        KeyCount(key="b", state="seals", records=2),
        KeyCount(key=f"c.{STRANGE.fingerprint('c')}", state="missing", records=2),
    ]


async def test_nothing_is_changed_and_nothing_is_reported(caplog: pytest.LogCaptureFixture) -> None:
    clock = FakeClock()
    store = MemoryStore(clock=clock)
    await fill(store, clock)
    before = await content_of(store)
    with caplog.at_level(logging.DEBUG, "mcpauthkit"):
        await statistics_of(store, RING, clock=clock)
    assert await content_of(store) == before
    assert caplog.records == []


async def test_only_what_is_below_the_namespace_is_counted_if_one_is_given() -> None:
    clock = FakeClock()
    store = MemoryStore(clock=clock)
    await fill(store, clock)
    await SealedStore(store, RING, clock=clock).put("other:app:credential:github:u1", {}, ttl_seconds=YEAR)
    assert (await statistics_of(store, RING, namespace="app", clock=clock)).records == 6
    found = await statistics_of(store, RING, namespace="other:app", clock=clock)
    assert numbers(found) == {("credential", "github"): (1, 0)}


async def test_what_has_ended_and_stands_there_all_the_same_is_counted_apart() -> None:
    clock = FakeClock()
    store = MemoryStore(clock=FakeClock())
    await SealedStore(store, RING, clock=clock).put("app:credential:github:u1", {}, ttl_seconds=60)
    clock.advance(61)
    found = await statistics_of(store, RING, clock=clock)
    assert (found.records, found.ended, found.missed) == (1, 1, 0)


async def test_an_outage_is_one_error_and_no_half_count() -> None:
    store = Broken()
    await store.put("app:flow:f1", "x", ttl_seconds=None)
    with pytest.raises(StoreUnavailable):
        await statistics_of(store, RING)


async def test_a_store_that_does_not_list_its_keys_is_refused_with_the_fix() -> None:
    with pytest.raises(ConfigurationError) as refused:
        await statistics_of(PlainStore(MemoryStore()), RING)
    assert refused.value.hint
