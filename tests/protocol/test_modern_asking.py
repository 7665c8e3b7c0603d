"""Input-required rounds: asked once, held a few times, then the link."""

from __future__ import annotations

import anyio
import mcp_types
import pytest

from mcpauthkit import MemoryStore, Patience
from mcpauthkit.core.flow_state import FlowStatus
from mcpauthkit.errors import ConnectionDeclined, ConnectionExpired, ConnectionRequired
from mcpauthkit.protocol.ask import Asker, Need
from mcpauthkit.protocol.ask_modern import RoundState, ask_in_rounds, continue_rounds
from mcpauthkit.protocol.completion import CompletionNotices
from tests.connections.small_world import ALICE, BOB, SmallWorld
from tests.protocol.calls import a_call

NEED = Need(ALICE, ("repo",), "list_repos")


@pytest.fixture
def here() -> SmallWorld:
    return SmallWorld()


def asker_of(here: SmallWorld, hold_seconds: float = 0.01) -> Asker:
    return Asker(
        here.broker,
        connect_url=lambda flow: f"https://mcp.example/connect/forge?flow={flow.flow_id}",
        patience=Patience(hold_seconds=hold_seconds, rounds=2),
        notices=CompletionNotices(clock=here.clock),
    )


def state_in(result: object) -> RoundState:
    assert isinstance(result, mcp_types.InputRequiredResult)
    state = RoundState.read(result.request_state, "forge")
    assert state is not None
    return state


async def test_the_user_is_asked_once_then_the_call_is_held_a_few_times_then_the_link_comes(here: SmallWorld) -> None:
    asker, call = asker_of(here), a_call()
    flow = await here.open()
    first = await ask_in_rounds(asker, flow, NEED)
    assert isinstance(first, mcp_types.InputRequiredResult)
    assert list(first.input_requests or {}) == ["forge"]
    state = state_in(first)
    for held in (1, 2):
        again = await continue_rounds(asker, call, state, NEED)
        assert isinstance(again, mcp_types.InputRequiredResult)
        assert not again.input_requests
        state = state_in(again)
        assert (state.flow_id, state.held) == (flow.flow_id, held)
    with pytest.raises(ConnectionRequired) as asked:
        await continue_rounds(asker, call, state, NEED)
    assert flow.flow_id in asked.value.connect_url


async def test_a_second_call_is_held_without_asking_while_somebody_looks_at_the_question(here: SmallWorld) -> None:
    asker = asker_of(here)
    await ask_in_rounds(asker, await here.open(), NEED)
    second = await ask_in_rounds(asker, await here.open(), NEED)
    assert state_in(second).held == 1
    assert isinstance(second, mcp_types.InputRequiredResult)
    assert not second.input_requests


async def test_a_no_in_the_client_is_the_outcome(here: SmallWorld) -> None:
    flow = await here.open()
    call = a_call(input_responses={"forge": mcp_types.ElicitResult(action="decline")})
    with pytest.raises(ConnectionDeclined):
        await continue_rounds(asker_of(here), call, RoundState("forge", flow.flow_id), NEED)
    told = await here.ledger.get(flow.flow_id)
    assert told is not None
    assert told.status is FlowStatus.DECLINED


@pytest.mark.parametrize("who", [BOB, ALICE])
async def test_a_state_of_another_user_or_of_a_flow_that_is_gone_has_expired(here: SmallWorld, who: object) -> None:
    # The SDK binds states to their caller; this holds where that is configured away.
    flow = await here.open()
    if who is ALICE:
        here.clock.advance(600)
    need = Need(BOB if who is BOB else ALICE, ("repo",), "list_repos")
    decline = {"forge": mcp_types.ElicitResult(action="decline")}
    with pytest.raises(ConnectionExpired):
        await continue_rounds(asker_of(here), a_call(input_responses=decline), RoundState("forge", flow.flow_id), need)
    told = await here.ledger.get(flow.flow_id)
    assert told is None or told.is_pending


async def test_a_held_call_that_goes_away_takes_its_question_along(here: SmallWorld) -> None:
    flow = await here.open()
    state = RoundState("forge", flow.flow_id)
    with anyio.fail_after(5):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(continue_rounds, asker_of(here, hold_seconds=60), a_call(), state, NEED)
            await anyio.wait_all_tasks_blocked()
            tasks.cancel_scope.cancel()
    assert len(here.memory) == 0


class Outage(MemoryStore):
    """Works until it is away."""

    is_away = False

    async def get(self, key: str) -> str | None:
        if self.is_away:
            raise ConnectionError("no route to canary-host")
        return await super().get(key)


async def test_an_outage_does_not_stand_in_for_the_cancellation_of_a_held_call(
    caplog: pytest.LogCaptureFixture,
) -> None:
    store = Outage()
    here = SmallWorld(store=store)
    flow = await here.open()

    async def held() -> None:
        await continue_rounds(asker_of(here, hold_seconds=60), a_call(), RoundState("forge", flow.flow_id), NEED)

    with anyio.fail_after(5):
        # An error that came instead would leave the group, and the cancelled call would have been answered.
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(held)
            await anyio.wait_all_tasks_blocked()
            store.is_away = True
            tasks.cancel_scope.cancel()
    assert "flow not abandoned" in caplog.text
    assert "canary" not in caplog.text


async def test_a_question_whose_client_is_gone_is_taken_over_by_the_next_call(here: SmallWorld) -> None:
    asker, call = asker_of(here), a_call()
    first = await ask_in_rounds(asker, await here.open(), NEED)
    second = await ask_in_rounds(asker, await here.open(), NEED)
    assert isinstance(second, mcp_types.InputRequiredResult)
    assert not state_in(second).asked
    assert not second.input_requests
    # The first client never comes back; its question lapses.
    here.clock.advance(asker.patience.asking_seconds)
    third = await continue_rounds(asker, call, state_in(second), NEED)
    assert isinstance(third, mcp_types.InputRequiredResult)
    assert list(third.input_requests or {}) == ["forge"]
    assert state_in(third) == RoundState("forge", state_in(first).flow_id, asked=True, held=1)
