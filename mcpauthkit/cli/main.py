"""The command itself: its groups, and how it ends.

A command is a function that returns its exit code. A group is a file with `group()`, which gives the commands of one
noun; the list below is all that has to know it.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

from cyclopts import App

from mcpauthkit.cli import sealing_key, store
from mcpauthkit.errors import AuthKitError

_COULD_NOT = 2


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command and leave the process with its exit code.

    Args:
        arguments: What stands behind the command's name; those of this process unless given.

    Raises:
        SystemExit: Always. The code is the command's own, and 2 where it could not be carried out: wrong arguments,
            wrong settings, or a storage that cannot be reached.
    """
    app = App(name="mcpauthkit", help="Look after an application that uses mcpauthkit.", version_flags=())
    for group in (store.group(), sealing_key.group()):
        app.command(group)
    try:
        code = app(arguments, result_action="return_value")
    except AuthKitError as error:
        # Its public text and hint; what else there is to know stays in the log.
        print(error, file=sys.stderr)
        code = _COULD_NOT
    sys.exit(code if isinstance(code, int) else 0)
