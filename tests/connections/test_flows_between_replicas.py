"""Flows that several replicas have in hand at once."""

from __future__ import annotations

import anyio
import pytest

from mcpauthkit.connections.ledger import Ledger
from mcpauthkit.core.flow_state import Flow, FlowStatus
from tests.connections.small_world import SmallWorld
from tests.stores.plain import PlainStore


@pytest.fixture(params=["memory", "plain"])
def here(request: pytest.FixtureRequest) -> SmallWorld:
    here = SmallWorld()
    return here if request.param == "memory" else SmallWorld(clock=here.clock, store=PlainStore(here.memory))


def another_ledger(here: SmallWorld) -> Ledger:
    return Ledger(here.sealed, namespace=here.namespace, clock=here.clock)


async def test_a_call_that_goes_away_on_one_replica_takes_nothing_from_one_that_waits_on_another(
    here: SmallWorld,
) -> None:
    flow, other = await here.open(), another_ledger(here)
    found: list[Flow | None] = []

    async def wait() -> None:
        found.append(await other.wait(flow, timeout_seconds=30))

    with anyio.fail_after(5):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(wait)
            await anyio.wait_all_tasks_blocked()
            await here.ledger.abandon(flow)
            current = await here.ledger.get(flow.flow_id)
            assert current is not None
            await here.ledger.finish(current, FlowStatus.CONNECTED)
    assert [one and one.status for one in found] == [FlowStatus.CONNECTED]


async def test_the_last_call_that_goes_away_takes_the_flow_with_it(here: SmallWorld) -> None:
    flow, other = await here.open(), another_ledger(here)
    for ledger in (other, here.ledger):
        with anyio.move_on_after(0.01):
            await ledger.wait(flow, timeout_seconds=30)
    await other.abandon(flow)
    assert await here.ledger.get(flow.flow_id) is not None
    await here.ledger.abandon(flow)
    assert await here.ledger.get(flow.flow_id) is None


async def test_a_replica_that_died_while_a_call_waited_there_keeps_the_flow_for_that_time_only(
    here: SmallWorld,
) -> None:
    flow = await here.open()
    with anyio.move_on_after(0.01):
        await another_ledger(here).wait(flow, timeout_seconds=30)
    await here.ledger.abandon(flow)
    assert await here.ledger.get(flow.flow_id) is not None
    here.clock.advance(30)
    await here.ledger.abandon(flow)
    assert await here.ledger.get(flow.flow_id) is None


async def test_changes_on_several_replicas_at_once_are_all_kept() -> None:
    here = SmallWorld()
    flow = await here.open()
    ledgers = here.ledger, another_ledger(here)
    with anyio.fail_after(5):
        async with anyio.create_task_group() as tasks:
            for number in range(8):
                tasks.start_soon(ledgers[number % 2].mark_tried, flow)
            tasks.start_soon(ledgers[0].mark_opened, flow)
    current = await here.ledger.get(flow.flow_id)
    assert current is not None
    assert (current.tries, current.opened) == (8, True)
