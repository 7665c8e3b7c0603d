"""Background tasks: which tool a task runs, so that whoever asks for it later is decided about once more.

The extension that runs tasks checks whose they are. What is kept here is in this process only; of a task that another
replica has started it is known that somebody was allowed to start it, and that the extension gives it to nobody else.
"""

from __future__ import annotations

import json
from collections import OrderedDict
from collections.abc import Mapping
from typing import Any, NamedTuple

from mcpauthkit.access.request import Target

_MOST = 10_000
_MOST_BYTES = 16 * 1024 * 1024


class StartedTask(NamedTuple):
    """What a task runs.

    Args:
        target: The tool.
        arguments: What it was called with.
    """

    target: Target
    arguments: Mapping[str, Any]


class StartedTasks:
    """The tasks that calls have turned into, the latest of them: so many, and so many bytes of arguments."""

    def __init__(self) -> None:
        self._by_id: OrderedDict[str, tuple[StartedTask, int]] = OrderedDict()
        self._bytes = 0

    def remember(self, result: object, target: Target, arguments: Mapping[str, Any]) -> None:
        """Remember what a call has turned into, if that is a task."""
        task_id = _task_id_of(result)
        if not task_id:
            return
        self._bytes -= self._by_id.pop(task_id, (None, 0))[1]
        size = len(json.dumps(arguments, default=repr))
        self._by_id[task_id] = StartedTask(target, arguments), size
        self._bytes += size
        while len(self._by_id) > _MOST or (self._bytes > _MOST_BYTES and len(self._by_id) > 1):
            self._bytes -= self._by_id.popitem(last=False)[1][1]

    def get(self, task_id: str) -> StartedTask | None:
        """What a task runs; None where that is not known here."""
        found = self._by_id.get(task_id)
        return None if found is None else found[0]


def _task_id_of(result: object) -> str:
    # In one revision of the protocol the task is the result, in another it is inside.
    for one in (getattr(result, "task", None), result):
        found = getattr(one, "task_id", None)
        if isinstance(found, str):
            return found
    return ""
