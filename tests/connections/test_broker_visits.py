"""The broker: what a browser brings back becomes one credential, once."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import anyio
import pytest

from mcpauthkit.core.flow_state import FlowStatus
from mcpauthkit.errors import GrantRefused, RemoteMisbehaved, RemoteUnavailable
from tests.connections.small_world import ALICE, SmallWorld
from tests.connections.test_broker_renewal import Gate

if TYPE_CHECKING:
    from mcpauthkit.connections.ledger import Visit
    from mcpauthkit.core.flow_state import Flow

CODE = {"code": "the-code", "state": "state-1"}


@pytest.fixture
def here() -> SmallWorld:
    return SmallWorld()


async def visit_of(here: SmallWorld, flow: Flow) -> Visit:
    url = await here.broker.start_visit(flow, browser="browser-1")
    assert url.startswith("https://forge.example/authorize")
    visit = await here.ledger.take_visit("state-1")
    assert visit is not None
    return visit


async def status_of(here: SmallWorld, flow: Flow) -> FlowStatus | None:
    found = await here.ledger.get(flow.flow_id)
    return None if found is None else found.status


async def test_a_visit_remembers_flow_browser_and_what_the_grant_needs(here: SmallWorld) -> None:
    flow = await here.open()
    visit = await visit_of(here, flow)
    assert (visit.flow_id, visit.browser, visit.private) == (flow.flow_id, "browser-1", {"verifier": "v"})


async def test_what_the_browser_brings_back_becomes_the_credential(here: SmallWorld) -> None:
    flow = await here.open("repo", "gist")
    finished = await here.broker.finish_visit(ALICE, flow, await visit_of(here, flow), CODE)
    assert finished.status is FlowStatus.CONNECTED
    assert await here.held_token() == "connected"
    found = await here.broker.lookup(ALICE, ["repo", "gist"])
    assert found is not None
    assert here.grant.completions == [CODE]


async def test_two_tabs_at_once_exchange_one_code(here: SmallWorld) -> None:
    # L2: two code exchanges.
    flow = await here.open()
    visit = await visit_of(here, flow)
    gate = here.grant.before_answer = Gate()
    ends: list[FlowStatus] = []

    async def finish() -> None:
        ends.append((await here.broker.finish_visit(ALICE, flow, visit, CODE)).status)

    with anyio.fail_after(5):
        async with anyio.create_task_group() as tasks:
            for _ in range(5):
                tasks.start_soon(finish)
            await gate.reached.wait()
            await anyio.wait_all_tasks_blocked()
            gate.opened.set()
    assert len(here.grant.completions) == 1
    assert ends == [FlowStatus.CONNECTED] * 5
    # One that comes later learns the outcome and exchanges nothing.
    assert (await here.broker.finish_visit(ALICE, flow, visit, CODE)).status is FlowStatus.CONNECTED
    assert len(here.grant.completions) == 1


@pytest.mark.parametrize("how", ["scope", "task"])
async def test_a_browser_that_goes_away_in_the_middle_is_connected_all_the_same(here: SmallWorld, how: str) -> None:
    flow = await here.open()
    visit = await visit_of(here, flow)
    gate = here.grant.before_answer = Gate()
    with anyio.fail_after(5):
        if how == "scope":
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(here.broker.finish_visit, ALICE, flow, visit, CODE)
                await gate.reached.wait()
                tasks.cancel_scope.cancel()
                gate.opened.set()
        else:
            task = asyncio.create_task(here.broker.finish_visit(ALICE, flow, visit, CODE))
            await gate.reached.wait()
            task.cancel()
            await anyio.wait_all_tasks_blocked()
            gate.opened.set()
            await asyncio.wait([task])
            assert task.cancelled()
    assert await here.held_token() == "connected"
    assert await status_of(here, flow) is FlowStatus.CONNECTED


@pytest.mark.parametrize("how", ["scope", "task"])
async def test_a_failure_after_the_browser_went_away_is_nobodys_unhandled_error(here: SmallWorld, how: str) -> None:
    flow = await here.open()
    visit = await visit_of(here, flow)
    gate = here.grant.before_answer = Gate()
    here.grant.trouble = RemoteUnavailable()
    with anyio.fail_after(5):
        task = asyncio.create_task(here.broker.finish_visit(ALICE, flow, visit, CODE))
        await gate.reached.wait()
        if how == "task":
            task.cancel()
            await anyio.wait_all_tasks_blocked()
        gate.opened.set()
        await asyncio.wait([task])
    assert task.cancelled() or isinstance(task.exception(), RemoteUnavailable)
    async with here.ledger.claim(flow) as is_ours:
        assert is_ours


async def test_a_service_that_cannot_answer_now_keeps_the_flow_for_another_visit(here: SmallWorld) -> None:
    flow = await here.open()
    here.grant.trouble = RemoteUnavailable(reason="500")
    with pytest.raises(RemoteUnavailable):
        await here.broker.finish_visit(ALICE, flow, await visit_of(here, flow), CODE)
    assert await status_of(here, flow) is FlowStatus.PENDING
    assert await here.held_token() is None
    here.grant.trouble = None
    again = await here.broker.finish_visit(ALICE, flow, await visit_of(here, flow), CODE)
    assert again.status is FlowStatus.CONNECTED


@pytest.mark.parametrize(
    ("trouble", "status"),
    [
        (GrantRefused("access_denied"), FlowStatus.REFUSED),
        (GrantRefused("invalid_grant"), FlowStatus.FAILED),
        (GrantRefused("invalid_scope"), FlowStatus.FAILED),
        (RemoteMisbehaved(reason="another server"), FlowStatus.FAILED),
    ],
    ids=str,
)
async def test_a_definite_no_is_the_flows_outcome_and_stores_nothing(
    here: SmallWorld, trouble: Exception, status: FlowStatus
) -> None:
    flow = await here.open()
    here.grant.trouble = trouble
    finished = await here.broker.finish_visit(ALICE, flow, await visit_of(here, flow), CODE)
    assert finished.status is status
    assert await status_of(here, flow) is status
    assert await here.held_token() is None


async def test_a_broken_grant_gives_the_claim_back(here: SmallWorld) -> None:
    flow = await here.open()
    here.grant.trouble = ZeroDivisionError()
    with pytest.raises(ZeroDivisionError):
        await here.broker.finish_visit(ALICE, flow, await visit_of(here, flow), CODE)
    async with here.ledger.claim(flow) as is_ours:
        assert is_ours


async def test_a_flow_that_ended_meanwhile_keeps_its_end_and_no_code_is_exchanged(here: SmallWorld) -> None:
    flow = await here.open()
    visit = await visit_of(here, flow)
    await here.ledger.finish(flow, FlowStatus.DECLINED)
    assert (await here.broker.finish_visit(ALICE, flow, visit, CODE)).status is FlowStatus.DECLINED
    here.clock.advance(600)
    assert (await here.broker.finish_visit(ALICE, flow, visit, CODE)).status is FlowStatus.PENDING
    assert here.grant.completions == []
    assert await here.held_token() is None


async def test_a_connection_does_not_run_into_a_renewal_of_the_same_user(here: SmallWorld) -> None:
    """The renewal's older grant must not overwrite what the user has just connected."""
    await here.hold(seconds=10)
    flow = await here.open("repo", "gist")
    visit = await visit_of(here, flow)
    gate = here.grant.before_answer = Gate()
    with anyio.fail_after(5):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(here.broker.lookup, ALICE, ["repo"])
            await gate.reached.wait()
            tasks.start_soon(here.broker.finish_visit, ALICE, flow, visit, CODE)
            await anyio.wait_all_tasks_blocked()
            gate.opened.set()
    assert await here.held_token() == "connected"


async def test_neither_code_nor_token_nor_subject_reaches_the_log(
    here: SmallWorld, caplog: pytest.LogCaptureFixture
) -> None:
    # N1, N1a: state and subject were logged, and a token answer as a whole.
    caplog.set_level("DEBUG", "mcpauthkit")
    flow = await here.open()
    await here.broker.finish_visit(ALICE, flow, await visit_of(here, flow), CODE)
    seen: list[Any] = [record.getMessage() for record in caplog.records]
    assert any("outcome=connected" in line for line in seen)
    # The token is one of the words for how it ended.
    seen = [line.replace("outcome=connected", "") for line in seen]
    for secret in ("the-code", "state-1", "connected", "alice", flow.flow_id):
        assert not any(secret in line for line in seen)


async def test_a_no_during_the_exchange_stands_and_nothing_is_stored(here: SmallWorld) -> None:
    flow = await here.open()
    visit = await visit_of(here, flow)

    async def declines() -> None:
        await here.ledger.finish(flow, FlowStatus.DECLINED)

    here.grant.before_answer = declines
    assert (await here.broker.finish_visit(ALICE, flow, visit, CODE)).status is FlowStatus.DECLINED
    assert await here.vault.get(ALICE, "forge") is None


async def test_what_was_not_accepted_is_counted_until_the_flow_ends(here: SmallWorld) -> None:
    flow = await here.open()
    assert [(await here.ledger.mark_tried(flow)).tries for _ in range(3)] == [1, 2, 3]
    await here.ledger.finish(flow, FlowStatus.FAILED)
    assert (await here.ledger.mark_tried(flow)).status is FlowStatus.FAILED
