"""Conditions made ready to be asked about a request: each is true, false, or cannot be evaluated.

A rule that allows needs certainty and gets it from true alone. A rule that denies is stopped by certainty alone: what
cannot be evaluated does not stop it. So no missing claim, argument of another type or broken function opens anything.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, tzinfo
from enum import Enum
from typing import Self

from mcpauthkit.access.policy.custom import CustomFunction, ask_custom
from mcpauthkit.access.policy.document import Condition, CustomCondition, Rule, TimeWindow
from mcpauthkit.access.policy.fields import Lack, is_argument, is_of_target, reader_of
from mcpauthkit.access.policy.operators import comparison
from mcpauthkit.access.policy.values import WEEKDAYS
from mcpauthkit.access.request import AccessRequest
from mcpauthkit.errors import ConfigurationError


class Truth(Enum):
    """What can be said of a condition."""

    TRUE = "true"
    FALSE = "false"
    UNKNOWN = "cannot be evaluated"
    """Something is missing, of another type, or failed."""
    UNDECIDED = "depends on arguments"
    """In a list: some arguments would make it true, and others false."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One thing that must hold for a rule to match.

    Args:
        text: It in words, as the rule has it.
        ask: What can be said of it for a request.
        is_of_target: Whether target and action alone decide it, so that the answer can be kept.
        needs_services: Whether it is about the services a caller has connected.
    """

    text: str
    ask: Callable[[AccessRequest], Truth]
    is_of_target: bool = False
    needs_services: bool = False


def checks_of(rule: Rule, functions: Mapping[str, CustomFunction]) -> tuple[Check, ...]:
    """Everything beside the selectors that must hold for a rule to match.

    Args:
        rule: The rule.
        functions: The functions of custom conditions, by name.

    Raises:
        ConfigurationError: A regular expression cannot be used, or a condition of the application's is not registered.
    """
    found = [
        _custom(one, functions) if isinstance(one, CustomCondition) else _comparison(one) for one in rule.conditions
    ]
    if rule.times:
        found.append(_within(rule.times))
    if rule.services:
        found.append(_has_connected(frozenset(rule.services)))
    return tuple(found)


def _truth(answer: bool | None) -> Truth:
    return Truth.UNKNOWN if answer is None else Truth.TRUE if answer else Truth.FALSE


def _comparison(condition: Condition) -> Check:
    field, name, value = condition.field, condition.operator, condition.value
    read = reader_of(field)
    compare = None if name == "exists" else comparison(name, value, is_of_caller=is_argument(field))

    def ask(request: AccessRequest) -> Truth:
        found = read(request)
        if found is Lack.UNDECIDED:
            return Truth.UNDECIDED
        if compare is None:
            return _truth((found is not Lack.MISSING) is value)
        return Truth.UNKNOWN if found is Lack.MISSING else _truth(compare(found))

    return Check(
        text=f"{field} {name} {list(value) if isinstance(value, tuple) else value!r}",
        ask=ask,
        is_of_target=is_of_target(field),
        needs_services=field == "services.connected",
    )


def _custom(condition: CustomCondition, functions: Mapping[str, CustomFunction]) -> Check:
    name, wanted = condition.custom, condition.value
    if name not in functions:
        known = ", ".join(sorted(functions)) or "none"
        raise ConfigurationError(
            f"There is no condition named {name!r} among those that were registered: {known}.",
            hint=f"Register it: `Policies(..., conditions={{{name!r}: your_function}})`.",
        )
    function = functions[name]

    def ask(request: AccessRequest) -> Truth:
        answer = ask_custom(name, function, request)
        return Truth.UNKNOWN if answer is None else _truth(answer is wanted)

    return Check(text=f"custom condition {name!r} is {str(wanted).lower()}", ask=ask)


def _within(windows: tuple[TimeWindow, ...]) -> Check:
    spans = [_Span.of(window) for window in windows]

    def ask(request: AccessRequest) -> Truth:
        now = request.caller.now
        # A time without a zone would be taken for the machine's own.
        return _truth(any(span.holds(now) for span in spans) if now.tzinfo is not None else None)

    return Check(text="within its times", ask=ask)


def _has_connected(services: frozenset[str]) -> Check:
    def ask(request: AccessRequest) -> Truth:
        connected = request.caller.connected
        return _truth(None if connected is None else services <= connected)

    return Check(text=f"the caller has connected {', '.join(sorted(services))}", ask=ask, needs_services=True)


@dataclass(frozen=True, slots=True)
class _Span:
    days: frozenset[int]
    begin: int
    end: int
    zone: tzinfo

    @classmethod
    def of(cls, window: TimeWindow) -> Self:
        days = frozenset(WEEKDAYS.index(day) for day in window.days)
        return cls(days, _minutes(window.from_), _minutes(window.until), window.zone)

    def holds(self, now: datetime) -> bool:
        local = now.astimezone(self.zone)
        minute, day = local.hour * 60 + local.minute, local.weekday()
        if self.begin < self.end:
            return day in self.days and self.begin <= minute < self.end
        # Over midnight: what is after it belongs to the day on which the window began.
        return (day in self.days and minute >= self.begin) or ((day - 1) % 7 in self.days and minute < self.end)


def _minutes(time_of_day: str) -> int:
    hours, _, minutes = time_of_day.partition(":")
    return int(hours) * 60 + int(minutes)
