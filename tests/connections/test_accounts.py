"""Several connections of one user with one service, and what a new consent adds to."""

from __future__ import annotations

from dataclasses import replace

import pytest

from mcpauthkit import Account, Credential, Secret
from mcpauthkit.connections.names import check_account_name
from mcpauthkit.core.flow_state import FlowStatus
from mcpauthkit.errors import AccountNameRefused
from tests.connections.small_world import ALICE, BOB, SmallWorld, credential

CODE = {"code": "code-1"}


@pytest.fixture
def here() -> SmallWorld:
    return SmallWorld()


async def connect(here: SmallWorld, account: str = "", scopes: tuple[str, ...] = ("repo",)) -> Credential:
    """Go through the whole flow once, for the connection of that name."""
    flow = await here.broker.open_flow(ALICE, scopes, purpose="test", account=account)
    await here.broker.start_visit(flow, browser="browser-1")
    visit = await here.ledger.take_visit("state-1")
    assert visit is not None
    finished = await here.broker.finish_visit(ALICE, flow, visit, CODE)
    assert finished.status is FlowStatus.CONNECTED
    held = await here.broker.lookup(ALICE, scopes, account=account)
    assert held is not None
    return held


async def names(here: SmallWorld) -> list[str]:
    return [one.name for one in await here.broker.overview.connections(ALICE)]


async def test_the_first_connection_is_the_default_and_a_named_one_stands_beside_it(here: SmallWorld) -> None:
    first = await connect(here)
    work = await connect(here, "work")
    assert await here.broker.lookup(ALICE, ["repo"]) == first
    assert await here.broker.lookup(ALICE, ["repo"], account="WORK") == work
    assert await names(here) == ["", "work"]


async def test_a_name_nobody_connected_leads_to_a_question_for_that_name(here: SmallWorld) -> None:
    await connect(here)
    assert await here.broker.lookup(ALICE, ["repo"], account="work") is None
    flow = await here.broker.open_flow(ALICE, ["repo"], purpose="test", account="work")
    assert (flow.account, flow.scopes, flow.granted) == ("work", ("repo",), ())
    assert flow.flow_id != (await here.broker.open_flow(ALICE, ["repo"], purpose="test")).flow_id


async def test_a_connection_is_found_by_the_name_its_service_gives_the_account(here: SmallWorld) -> None:
    for name, label in (("", "octo-alice"), ("work", "octo-corp")):
        held = replace(credential(f"token-of-{label}"), name=name, account=Account(id=label, label=label))
        await here.vault.put(ALICE, "forge", held)
    for label in ("octo-alice", "Octo-Corp"):
        found = await here.broker.lookup(ALICE, ["repo"], account=label)
        assert found is not None
        assert found.account.label == label.lower()


async def test_another_connection_becomes_the_default_and_none_is_lost(here: SmallWorld) -> None:
    first, work = await connect(here), await connect(here, "work")
    assert await here.broker.overview.make_default(ALICE, name="work")
    now_default = await here.broker.lookup(ALICE, ["repo"])
    assert now_default is not None
    assert now_default.is_same(work)
    kept = await here.broker.lookup(ALICE, ["repo"], account="first")
    assert kept is not None
    assert kept.is_same(first)
    assert await names(here) == ["work", "first"]


@pytest.mark.parametrize("name", ["nobody", "work"])
async def test_what_is_not_there_cannot_become_the_default(here: SmallWorld, name: str) -> None:
    await connect(here)
    assert not await here.broker.overview.make_default(ALICE, name=name)
    assert await names(here) == [""]


async def test_the_next_connection_takes_the_place_of_a_default_that_was_ended(here: SmallWorld) -> None:
    await connect(here)
    work = await connect(here, "work")
    await here.broker.overview.disconnect(ALICE, name="")
    found = await here.broker.lookup(ALICE, ["repo"])
    assert found is not None
    assert found.is_same(work)
    assert await names(here) == ["work"]


async def test_a_default_that_nobody_could_renew_leaves_the_others_in_reach(here: SmallWorld) -> None:
    await here.hold(seconds=60, refresh=None)
    work = await connect(here, "work")
    here.clock.advance(61)
    found = await here.broker.lookup(ALICE, ["repo"])
    assert found is not None
    assert found.is_same(work)


async def test_each_connection_is_renewed_by_itself(here: SmallWorld) -> None:
    await connect(here)
    await connect(here, "work")
    here.clock.advance(3600)
    for account in ("", "work"):
        assert await here.broker.lookup(ALICE, ["repo"], account=account) is not None
    assert len(here.grant.renewals) == 2
    assert await names(here) == ["", "work"]


async def test_a_refused_connection_goes_and_the_others_stay(here: SmallWorld) -> None:
    first = await connect(here)
    work = await connect(here, "work")
    await here.broker.forget(ALICE, rejected=work)
    assert await names(here) == [""]
    assert await here.broker.lookup(ALICE, ["repo"]) == first


async def test_store_keys_and_values_hold_no_name_of_a_connection(here: SmallWorld) -> None:
    await connect(here, "canary-name")
    await connect(here, "canary-other")
    assert "canary-" not in "".join(await here.texts())


async def test_nobody_sees_the_connections_of_somebody_else(here: SmallWorld) -> None:
    await connect(here, "work")
    assert await here.broker.overview.connections(BOB) == []
    assert await here.broker.lookup(BOB, ["repo"], account="work") is None


@pytest.mark.parametrize("same_account", [True, False], ids=["the same account", "another account"])
async def test_an_incremental_consent_adds_to_the_same_account_only(same_account: bool) -> None:
    here = SmallWorld(is_incremental=True)
    held = replace(credential("old", scopes=("repo",)), account=Account(id="7"))
    await here.vault.put(ALICE, "forge", held)
    here.grant.granted = ("user",)
    here.grant.account = Account(id="7" if same_account else "8")
    flow = await here.broker.open_flow(ALICE, ["user"], purpose="test")
    url = await here.broker.start_visit(flow, browser="browser-1")
    assert "scope=user&" in url
    visit = await here.ledger.take_visit("state-1")
    assert visit is not None
    await here.broker.finish_visit(ALICE, flow, visit, CODE)
    found = await here.broker.lookup(ALICE, [])
    assert found is not None
    assert found.scopes == ({"repo", "user"} if same_account else {"user"})


async def test_a_refresh_token_that_came_once_outlives_a_consent_that_brought_none(here: SmallWorld) -> None:
    account = Account(id="7")
    await here.vault.put(ALICE, "forge", replace(credential("old", refresh="first-refresh"), account=account))
    here.grant.account, here.grant.refreshes = account, False
    found = await connect(here, scopes=("repo", "user"))
    assert found.refresh_token == Secret("first-refresh")


@pytest.mark.parametrize("name", ["x" * 61, "two\nlines", 7, None, "\u202eevil"])
def test_what_is_no_name_is_refused_with_what_to_do(name: object) -> None:
    with pytest.raises(AccountNameRefused) as refused:
        check_account_name(name)
    assert "empty" in refused.value.public


def test_white_space_around_a_name_is_no_part_of_it() -> None:
    assert check_account_name("  work ") == "work"
