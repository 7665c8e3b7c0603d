"""`mcpauthkit settings`: what the environment says, and what is wrong with it."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from cyclopts import App
from rich.console import Console
from rich.table import Table
from rich.text import Text

from mcpauthkit.cli.output import Switch, counted, print_json, printable
from mcpauthkit.settings import Effective, Given, Misspelt, effective_settings, misspelt_variables

_WIDER_THAN_ANY_VALUE = 10_000


def group() -> App:
    """The one command about settings."""
    app = App(name="settings", help="Show the settings as they are now, where each comes from, and what is wrong.")
    app.default(settings)
    return app


def settings(*, changed: Switch = False, json: Switch = False) -> int:
    """Show every setting as it is now: from the environment, the .env file, a mounted secret, or the default.

    Secrets are not shown. It ends with 0 when an AuthKit can be made of them, and with 1 when one cannot be used or is
    missing, or a variable is probably misspelt; all of that is on standard error.

    Args:
        changed: Leave out those that have their default.
        json: Print one JSON document instead, with the faults in it.
    """
    from mcpauthkit.kit.from_settings import kit_faults  # noqa: PLC0415  # what it looks at is slow to import

    given = Given.now()
    shown = [one for one in effective_settings(given) if one.source != "default" or not changed]
    faults, misspelt = list(kit_faults(given=given)), misspelt_variables(given)
    if json:
        print_json(_document(shown, faults, misspelt))
    else:
        _print_table(shown)
        _print_faults([*faults, *(one.text for one in misspelt)])
    return 1 if faults or misspelt else 0


def _document(shown: Sequence[Effective], faults: Sequence[str], misspelt: Sequence[Misspelt]) -> dict[str, Any]:
    return {
        "settings": [{**asdict(one.setting), "value": one.value, "source": one.source} for one in shown],
        "faults": faults,
        "misspelt": [asdict(one) for one in misspelt],
    }


def _print_table(shown: Sequence[Effective]) -> None:
    table = Table(box=None, pad_edge=False)
    for title in ("variable", "value", "from"):
        table.add_column(title, overflow="fold")
    for one in shown:
        # As text: what others have written is no markup.
        table.add_row(Text(one.setting.variable), Text(printable(one.value)), Text(one.source))
    Console(width=None if sys.stdout.isatty() else _WIDER_THAN_ANY_VALUE).print(table)


def _print_faults(texts: Sequence[str]) -> None:
    if texts:
        # Some are several lines of ours, such as those about a policy.
        lines = (printable(line) for one in texts for line in f"- {one}".split("\n"))
        print(f"\n{counted(len(texts), 'fault')}:", *lines, sep="\n", file=sys.stderr)
