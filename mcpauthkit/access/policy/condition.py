"""Conditions as a policy writes them: a field compared with a value, or a custom condition by its name."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Discriminator, Tag, model_validator
from pydantic_core import PydanticCustomError

from mcpauthkit.access.policy.patterns import Pattern
from mcpauthkit.access.policy.values import WEEKDAYS, AnyValue, Name, Part, Scalar, Text, Value, refuse
from mcpauthkit.errors import ConfigurationError

Operator = Literal[
    "equals",
    "not_equals",
    "in",
    "not_in",
    "contains",
    "not_contains",
    "starts_with",
    "ends_with",
    "regex",
    "gt",
    "lt",
    "gte",
    "lte",
    "exists",
    "greater_than",
    "less_than",
]

_SHORT: dict[Operator, Operator] = {"greater_than": "gt", "less_than": "lt"}
_LISTS = frozenset({"in", "not_in"})
_TEXTS = frozenset({"starts_with", "ends_with", "regex"})
_ORDERS = frozenset({"gt", "lt", "gte", "lte"})
_FIELDS: dict[str, tuple[str, ...]] = {
    "tool": ("name", "namespace", "tags", "args"),
    "resource": ("uri",),
    "prompt": ("name",),
    "user": (),
    "claims": (),
    "request": ("action", "transport"),
    "time": ("hour", "minute", "weekday", "date"),
    "services": ("connected",),
}
_OPEN = frozenset({"tool.args", "user", "claims"})
_SAMENESS = frozenset({"equals", "not_equals", "in", "not_in"})
# Compared with anything else these would never be met, and a rule that denies would be silent.
_CLOSED: dict[str, Sequence[Scalar]] = {
    "request.action": ("list", "call", "read", "get"),
    "request.transport": ("http", "sse", "stdio", "memory"),
    "time.hour": range(24),
    "time.minute": range(60),
    "time.weekday": WEEKDAYS,
    "user.authenticated": (True, False),
}


def _known_field(path: str) -> str:
    root, _, rest = path.partition(".")
    known = _FIELDS.get(root)
    parts = path.split(".")
    if known is None or not all(parts) or not rest:
        names = ", ".join(f"{one}." for one in _FIELDS)
        raise refuse("unknown_field", f"A field begins with one of {names} and a name follows.")
    if known and (parts[1] not in known or (f"{root}.{parts[1]}" not in _OPEN and len(parts) > 2)):  # noqa: PLR2004
        names = ", ".join(f"{root}.{one}{'.<name>' if f'{root}.{one}' in _OPEN else ''}" for one in known)
        raise refuse("unknown_field", f"There is no such field; of {root} there is {names}.")
    if path in {"tool.args", "user.claims"}:
        raise refuse("unknown_field", f"Name what is meant in it: {path}.<name>.")
    return path


class Condition(Part):
    """Compares what is known of a request with a value. All conditions of a rule must be met.

    Args:
        field: What is compared, such as `tool.args.amount` or `user.roles`.
        operator: How. `greater_than` and `less_than` are kept as `gt` and `lt`.
        value: What it is compared with; `exists` needs none and then means true.
    """

    field: Annotated[Text, AfterValidator(_known_field)]
    operator: Annotated[Operator, AfterValidator(lambda name: _SHORT.get(name, name))]
    value: AnyValue = True

    @model_validator(mode="after")
    def _value_can_be_met(self) -> Self:
        if "value" not in self.model_fields_set and self.operator != "exists":
            raise refuse("no_value", "Add `value`: what the field is compared with.")
        problem = _operator_problem(self.operator, self.value)
        if not problem and self.operator in _SAMENESS:
            problem = _closed_problem(self.field, self.value)
        if problem:
            raise PydanticCustomError("value_never_met", "{text}", {"text": problem, "path": ("value",)})
        return self


def _operator_problem(operator: Operator, value: Value) -> str:
    is_list, is_number = isinstance(value, tuple), isinstance(value, int | float) and not isinstance(value, bool)
    wanted = ""
    if operator in _LISTS and not is_list:
        wanted = "a list"
    elif operator in _TEXTS and not (isinstance(value, str) and value):
        wanted = "a text that is not empty"
    elif operator in _ORDERS and not (is_number or isinstance(value, str)):
        wanted = "a number or a text"
    elif operator == "exists" and not isinstance(value, bool):
        wanted = "true or false"
    elif operator in {"contains", "not_contains"} and is_list:
        wanted = "one value, not a list"
    if wanted:
        return f"`{operator}` compares with {wanted}."
    return _regex_problem(value) if operator == "regex" and isinstance(value, str) else ""


def _regex_problem(expression: str) -> str:
    try:
        Pattern(expression)
    except ConfigurationError as error:
        return str(error)
    return ""


def _closed_problem(field: str, value: Value) -> str:
    known = _CLOSED.get(field)
    if known is None:
        return ""
    # True equals 1 in Python, and is no hour.
    met = {(type(one), one) for one in known}
    if all((type(one), one) in met for one in (value if isinstance(value, tuple) else (value,))):
        return ""
    if isinstance(known, range):
        return f"`{field}` is a whole number from 0 to {known[-1]}."
    return f"`{field}` is one of {', '.join(str(one).lower() for one in known)}."


class CustomCondition(Part):
    """A custom condition: a function of the application, registered by name.

    Args:
        custom: The name it is registered under.
        value: What it is to be: true, or false for its opposite.
    """

    custom: Name
    value: bool = True


AnyCondition = Annotated[
    Annotated[Condition, Tag("comparison")] | Annotated[CustomCondition, Tag("custom condition")],
    Discriminator(
        lambda given: (
            "custom condition"
            if isinstance(given, CustomCondition) or (isinstance(given, dict) and "custom" in given)
            else "comparison"
        )
    ),
]
