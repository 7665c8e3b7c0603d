"""Who may finish a flow: one at a time."""

from __future__ import annotations

import anyio
import pytest

from mcpauthkit.stores.lease import LEASE_SECONDS
from tests.connections.small_world import SmallWorld


@pytest.fixture
def here() -> SmallWorld:
    return SmallWorld()


async def test_of_two_claims_one_counts_until_it_is_over(here: SmallWorld) -> None:
    flow = await here.open()
    async with here.ledger.claim(flow) as first, here.ledger.claim(flow) as second:
        assert (first, second) == (True, False)
    async with here.ledger.claim(flow) as third:
        assert third


async def test_a_process_that_died_while_it_held_a_claim_does_not_lock_the_user_out(here: SmallWorld) -> None:
    flow = await here.open()
    async with here.ledger.claim(flow) as dead:
        here.clock.advance(LEASE_SECONDS)
        async with here.ledger.claim(flow) as mine:
            assert (dead, mine) == (True, True)


async def test_a_claim_that_is_waited_for_is_had_when_the_other_is_over(here: SmallWorld) -> None:
    flow = await here.open()
    order: list[str] = []

    async def second() -> None:
        async with here.ledger.claim(flow, timeout_seconds=30) as is_ours:
            assert is_ours
            order.append("second")

    with anyio.fail_after(5):
        async with anyio.create_task_group() as tasks, here.ledger.claim(flow) as is_ours:
            assert is_ours
            tasks.start_soon(second)
            await anyio.wait_all_tasks_blocked()
            order.append("first")
    assert order == ["first", "second"]
