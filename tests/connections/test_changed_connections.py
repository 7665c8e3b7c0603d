"""Connections that change while calls run: none goes on under another account than it began with."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from mcpauthkit import Account, Credential, MemoryStore, Secret
from mcpauthkit.core.flow_state import Flow, FlowStatus
from mcpauthkit.errors import ConnectionChanged, StoreUnavailable
from tests.connections.small_world import ALICE, SmallWorld, credential
from tests.connections.test_accounts import CODE, connect


@pytest.fixture
def here() -> SmallWorld:
    return SmallWorld()


def account(number: int, tenant: str = "") -> Account:
    return Account(id=str(number), label=f"octo-{number}", tenant=tenant)


async def held_by(here: SmallWorld, name: str = "") -> Credential:
    found = await here.broker.lookup(ALICE, [], account=name)
    assert found is not None
    return found


async def test_a_connection_keeps_its_id_through_renewals_and_reconnections_of_the_same_account(
    here: SmallWorld,
) -> None:
    here.grant.account = account(1)
    first = await connect(here)
    assert first.connection_id
    renewed = await here.broker.renew(ALICE, rejected=first)
    again = await connect(here)
    assert renewed is not None
    assert first.connection_id == renewed.connection_id == again.connection_id


@pytest.mark.parametrize(
    "second", [account(2), account(1, tenant="elsewhere"), Account()], ids=["other", "other tenant", "unknown"]
)
async def test_a_call_does_not_go_on_under_the_account_that_has_taken_its_place(
    here: SmallWorld, second: Account
) -> None:
    here.grant.account = account(1)
    running = await connect(here)
    here.grant.account = second
    replaced = await connect(here, scopes=("repo", "user"))
    with pytest.raises(ConnectionChanged) as changed:
        await here.broker.renew(ALICE, rejected=running)
    assert "DevForge" in changed.value.public
    assert "again" in changed.value.public
    await here.broker.forget(ALICE, rejected=running)
    assert await held_by(here) == replaced
    assert here.grant.renewals == []


async def test_a_call_whose_user_has_connected_again_meanwhile_is_not_given_a_link_that_nobody_needs(
    here: SmallWorld,
) -> None:
    running = await connect(here)
    await here.broker.forget(ALICE, rejected=running)
    first = await here.broker.open_flow(ALICE, ["repo"], purpose="test", rejected=running)
    here.grant.account = account(1)
    await connect(here)
    with pytest.raises(ConnectionChanged) as changed:
        await here.broker.open_flow(ALICE, ["repo"], purpose="test", rejected=running)
    assert "again" in changed.value.public
    more = await here.broker.open_flow(ALICE, ["repo", "user"], purpose="test", rejected=running)
    assert more.scopes == ("user",)
    dead = await here.broker.open_flow(ALICE, ["repo"], purpose="test", rejected=await held_by(here))
    assert dead.flow_id != first.flow_id


async def test_a_call_whose_connection_was_ended_does_not_go_on_under_the_next_default(here: SmallWorld) -> None:
    here.grant.account = account(1)
    running = await connect(here)
    here.grant.account = account(2)
    other = await connect(here, "work")
    await here.broker.overview.disconnect(ALICE, name="")
    assert await held_by(here) == other
    with pytest.raises(ConnectionChanged):
        await here.broker.renew(ALICE, rejected=running)
    assert await held_by(here) == other


async def test_a_call_whose_connection_was_ended_leads_to_a_question_when_there_is_no_other(here: SmallWorld) -> None:
    running = await connect(here)
    await here.broker.overview.disconnect(ALICE)
    assert await here.broker.renew(ALICE, rejected=running) is None


async def test_a_call_goes_on_with_its_own_connection_wherever_that_stands_by_now(here: SmallWorld) -> None:
    here.grant.account = account(1)
    running = await connect(here)
    here.grant.account = account(2)
    await connect(here, "work")
    assert await here.broker.overview.make_default(ALICE, name="work")
    here.grant.account = account(1)
    renewed = await here.broker.renew(ALICE, rejected=running)
    assert renewed is not None
    assert renewed.connection_id == running.connection_id
    assert (await held_by(here, "octo-1")).access_token == renewed.access_token
    assert (await held_by(here)).account == account(2)


async def test_a_refused_token_that_nothing_renews_stays_until_somebody_says_that_it_is_dead(here: SmallWorld) -> None:
    held = await here.hold(seconds=3600, refresh=None)
    assert await here.broker.renew(ALICE, rejected=held) is None
    assert await here.held_token() == "access-canary"
    await here.broker.forget(ALICE, rejected=held)
    assert await here.held_token() is None


@pytest.mark.parametrize("tenant", ["here", "elsewhere"])
async def test_a_refresh_token_is_carried_over_within_one_workspace_only(here: SmallWorld, tenant: str) -> None:
    await here.vault.put(ALICE, "forge", replace(credential("old"), account=account(1, "here")))
    here.grant.account, here.grant.refreshes = account(1, tenant), False
    found = await connect(here, scopes=("repo", "user"))
    assert (found.refresh_token is not None) == (tenant == "here")


class Flaky(MemoryStore):
    """Fails a few writes of what it already holds."""

    failures = 0

    async def put(self, key: str, value: str, *, ttl_seconds: float | None) -> None:
        if self.failures and ":credential:" in key:
            self.failures -= 1
            raise ConnectionError("down for a moment")
        await super().put(key, value, ttl_seconds=ttl_seconds)


async def test_a_rotated_refresh_token_survives_a_store_that_fails_for_a_moment() -> None:
    store = Flaky()
    here = SmallWorld(store=store)
    held = await here.hold(seconds=3600)
    store.failures = 2
    renewed = await here.broker.renew(ALICE, rejected=held)
    assert renewed is not None
    assert (renewed.access_token.reveal(), await here.held_token()) == ("renewed-1", "renewed-1")
    assert here.grant.renewals == ["refresh-canary"]


async def test_a_store_that_stays_away_is_said_to_be() -> None:
    store = Flaky()
    here = SmallWorld(store=store)
    held = await here.hold(seconds=3600)
    store.failures = 1_000
    with pytest.raises(StoreUnavailable):
        await here.broker.renew(ALICE, rejected=held)


async def test_calls_by_several_names_of_one_connection_renew_it_once(here: SmallWorld) -> None:
    here.grant.account = account(1)
    await connect(here)
    here.clock.advance(3590)
    by_default, by_label = await held_by(here), await held_by(here, "octo-1")
    assert by_default == by_label
    assert here.grant.renewals == ["refresh-of-connected"]


async def incremental(given: tuple[str, ...] | None, second: Account) -> frozenset[str]:
    """What is permitted after `user` was asked of somebody who had granted `repo` as account 1."""
    here = SmallWorld(is_incremental=True)
    await here.vault.put(ALICE, "forge", replace(credential("old", scopes=("repo",)), account=account(1)))
    here.grant.granted, here.grant.account = given, second
    flow = await here.broker.open_flow(ALICE, ["user"], purpose="test")
    assert "scope=user&" in await here.broker.start_visit(flow, browser="browser-1")
    visit = await here.ledger.take_visit("state-1")
    assert visit is not None
    assert (await here.broker.finish_visit(ALICE, flow, visit, CODE)).status is FlowStatus.CONNECTED
    return (await held_by(here)).scopes


INCREMENTS: list[Any] = [
    pytest.param(None, account(1), {"repo", "user"}, id="a service that names none adds what was asked"),
    pytest.param(("user",), account(1), {"user"}, id="a service that names less is taken at its word"),
    pytest.param(("repo", "user"), account(1), {"repo", "user"}, id="a service that names all is taken at its word"),
    pytest.param(None, account(2), {"user"}, id="nothing of one account counts for another"),
    pytest.param(None, Account(), {"user"}, id="nor for one that is not known"),
]


@pytest.mark.parametrize(("given", "second", "permitted"), INCREMENTS)
async def test_what_an_incremental_consent_permits(
    given: tuple[str, ...] | None, second: Account, permitted: set[str]
) -> None:
    assert await incremental(given, second) == permitted


async def settled(here: SmallWorld, scopes: tuple[str, ...] = ("repo",), name: str = "") -> Flow:
    flow = await here.broker.open_flow(ALICE, scopes, purpose="test", account=name)
    await here.broker.start_visit(flow, browser="browser-1")
    visit = await here.ledger.take_visit("state-1")
    assert visit is not None
    return await here.broker.finish_visit(ALICE, flow, visit, CODE)


async def test_a_flow_tells_whose_account_it_was_and_is(here: SmallWorld) -> None:
    here.grant.account = account(1)
    assert (await settled(here)).connected_as == "octo-1"
    here.grant.account = account(2)
    second = await settled(here, ("repo", "user"))
    assert (second.held_as, second.connected_as) == ("octo-1", "octo-2")


async def test_a_flow_tells_what_was_not_granted(here: SmallWorld) -> None:
    here.grant.granted = ("repo",)
    finished = await settled(here, ("repo", "user"))
    assert (finished.status, finished.lacking) == (FlowStatus.CONNECTED, ("user",))
    again = await here.ledger.get(finished.flow_id)
    assert again == finished


async def test_the_account_that_gives_way_is_ended_at_its_service(here: SmallWorld) -> None:
    # Nothing here could end it any more, and it would stay open there for ever.
    here.grant.account = account(1)
    first = await connect(here)
    await connect(here, scopes=("repo", "user"))
    assert here.grant.revoked == []
    here.grant.account = account(2)
    await connect(here, scopes=("gist",))
    assert here.grant.revoked == [Secret("connected-2")]
    assert first.access_token == Secret("connected")


@pytest.mark.parametrize("known", [True, False], ids=["used elsewhere", "not known"])
async def test_an_account_that_is_still_used_or_not_known_is_left_alone_there(here: SmallWorld, known: bool) -> None:
    here.grant.account = account(1) if known else Account()
    await connect(here)
    await connect(here, "work")
    here.grant.account = account(2)
    await connect(here, scopes=("gist",))
    assert here.grant.revoked == []


async def test_a_link_given_out_before_everything_was_ended_connects_nothing(here: SmallWorld) -> None:
    await connect(here)
    pending = await here.broker.open_flow(ALICE, ["user"], purpose="test", account="work")
    assert len(await here.broker.end_all(ALICE)) == 1
    await here.broker.start_visit(pending, browser="browser-1")
    visit = await here.ledger.take_visit("state-1")
    assert visit is not None
    codes = len(here.grant.completions)
    assert (await here.broker.finish_visit(ALICE, pending, visit, CODE)).status is FlowStatus.CANCELLED
    assert len(here.grant.completions) == codes
    assert await here.broker.overview.connections(ALICE) == []


async def test_whoever_may_come_back_gets_a_link_that_works(here: SmallWorld) -> None:
    pending = await here.broker.open_flow(ALICE, ["repo"], purpose="test")
    await here.broker.end_all(ALICE)
    here.clock.advance(1)
    assert (await here.broker.open_flow(ALICE, ["repo"], purpose="test")).flow_id != pending.flow_id
    await connect(here)


async def test_everything_can_be_ended_while_a_service_answers(here: SmallWorld) -> None:
    async def end() -> None:
        await here.broker.end_all(ALICE)

    here.grant.before_answer = end
    assert (await settled(here)).status is FlowStatus.CANCELLED
    assert await here.held_token() is None
