"""What became of a flow, in words for its user."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from mcpauthkit.core.flow_state import Flow, FlowStatus

AGAIN = "Go back to your assistant and repeat what you were doing; you will get a new link."
"""What to do about a link that does not work any more."""


_BACK = "You can close this page and go back to your assistant."


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a page says of a flow that is over.

    Args:
        heading: In a few words.
        lines: In sentences.
        tone: Whether that is good news.
    """

    heading: str
    lines: tuple[str, ...]
    tone: Literal["good", "bad", ""] = ""


def outcome_of(flow: Flow, service: str) -> Outcome:
    """What became of a flow.

    Args:
        flow: A flow that is over.
        service: The service's name for people.
    """
    no = f"{service} was not connected"
    match flow.status:
        case FlowStatus.CONNECTED:
            return _connected(flow, service)
        case FlowStatus.DECLINED:
            return Outcome(no, ("You said no.", _BACK))
        case FlowStatus.CANCELLED:
            return Outcome(no, ("It was called off before it was finished.", _BACK))
        case FlowStatus.REFUSED:
            return Outcome(no, (f"{service} says that access was refused.", _BACK))
        case FlowStatus.FAILED if flow.is_exhausted:
            lines = (
                f"{service} did not accept what was typed, {flow.tries} times, so this link has ended.",
                f"Make sure of what {service} gave you. {AGAIN}",
            )
            return Outcome(f"{service} could not be connected", lines, "bad")
        case _:
            lines = (
                f"Something between this server and {service} does not fit. The operator finds it in the log.",
                _BACK,
            )
            return Outcome(f"{service} could not be connected", lines, "bad")


def _connected(flow: Flow, service: str) -> Outcome:
    lines = []
    if flow.connected_as:
        lines.append(f"The account is {flow.connected_as}.")
    if flow.connected_as and flow.held_as and flow.connected_as != flow.held_as:
        # People choose the wrong account at services that remember who they were.
        lines.append(f"It has taken the place of {flow.held_as}, which is not used here any more.")
    if flow.lacking:
        lines.append(f"Without {', '.join(flow.lacking)}: that was not allowed. What needs it will ask you again.")
    return Outcome(f"{service} is connected", (*lines, _BACK), "" if flow.lacking else "good")
