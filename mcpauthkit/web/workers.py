"""How many processes the command line of a server asks for, which its workers have as well, forked or spawned."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import PurePath

_SERVERS = frozenset({"fastapi", "granian", "gunicorn", "hypercorn", "uvicorn"})
# The value may be the next word, stand behind "=", or follow the short name at once.
_WORKERS = re.compile(r"(?:^|\0)(?:--workers[=\0]|-w[=\0]?)(\d{1,6})(?=\0|$)")


def workers_asked_for(command: Sequence[str]) -> int | None:
    """The number that `--workers` or `-w` gives; None where it is not said, or the program is no server we know.

    Args:
        command: The program and its arguments, as in `sys.argv`.
    """
    program, *words = command or [""]
    # `python -m uvicorn` shows as the path of a file in the package.
    path = PurePath(program)
    if not _SERVERS & {path.stem, path.parent.name}:
        return None
    found = _WORKERS.findall("\0".join(words))
    return int(found[-1]) if found else None
