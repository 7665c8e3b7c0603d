"""Telling clients that a link they were given is done."""

from __future__ import annotations

from typing import Any

import anyio
import pytest
from mcp.shared.exceptions import MCPError, NoBackChannelError

from mcpauthkit.core.flow_state import Flow
from mcpauthkit.protocol import completion
from mcpauthkit.protocol.completion import CompletionNotices, send_complete
from mcpauthkit.testing import FakeClock
from tests.protocol.calls import FakeSession, a_session


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


def flow(clock: FakeClock, name: str = "flow") -> Flow:
    return Flow(name, "forge", "https://i.example", "alice", ("repo",), clock.wall() + 600)


async def test_every_session_that_got_the_link_is_told_once(clock: FakeClock) -> None:
    notices = CompletionNotices(clock=clock)
    one, other = a_session(), a_session()
    notices.expect(flow(clock), one, "e1")
    notices.expect(flow(clock), other, "e2")
    notices.expect(flow(clock, "another"), other, "e3")
    await notices.tell(flow(clock))
    await notices.tell(flow(clock))
    assert one.told == [("e1", None)]
    assert other.told == [("e2", None)]
    assert len(notices) == 1


async def test_telling_about_a_flow_nobody_expects_is_no_error(clock: FakeClock) -> None:
    await CompletionNotices(clock=clock).tell(flow(clock))


async def test_an_expectation_dies_with_its_flow(clock: FakeClock) -> None:
    # L11: session entries were never reclaimed.
    notices = CompletionNotices(clock=clock)
    session = a_session()
    notices.expect(flow(clock), session, "e1")
    clock.advance(599)
    assert len(notices) == 1
    clock.advance(1)
    assert len(notices) == 0
    await notices.tell(flow(clock))
    assert session.told == []


def test_there_is_a_bound_on_flows_and_old_ones_make_room(clock: FakeClock) -> None:
    notices = CompletionNotices(clock=clock)
    for number in range(1500):
        notices.expect(flow(clock, str(number)), a_session(), "e")
    assert len(notices) == 1000
    clock.advance(600)
    notices.expect(flow(clock, "new"), a_session(), "e")
    assert len(notices) == 1


async def test_there_is_a_bound_on_one_flows_sessions_too_and_the_latest_are_told(clock: FakeClock) -> None:
    # A client may call a tool that fails fast as often as it likes while one link is open.
    notices = CompletionNotices(clock=clock)
    session = a_session()
    for number in range(500):
        notices.expect(flow(clock), session, f"e{number}")
    await notices.tell(flow(clock))
    assert 1 <= len(session.told) <= 20
    assert session.told[-1] == ("e499", None)


@pytest.mark.parametrize(
    "trouble",
    [
        MCPError(-32000, "closed"),
        NoBackChannelError("notifications/elicitation/complete"),
        anyio.BrokenResourceError(),
        anyio.ClosedResourceError(),
    ],
    ids=lambda one: type(one).__name__,
)
async def test_a_session_that_is_gone_is_no_error_and_the_next_one_is_told(
    clock: FakeClock, trouble: Exception
) -> None:
    notices = CompletionNotices(clock=clock)
    gone, there = a_session(trouble=trouble), a_session()
    notices.expect(flow(clock), gone, "e1")
    notices.expect(flow(clock), there, "e2")
    await notices.tell(flow(clock))
    assert there.told == [("e2", None)]


async def test_a_session_that_takes_nothing_does_not_hold_up_the_page(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(completion, "_SEND_SECONDS", 0.01)
    with anyio.fail_after(5):
        await send_complete(a_session(hangs=True), "e", related_request_id=1)


async def test_the_notice_goes_to_the_calls_own_stream_when_there_is_one() -> None:
    session: Any = FakeSession()
    await send_complete(session, "e", related_request_id=7)
    assert session.told == [("e", 7)]
