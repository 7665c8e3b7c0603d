"""Sample values: on both sides of what a policy compares with, and names that its globs match."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

from mcpauthkit.access.policy.document import Condition

OTHER = "other"
"""What no policy names."""


class _Missing:
    def __repr__(self) -> str:
        return "missing"


MISSING: Final = _Missing()
"""In the place of a value: there is none."""

_CLASS = re.compile(r"\[!?(.)[^]]*\]")
_METACHARACTER = re.compile(r"[\\.^$*+?{}\[\]|()]")


def example_of(glob: str) -> str:
    """A name that a glob matches.

    Args:
        glob: The glob.
    """
    if glob == "*":
        return OTHER
    # `[!a]` matches what is not in it, such as a digit.
    plain = _CLASS.sub(lambda found: "0" if found[0].startswith("[!") else found[1], glob)
    return plain.replace("*", "x").replace("?", "x")


def literal_of(pattern: str) -> str | None:
    """The text that a regular expression stands for; None where it has more than one.

    Args:
        pattern: The expression.
    """
    text = pattern.removeprefix("^").removesuffix("$")
    return None if _METACHARACTER.search(text) else text


def values_around(condition: Condition) -> tuple[Any, ...]:
    """What to try where a policy compares: what meets the condition first, then what does not.

    Args:
        condition: The comparison. Of a regular expression that is more than a text, nothing is known.
    """
    return _AROUND[condition.operator](condition.value)


def distinct(values: Iterable[Any]) -> tuple[Any, ...]:
    """Values without repetition, in order; 1, 1.0 and true are three.

    Args:
        values: The values.
    """
    return tuple({(type(one).__name__, repr(one)): one for one in values}.values())


def nested(values: Mapping[str, Any]) -> dict[str, Any]:
    """Values by path as a tree: `{"a.b": 1}` is `{"a": {"b": 1}}`; what is missing is left out.

    Args:
        values: Values by path.
    """
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
