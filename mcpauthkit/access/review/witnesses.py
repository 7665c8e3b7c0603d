"""Made-up requests that documents are about: whoever compares two documents asks both of them these.

For each thing that a rule names there is one that has it, and for each comparison there are values on both sides of it.
What nobody names is there once too: a user without anything, a tool of another name.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from fnmatch import fnmatchcase
from itertools import combinations, product
from typing import Any

from mcpauthkit.access.policy.document import WEEKDAYS, Condition, CustomCondition, Policy, Rule, TimeWindow
from mcpauthkit.access.request import Action, Kind, Target
from mcpauthkit.access.review.candidates import MISSING, OTHER, distinct, example_of, literal_of, nested, values_around
from mcpauthkit.access.review.cases import NOON
from mcpauthkit.access.review.people import Somebody, people_of

_ARGUMENTS = "tool.args."
_MOST_ARGUMENTS = 64
_NAMES = {"tool.name": Kind.TOOL, "prompt.name": Kind.PROMPT, "resource.uri": Kind.RESOURCE}
_USES = {Kind.TOOL: Action.CALL, Kind.RESOURCE: Action.READ, Kind.PROMPT: Action.GET}


@dataclass(frozen=True, slots=True, kw_only=True)
class Witnesses:
    """Everything that is combined.

    Args:
        people: Callers.
        targets: Tools, resources, templates and prompts.
        arguments: What each tool is called with, by its name.
        moments: Times.
        transports: How requests come.
        own: The names of the application's own conditions.
        unseen: What could not be made up, in words.
    """

    people: tuple[Somebody, ...]
    targets: tuple[Target, ...]
    arguments: Mapping[str, tuple[Mapping[str, Any], ...]]
    moments: tuple[datetime, ...]
    transports: tuple[str, ...]
    own: tuple[str, ...]
    unseen: tuple[str, ...]

    def requests_for(self, target: Target) -> Iterator[tuple[Action, Mapping[str, Any] | None]]:
        """What may be done with a target, and with which arguments."""
        yield Action.LIST, None
        use = _USES.get(target.kind)
        if use is Action.CALL:
            yield from ((use, one) for one in self.arguments[target.name])
        elif use is not None:
            yield use, None

    @property
    def size(self) -> int:
        """How many requests all of it makes."""
        asked = sum(1 for target in self.targets for _ in self.requests_for(target))
        callers = len(self.people) * len(self.moments) * len(self.transports)
        return asked * callers * (2 if self.own else 1)


def witnesses_of(policies: Sequence[Policy], *, wide: bool = True) -> Witnesses:
    """What some documents are about.

    Args:
        policies: The documents, both sides of a comparison together.
        wide: Whether people, tags and namespaces are combined with one another too.
    """
    rules = [rule for one in policies for rule in one.rules]
    targets = _targets(rules, wide=wide)
    names = dict.fromkeys(one.name for one in targets if one.kind is Kind.TOOL)
    return Witnesses(
        people=people_of(rules, wide=wide),
        targets=targets,
        arguments={name: _arguments(name, rules) for name in names},
        moments=moments_of(policies),
        transports=distinct(("http", *_values(rules, "request.transport"))),
        own=own_conditions(policies),
        unseen=tuple(dict.fromkeys(_unseen(rules))),
    )


def own_conditions(policies: Iterable[Policy]) -> tuple[str, ...]:
    """The names of the application's own conditions that policies use."""
    conditions = (one for policy in policies for rule in policy.rules for one in rule.conditions)
    return tuple(dict.fromkeys(one.custom for one in conditions if isinstance(one, CustomCondition)))


def _targets(rules: Sequence[Rule], *, wide: bool) -> tuple[Target, ...]:
    if not wide:
        return tuple(dict.fromkeys(target for rule in rules for target in _targets([rule], wide=True)))
    tags = distinct((*_selected(rules, "tags"), *_texts(_values(rules, "tool.tags"))))
    namespaces = distinct((*_selected(rules, "namespaces"), *_texts(_values(rules, "tool.namespace"))))
    found: dict[Target, None] = {}
    for name in distinct((*_names_of(rules, "tools"), *_texts(_values(rules, "tool.name")), OTHER)):
        labelled = [frozenset[str](), *(frozenset({one}) for one in tags)]
        pairs = product(["", *namespaces], labelled)
        found.update(dict.fromkeys(Target(Kind.TOOL, name, "", space, label) for space, label in pairs))
    for name in distinct((*_names_of(rules, "prompts"), *_texts(_values(rules, "prompt.name")), OTHER)):
        found.update({Target(Kind.PROMPT, name, tags=one): None for one in (frozenset(), *map(_one, tags))})
    for uri in distinct((*_addresses(rules), *_texts(_values(rules, "resource.uri")), f"{OTHER}://{OTHER}")):
        found[Target(Kind.RESOURCE, uri, uri)] = None
        if "{" in uri:
            found[Target(Kind.TEMPLATE, uri, uri)] = None
    return tuple(found)


def _one(tag: str) -> frozenset[str]:
    return frozenset({tag})


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
            for one in _comparisons(rule):
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
        for one in _comparisons(rule):
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
        for one in _comparisons(rule):
            if one.field == field:
                yield from values_around(one)


def _texts(values: Iterable[Any]) -> Iterator[str]:
    return (one for one in values if isinstance(one, str) and one)


def _comparisons(rule: Rule) -> Iterator[Condition]:
    return (one for one in rule.conditions if isinstance(one, Condition))


def _unseen(rules: Sequence[Rule]) -> Iterator[str]:
    for rule in rules:
        for one in _comparisons(rule):
            if one.operator == "regex" and literal_of(str(one.value)) is None:
                yield f"texts that the regular expression {one.value!r} takes, as {one.field} of rule {rule.name}"
