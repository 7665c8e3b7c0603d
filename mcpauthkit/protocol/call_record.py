"""The record of a call that has run: how it ended, how long it took, and what the tool noted.

Whether it may run at all is decided, and recorded, before.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from contextvars import Token
from dataclasses import replace
from types import TracebackType
from typing import Any, Self

import mcp_types
from fastmcp.prompts.base import InputRequiredPromptResult
from fastmcp.resources.base import InputRequiredResourceResult
from fastmcp.tools.base import InputRequiredToolResult

from mcpauthkit.access.noting import current_notes
from mcpauthkit.core.audit import Actor, Event, EventName, record, record_refusal
from mcpauthkit.core.clock import Clock, SystemClock
from mcpauthkit.errors import AuditUnavailable

_QUESTIONS = (
    mcp_types.InputRequiredResult,
    InputRequiredToolResult,
    InputRequiredResourceResult,
    InputRequiredPromptResult,
)


class CallRecord:
    """Tells of one call when it is over; the outermost of several around the same call does.

    Args:
        actor: Who calls.
        kind: `tool`, `resource` or `prompt`.
        action: `call`, `read` or `get`.
        target: Its name, or its address.
        clock: Time.
    """

    def __init__(self, actor: Actor | None, *, kind: str, action: str, target: str, clock: Clock | None = None) -> None:
        self._event = Event(event=EventName.CALL_FINISHED, actor=actor, kind=kind, action=action, target=target)
        self._clock = clock or SystemClock()
        self._outcome = "done"
        self._notes: dict[str, Any] = {}
        self._token: Token[dict[str, Any] | None] | None = None
        self._started = 0.0

    def __enter__(self) -> Self:
        if current_notes.get() is None:
            self._token = current_notes.set(self._notes)
            self._started = self._clock.monotonic()
        return self

    def came_to(self, result: object) -> None:
        """Take down what the call has come to."""
        # An MCPServer's results are mappings by then, as they are going to be sent.
        sent = result if isinstance(result, Mapping) else {}
        if isinstance(result, _QUESTIONS) or sent.get("resultType") == "input_required":
            self._outcome = "asked"
        elif getattr(result, "is_error", False) or sent.get("isError"):
            self._outcome = "failed"

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _traceback: TracebackType | None
    ) -> None:
        """Record it.

        Raises:
            AuditUnavailable: It has run, and its result is not to be had without a record.
        """
        if self._token is None:
            return
        current_notes.reset(self._token)
        if error is None:
            self._tell()
        elif isinstance(error, asyncio.CancelledError):
            record_refusal(self._told("cancelled"))
        else:
            # The type only: texts of other people's exceptions hold whatever was at hand.
            record_refusal(self._told("failed", reason="" if kind is None else kind.__name__))

    def _tell(self) -> None:
        try:
            record(self._told(self._outcome))
        except AuditUnavailable as error:
            raise AuditUnavailable(
                "This was done, and its result cannot be shown, because that cannot be recorded at the moment. "
                "Do not repeat it without thinking.",
                reason=error.reason,
            ) from error

    def _told(self, outcome: str, *, reason: str = "") -> Event:
        return replace(
            self._event,
            outcome=outcome,
            reason=reason,
            metadata=self._notes,
            duration_ms=round((self._clock.monotonic() - self._started) * 1000, 3),
        )
