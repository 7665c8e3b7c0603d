"""The command itself: its groups, and how it ends.

A command is a function that returns its exit code. A group is a file with `group()`, which gives the commands of one
noun, or a single command; the table below is all that has to know it. Only the group that is asked for is loaded, so
that asking for help, or for a key, does not take the seconds that two web frameworks take to import.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib import import_module, metadata

from cyclopts import App

from mcpauthkit.errors import AuthKitError

GROUPS = {
    "audit": "Check the audit log, and read from it what became of credentials.",
    "dev": "Run an issuer and a service for development beside your own server.",
    "doctor": "Say what is wrong with a set-up, from inside and from outside, and how to mend it.",
    "init": "Write what a new server begins with: settings, and what to set up at the issuer.",
    "keys": "Make, ship, rotate and destroy the keys that encrypted tokens are opened with.",
    "policy": "Check, test and compare policies: who may see and use what.",
    "sealing-key": "Make and rotate the secrets that seal what is kept.",
    "settings": "Show the settings as they are now, where each comes from, and what is wrong with them.",
    "store": "Look after what is kept of users and flows.",
    "token": "Make tokens for development, and say what a token is.",
}
"""What the command can do: the name of each group, which is that of its module with hyphens, and its help."""

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
    given = sys.argv[1:] if arguments is None else arguments
    app = App(name="mcpauthkit", help="Look after an application that uses mcpauthkit.", version=_version)
    for name, summary in GROUPS.items():
        group = group_named(name) if name in given else App(name=name, help=summary)
        app.command(group)
        group.version_flags = ()
    try:
        with _quiet():
            code = app(given, result_action="return_value")
    except AuthKitError as error:
        # Its public text and hint; what else there is to know stays in the log.
        print(error, file=sys.stderr)
        code = _COULD_NOT
    sys.exit(code if isinstance(code, int) else 0)


def group_named(name: str) -> App:
    """The commands of a group; its module is imported now.

    Args:
        name: One of `GROUPS`.
    """
    group: App = import_module(f"mcpauthkit.cli.{name.replace('-', '_')}").group()
    return group


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
