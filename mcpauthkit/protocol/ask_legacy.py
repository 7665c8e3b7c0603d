"""Asking in the 2025-11-25 era: the question is sent while the call waits."""

from __future__ import annotations

import anyio
import mcp_types
from mcp.shared.exceptions import MCPError
from mcp.shared.message import ServerMessageMetadata
from pydantic import ValidationError

from mcpauthkit.connections.credential import Credential
from mcpauthkit.core.flow_state import Flow
from mcpauthkit.protocol.ask import ANSWERS, Asker, Need
from mcpauthkit.protocol.call import Call
from mcpauthkit.protocol.completion import send_complete


async def ask_blocking(asker: Asker, call: Call, flow: Flow, need: Need) -> Credential:
    """Ask by `elicitation/create` and wait for the outcome, at most `hold_seconds`.

    The flow's outcome counts, not the answer: `accept` only says that the page is open, and a user who finishes
    without answering is done too.

    Raises:
        ConnectionFailed: It ended otherwise; `ConnectionRequired` when the time is over and the link still works.
    """
    elicitation = asker.elicitation(flow, need)
    assert elicitation.elicitation_id is not None
    found: Flow | None = flow
    async with asker.abandoning_if_cancelled(flow), anyio.create_task_group() as tasks:
        tasks.start_soon(_question, asker, call, flow, elicitation)
        found = await asker.broker.ledger.wait(flow, timeout_seconds=asker.patience.hold_seconds)
        tasks.cancel_scope.cancel()
    credential = await asker.outcome(found, need)
    if credential is None:
        raise asker.link(flow)
    await send_complete(call.session, elicitation.elicitation_id, related_request_id=call.request_id)
    return credential


async def _question(asker: Asker, call: Call, flow: Flow, elicitation: mcp_types.ElicitRequestURLParams) -> None:
    try:
        answer = await call.session.send_request(
            mcp_types.ElicitRequest(params=elicitation),
            mcp_types.ElicitResult,
            request_read_timeout_seconds=asker.patience.hold_seconds,
            metadata=ServerMessageMetadata(related_request_id=call.request_id),
        )
    except (MCPError, ValidationError, anyio.BrokenResourceError, anyio.ClosedResourceError):
        # The client could not show it after all. The page may still be opened from the link at the end of the hold.
        return
    outcome = ANSWERS.get(answer.action)
    if outcome is not None:
        await asker.broker.ledger.finish(flow, outcome)


async def join_blocking(asker: Asker, flow: Flow, need: Need) -> Credential:
    """Wait for a flow that another call of the same user asks about already.

    Raises:
        ConnectionFailed: As for `ask_blocking`.
    """
    credential = await asker.outcome(
        await asker.broker.ledger.wait(flow, timeout_seconds=asker.patience.hold_seconds), need
    )
    if credential is None:
        raise asker.link(flow)
    return credential
