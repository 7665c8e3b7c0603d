"""The ledger: joining, finishing, waiting for and forgetting flows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import anyio
import anyio.lowlevel
import pytest

from mcpauthkit.connections.ledger import Ledger, Visit
from mcpauthkit.core.flow_state import Flow, FlowStatus
from mcpauthkit.stores.memory import MemoryStore
from tests.connections.small_world import ALICE, BOB, SmallWorld, principal
from tests.stores.content import content_of
from tests.stores.plain import PlainStore

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

OUTCOMES = [status for status in FlowStatus if status is not FlowStatus.PENDING]
TTL = 600.0


@pytest.fixture
def here() -> SmallWorld:
    return SmallWorld()


async def test_a_demand_that_a_pending_flow_covers_joins_it(here: SmallWorld) -> None:
    # L6: five calls of one user asked five questions.
    first = await here.open("repo", "gist")
    for scopes in (("repo", "gist"), ("gist",), ("gist", "gist"), ()):
        assert (await here.ledger.open(ALICE, "forge", scopes, purpose="other")).flow_id == first.flow_id


async def test_a_larger_demand_opens_another_flow_that_asks_for_all(here: SmallWorld) -> None:
    first = await here.open("repo")
    larger = await here.open("gist")
    assert larger.flow_id != first.flow_id
    assert larger.scopes == ("gist", "repo")
    assert (await here.open("repo")).flow_id == larger.flow_id
    assert await here.ledger.get(first.flow_id) == first


async def test_what_the_user_has_chosen_is_asked_for_exactly(here: SmallWorld) -> None:
    # Whoever can open a flow for more must not get that consented under the name of a smaller wish.
    wide = await here.open("admin", "repo")
    chosen = await here.ledger.open(ALICE, "forge", ["repo"], purpose="chosen", exactly=True)
    assert (chosen.scopes, chosen.flow_id != wide.flow_id) == (("repo",), True)
    again = await here.ledger.open(ALICE, "forge", ["repo"], purpose="chosen", exactly=True)
    assert again == chosen
    other = await here.ledger.open(ALICE, "forge", ["gist"], purpose="chosen", exactly=True)
    assert other.scopes == ("gist",)


@pytest.mark.parametrize("who", [BOB, principal("alice", issuer="https://other.example")])
async def test_nobody_joins_another_persons_or_services_flow(here: SmallWorld, who: Any) -> None:
    mine = await here.open()
    assert (await here.ledger.open(who, "forge", ["repo"], purpose="x")).flow_id != mine.flow_id
    assert (await here.ledger.open(ALICE, "wiki", ["repo"], purpose="x")).flow_id != mine.flow_id
    assert (await here.open()).flow_id == mine.flow_id


@pytest.mark.parametrize("outcome", OUTCOMES)
async def test_after_an_outcome_the_next_call_gets_a_new_flow_and_the_old_one_tells_its_end(
    here: SmallWorld, outcome: FlowStatus
) -> None:
    flow = await here.open()
    await here.ledger.finish(flow, outcome)
    assert (await here.open()).flow_id != flow.flow_id
    told = await here.ledger.get(flow.flow_id)
    assert told is not None
    assert told.status is outcome
    here.clock.advance(300)
    assert await here.ledger.get(flow.flow_id) is None


@pytest.mark.parametrize("first", OUTCOMES)
async def test_the_first_outcome_wins(here: SmallWorld, first: FlowStatus) -> None:
    flow = await here.open()
    assert (await here.ledger.finish(flow, first)).status is first
    for later in OUTCOMES:
        assert (await here.ledger.finish(flow, later)).status is first
    told = await here.ledger.get(flow.flow_id)
    assert told is not None
    assert told.status is first


async def test_finishing_an_older_flow_leaves_the_pointer_to_the_newer_one(here: SmallWorld) -> None:
    older, newer = await here.open("repo"), await here.open("gist")
    await here.ledger.finish(older, FlowStatus.DECLINED)
    assert (await here.open("repo")).flow_id == newer.flow_id


async def test_finishing_a_flow_that_is_gone_says_the_outcome_and_stores_nothing(here: SmallWorld) -> None:
    flow = await here.open()
    here.clock.advance(TTL)
    assert (await here.ledger.finish(flow, FlowStatus.CONNECTED)).status is FlowStatus.CONNECTED
    assert len(here.memory) == 0


async def test_an_abandoned_flow_leaves_nothing(here: SmallWorld) -> None:
    # L11: entries of abandoned flows stayed for ever, and a cancelled call's state remained redeemable.
    flow = await here.ledger.mark_asked(await here.open(), seconds=60)
    await here.ledger.abandon(flow)
    assert len(here.memory) == 0
    await here.ledger.abandon(flow)
    assert (await here.open()).flow_id != flow.flow_id


async def test_a_flow_whose_page_is_open_is_not_abandoned(here: SmallWorld) -> None:
    flow = await here.open()
    await here.ledger.mark_opened(flow)
    await here.ledger.abandon(flow)
    assert (await here.open()).flow_id == flow.flow_id


async def test_a_finished_flow_is_not_abandoned(here: SmallWorld) -> None:
    flow = await here.open()
    await here.ledger.finish(flow, FlowStatus.CONNECTED)
    await here.ledger.abandon(flow)
    told = await here.ledger.get(flow.flow_id)
    assert told is not None
    assert told.status is FlowStatus.CONNECTED


async def test_abandoning_an_older_flow_leaves_the_newer_one(here: SmallWorld) -> None:
    older, newer = await here.open("repo"), await here.open("gist")
    await here.ledger.abandon(older)
    assert (await here.open("repo")).flow_id == newer.flow_id


async def test_what_is_remembered_of_a_flow_neither_lengthens_its_life_nor_reopens_it(here: SmallWorld) -> None:
    flow = await here.open()
    here.clock.advance(TTL - 10)
    asked = await here.ledger.mark_asked(flow, seconds=60)
    assert asked.asked_until == here.clock.wall() + 60
    opened = await here.ledger.mark_opened(asked)
    assert (opened.opened, opened.asked_until) == (True, asked.asked_until)
    assert await here.ledger.mark_opened(opened) == opened
    await here.ledger.finish(flow, FlowStatus.DECLINED)
    assert (await here.ledger.mark_asked(flow, seconds=60)).status is FlowStatus.DECLINED
    assert (await here.ledger.mark_opened(flow)).status is FlowStatus.DECLINED


async def test_a_flow_expires_and_so_does_everything_that_belongs_to_it(here: SmallWorld) -> None:
    flow = await here.open()
    await here.ledger.mark_asked(flow, seconds=60)
    await here.ledger.start_visit("state", Visit(flow.flow_id, "browser", {}))
    here.clock.advance(TTL - 1)
    assert await here.ledger.get(flow.flow_id) is not None
    here.clock.advance(1)
    assert await here.ledger.get(flow.flow_id) is None
    assert await here.ledger.take_visit("state") is None
    # Marking it now brings nothing back.
    assert await here.ledger.mark_asked(flow, seconds=60) == flow
    assert len(here.memory) == 0


async def test_a_storage_that_forgets_to_expire_changes_nothing(here: SmallWorld) -> None:
    # S1c: an old value put back was accepted.
    flow = await here.open()
    key, value = next(entry for entry in (await content_of(here.memory)).items() if ":flow:" in entry[0])
    here.clock.advance(TTL)
    await here.memory.put(key, value, ttl_seconds=None)
    assert await here.ledger.get(flow.flow_id) is None


async def test_of_fifty_concurrent_redemptions_of_a_state_one_gets_the_visit(here: SmallWorld) -> None:
    # L2, S4: one state redeemed twice at once made two code exchanges.
    visit = Visit("flow", "browser", {"code_verifier": "canary"})
    await here.ledger.start_visit("state", visit)
    taken: list[Visit | None] = []

    async def take() -> None:
        taken.append(await here.ledger.take_visit("state"))

    async with anyio.create_task_group() as tasks:
        for _ in range(50):
            tasks.start_soon(take)
    assert [one for one in taken if one is not None] == [visit]
    assert "canary" not in repr(visit)


@pytest.mark.parametrize("odd", ["", "x" * 129, "x" * 1_000_000, "\x00", "é", "../flow", "*"])
async def test_odd_ids_are_unknown_ids(here: SmallWorld, odd: str) -> None:
    assert await here.ledger.get(odd) is None
    assert await here.ledger.take_visit(odd) is None


async def test_reading_the_keys_gives_nobody_a_link_or_a_state(here: SmallWorld) -> None:
    flow = await here.open()
    await here.ledger.start_visit("state-canary", Visit(flow.flow_id, "browser-canary", {"v": "verifier-canary"}))
    seen = " ".join(await here.texts())
    for secret in (flow.flow_id, "state-canary", "browser-canary", "verifier-canary", "alice", "issuer.example"):
        assert secret not in seen
    assert len(flow.flow_id) >= 43


async def tampered(here: SmallWorld, kind: str, how: Callable[[str], str]) -> None:
    for key, value in (await content_of(here.memory)).items():
        if f":{kind}:" in key:
            await here.memory.put(key, how(value), ttl_seconds=None)


def flipped(value: str) -> str:
    return value[:-1] + ("A" if value[-1] != "A" else "B")


@pytest.mark.parametrize("how", [flipped, lambda _: "{}", lambda _: ""], ids=["edited", "plain", "empty"])
async def test_tampered_records_count_as_absent(here: SmallWorld, how: Callable[[str], str]) -> None:
    flow = await here.open()
    await here.ledger.start_visit("state", Visit(flow.flow_id, "browser", {}))
    await tampered(here, "visit", how)
    assert await here.ledger.take_visit("state") is None
    await tampered(here, "current", how)
    assert (await here.open()).flow_id != flow.flow_id
    await tampered(here, "current", how)
    await here.ledger.finish(flow, FlowStatus.DECLINED)
    await tampered(here, "outcome", how)
    assert await here.ledger.get(flow.flow_id) is None
    other = await here.open()
    await tampered(here, "flow", how)
    assert await here.ledger.get(other.flow_id) is None
    assert await here.ledger.wait(flow, timeout_seconds=60) is None


async def test_a_visit_copied_to_a_made_up_state_is_no_visit(here: SmallWorld) -> None:
    # S1b
    await here.ledger.start_visit("real", Visit("flow", "browser", {}))
    ((real, value),) = (await content_of(here.memory)).items()
    await here.ledger.start_visit("made-up", Visit("other", "browser", {}))
    for key in await content_of(here.memory):
        if key != real:
            await here.memory.put(key, value, ttl_seconds=None)
    assert await here.ledger.take_visit("made-up") is None
    assert await here.ledger.take_visit("real") is not None


async def finish(here: SmallWorld, flow: Flow) -> None:
    await here.ledger.finish(flow, FlowStatus.CONNECTED)


async def abandon(here: SmallWorld, flow: Flow) -> None:
    await here.ledger.abandon(flow)


@pytest.mark.parametrize("outcome", OUTCOMES)
async def test_whoever_waits_wakes_at_once_for_every_outcome(here: SmallWorld, outcome: FlowStatus) -> None:
    flow = await here.open()
    ends: list[FlowStatus | None] = []

    async def wait() -> None:
        found = await here.ledger.wait(flow, timeout_seconds=60)
        ends.append(None if found is None else found.status)

    with anyio.fail_after(5):
        async with anyio.create_task_group() as tasks:
            for _ in range(3):
                tasks.start_soon(wait)
            await anyio.wait_all_tasks_blocked()
            # A change that is no outcome ends nobody's waiting.
            await here.ledger.mark_opened(flow)
            await anyio.wait_all_tasks_blocked()
            assert ends == []
            await here.ledger.finish(flow, outcome)
    assert ends == [outcome] * 3


async def test_a_flow_that_another_call_waits_for_is_not_abandoned(here: SmallWorld) -> None:
    flow = await here.open()

    async def leave_and_connect() -> None:
        await here.ledger.abandon(flow)
        await here.ledger.finish(flow, FlowStatus.CONNECTED)

    with anyio.fail_after(5):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(leave_and_connect)
            found = await here.ledger.wait(flow, timeout_seconds=60)
    assert found is not None
    assert found.status is FlowStatus.CONNECTED


class Yielding(MemoryStore):
    """A store like those on a network: other tasks run before each of its answers."""

    async def get(self, key: str) -> str | None:
        await anyio.lowlevel.checkpoint()
        found = await super().get(key)
        await anyio.lowlevel.checkpoint()
        return found

    async def put(self, key: str, value: str, *, ttl_seconds: float | None) -> None:
        await anyio.lowlevel.checkpoint()
        await super().put(key, value, ttl_seconds=ttl_seconds)


async def _connected_while(here: SmallWorld, flow: Flow, late: str) -> Flow:
    """Connect a flow while something else happens to it; the outcome that won."""
    meanwhile: dict[str, Callable[[], Awaitable[object]]] = {
        "mark_asked": lambda: here.ledger.mark_asked(flow, seconds=60),
        "mark_opened": lambda: here.ledger.mark_opened(flow),
        "abandon": lambda: here.ledger.abandon(flow),
        "finish": lambda: here.ledger.finish(flow, FlowStatus.DECLINED),
    }
    outcomes: list[Flow] = []

    async def run_late() -> None:
        await meanwhile[late]()

    async def connect() -> None:
        outcomes.append(await here.ledger.finish(flow, FlowStatus.CONNECTED))

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(run_late)
        tasks.start_soon(connect)
    return outcomes[0]


@pytest.mark.parametrize("late", ["mark_asked", "mark_opened", "abandon", "finish"])
async def test_nothing_that_happens_meanwhile_undoes_an_outcome(late: str) -> None:
    for _ in range(20):
        here = SmallWorld(store=Yielding())
        flow = await here.open()
        outcome = await _connected_while(here, flow, late)
        found = await here.ledger.get(flow.flow_id)
        assert found is None or found.status is outcome.status
        assert found is not None or late == "abandon"


async def test_waiting_ends_at_once_for_a_flow_that_is_finished_or_gone_and_in_time_for_a_pending_one(
    here: SmallWorld,
) -> None:
    flow = await here.open()
    with anyio.fail_after(5):
        pending = await here.ledger.wait(flow, timeout_seconds=0.01)
        assert pending is not None
        assert pending.is_pending
        await here.ledger.finish(flow, FlowStatus.REFUSED)
        refused = await here.ledger.wait(flow, timeout_seconds=60)
        assert refused is not None
        assert refused.status is FlowStatus.REFUSED
        here.clock.advance(TTL)
        assert await here.ledger.wait(flow, timeout_seconds=60) is None


async def test_an_outcome_is_seen_on_a_store_that_wakes_nobody() -> None:
    here = SmallWorld()
    polled = SmallWorld(clock=here.clock, store=PlainStore(here.memory))
    flow = await polled.open()
    with anyio.fail_after(5):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(finish, polled, flow)
            found = await polled.ledger.wait(flow, timeout_seconds=60)
    assert found is not None
    assert found.status is FlowStatus.CONNECTED


@pytest.mark.parametrize("change", [finish, abandon])
async def test_another_replica_on_the_same_store_sees_the_same_flows(
    here: SmallWorld, change: Callable[[SmallWorld, Flow], Awaitable[None]]
) -> None:
    replica = SmallWorld(clock=here.clock, store=here.memory)
    flow = await here.open()
    assert (await replica.open()).flow_id == flow.flow_id
    await change(replica, flow)
    found = await here.ledger.get(flow.flow_id)
    assert found is None or not found.is_pending


async def test_applications_that_share_a_store_do_not_see_each_others_flows(here: SmallWorld) -> None:
    other = Ledger(here.sealed, namespace="other", clock=here.clock)
    flow = await here.open()
    assert await other.get(flow.flow_id) is None
    assert (await other.open(ALICE, "forge", ["repo"], purpose="x")).flow_id != flow.flow_id


@pytest.mark.parametrize("record", [{}, {"flow_id": "x"}, {"status": "someday", "scopes": []}])
async def test_a_record_of_another_version_counts_as_absent(here: SmallWorld, record: dict[str, Any]) -> None:
    flow = await here.open()
    key = next(one for one in await content_of(here.memory) if ":flow:" in one)
    await here.sealed.put(key, record, ttl_seconds=60)
    assert await here.ledger.get(flow.flow_id) is None
    assert (await here.open()).flow_id != flow.flow_id
