"""Which decisions differ between two sets of policies: both are asked the same requests."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import chain
from typing import Any

from mcpauthkit.access.policy.cases import NOBODY, NOON
from mcpauthkit.access.policy.document import Policy
from mcpauthkit.access.policy.engine import PolicyEngine
from mcpauthkit.access.policy.people import ANYBODY, Somebody
from mcpauthkit.access.policy.witnesses import Witnesses, witnesses_of
from mcpauthkit.access.request import AccessRequest, Action, Caller, Decision, Target

MOST_COMPARED = 200_000
"""How many made-up requests are compared at most; beyond, fewer things are combined with one another."""

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
        own: What the application's own conditions answer; None where there are none.
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
    own: bool | None
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
        people: How many made-up callers they came from.
        targets: How many made-up targets they were about.
        rules: What became of rules by name: `added`, `removed` or `changed`.
        unseen: What was not compared, in words.
    """

    changes: tuple[Change, ...]
    compared: int
    people: int
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
        requests: Requests of yours besides those that are made up, each with a name for its caller.

    Raises:
        ConfigurationError: Policies of one side cannot be used together.
    """
    given = tuple(requests)
    witnesses, unseen = _bounded([*old, *new])
    found = _Found(witnesses.people)
    for is_met in (True, False) if witnesses.own else (None,):
        before, after = (_engine(one, witnesses.own, answer=bool(is_met)) for one in (old, new))
        for who, asked in chain(_made_up(witnesses), given):
            found.take(who, asked, before.decide(asked), after.decide(asked), own=is_met)
    return Difference(
        changes=found.changes(),
        compared=found.compared,
        people=len(witnesses.people),
        targets=len(witnesses.targets),
        rules=dict(_rules(old, new)),
        unseen=unseen,
    )


def _bounded(policies: Sequence[Policy]) -> tuple[Witnesses, tuple[str, ...]]:
    witnesses = witnesses_of(policies)
    if witnesses.size <= MOST_COMPARED:
        return witnesses, witnesses.unseen
    narrow = witnesses_of(policies, wide=False)
    return narrow, (*narrow.unseen, _TOO_MANY)


def _made_up(witnesses: Witnesses) -> Iterator[tuple[str, AccessRequest]]:
    asked = [(target, *one) for target in witnesses.targets for one in witnesses.requests_for(target)]
    for somebody in witnesses.people:
        principal = somebody.person.principal() if somebody.person else None
        connected = frozenset(somebody.person.connected or ()) if somebody.person else None
        for moment in witnesses.moments:
            for transport in witnesses.transports:
                caller = Caller(principal=principal, now=moment, connected=connected, transport=transport)
                yield from (
                    (somebody.label, AccessRequest(caller, target, action, arguments))
                    for target, action, arguments in asked
                )


def _engine(policies: Sequence[Policy], own: Iterable[str], *, answer: bool) -> PolicyEngine:
    return PolicyEngine(policies, conditions=dict.fromkeys(own, lambda _request: answer))


def _rules(old: Sequence[Policy], new: Sequence[Policy]) -> Iterator[tuple[str, str]]:
    before, after = ({f"{one.name}/{rule.name}": rule for one in side for rule in one.rules} for side in (old, new))
    for name in dict.fromkeys([*before, *after]):
        if name not in after:
            yield name, "removed"
        elif name not in before:
            yield name, "added"
        elif before[name] != after[name]:
            yield name, "changed"


class _Found:
    """Changes as they come up, one for each caller, target, action and direction.

    Args:
        people: The made-up callers.
    """

    def __init__(self, people: Iterable[Somebody]) -> None:
        self.compared = 0
        self._parts = {one.label: one.parts for one in people}
        self._first: dict[_Key, Change] = {}
        self._changed: Counter[_Key] = Counter()
        self._asked: Counter[tuple[str, Target, Action]] = Counter()

    def take(self, who: str, asked: AccessRequest, before: Decision, after: Decision, *, own: bool | None) -> None:
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
            own=own,
            before=before,
            after=after,
        )

    def changes(self) -> tuple[Change, ...]:
        """What was found, without what a simpler request shows already."""
        return tuple(
            replace(change, changed=self._changed[key], asked=self._asked[key[:3]])
            for key, change in self._first.items()
            if not any(simpler in self._first for simpler in self._simpler(key))
        )

    def _simpler(self, key: _Key) -> Iterator[_Key]:
        who, target, action, is_allowed = key
        is_made_up = who in self._parts and who != NOBODY
        plain = target._replace(namespace="", tags=frozenset())
        for caller in (who, *self._parts.get(who, ()), *([ANYBODY] if is_made_up else [])):
            yield from ((caller, one, action, is_allowed) for one in (target, plain) if (caller, one) != (who, target))
