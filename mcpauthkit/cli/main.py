"""The command itself: its groups, and how it ends.

A command is a function that returns its exit code. A group is a file with `group()`, which gives the commands of one
noun; the list below is all that has to know it.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib import metadata

from cyclopts import App

from mcpauthkit.cli import audit, policy, sealing_key, store
from mcpauthkit.errors import AuthKitError

_COULD_NOT = 2
_SAID_BY_THE_COMMAND = ("access", "audit", "stores.redis")


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command and leave the process with its exit code.

    Args:
        arguments: What stands behind the command's name; those of this process unless given.

    Raises:
        SystemExit: Always. The code is the command's own, and 2 where it could not be carried out: wrong arguments,
            wrong settings, or a storage that cannot be reached.
    """
    app = App(name="mcpauthkit", help="Look after an application that uses mcpauthkit.", version=_version)
    for group in (policy.group(), audit.group(), store.group(), sealing_key.group()):
        app.command(group)
        group.version_flags = ()
    try:
        with _quiet():
            code = app(arguments, result_action="return_value")
    except AuthKitError as error:
        # Its public text and hint; what else there is to know stays in the log.
        print(error, file=sys.stderr)
        code = _COULD_NOT
    sys.exit(code if isinstance(code, int) else 0)


def _version() -> str:
    return f"mcpauthkit {metadata.version('mcpauthkit')}"


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep to itself what a server logs of single records and of outages, as the command says all of it itself.

    Whoever has set up logging gets it all the same; without, Python would write it between the command's own lines.
    """
    nothing = logging.NullHandler()
    loggers = [logging.getLogger(f"mcpauthkit.{room}") for room in _SAID_BY_THE_COMMAND]
    for logger in loggers:
        logger.addHandler(nothing)
    try:
        yield
    finally:
        for logger in loggers:
            logger.removeHandler(nothing)
