"""Asking in the 2026-07-28 era: the call ends with a question and the client repeats it.

`accept` means that the page is open. A repeated call that is answered with another question at once would make
clients ask ten times within a second, so the repeated call is held, then a few rounds carry state only, and after
them the link comes as text. The user is asked once.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Self

import mcp_types

from mcpauthkit.connections.credential import Credential
from mcpauthkit.core.encoding import parse_json_object
from mcpauthkit.core.flow_state import Flow
from mcpauthkit.errors import ConnectionExpired
from mcpauthkit.protocol.ask import ANSWERS, Asker, Need
from mcpauthkit.protocol.call import Call

_MARK = "mcpauthkit"
_MAX_BYTES = 4096


@dataclass(frozen=True, slots=True)
class RoundState:
    """What a call carries from one round to the next; the SDK seals it and binds it to the caller.

    Args:
        service: Whose question this is; a tool may be guarded for several services.
        flow_id: The flow asked about.
        asked: Whether this call asked, or another one of the same user did.
        held: How many times the call has been held.
    """

    service: str
    flow_id: str
    asked: bool = True
    held: int = 0

    def to_text(self) -> str:
        """The state as text."""
        return json.dumps(
            {
                "by": _MARK,
                "service": self.service,
                "flow": self.flow_id,
                "asked": self.asked,
                "held": self.held,
            }
        )

    @classmethod
    def read(cls, text: str | None, service: str) -> Self | None:
        """Our state for a service, or None when the call brings none or somebody else's."""
        # It may be any tool's own, and without the SDK's seal any client's: whatever it is, reading it is no error.
        try:
            found = parse_json_object((text or "").encode(), max_bytes=_MAX_BYTES)
        except ValueError:
            return None
        flow_id, held = found.get("flow"), found.get("held")
        is_ours = found.get("by") == _MARK and found.get("service") == service and isinstance(flow_id, str)
        if not is_ours or isinstance(held, bool) or not isinstance(held, int) or held < 0:
            return None
        return cls(service, str(flow_id), asked=found.get("asked") is True, held=held)


async def ask_in_rounds(asker: Asker, flow: Flow, need: Need) -> Credential | mcp_types.InputRequiredResult:
    """The first round: ask, unless another call of the same user does already.

    Raises:
        ConnectionFailed: As for `continue_rounds`.
    """
    return await _question(asker, flow, need, held=0) or await _hold(
        asker, flow, need, RoundState(flow.service, flow.flow_id, asked=False)
    )


async def continue_rounds(
    asker: Asker, call: Call, state: RoundState, need: Need
) -> Credential | mcp_types.InputRequiredResult:
    """A later round: take the answer, hold the call, and come to an outcome.

    Raises:
        ConnectionFailed: It ended otherwise; `ConnectionRequired` when the rounds are over.
    """
    flow = await asker.broker.ledger.get(state.flow_id)
    # The SDK has bound the state to the caller; this holds even where its keys or binding are configured away.
    if flow is None or not flow.belongs_to(*need.principal.key):
        raise ConnectionExpired(asker.service_name)
    action = getattr((call.input_responses or {}).get(state.service), "action", None)
    outcome = ANSWERS.get(action) if isinstance(action, str) else None
    if outcome is not None:
        flow = await asker.broker.ledger.finish(flow, outcome)
    return await _hold(asker, flow, need, state)


async def _question(asker: Asker, flow: Flow, need: Need, *, held: int) -> mcp_types.InputRequiredResult | None:
    """The question, or None when another call's is in front of the user."""
    asked = await asker.broker.take_question(need.principal, flow, seconds=asker.patience.asking_seconds)
    if asked is None:
        return None
    elicitation = asker.elicitation(asked, need)
    return mcp_types.InputRequiredResult(
        input_requests={flow.service: mcp_types.ElicitRequest(params=elicitation)},
        request_state=RoundState(flow.service, flow.flow_id, asked=True, held=held).to_text(),
    )


async def _hold(asker: Asker, flow: Flow, need: Need, state: RoundState) -> Credential | mcp_types.InputRequiredResult:
    async with asker.abandoning_if_cancelled(flow):
        hold_seconds = await _hold_seconds(asker, flow, state)
        found = await asker.broker.ledger.wait(flow, timeout_seconds=hold_seconds)
    credential = await asker.outcome(found, need)
    if credential is not None:
        return credential
    if not state.asked:
        # Somebody else's question has lapsed: if that client is gone, this call asks.
        question = await _question(asker, flow, need, held=state.held)
        if question is not None:
            return question
    if state.held >= asker.patience.rounds:
        raise asker.link(flow)
    again = RoundState(state.service, state.flow_id, asked=state.asked, held=state.held + 1)
    return mcp_types.InputRequiredResult(request_state=again.to_text())


async def _hold_seconds(asker: Asker, flow: Flow, state: RoundState) -> float:
    patience = asker.patience
    if state.asked:
        # The question stays this call's for as long as its client keeps coming back.
        await asker.broker.ledger.mark_asked(flow, seconds=patience.hold_seconds + patience.asking_seconds)
        return patience.hold_seconds
    current = await asker.broker.ledger.get(flow.flow_id)
    lapses_in = 0.0 if current is None else current.asked_until - asker.broker.clock.wall()
    return max(0.0, min(patience.hold_seconds, lapses_in))
