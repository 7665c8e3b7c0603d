"""How a value compares with that of a condition: yes, no, or not at all.

Nothing is converted: a number is compared with numbers, a text with texts, and true is no 1. Whoever chooses the value
would otherwise choose the answer too: "100" is not 100, and is not less either.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Iterable
from typing import Any, Final, Literal

from mcpauthkit.access.policy.document import Operator, Value
from mcpauthkit.access.policy.patterns import Pattern

Comparison = Callable[[Any], bool | None]
"""Whether a found value meets a condition; None where they cannot be compared."""

_Sort = Literal["text", "number", "truth", "list", ""]
_ORDERS: Final[dict[str, Callable[[Any, Any], bool]]] = {
    "gt": operator.gt,
    "gte": operator.ge,
    "lt": operator.lt,
    "lte": operator.le,
}
_TEXTS: Final[dict[str, Callable[[str, str], bool]]] = {"starts_with": str.startswith, "ends_with": str.endswith}


def comparison(name: Operator, value: Value, *, is_of_caller: bool) -> Comparison:
    """How an operator compares what is found with a value. `exists` compares nothing, so it is not among them.

    Args:
        name: The operator.
        value: The condition's value.
        is_of_caller: Whether callers choose what is found, as they do with arguments. If some items of a list of
            theirs are among the values and others are not, `in` and `not_in` cannot be evaluated: an allow would let
            the others pass, and a deny the some.

    Raises:
        ConfigurationError: The value is a regular expression that cannot be used.
    """
    if name.startswith("not_"):
        positive: Operator = "equals" if name == "not_equals" else "in" if name == "not_in" else "contains"
        return _opposite(comparison(positive, value, is_of_caller=is_of_caller))
    if name in _ORDERS:
        return _ordered(_ORDERS[name], value)
    if name in _TEXTS:
        return _text(_TEXTS[name], str(value))
    if name == "regex":
        pattern = Pattern(str(value))
        return lambda found: pattern.is_in(found) if isinstance(found, str) else None
    if name == "in":
        return _among(_items(value), every=is_of_caller)
    return _contains(value) if name == "contains" else _equals(value)


def _sort(value: Any) -> _Sort:
    if isinstance(value, str):
        return "text"
    if isinstance(value, bool):
        return "truth"
    if isinstance(value, int) or (isinstance(value, float) and math.isfinite(value)):
        return "number"
    return "list" if isinstance(value, list | tuple | frozenset | set) else ""


def _same(one: Any, other: Any) -> bool | None:
    sort = _sort(one)
    if not sort or sort != _sort(other):
        return None
    if sort != "list":
        return bool(one == other)
    if isinstance(one, frozenset | set):
        # Roles, scopes, tags: texts without an order.
        return one == frozenset(other) if all(isinstance(item, str) for item in other) else None
    if len(one) != len(other):
        return False
    return _all(_same(*pair) for pair in zip(one, other, strict=True))


def _all(answers: Iterable[bool | None]) -> bool | None:
    """Whether all hold; one that does not decides, even where another cannot be evaluated."""
    known = list(answers)
    if False in known:
        return False
    return None if None in known else True


def _any(answers: Iterable[bool | None]) -> bool | None:
    known = list(answers)
    if True in known:
        return True
    return None if None in known else False


def _items(value: Value) -> tuple[Any, ...]:
    return value if isinstance(value, tuple) else (value,)


def _opposite(positive: Comparison) -> Comparison:
    def compare(found: Any) -> bool | None:
        answer = positive(found)
        return None if answer is None else not answer

    return compare


def _equals(value: Value) -> Comparison:
    return lambda found: _same(found, value)


def _ordered(order: Callable[[Any, Any], bool], value: Value) -> Comparison:
    sort = _sort(value)
    return lambda found: order(found, value) if _sort(found) == sort else None


def _text(test: Callable[[str, str], bool], value: str) -> Comparison:
    return lambda found: test(found, value) if isinstance(found, str) else None


def _contains(value: Value) -> Comparison:
    def compare(found: Any) -> bool | None:
        if isinstance(found, str):
            return value in found if isinstance(value, str) else None
        return _any(_same(item, value) for item in found) if _sort(found) == "list" else None

    return compare


def _among(values: tuple[Any, ...], *, every: bool) -> Comparison:
    sorts = {_sort(value) for value in values}
    # With the sort, as true equals 1 for Python.
    known = {(_sort(value), value) for value in values}

    def one(found: Any) -> bool | None:
        sort = _sort(found)
        return (sort, found) in known if sort in sorts else None

    def compare(found: Any) -> bool | None:
        if _sort(found) != "list":
            return one(found)
        answers = [one(item) for item in found]
        if every and True in answers and not all(answers):
            return None
        return _any(answers)

    return compare
