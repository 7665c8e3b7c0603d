"""What the commands have in common: switches, and how they print."""

from __future__ import annotations

import json
from typing import Annotated

from cyclopts import Parameter

Switch = Annotated[bool, Parameter(negative="", show_default=False)]
"""An option that is given or left out; there is no `--no-` form of it."""

Several = Annotated[tuple[str, ...], Parameter(negative="", consume_multiple=True, show_default=False)]
"""An option with several values: with spaces between, or by repeating it."""


Repeated = Annotated[tuple[str, ...], Parameter(negative="", show_default=False)]
"""An option with several values, which is given once for each."""


def print_json(value: object) -> None:
    """Print one JSON document.

    Args:
        value: What it says.
    """
    print(json.dumps(value, indent=2))


def printable(text: str) -> str:
    """A text that others have written, for a terminal: what would move its cursor or turn its letters is spelt out.

    Args:
        text: The text.
    """
    return "".join(one if one.isprintable() else ascii(one)[1:-1] for one in text)


def counted(number: int, noun: str) -> str:
    """A number with its noun, such as "1 rule" and "1,200 rules".

    Args:
        number: How many there are.
        noun: What they are, in the singular; the plural has an s.
    """
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
