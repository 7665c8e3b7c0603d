"""A process that is stopped for longer than a lease lives, just before it writes, undoes nothing when it goes on.

It has looked under its lease, and everything it saw may have changed since.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

import pytest

from mcpauthkit import Account, MemoryStore, Revoked, Secret
from mcpauthkit.connections.credential import Credential
from mcpauthkit.core.flow_state import FlowStatus
from mcpauthkit.testing import FakeClock
from tests.connections.small_world import ALICE, SmallWorld, credential
from tests.connections.test_accounts import connect

Act = Callable[[], Awaitable[object]]


class Stopping(MemoryStore):
    """Lets somebody act before the next write of a credential, as if the writer were stopped there for a while."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.meanwhile: Act | None = None

    async def add(self, key: str, value: str, *, ttl_seconds: float | None) -> bool:
        await self._stop(key)
        return await super().add(key, value, ttl_seconds=ttl_seconds)

    async def put_if(self, key: str, value: str, *, seen: str, ttl_seconds: float | None) -> bool:
        await self._stop(key)
        return await super().put_if(key, value, seen=seen, ttl_seconds=ttl_seconds)

    async def lose_leases(self) -> None:
        async for key in self.list_keys():
            if ":lease:" in key:
                await self.delete(key)

    async def _stop(self, key: str) -> None:
        if ":credential:" in key and self.meanwhile is not None:
            act, self.meanwhile = self.meanwhile, None
            await self.lose_leases()
            await act()


@pytest.fixture
def store() -> Stopping:
    return Stopping(clock=FakeClock())


@pytest.fixture
def here(store: Stopping) -> SmallWorld:
    return SmallWorld(store=store)


@pytest.fixture
def other(here: SmallWorld, store: Stopping) -> SmallWorld:
    return SmallWorld(clock=here.clock, store=store)


async def settle(here: SmallWorld, new: Credential, *scopes: str) -> FlowStatus:
    flow = await here.broker.open_flow(ALICE, scopes or ("repo",), purpose="test")

    async def obtain() -> Credential:
        return new

    return (await here.broker.settle(ALICE, flow, obtain)).status


async def test_a_renewal_brings_back_nothing_that_was_ended(
    here: SmallWorld, other: SmallWorld, store: Stopping
) -> None:
    running = await connect(here)
    store.meanwhile = lambda: other.broker.end_all(ALICE)
    assert await here.broker.renew(ALICE, rejected=running) is None
    assert await other.vault.all(ALICE, "forge") == []
    assert Secret("renewed-1") in here.grant.revoked


async def test_a_renewal_puts_nothing_over_a_newer_one(here: SmallWorld, other: SmallWorld, store: Stopping) -> None:
    running = await connect(here)
    other.grant.renewals.append("counted before")
    store.meanwhile = lambda: other.broker.renew(ALICE, rejected=running)
    renewed = await here.broker.renew(ALICE, rejected=running)
    assert renewed is not None
    assert renewed.access_token == Secret("renewed-2")
    assert await other.vault.all(ALICE, "forge") == [renewed]


async def test_a_consent_connects_nobody_whom_an_administrator_has_ended(
    here: SmallWorld, other: SmallWorld, store: Stopping
) -> None:
    store.meanwhile = lambda: other.broker.end_all(ALICE)
    assert await settle(here, credential("late")) is FlowStatus.CANCELLED
    assert await other.vault.all(ALICE, "forge") == []
    assert here.grant.revoked == [Secret("late")]


@pytest.mark.parametrize("before", [None, "old"])
async def test_a_no_that_comes_before_the_write_stands(
    here: SmallWorld, other: SmallWorld, store: Stopping, before: str | None
) -> None:
    account = Account(id="1", label="octo")
    held = None if before is None else replace(credential(before), account=account)
    if held is not None:
        assert await settle(here, held) is FlowStatus.CONNECTED
    flow = await here.broker.open_flow(ALICE, ("gist",), purpose="test")
    store.meanwhile = lambda: other.ledger.finish(flow, FlowStatus.DECLINED)
    new = replace(credential("late", scopes=("repo", "gist")), account=account)
    assert await settle(here, new, "gist") is FlowStatus.DECLINED
    kept = await other.vault.all(ALICE, "forge")
    assert [one.access_token for one in kept] == ([] if before is None else [Secret(before)])
    assert here.grant.revoked == ([Secret("late")] if before is None else [])


async def test_two_consents_at_a_time_leave_one_connection(
    here: SmallWorld, other: SmallWorld, store: Stopping
) -> None:
    flow = await here.broker.open_flow(ALICE, ("repo",), purpose="test")

    async def obtain(token: str) -> Credential:
        return replace(credential(token), account=Account(id="1", label="octo"))

    async def theirs() -> None:
        await other.vault.put(ALICE, "forge", await obtain("theirs"))

    store.meanwhile = theirs
    settled = await here.broker.settle(ALICE, flow, lambda: obtain("ours"))
    assert settled.status is FlowStatus.CONNECTED
    assert [one.access_token for one in await other.vault.all(ALICE, "forge")] == [Secret("ours")]


async def test_what_a_service_gives_to_a_flow_that_was_ended_meanwhile_is_ended_there(here: SmallWorld) -> None:
    flow = await here.broker.open_flow(ALICE, ("repo",), purpose="test")

    async def obtain() -> Credential:
        await here.broker.end_all(ALICE)
        return credential("late")

    assert (await here.broker.settle(ALICE, flow, obtain)).status is FlowStatus.CANCELLED
    assert await here.vault.all(ALICE, "forge") == []
    assert here.grant.revoked == [Secret("late")]


@pytest.mark.parametrize("what", [":credential:", ":accounts:"])
async def test_ending_everything_says_when_something_could_not_be_read(here: SmallWorld, what: str) -> None:
    store = here.store
    assert isinstance(store, MemoryStore)
    await connect(here)
    await connect(here, "work")
    key = min([key async for key in store.list_keys() if what in key], key=len)
    await store.put(key, "mk1.a.AAAA", ttl_seconds=None)
    ended = await here.broker.end_all(ALICE)
    assert [one.revoked for one in ended] == [Revoked.YES, Revoked.NO]
    assert ended[-1].connection.display_name == "DevForge"
    assert not [key async for key in store.list_keys() if what == ":accounts:" and what in key]
