"""Values on both sides of what a document compares with, and names that its globs take."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

from mcpauthkit.access.policy.document import Condition

OTHER = "other"
"""What no document names."""


class _Missing:
    def __repr__(self) -> str:
        return "missing"


MISSING: Final = _Missing()
"""In the place of a value: there is none."""

_CLASS = re.compile(r"\[!?(.)[^]]*\]")
_METACHARACTER = re.compile(r"[\\.^$*+?{}\[\]|()]")


def example_of(glob: str) -> str:
    """A name that a glob takes."""
    if glob == "*":
        return OTHER
    # `[!a]` takes what is not in it: the next best character.
    plain = _CLASS.sub(lambda found: "0" if found[0].startswith("[!") else found[1], glob)
    return plain.replace("*", "x").replace("?", "x")


def literal_of(pattern: str) -> str | None:
    """The one text that a regular expression is about, where it is just that."""
    text = pattern.removeprefix("^").removesuffix("$")
    return None if _METACHARACTER.search(text) else text


def values_around(condition: Condition) -> tuple[Any, ...]:
    """What to try where a document compares: what meets the condition first, then what does not.

    Args:
        condition: The comparison. Of a regular expression that is more than a text, nothing is known.
    """
    return _AROUND[condition.operator](condition.value)


def distinct(values: Iterable[Any]) -> tuple[Any, ...]:
    """Values without repetition, in order; 1, 1.0 and true are three."""
    return tuple({(type(one).__name__, repr(one)): one for one in values}.values())


def nested(values: Mapping[str, Any]) -> dict[str, Any]:
    """Values by path as a tree: `{"a.b": 1}` is `{"a": {"b": 1}}`; what is missing is left out."""
    tree: dict[str, Any] = {}
    for path, value in values.items():
        if value is MISSING:
            continue
        *parents, last = path.split(".")
        place = tree
        for name in parents:
            inner = place.setdefault(name, {})
            if not isinstance(inner, dict):
                break
            place = inner
        else:
            place.setdefault(last, value)
    return tree


def _several(value: Any) -> list[Any]:
    return list(value) if isinstance(value, tuple) else [value]


def _less(value: Any) -> Any:
    return value[:-1] if isinstance(value, str) else value - 1


def _more(value: Any) -> Any:
    return f"{value}x" if isinstance(value, str) else value + 1


def _text(pattern: Any) -> tuple[Any, ...]:
    literal = literal_of(str(pattern))
    return () if literal is None else (literal, OTHER)


def _other_than(value: Any) -> Any:
    if isinstance(value, bool):
        return not value
    if isinstance(value, int | float):
        return value + 1
    return OTHER if value != OTHER else f"{OTHER} one"


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value


_AROUND: Mapping[str, Callable[[Any], tuple[Any, ...]]] = {
    "equals": lambda value: (_plain(value), _other_than(_several(value)[0])),
    "not_equals": lambda value: (_other_than(_several(value)[0]), _plain(value)),
    "in": lambda value: (*_several(value), _other_than(_several(value)[0])),
    "not_in": lambda value: (_other_than(_several(value)[0]), *_several(value)),
    "contains": lambda value: (value, [value], _other_than(value)),
    "not_contains": lambda value: (_other_than(value), value, [value]),
    "starts_with": lambda value: (f"{value}x", f"x{value}"),
    "ends_with": lambda value: (f"x{value}", f"{value}x"),
    "regex": _text,
    "exists": lambda value: (OTHER, MISSING) if value else (MISSING, OTHER),
    "gt": lambda value: (_more(value), value, _less(value)),
    "gte": lambda value: (value, _more(value), _less(value)),
    "lt": lambda value: (_less(value), value, _more(value)),
    "lte": lambda value: (value, _less(value), _more(value)),
}
