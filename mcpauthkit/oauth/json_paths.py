"""Dotted paths into JSON that somebody else wrote."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

# A dot behind a dot belongs to the member's name: Dropbox has members called `.tag`, at `error..tag`.
_STEP = re.compile(r"(?<!\.)\.")
_MAX_TEXT_LENGTH = 1024


def values_at(document: Any, paths: str) -> Iterator[Any]:
    """What stands at dotted paths.

    Args:
        document: Any JSON value.
        paths: Member names with dots in between, `*` for every item of a list, and `|` between alternatives. A member
            name may begin with a dot; an empty path is the document.
    """
    for path in paths.split("|"):
        yield from _at(document, _STEP.split(path) if path else [])


def _at(value: Any, steps: list[str]) -> Iterator[Any]:
    if not steps:
        yield value
        return
    first, *others = steps
    if first == "*":
        for item in value if isinstance(value, list) else ():
            yield from _at(item, others)
    elif isinstance(value, dict) and first in value:
        yield from _at(value[first], others)


def text_at(document: Any, paths: str) -> str:
    """The first text or number at dotted paths, as a text fit for records and pages; empty when there is none."""
    return next(filter(None, map(text_of, values_at(document, paths))), "") if paths else ""


def text_of(value: Any) -> str:
    """A text or number as a text fit for records and pages; empty when it is neither."""
    if isinstance(value, int) and not isinstance(value, bool):
        # Thousands of digits are no name, and Python refuses to write them out.
        value = str(value) if abs(value) < 1 << 128 else ""
    usable = isinstance(value, str) and len(value) <= _MAX_TEXT_LENGTH and value.isprintable()
    return value.strip() if usable else ""


def words_of(value: Any) -> tuple[str, ...] | None:
    """The words of a text, or the texts of a list, such as scopes; None when it is neither.

    A comma separates as well as a space: several services answer with commas.
    """
    words = value.replace(",", " ").split() if isinstance(value, str) else value
    if not isinstance(words, list) or not all(isinstance(one, str) for one in words):
        return None
    return tuple(dict.fromkeys(one for one in words if one and one.isprintable()))
