"""Blocking elicitation when the client does not do its part: the page counts, not the answer."""

from __future__ import annotations

from typing import Any

import anyio
import mcp_types
import pytest
from mcp.shared.exceptions import MCPError

from mcpauthkit import Patience
from mcpauthkit.core.entropy import SystemEntropy
from mcpauthkit.core.flow_state import Flow, FlowStatus
from mcpauthkit.errors import (
    ConnectionBroken,
    ConnectionCancelled,
    ConnectionDeclined,
    ConnectionExpired,
    ConnectionFailed,
    ConnectionRefused,
    ConnectionRequired,
    PermissionMissing,
)
from mcpauthkit.protocol.ask import Asker, Need
from mcpauthkit.protocol.ask_legacy import ask_blocking, join_blocking
from mcpauthkit.protocol.completion import CompletionNotices
from tests.connections.small_world import ALICE, SmallWorld
from tests.protocol.calls import LEGACY, FakeSession, a_call, capabilities

NEED = Need(ALICE, ("repo",), "list_repos")


@pytest.fixture
def here() -> SmallWorld:
    return SmallWorld()


def asker_of(here: SmallWorld, hold_seconds: float = 5) -> Asker:
    return Asker(
        here.broker,
        connect_url=lambda flow: f"https://mcp.example/connect/forge?flow={flow.flow_id}",
        patience=Patience(hold_seconds=hold_seconds),
        notices=CompletionNotices(clock=here.clock),
        entropy=SystemEntropy(),
    )


def legacy_call(**session: Any) -> tuple[Any, FakeSession]:
    made = FakeSession(capabilities(url=True), **session)
    return a_call(made, protocol_version=LEGACY, request_id=7), made


async def connect(here: SmallWorld, flow: Flow) -> None:
    await anyio.wait_all_tasks_blocked()
    await here.hold()
    await here.ledger.finish(flow, FlowStatus.CONNECTED)


@pytest.mark.parametrize(
    "trouble",
    [MCPError(-32600, "Elicitation not supported"), anyio.BrokenResourceError(), anyio.ClosedResourceError(), None],
    ids=["refuses", "broken", "closed", "never answers"],
)
async def test_a_client_that_cannot_show_the_question_still_gets_the_result_of_the_page(
    here: SmallWorld, trouble: Exception | None
) -> None:
    call, session = legacy_call(trouble=trouble)
    flow = await here.open()
    with anyio.fail_after(5):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(connect, here, flow)
            found = await ask_blocking(asker_of(here), call, flow, NEED)
    assert found.access_token.reveal() == "access-canary"
    assert len(session.told) == (1 if trouble is None else 0)
    assert all(related == 7 for _, related in session.told)


async def test_a_question_nobody_answers_ends_with_the_link_in_time_and_the_link_works_on(here: SmallWorld) -> None:
    call, _ = legacy_call()
    flow = await here.open()
    with anyio.fail_after(5), pytest.raises(ConnectionRequired) as asked:
        await ask_blocking(asker_of(here, hold_seconds=0.01), call, flow, NEED)
    assert flow.flow_id in asked.value.connect_url
    again = await here.ledger.get(flow.flow_id)
    assert again is not None
    assert again.is_pending


@pytest.mark.parametrize(
    ("action", "error"), [("decline", ConnectionDeclined), ("cancel", ConnectionCancelled)], ids=str
)
async def test_the_clients_no_is_the_flows_outcome(
    here: SmallWorld, action: Any, error: type[ConnectionFailed]
) -> None:
    call, session = legacy_call(answer=mcp_types.ElicitResult(action=action))
    with anyio.fail_after(5), pytest.raises(error):
        await ask_blocking(asker_of(here), call, await here.open(), NEED)
    assert session.told == []


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (FlowStatus.DECLINED, ConnectionDeclined),
        (FlowStatus.CANCELLED, ConnectionCancelled),
        (FlowStatus.REFUSED, ConnectionRefused),
        (FlowStatus.FAILED, ConnectionBroken),
    ],
    ids=str,
)
async def test_who_joins_gets_the_outcome_of_the_question_somebody_else_asked(
    here: SmallWorld, status: FlowStatus, error: type[ConnectionFailed]
) -> None:
    flow = await here.open()
    with anyio.fail_after(5):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(here.ledger.finish, flow, status)
            with pytest.raises(error):
                await join_blocking(asker_of(here), flow, NEED)


async def test_who_joins_is_not_held_longer_and_learns_when_the_flow_goes(here: SmallWorld) -> None:
    flow = await here.open()
    with anyio.fail_after(5):
        asker = asker_of(here, hold_seconds=0.01)
        with pytest.raises(ConnectionRequired):
            await join_blocking(asker, flow, NEED)
        await asker.broker.ledger.abandon(flow)
        with pytest.raises(ConnectionExpired):
            await join_blocking(asker_of(here), flow, NEED)


async def test_a_consent_that_grants_less_is_said_and_not_asked_again(here: SmallWorld) -> None:
    flow = await here.open("repo")
    await here.hold(scopes=("gist",))
    finished = await here.ledger.finish(flow, FlowStatus.CONNECTED)
    with pytest.raises(PermissionMissing) as refused:
        await asker_of(here).outcome(finished, NEED)
    assert refused.value.scopes == ("repo",)
