"""Background tasks: which tool a task runs, so that whoever asks for it later is decided about once more.

The extension that runs tasks checks whose they are. What is kept here is in this process only; of a task that another
replica has started it is known that somebody was allowed to start it, and that the extension gives it to nobody else.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from typing import Any, NamedTuple

from mcpauthkit.access.request import Target

_MOST = 10_000


class StartedTask(NamedTuple):
    """What a task runs.

    Args:
        target: The tool.
        arguments: What it was called with.
    """

    target: Target
    arguments: Mapping[str, Any]


class StartedTasks:
    """The tasks that calls have turned into, the latest of them."""

    def __init__(self) -> None:
        self._by_id: OrderedDict[str, StartedTask] = OrderedDict()

    def remember(self, result: object, target: Target, arguments: Mapping[str, Any]) -> None:
        """Remember what a call has turned into, if that is a task."""
        task_id = _task_id_of(result)
        if not task_id:
            return
        self._by_id[task_id] = StartedTask(target, arguments)
        while len(self._by_id) > _MOST:
            self._by_id.popitem(last=False)

    def get(self, task_id: str) -> StartedTask | None:
        """What a task runs; None where that is not known here."""
        return self._by_id.get(task_id)


def _task_id_of(result: object) -> str:
    # In one revision of the protocol the task is the result, in another it is inside.
    for one in (getattr(result, "task", None), result):
        found = getattr(one, "task_id", None)
        if isinstance(found, str):
            return found
    return ""
