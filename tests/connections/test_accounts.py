"""Several connections of one user with one service, and what a new consent adds to."""

from __future__ import annotations

from dataclasses import replace

import pytest

from mcpauthkit import Account, Credential, Secret
from mcpauthkit.connections.names import check_account_name
from mcpauthkit.core.flow_state import FlowStatus
from mcpauthkit.errors import AccountNameRefused, TooManyConnections
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


async def test_a_refresh_token_that_came_once_outlives_a_consent_that_brought_none(here: SmallWorld) -> None:
    account = Account(id="7")
    await here.vault.put(ALICE, "forge", replace(credential("old", refresh="first-refresh"), account=account))
    here.grant.account, here.grant.refreshes = account, False
    found = await connect(here, scopes=("repo", "user"))
    assert found.refresh_token == Secret("first-refresh")


@pytest.mark.parametrize("name", ["x" * 61, "two\nlines", 7, None, "\u202eevil", "a/b", "[a](b)", "<b>", "a:b"])
def test_what_is_no_name_is_refused_with_what_to_do(name: object) -> None:
    with pytest.raises(AccountNameRefused) as refused:
        check_account_name(name)
    assert "empty" in refused.value.public


@pytest.mark.parametrize("name", ["work", "octo-alice+1@forge.example", "Büro 2", "a.b_c", ""])
def test_a_name_is_taken_as_it_is_but_for_white_space_around_it(name: str) -> None:
    assert check_account_name(f"  {name} ") == name


@pytest.mark.parametrize(
    ("label", "name"),
    [("octo-alice", "octo-alice"), ("Octo & Co. (Berlin)", "Octo Co. Berlin"), ("<>", "first"), ("x" * 99, "x" * 50)],
)
async def test_a_default_that_gives_way_gets_a_name_that_can_be_given(here: SmallWorld, label: str, name: str) -> None:
    await here.vault.put(ALICE, "forge", replace(credential("first"), account=Account(id="1", label=label)))
    await here.vault.put(ALICE, "forge", replace(credential("second"), name="work"))
    assert await here.broker.overview.make_default(ALICE, name="work")
    assert await names(here) == ["work", name]
    assert check_account_name(name) == name


async def test_a_default_that_gives_way_takes_nobodys_name(here: SmallWorld) -> None:
    await here.vault.put(ALICE, "forge", replace(credential("first"), account=Account(id="1", label="Home")))
    for name in ("home", "work"):
        await here.vault.put(ALICE, "forge", replace(credential(f"token-of-{name}"), name=name))
    assert await here.broker.overview.make_default(ALICE, name="work")
    assert await names(here) == ["work", "home", "Home 2"]


async def test_a_label_means_no_connection_that_another_name_or_label_means_too(here: SmallWorld) -> None:
    # The owner of a workspace chooses its label: it must not get them what was meant for another account.
    for name, label in (("", "alice"), ("prod", "acme"), ("third", "Prod"), ("fourth", "same"), ("fifth", "same")):
        held = replace(credential(f"token-of-{name}"), name=name, account=Account(id=name or "1", label=label))
        await here.vault.put(ALICE, "forge", held)
    found = await here.broker.lookup(ALICE, [], account="prod")
    assert found is not None
    assert found.name == "prod"
    assert await here.broker.lookup(ALICE, [], account="same") is None


async def test_a_connection_that_takes_the_place_of_an_ended_default_leaves_no_older_self(here: SmallWorld) -> None:
    await here.vault.put(ALICE, "forge", credential("default", refresh=None, expires_at=here.clock.wall() + 10))
    await here.vault.put(ALICE, "forge", replace(credential("old"), name="work"))
    here.clock.advance(20)
    await here.vault.put(ALICE, "forge", replace(credential("new"), name="work"))
    await here.broker.overview.disconnect(ALICE, name="work")
    assert await here.broker.lookup(ALICE, []) is None
    assert await here.broker.overview.connections(ALICE) == []


async def test_a_user_keeps_no_more_than_twenty_connections_with_a_service(here: SmallWorld) -> None:
    for number in range(20):
        await connect(here, f"account {number}" if number else "")
    with pytest.raises(TooManyConnections) as refused:
        await here.broker.open_flow(ALICE, ["repo"], purpose="test", account="one more")
    assert "DevForge" in refused.value.public
    assert "Disconnect" in refused.value.public
    assert (await here.broker.open_flow(ALICE, ["user"], purpose="test", account="account 7")).is_pending
    await here.broker.overview.disconnect(ALICE, name="account 7")
    assert (await here.broker.open_flow(ALICE, ["repo"], purpose="test", account="one more")).is_pending
