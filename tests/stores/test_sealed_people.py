"""What somebody who can write to the storage gets out of it: a user who is asked once, and a line in the audit log."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from pathlib import Path

import pytest

from mcpauthkit import KeyRing, KeyValueStore, MemoryStore, Store
from mcpauthkit.connections.vault import Vault
from mcpauthkit.stores.file_tree import FileTree
from mcpauthkit.stores.sealed import SealedStore
from tests.audited import audit_lines
from tests.connections.small_world import ALICE, BOB, RING, SmallWorld, credential

STRANGE = KeyRing({"2020-01": "8xT1uLzCa5bHdF6gi9Pk3vY0sN7e2rJmQw"}, minting="2020-01")


@pytest.fixture(params=["memory", "files"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Store:
    return MemoryStore() if request.param == "memory" else KeyValueStore(FileTree(tmp_path / "state"))


@pytest.fixture
def here(store: Store) -> SmallWorld:
    return SmallWorld(store=store)


async def credential_key(store: Store, here: SmallWorld, owner: str) -> str:
    """The key of somebody's record, found as a thief would: by what appears when they connect."""
    before = {key async for key in store.list_keys()}  # type: ignore[attr-defined]  # both stores tell their keys
    person = ALICE if owner == "alice" else BOB
    await here.vault.put(person, "forge", credential(f"{owner}-canary"))
    (key,) = {key async for key in store.list_keys()} - before  # type: ignore[attr-defined]  # as above
    return str(key)


SPOILINGS: dict[str, Callable[[str, str], str]] = {
    "alice's": lambda _, alices: alices,
    "cut": lambda bobs, _: bobs[:-1],
    "flipped": lambda bobs, _: bobs[:-9] + ("A" if bobs[-9] != "A" else "B") + bobs[-8:],
    "plaintext": lambda _, __: json.dumps({"c": credential("planted").to_record(), "x": None}),
    "of an unknown key": lambda bobs, _: bobs.replace("mk1.a.", "mk1.z."),
    "empty": lambda _, __: "",
}


def audited(caplog: pytest.LogCaptureFixture) -> list[str]:
    """What somebody should look at."""
    return audit_lines(caplog, level=logging.WARNING)


@pytest.mark.parametrize("spoiling", SPOILINGS)
async def test_a_record_that_does_not_open_asks_its_user_once_and_is_audited_once(
    store: Store, here: SmallWorld, caplog: pytest.LogCaptureFixture, spoiling: str
) -> None:
    alices, bobs = [await credential_key(store, here, owner) for owner in ("alice", "bob")]
    spoilt = SPOILINGS[spoiling](await store.get(bobs) or "", await store.get(alices) or "")
    await store.put(bobs, spoilt, ttl_seconds=None)

    for _ in range(5):
        assert await here.vault.get(BOB, "forge") is None
        assert await here.broker.lookup(BOB, ["repo"]) is None
    held = await here.vault.get(ALICE, "forge")
    assert held is not None
    assert held.access_token.reveal() == "alice-canary"
    (line,) = audited(caplog)
    assert bobs in line
    assert not any(word in line for word in ("canary", "planted", "bob-", "alice"))

    # Asked, he connects, and it is as before.
    await here.vault.put(BOB, "forge", credential("bob-again"))
    found = await here.broker.lookup(BOB, ["repo"])
    assert found is not None
    assert found.access_token.reveal() == "bob-again"
    assert len(audited(caplog)) == 1


async def test_a_credential_moves_to_the_new_key_as_its_user_works_and_nobody_is_asked() -> None:
    store = MemoryStore()
    here = SmallWorld(store=store)
    key = await credential_key(store, here, "alice")
    old = RING.names[0]
    later = KeyRing(
        {old: "first-key-of-at-least-32-bytes-length", "later": "8xT1uLzCa5bHdF6gi9Pk3vY0sN7e2rJmQw"}, minting="later"
    )
    alone = KeyRing({"later": "8xT1uLzCa5bHdF6gi9Pk3vY0sN7e2rJmQw"}, minting="later")
    for ring in (later, alone):
        vault = Vault(SealedStore(store, ring, clock=here.clock), namespace="test", clock=here.clock)
        held = await vault.get(ALICE, "forge")
        assert held is not None
        assert held.access_token.reveal() == "alice-canary"
    assert (await store.get(key) or "").startswith("mk1.later.")


async def test_a_replica_without_the_key_says_which_one_it_lacks_and_spoils_nothing(
    store: Store, caplog: pytest.LogCaptureFixture
) -> None:
    here = SmallWorld(store=store)
    elsewhere = Vault(SealedStore(store, STRANGE, clock=here.clock), namespace="test", clock=here.clock)
    await elsewhere.put(BOB, "forge", credential("bob-canary"))
    for _ in range(3):
        assert await here.vault.get(BOB, "forge") is None
    (line,) = audited(caplog)
    assert "2020-01" in line
    held = await elsewhere.get(BOB, "forge")
    assert held is not None
