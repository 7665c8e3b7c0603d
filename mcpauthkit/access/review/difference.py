"""Which decisions differ between two sets of policies: both are asked the same requests."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import chain, islice
from typing import Any

from mcpauthkit.access.policy.document import Policy
from mcpauthkit.access.policy.engine import PolicyEngine
from mcpauthkit.access.request import AccessRequest, Action, Decision, Target
from mcpauthkit.access.review.cases import NOBODY, NOON
from mcpauthkit.access.review.sample_callers import ANYBODY, SampleCaller
from mcpauthkit.access.review.samples import Samples, custom_conditions, samples_of

_MOST_COMPARED = 200_000
"""How many sample requests are compared at most; beyond, fewer things are combined with one another."""

_MOST_RULES = 100
_OF_CHANGED = "callers and targets of rules that are the same on both sides, because there are too many of them"
_TOO_MANY = "callers, tags and namespaces that no single rule brings together, because there are too many of them"
_Key = tuple[str, Target, Action, bool]


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One request that is decided otherwise.

    Args:
        who: The caller, in words.
        target: What they want.
        action: What to do with it.
        arguments: With which arguments.
        at: When; None where it is not about time.
        transport: How the request comes.
        custom: What custom conditions answer; None where there are none.
        before: The decision of the old policies.
        after: The decision of the new ones.
        changed: How many requests of this caller to do this with this target changed in the same way.
        asked: How many there were.
    """

    who: str
    target: Target
    action: Action
    arguments: Mapping[str, Any] | None
    at: datetime | None
    transport: str
    custom: bool | None
    before: Decision
    after: Decision
    changed: int = 1
    asked: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """What two sets of policies decide differently.

    Args:
        changes: The requests: for each caller, target, action and direction the first one.
        compared: How many requests were asked.
        callers: How many sample callers they came from.
        targets: How many sample targets they were about.
        rules: What became of rules by name: `added`, `removed` or `changed`.
        unseen: What was not compared, in words.
    """

    changes: tuple[Change, ...]
    compared: int
    callers: int
    targets: int
    rules: Mapping[str, str]
    unseen: tuple[str, ...]


def compare(
    old: Sequence[Policy], new: Sequence[Policy], requests: Iterable[tuple[str, AccessRequest]] = ()
) -> Difference:
    """Ask two sets of policies the same requests.

    Args:
        old: The policies that were.
        new: Those that are to be.
        requests: Requests of yours besides the samples, each with a name for its caller.

    Raises:
        ConfigurationError: Policies of one side cannot be used together.
    """
    given = tuple(requests)
    samples, unseen = _bounded(old, new)
    found = _Changes(samples.callers)
    most = _MOST_COMPARED // (2 if samples.custom else 1)
    for is_met in (True, False) if samples.custom else (None,):
        before, after = (_engine(one, samples.custom, answer=bool(is_met)) for one in (old, new))
        for who, asked in chain(islice(samples.requests(), most), given):
            found.take(who, asked, before.decide(asked), after.decide(asked), custom=is_met)
    return Difference(
        changes=found.simplest(),
        compared=found.compared,
        callers=len(samples.callers),
        targets=len(samples.targets),
        rules=_rules(old, new),
        unseen=unseen,
    )


def _bounded(old: Sequence[Policy], new: Sequence[Policy]) -> tuple[Samples, tuple[str, ...]]:
    """What to ask: of as many rules, and as combined, as the bound allows."""
    policies = [*old, *new]
    custom = custom_conditions(policies)
    if sum(len(one.rules) for one in policies) <= _MOST_RULES:
        everything = samples_of(policies)
        if everything.size <= _MOST_COMPARED:
            return everything, everything.unseen
    # Whoever gets another decision meets a rule that is not in both, unless it is the default that changed.
    became = _rules(old, new)
    changed = [_only(one, became) for one in policies] if became else policies
    if sum(len(one.rules) for one in changed) <= _MOST_RULES:
        wide = replace(samples_of(changed), custom=custom)
        if wide.size <= _MOST_COMPARED:
            return wide, (*wide.unseen, _OF_CHANGED)
    narrow = replace(samples_of(changed, wide=False), custom=custom)
    left_out = (*narrow.unseen, _OF_CHANGED, _TOO_MANY)
    if narrow.size > _MOST_COMPARED:
        return narrow, (*left_out, f"all but the first {_MOST_COMPARED:,} of {narrow.size:,} combinations")
    return narrow, left_out


def _only(policy: Policy, names: Collection[str]) -> Policy:
    rules = tuple(one for one in policy.rules if f"{policy.name}/{one.name}" in names)
    return policy.model_copy(update={"rules": rules})


def _engine(policies: Sequence[Policy], custom: Iterable[str], *, answer: bool) -> PolicyEngine:
    return PolicyEngine(policies, conditions=dict.fromkeys(custom, lambda _request: answer))


def _rules(old: Sequence[Policy], new: Sequence[Policy]) -> dict[str, str]:
    """What became of each rule that is not the same on both sides, by policy and name."""
    before, after = ({f"{one.name}/{rule.name}": rule for one in side for rule in one.rules} for side in (old, new))
    became = {}
    for name in dict.fromkeys([*before, *after]):
        if name not in after:
            became[name] = "removed"
        elif name not in before:
            became[name] = "added"
        elif before[name] != after[name]:
            became[name] = "changed"
    return became


class _Changes:
    """Changes as they come up, one for each caller, target, action and direction.

    Args:
        callers: The sample callers.
    """

    def __init__(self, callers: Iterable[SampleCaller]) -> None:
        self.compared = 0
        self._parts = {one.label: one.parts for one in callers}
        self._first: dict[_Key, Change] = {}
        self._changed: Counter[_Key] = Counter()
        self._asked: Counter[tuple[str, Target, Action]] = Counter()

    def take(self, who: str, asked: AccessRequest, before: Decision, after: Decision, *, custom: bool | None) -> None:
        """Keep a request if its decisions differ."""
        self.compared += 1
        self._asked[who, asked.target, asked.action] += 1
        if before.allowed is after.allowed:
            return
        key = who, asked.target, asked.action, after.allowed
        self._changed[key] += 1
        if key in self._first:
            return
        self._first[key] = Change(
            who=who,
            target=asked.target,
            action=asked.action,
            arguments=asked.arguments,
            at=asked.caller.now if asked.caller.now != NOON else None,
            transport=asked.caller.transport,
            custom=custom,
            before=before,
            after=after,
        )

    def simplest(self) -> tuple[Change, ...]:
        """The changes, without those that a simpler request shows already."""
        return tuple(
            replace(change, changed=self._changed[key], asked=self._asked[key[:3]])
            for key, change in self._first.items()
            if not any(simpler in self._first for simpler in self._simpler(key))
        )

    def _simpler(self, key: _Key) -> Iterator[_Key]:
        who, target, action, is_allowed = key
        is_sample = who in self._parts and who != NOBODY
        plain = target._replace(namespace="", tags=frozenset())
        for caller in (who, *self._parts.get(who, ()), *([ANYBODY] if is_sample else [])):
            yield from ((caller, one, action, is_allowed) for one in (target, plain) if (caller, one) != (who, target))
