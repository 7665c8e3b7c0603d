"""Sample requests, made of what policies name: whoever compares two policies asks both of them these.

For each thing that a rule names there is a sample that has it, and for each comparison there are values on both sides
of it. What no rule names is there once too: a user without anything, a tool of another name.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from fnmatch import fnmatchcase
from itertools import combinations, product
from typing import Any

from mcpauthkit.access.auth_check import use_of
from mcpauthkit.access.policy.document import CustomCondition, Policy, Rule, TimeWindow
from mcpauthkit.access.policy.values import WEEKDAYS
from mcpauthkit.access.request import AccessRequest, Action, Kind, Target
from mcpauthkit.access.review.cases import NOON, caller_of
from mcpauthkit.access.review.sample_callers import SampleCaller, sample_callers
from mcpauthkit.access.review.sample_values import (
    MISSING,
    OTHER,
    distinct,
    example_of,
    literal_of,
    nested,
    values_around,
)

_ARGUMENTS = "tool.args."
_MOST_ARGUMENTS = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class Samples:
    """What sample requests are combined of.

    Args:
        callers: Who asks.
        targets: Tools, resources, templates and prompts.
        arguments: What each tool is called with, by its name.
        moments: Times.
        transports: How requests come.
        custom: The names of custom conditions, which are asked about both met and not met.
        unseen: What could not be made up, in words.
    """

    callers: tuple[SampleCaller, ...]
    targets: tuple[Target, ...]
    arguments: Mapping[str, tuple[Mapping[str, Any], ...]]
    moments: tuple[datetime, ...]
    transports: tuple[str, ...]
    custom: tuple[str, ...]
    unseen: tuple[str, ...]

    def requests(self) -> Iterator[tuple[str, AccessRequest]]:
        """Every combination, each with the label of its caller; custom conditions are not part of a request."""
        asked = [(target, *one) for target in self.targets for one in self._uses_of(target)]
        for sample, now, transport in product(self.callers, self.moments, self.transports):
            caller = caller_of(sample.user, now, transport)
            yield from (
                (sample.label, AccessRequest(caller, target, action, arguments)) for target, action, arguments in asked
            )

    @property
    def size(self) -> int:
        """How many decisions it takes to ask all of it, with custom conditions met and not met."""
        asked = sum(1 for target in self.targets for _ in self._uses_of(target))
        callers = len(self.callers) * len(self.moments) * len(self.transports)
        return asked * callers * (2 if self.custom else 1)

    def _uses_of(self, target: Target) -> Iterator[tuple[Action, Mapping[str, Any] | None]]:
        yield Action.LIST, None
        if target.kind is Kind.TOOL:
            yield from ((Action.CALL, one) for one in self.arguments[target.name])
        elif target.kind is not Kind.TEMPLATE:
            yield use_of(target.kind), None


def samples_of(policies: Sequence[Policy], *, wide: bool = True) -> Samples:
    """The samples for some policies.

    Args:
        policies: The policies, both sides of a comparison together.
        wide: Whether callers, tags and namespaces are combined with one another too.
    """
    rules = [rule for one in policies for rule in one.rules]
    targets = _targets(rules, wide=wide)
    names = dict.fromkeys(one.name for one in targets if one.kind is Kind.TOOL)
    return Samples(
        callers=sample_callers(rules, wide=wide),
        targets=targets,
        arguments={name: _arguments(name, rules) for name in names},
        moments=moments_of(policies),
        transports=distinct(("http", *_values(rules, "request.transport"))),
        custom=custom_conditions(policies),
        unseen=tuple(dict.fromkeys(_unseen(rules))),
    )


def custom_conditions(policies: Iterable[Policy]) -> tuple[str, ...]:
    """The names of the custom conditions that policies use.

    Args:
        policies: The policies.
    """
    conditions = (one for policy in policies for rule in policy.rules for one in rule.conditions)
    return tuple(dict.fromkeys(one.custom for one in conditions if isinstance(one, CustomCondition)))


def _targets(rules: Sequence[Rule], *, wide: bool) -> tuple[Target, ...]:
    if not wide:
        return tuple(dict.fromkeys(target for rule in rules for target in _targets([rule], wide=True)))
    tags = distinct((*_selected(rules, "tags"), *_texts(_values(rules, "tool.tags"))))
    tagged = [frozenset[str](), *(frozenset({one}) for one in tags)]
    namespaces = distinct((*_selected(rules, "namespaces"), *_texts(_values(rules, "tool.namespace"))))
    found: dict[Target, None] = {}
    for name in distinct((*_names_of(rules, "tools"), *_texts(_values(rules, "tool.name")), OTHER)):
        pairs = product(["", *namespaces], tagged)
        found.update({Target(Kind.TOOL, name, namespace=namespace, tags=one): None for namespace, one in pairs})
    for name in distinct((*_names_of(rules, "prompts"), *_texts(_values(rules, "prompt.name")), OTHER)):
        found.update({Target(Kind.PROMPT, name, tags=one): None for one in tagged})
    for uri in distinct((*_addresses(rules), *_texts(_values(rules, "resource.uri")), f"{OTHER}://{OTHER}")):
        found[Target(Kind.RESOURCE, uri, uri)] = None
        if "{" in uri:
            found[Target(Kind.TEMPLATE, uri, uri)] = None
    return tuple(found)


def _selected(rules: Sequence[Rule], selector: str) -> Iterator[str]:
    for rule in rules:
        for part in (rule.tools, rule.prompts):
            yield from getattr(part, selector, None) or ()


def _names_of(rules: Sequence[Rule], kind: str) -> Iterator[str]:
    for rule in rules:
        part = getattr(rule, kind)
        if part is not None:
            yield from part.names or ()
            yield from map(example_of, part.patterns or ())


def _addresses(rules: Sequence[Rule]) -> Iterator[str]:
    for rule in rules:
        if rule.resources is not None:
            yield from rule.resources.uris or ()
            yield from map(example_of, rule.resources.patterns or ())
            yield from (f"{one}://{OTHER}" for one in rule.resources.schemes or ())


def _arguments(name: str, rules: Sequence[Rule]) -> tuple[Mapping[str, Any], ...]:
    fields: dict[str, tuple[Any, ...]] = {}
    for rule in rules:
        if _may_be_about(rule, name):
            for one in rule.comparisons:
                if one.field.startswith(_ARGUMENTS):
                    path = one.field.removeprefix(_ARGUMENTS)
                    fields[path] = distinct((*fields.get(path, ()), *values_around(one), MISSING))
    return tuple(nested(dict(zip(fields, one, strict=True))) for one in _combined(list(fields.values())))


def _combined(axes: Sequence[Sequence[Any]]) -> Iterator[tuple[Any, ...]]:
    """All combinations where they are few, else all of any two values among the first of the others."""
    count = 1
    for axis in axes:
        count *= len(axis)
    if count <= _MOST_ARGUMENTS:
        yield from product(*axes)
        return
    first = [axis[0] for axis in axes]
    yield tuple(first)
    yield tuple(axis[-1] for axis in axes)
    for one, other in combinations(range(len(axes)), 2):
        for here, there in product(axes[one], axes[other]):
            changed = list(first)
            changed[one], changed[other] = here, there
            yield tuple(changed)


def _may_be_about(rule: Rule, name: str) -> bool:
    if rule.tools is None:
        return rule.resources is None and rule.prompts is None
    names, patterns = rule.tools.names, rule.tools.patterns
    return (names is None or name in names) and (patterns is None or any(fnmatchcase(name, one) for one in patterns))


def moments_of(policies: Iterable[Policy]) -> tuple[datetime, ...]:
    """Times on both sides of each that policies name, and a noon.

    Args:
        policies: The policies.
    """
    rules = [rule for one in policies for rule in one.rules]
    windows = [window for rule in rules for window in rule.times or ()]
    found = [NOON, *(moment for window in windows for moment in _around_window(window))]
    for rule in rules:
        for one in rule.comparisons:
            found.extend(moment for value in values_around(one) if (moment := _moment_with(one.field, value)))
    return tuple(dict.fromkeys(found))


def _around_window(window: TimeWindow) -> Iterator[datetime]:
    monday = NOON.date()
    outside = next((one for one in WEEKDAYS if one not in window.days), None)
    for day in (window.days[0], outside) if outside else (window.days[0],):
        midnight = datetime.combine(monday + timedelta(days=WEEKDAYS.index(day)), time(), window.zone)
        for text in (window.from_, window.until):
            hours, minutes = map(int, text.split(":"))
            moment = midnight + timedelta(hours=hours, minutes=minutes)
            yield from (moment, moment - timedelta(minutes=1))


def _moment_with(field: str, value: Any) -> datetime | None:
    try:
        match field, value:
            case "time.hour", int(number):
                return NOON.replace(hour=number)
            case "time.minute", int(number):
                return NOON.replace(minute=number)
            case "time.weekday", str() if value in WEEKDAYS:
                return NOON + timedelta(days=list(map(str, WEEKDAYS)).index(value))
            case "time.date", str():
                return datetime.combine(date.fromisoformat(value), NOON.timetz())
    except ValueError:
        pass
    return None


def _values(rules: Sequence[Rule], field: str) -> Iterator[Any]:
    for rule in rules:
        for one in rule.comparisons:
            if one.field == field:
                yield from values_around(one)


def _texts(values: Iterable[Any]) -> Iterator[str]:
    return (one for one in values if isinstance(one, str) and one)


def _unseen(rules: Sequence[Rule]) -> Iterator[str]:
    for rule in rules:
        for one in rule.comparisons:
            if one.operator == "regex" and literal_of(str(one.value)) is None:
                yield f"texts that the regular expression {one.value!r} takes, as {one.field} of rule {rule.name}"
