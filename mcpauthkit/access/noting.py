"""What a tool says for the record and not to its client.

Theory of operation. A server sends whatever a tool returns, so metadata must never be part of it. `ToolResponse(...)`
is therefore no object: making one notes the metadata for the call in progress and gives the content itself, and
`ToolResponse[T]` as an annotation is `T`. Whatever a server of any kind does with results and with annotations, it does
as if the tool had returned its content; there is no wrapper that somebody could forget to take off.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from mcpauthkit.core.audit import Event, EventName, record
from mcpauthkit.principal import actor_of, current_user

T = TypeVar("T")

current_notes: ContextVar[dict[str, Any] | None] = ContextVar("mcpauthkit_current_notes", default=None)
"""What the call in progress has noted; None where nobody will tell of its end."""


def note(**metadata: Any) -> None:
    """Add to the record of the call in progress; the client never sees it.

    Outside of a call that is told of, such as in a background task, it becomes an event of its own at once.

    Args:
        **metadata: What belongs into the record. A later value of the same name takes the place of an earlier one.

    Raises:
        AuditUnavailable: It could not be kept, and nothing may happen without a record.
    """
    notes = current_notes.get()
    if notes is not None:
        notes.update(metadata)
    elif metadata:
        record(Event(event=EventName.CALL_NOTED, actor=actor_of(current_user.get()), metadata=metadata))


if TYPE_CHECKING:

    class ToolResponse(Generic[T]):
        """What a tool returns, and what only the record is to know of it; see the module for how."""

        def __init__(self, content: T, metadata: Mapping[str, Any] | None = None) -> None: ...

else:

    class ToolResponse:
        """What a tool returns, and what only the record is to know of it.

        `return ToolResponse(rows, {"source": "replica"})` returns `rows` and notes the rest. As an annotation,
        `ToolResponse[list[str]]` stands for `list[str]`, and a bare `ToolResponse` for no annotation.

        Args:
            content: What the client gets.
            metadata: What goes into the record of the call.

        Raises:
            AuditUnavailable: As for `note`.
        """

        __slots__ = ()

        def __new__(cls, content: Any, metadata: Mapping[str, Any] | None = None) -> Any:  # noqa: D102  # see above
            note(**(metadata or {}))
            return content

        def __class_getitem__(cls, content: Any) -> Any:
            return content
