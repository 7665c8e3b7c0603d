"""Two replicas on one store: what one does while the other waits for the service is not undone.

A lease keeps them apart; here it is lost meanwhile, as by a failover, so that what comes after it counts.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace

import anyio
import pytest

from mcpauthkit import Account, KeyRing, MemoryStore, Secret
from mcpauthkit.connections.vault import Vault
from mcpauthkit.errors import ConnectionChanged, GrantRefused, StoreUnavailable
from mcpauthkit.stores.sealed import SealedStore
from tests.connections.small_world import ALICE, RING, SmallWorld, credential
from tests.connections.test_accounts import connect

ONE, TWO = Account(id="1", label="octo-1"), Account(id="2", label="octo-2")


@pytest.fixture
def here() -> SmallWorld:
    return SmallWorld()


def meanwhile(here: SmallWorld, act: Callable[[], Awaitable[object]]) -> None:
    """Let the other replica act while the service answers the next request."""

    async def once() -> None:
        here.grant.before_answer = _nothing
        async for key in here.memory.list_keys():
            if ":lease:" in key:
                await here.memory.delete(key)
        await act()

    here.grant.before_answer = once


async def _nothing() -> None:
    return None


async def test_a_renewal_under_way_brings_nothing_back_that_was_ended(here: SmallWorld) -> None:
    other = here.another_broker()
    running = await connect(here)
    meanwhile(here, lambda: other.end_all(ALICE))
    assert await here.broker.renew(ALICE, rejected=running) is None
    assert await here.vault.all(ALICE, "forge") == []
    assert Secret("renewed-1") in here.grant.revoked


async def test_a_renewal_under_way_restores_no_account_that_has_given_way(here: SmallWorld) -> None:
    here.grant.account = ONE
    running = await connect(here)
    theirs = SmallWorld(clock=here.clock, store=here.memory)
    theirs.grant.account = TWO
    meanwhile(here, lambda: connect(theirs, scopes=("repo", "user")))
    with pytest.raises(ConnectionChanged):
        await here.broker.renew(ALICE, rejected=running)
    assert [one.account for one in await here.vault.all(ALICE, "forge")] == [TWO]


@pytest.mark.parametrize("is_gone", [False, True], ids=["renewed", "gone"])
async def test_a_renewal_under_way_follows_a_connection_that_has_become_another_than_the_default(
    here: SmallWorld, is_gone: bool
) -> None:
    other = here.another_broker()
    here.grant.account = ONE
    running = await connect(here)
    here.grant.account = TWO
    work = await connect(here, "work")
    here.grant.account = ONE
    here.grant.trouble = GrantRefused("invalid_grant", reason="gone") if is_gone else None
    meanwhile(here, lambda: other.overview.make_default(ALICE, name="work"))
    if is_gone:
        with pytest.raises(ConnectionChanged):
            await here.broker.renew(ALICE, rejected=running)
    else:
        renewed = await here.broker.renew(ALICE, rejected=running)
        assert renewed is not None
        assert renewed.name == "octo-1"
    held = await here.vault.all(ALICE, "forge")
    assert held[0] == work
    assert [one.name for one in held[1:]] == ([] if is_gone else ["octo-1"])


def vault_of(memory: MemoryStore, ring: KeyRing) -> Vault:
    return Vault(SealedStore(memory, ring), namespace="test")


async def test_a_replica_that_cannot_read_a_default_yet_puts_nothing_else_in_its_place() -> None:
    memory = MemoryStore()
    new_ring = KeyRing({"a": "first-key-of-at-least-32-bytes-length", "b": "b" * 32}, minting="b")
    old, new = vault_of(memory, RING), vault_of(memory, new_ring)
    home, work = credential("home"), replace(credential("work"), name="work")
    await old.put(ALICE, "forge", work)
    await old.put(ALICE, "forge", work)
    await old.delete(ALICE, "forge", "work")
    await new.put(ALICE, "forge", home)
    await old.put(ALICE, "forge", work)
    assert await old.get(ALICE, "forge") is None
    assert await old.get(ALICE, "forge", "work") == work
    assert await new.all(ALICE, "forge") == [home, work]


async def test_a_replica_that_cannot_read_the_list_of_accounts_does_not_write_another() -> None:
    memory = MemoryStore()
    new_ring = KeyRing({"a": "first-key-of-at-least-32-bytes-length", "b": "b" * 32}, minting="b")
    old, new = vault_of(memory, RING), vault_of(memory, new_ring)
    await old.put(ALICE, "forge", credential("home"))
    await new.put(ALICE, "forge", replace(credential("work"), name="work"))
    with pytest.raises(StoreUnavailable):
        await old.put(ALICE, "forge", replace(credential("third"), name="third"))
    with pytest.raises(StoreUnavailable):
        await old.delete(ALICE, "forge", "work")
    with pytest.raises(StoreUnavailable):
        await old.clear(ALICE, "forge")
    assert [one.name for one in await new.all(ALICE, "forge")] == ["", "work"]


async def test_a_renewal_that_another_replica_overtakes_with_a_newer_key_ends_nothing(here: SmallWorld) -> None:
    running = await connect(here)
    newer = vault_of(here.memory, KeyRing({"a": "first-key-of-at-least-32-bytes-length", "b": "b" * 32}, minting="b"))
    meanwhile(here, lambda: newer.put(ALICE, "forge", replace(running, refresh_token=Secret("theirs"))))
    assert await here.broker.renew(ALICE, rejected=running) is None
    assert here.grant.revoked == []
    assert [one.refresh_token for one in await newer.all(ALICE, "forge")] == [Secret("theirs")]


async def test_ending_everything_ends_what_cannot_be_read_too() -> None:
    memory = MemoryStore()
    old = vault_of(memory, RING)
    other = vault_of(memory, KeyRing({"b": "b" * 32}, minting="b"))
    await other.put(ALICE, "forge", credential("home"))
    assert await old.all(ALICE, "forge") == []
    await old.clear(ALICE, "forge")
    assert await other.all(ALICE, "forge") == []


async def test_notes_that_cannot_be_written_cost_nobody_a_call() -> None:
    class Forgetful(MemoryStore):
        is_away = False

        async def put(self, key: str, value: str, *, ttl_seconds: float | None) -> None:
            if self.is_away and ":note:" in key:
                raise ConnectionError
            await super().put(key, value, ttl_seconds=ttl_seconds)

        async def delete(self, key: str) -> None:
            if self.is_away and ":note:" in key:
                raise ConnectionError
            await super().delete(key)

    store = Forgetful()
    here = SmallWorld(store=store)
    held = await here.hold()
    store.is_away = True
    assert await here.broker.lookup(ALICE, ["repo"]) == held
    assert (await connect(here, scopes=("repo", "user"))).scopes == {"repo", "user"}
    assert await here.broker.renew(ALICE, rejected=await connect(here)) is not None


async def test_a_renewal_that_names_part_of_the_account_leaves_the_rest(here: SmallWorld) -> None:
    here.grant.account = Account(id="U1", label="alice", tenant="T1")
    running = await connect(here)
    here.grant.account = Account(id="U1", tenant="T1")
    renewed = await here.broker.renew(ALICE, rejected=running)
    assert renewed is not None
    assert renewed.account == Account(id="U1", label="alice", tenant="T1")


async def test_of_a_hundred_calls_on_two_replicas_one_renews(here: SmallWorld) -> None:
    replicas = here.broker, here.another_broker()
    held = await connect(here)
    here.clock.advance(3600)
    found: list[Secret] = []

    async def call(number: int) -> None:
        credential = await replicas[number % 2].lookup(ALICE, ("repo",))
        assert credential is not None
        found.append(credential.access_token)

    with anyio.fail_after(10):
        async with anyio.create_task_group() as tasks:
            for number in range(100):
                tasks.start_soon(call, number)
    assert here.grant.renewals == [held.refresh_token.reveal() if held.refresh_token else ""]
    assert found == [Secret("renewed-1")] * 100
