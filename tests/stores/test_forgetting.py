"""What does not open is removed only if the operator asked for that very kind of it, and others' records never are."""

from __future__ import annotations

from typing import Any

import anyio
import pytest

from mcpauthkit import Credential, KeyRing, MemoryStore, Secret
from mcpauthkit.connections.vault import Vault
from mcpauthkit.errors import ConfigurationError
from mcpauthkit.stores.rotation import Resealed, reseal_all
from mcpauthkit.stores.sealed import SealedStore
from mcpauthkit.testing import FakeClock
from tests.connections.small_world import ALICE, BOB
from tests.stores.content import content_of

OURS = KeyRing({"2026-05": "first-key-of-at-least-32-bytes-length"}, minting="2026-05")
THEIRS = KeyRing({"2026-06": "other-key-of-at-least-32-bytes-length"}, minting="2026-06")
NAMESAKE = KeyRing({"2026-05": "third-key-of-at-least-32-bytes-length"}, minting="2026-05")
YEAR = 365 * 86_400.0
EVERYTHING: dict[str, Any] = {"forget_keys": ["2026-06"], "forget_damaged": True}


@pytest.fixture
async def store() -> MemoryStore:
    """A record of ours, one under another key, one under another secret of our key's name, and three spoilt ones."""
    made = MemoryStore()
    await SealedStore(made, OURS).put("app:ours", {"n": 1}, ttl_seconds=YEAR)
    await SealedStore(made, THEIRS).put("app:theirs", {"n": 1}, ttl_seconds=YEAR)
    await SealedStore(made, NAMESAKE).put("app:namesake", {"n": 1}, ttl_seconds=YEAR)
    good = await made.get("app:ours") or ""
    await made.put("app:changed", f"{good[:-6]}AAAAAA", ttl_seconds=None)
    await made.put("app:moved", good, ttl_seconds=None)
    await made.put("app:plain", '{"n": 1}', ttl_seconds=None)
    return made


async def left(store: MemoryStore) -> set[str]:
    return {key.removeprefix("app:") for key in await content_of(store)}


def sealed_under(done: Resealed, key: str) -> str:
    return next(one.sealed_under for one in done.unreadable if one.key == key)


async def test_another_applications_connections_in_the_same_store_stay() -> None:
    store = MemoryStore()
    ours = Vault(SealedStore(store, OURS), namespace="ours")
    theirs = Vault(SealedStore(store, THEIRS), namespace="theirs")
    await ours.put(ALICE, "forge", Credential.of_token(Secret("alices")))
    await theirs.put(BOB, "forge", Credential.of_token(Secret("bobs")))
    done = await reseal_all(store, OURS, forget_damaged=True)
    assert (len(done.unreadable), done.forgotten) == (1, 0)
    done = await reseal_all(store, OURS, namespace="ours", forget_keys=["2026-06"], forget_damaged=True)
    assert (done.walked, done.unreadable, done.forgotten) == (1, (), 0)
    assert await theirs.get(BOB, "forge") is not None


async def test_what_a_replica_has_sealed_with_another_secret_of_the_same_name_stays() -> None:
    store = MemoryStore()
    here, there = (Vault(SealedStore(store, ring), namespace="app") for ring in (OURS, NAMESAKE))
    await here.put(ALICE, "forge", Credential.of_token(Secret("alices")))
    await there.put(BOB, "forge", Credential.of_token(Secret("bobs")))
    done = await reseal_all(store, OURS, forget_damaged=True)
    assert (len(done.unreadable), done.forgotten) == (1, 0)
    assert await there.get(BOB, "forge") is not None


async def test_nothing_is_removed_unless_asked_for(store: MemoryStore) -> None:
    before = await content_of(store)
    assert (await reseal_all(store, OURS)).forgotten == 0
    assert await content_of(store) == before


async def test_a_lost_key_takes_its_own_records_with_it_alone(
    store: MemoryStore, caplog: pytest.LogCaptureFixture
) -> None:
    done = await reseal_all(store, OURS, forget_keys=["2026-06"])
    assert (done.walked, done.forgotten, len(done.unreadable)) == (6, 1, 5)
    assert await left(store) == {"ours", "namesake", "changed", "moved", "plain"}
    removed = [one.getMessage() for one in caplog.records if "removed" in one.getMessage()]
    assert len(removed) == 1
    assert "key=app:theirs" in removed[0]


async def test_what_is_damaged_or_foreign_goes_alone(store: MemoryStore) -> None:
    assert (await reseal_all(store, OURS, forget_damaged=True)).forgotten == 3
    assert await left(store) == {"ours", "theirs", "namesake"}


async def test_another_secret_of_a_known_name_is_named_with_its_fingerprint(store: MemoryStore) -> None:
    label = sealed_under(await reseal_all(store, OURS), "app:namesake")
    assert label.startswith("2026-05.")
    assert (await reseal_all(store, OURS, forget_keys=[label])).forgotten == 1
    assert "namesake" not in await left(store)


async def test_a_key_of_the_ring_is_not_forgotten(store: MemoryStore) -> None:
    before = await content_of(store)
    for key in ("2026-05", f"2026-05.{OURS.fingerprint('2026-05')}"):
        with pytest.raises(ConfigurationError) as caught:
            await reseal_all(store, OURS, forget_keys=[key])
        assert caught.value.hint
    assert await content_of(store) == before


async def test_a_name_that_two_lost_secrets_share_is_not_enough(store: MemoryStore) -> None:
    before = await content_of(store)
    await SealedStore(store, OURS).put("app:another", {}, ttl_seconds=YEAR)
    with pytest.raises(ConfigurationError) as caught:
        await reseal_all(store, THEIRS, forget_keys=["2026-05"])
    assert all(f"2026-05.{ring.fingerprint('2026-05')}" in str(caught.value) for ring in (OURS, NAMESAKE))
    assert set(before) <= set(await content_of(store))


@pytest.mark.parametrize("version", ["mk2.2026-06.AAAA", "mk2.2026-05.AAAA"])
async def test_what_a_newer_version_has_sealed_stays(store: MemoryStore, version: str) -> None:
    await store.put("app:newer", version, ttl_seconds=None)
    await reseal_all(store, OURS, **EVERYTHING)
    assert await left(store) == {"ours", "namesake", "newer"}


@pytest.mark.parametrize("asked", [{"forget_keys": ["2026-05"]}, {"forget_damaged": True}], ids=str)
async def test_with_the_wrong_ring_nothing_is_removed(asked: dict[str, Any]) -> None:
    store = MemoryStore()
    await SealedStore(store, OURS).put("one", {}, ttl_seconds=YEAR)
    await store.put("two", "planted", ttl_seconds=None)
    with pytest.raises(ConfigurationError) as caught:
        await reseal_all(store, THEIRS, **asked)
    assert caught.value.hint
    assert set(await content_of(store)) == {"one", "two"}


async def test_what_has_ended_does_not_prove_that_the_ring_is_the_right_one() -> None:
    clock = FakeClock()
    store = MemoryStore(clock=clock)
    await SealedStore(store, OURS, clock=clock).put("ended", {}, ttl_seconds=600)
    ended = await store.get("ended") or ""
    clock.advance(3600)
    await store.put("ended", ended, ttl_seconds=None)
    await SealedStore(store, THEIRS, clock=clock).put("theirs", {}, ttl_seconds=YEAR)
    with pytest.raises(ConfigurationError):
        await reseal_all(store, OURS, forget_keys=["2026-06"], clock=clock)
    assert set(await content_of(store)) == {"theirs"}


async def test_other_namespaces_are_not_walked_and_prove_nothing_about_the_ring(store: MemoryStore) -> None:
    await SealedStore(store, THEIRS).put("apple:theirs", {}, ttl_seconds=YEAR)
    with pytest.raises(ConfigurationError):
        await reseal_all(store, OURS, namespace="apple", forget_keys=["2026-06"])
    done = await reseal_all(store, OURS, namespace="app", **EVERYTHING)
    assert (done.walked, done.forgotten) == (6, 4)
    assert "apple:theirs" in await content_of(store)


async def test_an_empty_store_is_walked_and_forgets_nothing() -> None:
    done = await reseal_all(MemoryStore(), OURS, **EVERYTHING)
    assert (done.walked, done.unreadable, done.forgotten) == (0, (), 0)


@pytest.mark.parametrize("key", ["", "a b", "a\nb", "a.b.c", "a."])
async def test_what_no_key_is_called_is_refused(key: str) -> None:
    with pytest.raises(ConfigurationError):
        await reseal_all(MemoryStore(), OURS, forget_keys=[key])


async def test_what_was_written_meanwhile_is_judged_anew(store: MemoryStore) -> None:
    theirs = await store.get("app:theirs") or ""

    class Busy(MemoryStore):
        async def get(self, key: str) -> str | None:
            found = await super().get(key)
            if found == "planted":
                await super().put(key, theirs, ttl_seconds=YEAR)
            return found

    busy = Busy()
    await SealedStore(busy, OURS).put("app:ours", {}, ttl_seconds=YEAR)
    await busy.put("app:spoilt", "planted", ttl_seconds=None)
    assert (await reseal_all(busy, OURS, forget_damaged=True)).forgotten == 0
    assert await left(busy) == {"ours", "spoilt"}


async def test_many_at_once_are_counted_one_by_one() -> None:
    class Elsewhere(MemoryStore):
        async def put_if(self, key: str, value: str, *, seen: str, ttl_seconds: float | None) -> bool:
            await anyio.lowlevel.checkpoint()
            return await super().put_if(key, value, seen=seen, ttl_seconds=ttl_seconds)

        async def delete_if(self, key: str, *, seen: str) -> bool:
            await anyio.lowlevel.checkpoint()
            return await super().delete_if(key, seen=seen)

    store = Elsewhere()
    later = KeyRing({"2026-05": "first-key-of-at-least-32-bytes-length", "new": "new-" * 8}, minting="new")
    for number in range(100):
        await SealedStore(store, OURS).put(f"ours-{number}", {}, ttl_seconds=YEAR)
        await SealedStore(store, THEIRS).put(f"theirs-{number}", {}, ttl_seconds=YEAR)
    done = await reseal_all(store, later, **EVERYTHING)
    assert (done.walked, done.resealed, len(done.unreadable), done.forgotten) == (200, 100, 100, 100)


async def test_a_key_of_somebody_elses_making_forges_no_line_of_the_log(
    store: MemoryStore, caplog: pytest.LogCaptureFixture
) -> None:
    await store.put("k\nforged \x1b[31m\udc80", "planted", ttl_seconds=None)
    await reseal_all(store, OURS, forget_damaged=True)
    assert "k\nforged \x1b[31m\udc80" not in await content_of(store)
    assert all(one.getMessage().isprintable() for one in caplog.records)
