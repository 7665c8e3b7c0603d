"""`notifications/elicitation/complete` for links that clients got with error -32042 (legacy era only)."""

from __future__ import annotations

from collections import deque

import anyio
from mcp.server.session import ServerSession
from mcp.shared.exceptions import MCPError

from mcpauthkit.core.clock import Clock, SystemClock
from mcpauthkit.core.flow_state import Flow
from mcpauthkit.core.log import RequestLog

_log = RequestLog("protocol")
_SEND_SECONDS = 5.0
_MAX_EXPECTED = 1000
_MAX_PER_FLOW = 20


class CompletionNotices:
    """Remembers which session to tell when a flow is finished, without a task that waits for it.

    Entries die with their flow. On another replica nobody is told; the client's next call works all the same.

    Args:
        clock: Time.
    """

    def __init__(self, *, clock: Clock | None = None) -> None:
        self._clock = clock or SystemClock()
        self._expected: dict[str, deque[tuple[ServerSession, str]]] = {}
        self._expires_at: dict[str, float] = {}

    def __len__(self) -> int:
        self._sweep()
        return len(self._expected)

    def expect(self, flow: Flow, session: ServerSession, elicitation_id: str) -> None:
        """Remember to tell a session when the flow is finished."""
        self._sweep()
        if flow.flow_id in self._expected or len(self._expected) < _MAX_EXPECTED:
            # Bounded too: a tool that fails fast may be called any number of times while one link is open.
            latest = self._expected.setdefault(flow.flow_id, deque(maxlen=_MAX_PER_FLOW))
            latest.append((session, elicitation_id))
            self._expires_at[flow.flow_id] = flow.expires_at

    async def tell(self, flow: Flow) -> None:
        """Tell every session that was given a link of this flow. A client that is gone is no error."""
        self._expires_at.pop(flow.flow_id, None)
        for session, elicitation_id in self._expected.pop(flow.flow_id, ()):
            await send_complete(session, elicitation_id, related_request_id=None)

    def _sweep(self) -> None:
        now = self._clock.wall()
        for flow_id in [one for one, dies_at in self._expires_at.items() if dies_at <= now]:
            del self._expires_at[flow_id]
            self._expected.pop(flow_id, None)


async def send_complete(session: ServerSession, elicitation_id: str, *, related_request_id: str | int | None) -> None:
    """Tell a legacy client that what it opened is done. Bounded, and a failure is only logged: the flow is done."""
    try:
        with anyio.move_on_after(_SEND_SECONDS):
            await session.send_elicit_complete(elicitation_id, related_request_id)
    except (MCPError, anyio.BrokenResourceError, anyio.ClosedResourceError) as error:
        _log.info("completion notice not delivered error=%s", type(error).__name__)
