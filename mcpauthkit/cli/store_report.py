"""How what a store holds is told."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from mcpauthkit.cli.output import counted, printable
from mcpauthkit.stores.statistics import Statistics

_FOREIGN: Final = "nothing of ours"
_WORDS: Final = {"seals": "seals now", "opens": "opens", "missing": "is not in the key ring"}


def lines_of(found: Statistics) -> Iterator[str]:
    """The numbers, in lines.

    Args:
        found: What was counted.
    """
    yield f"{counted(found.records, 'record')}, credentials of {counted(found.users, 'user')}"
    yield from _table(
        [
            (printable(one.kind or _FOREIGN), printable(one.service), f"{one.records:,}", _unreadable(one.unreadable))
            for one in found.kinds
        ]
    )
    for one in found.keys:
        yield f"Under the key {printable(one.key)}, which {_WORDS[one.state]}: {one.records:,}"
    if found.ended:
        yield f"Ended, and there all the same: {found.ended:,}"
    if found.damaged:
        yield f"Opened by no key, whichever: {found.damaged:,}"
    if found.missed:
        yield f"Cannot be read, and would last: {found.missed:,}; mcpauthkit store rotate says which."


def _unreadable(number: int) -> str:
    return f"{number:,} unreadable" if number else ""


def _table(rows: Sequence[tuple[str, str, str, str]]) -> Iterator[str]:
    widths = [max((len(row[column]) for row in rows), default=0) for column in range(4)]
    for kind, service, number, note in rows:
        yield f"  {kind:<{widths[0]}}  {service:<{widths[1]}}  {number:>{widths[2]}}  {note}".rstrip()
