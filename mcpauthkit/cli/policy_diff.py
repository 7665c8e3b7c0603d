"""`mcpauthkit policy diff`: which decisions change."""

from __future__ import annotations

import json as json_text
from collections.abc import Hashable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Annotated, Any

from cyclopts import Parameter

from mcpauthkit.access.request import AccessRequest, Decision
from mcpauthkit.access.review.cases import request_of
from mcpauthkit.access.review.difference import Change, Difference, compare
from mcpauthkit.cli.output import Switch, print_json
from mcpauthkit.cli.policy_files import policies_at, tests_at

_Paths = Annotated[tuple[Path, ...], Parameter(negative="")]
_MOST_SHOWN = 50
_MOST_NAMED = 3
_ALWAYS_UNSEEN = "what neither side nor a test names, such as the tags that your tools really have"


def diff(old: Path, new: Path, /, *, tests: _Paths = (), json: Switch = False) -> int:
    """Say which decisions change between two policies, or two folders of them.

    It ends with 0 when no decision does, with 1 when one does, and with 2 when they could not be compared.

    Args:
        old: The file or folder that was.
        new: The one that is to be.
        tests: A file of tests, whose requests are compared too; may be repeated.
        json: Print what was found as JSON.
    """
    found = compare(policies_at([old]), policies_at([new]), _requests(tests))
    if json:
        print_json(_as_json(found))
    else:
        print(*_told(found), sep="\n")
    return 1 if found.changes else 0


def _requests(paths: Sequence[Path]) -> Iterator[tuple[str, AccessRequest]]:
    for path in paths:
        file = tests_at(path)
        yield from ((f"{path.name}, {case.name}", request_of(case, file.users)) for case in file.tests)


def _told(found: Difference) -> Iterator[str]:
    for what in ("added", "removed", "changed"):
        names = [name for name, became in found.rules.items() if became == what]
        if names:
            yield f"{what} rules: {', '.join(names)}"
    told = list(_changes(found.changes))
    for lines in told[:_MOST_SHOWN]:
        yield from lines
    if len(told) > _MOST_SHOWN:
        yield f"and {len(told) - _MOST_SHOWN:,} more; --json lists all of them"
    number = len(found.changes)
    count = f"{number:,} decisions change" if number > 1 else f"{number or 'No'} decision changes"
    yield f"{count}, of {found.compared:,} made up of {found.callers:,} callers and {found.targets:,} targets."
    yield "Not compared:"
    yield from (f"  {text}" for text in (*found.unseen, _ALWAYS_UNSEEN))


def _changes(changes: Iterable[Change]) -> Iterator[tuple[str, str]]:
    """Changes in words: seeing and using in one, then callers of one target, then targets of the same callers."""
    for same in _alike(changes):
        callers = _several(one.who for one in same)
        actions = " and ".join(dict.fromkeys(one.action for one in same))
        targets = _several(map(_target, same))
        may = "+ {} may now" if same[0].after.allowed else "- {} may no longer"
        decided = f"    {_decided(same[0].before)} -> {_decided(same[0].after)}"
        yield f"{may.format(callers)} {actions} {targets}{_when(same[0])}", decided


def _alike(changes: Iterable[Change]) -> Iterator[list[Change]]:
    groups = [[one] for one in changes]
    for same in (_but_actions, _but_callers, _but_targets):
        merged: dict[Hashable, list[Change]] = {}
        for group in groups:
            merged.setdefault(same(group), []).extend(group)
        groups = list(merged.values())
    yield from groups


def _but_actions(group: Sequence[Change]) -> Hashable:
    first = group[0]
    return first.who, _target(first), _when(first), _decided(first.before), _decided(first.after)


def _but_callers(group: Sequence[Change]) -> Hashable:
    first = group[0]
    actions = frozenset(one.action for one in group)
    return actions, _target(first), _when(first), _decided(first.before), _decided(first.after)


def _but_targets(group: Sequence[Change]) -> Hashable:
    first = group[0]
    who = frozenset((one.who, one.action) for one in group)
    return who, _when(first), _decided(first.before), _decided(first.after)


def _several(texts: Iterable[str]) -> str:
    found = list(dict.fromkeys(texts))
    more = len(found) - _MOST_NAMED
    return "; ".join(found[:_MOST_NAMED]) + (f"; and {more:,} more" if more > 0 else "")


def _target(change: Change) -> str:
    target = change.target
    labels = [f"namespace {target.namespace}"] if target.namespace else []
    labels += [f"tag {one}" for one in sorted(target.tags)]
    more = f" ({', '.join(labels)})" if labels else ""
    return f"{target.kind} {target.uri or target.name}{more}"


def _when(change: Change) -> str:
    if change.changed == change.asked:
        return ""
    parts = []
    if change.arguments:
        parts.append(f"with {json_text.dumps(dict(change.arguments))}")
    if change.at is not None:
        parts.append(f"at {change.at:%A %H:%M %Z}")
    if change.transport != "http":
        parts.append(f"over {change.transport}")
    if change.custom is not None:
        parts.append(f"with custom conditions {'met' if change.custom else 'not met'}")
    such = f", such as {', '.join(parts)}" if parts else ""
    return f", in {change.changed:,} of {change.asked:,} cases{such}"


def _decided(decision: Decision) -> str:
    effect = "allowed" if decision.allowed else "denied"
    return f"{effect} by {decision.policy}/{decision.rule}" if decision.rule else f"{effect}, as {decision.reason}"


def _as_json(found: Difference) -> dict[str, Any]:
    return {
        "changes": [_change_as_json(one) for one in found.changes],
        "rules": dict(found.rules),
        "compared": found.compared,
        "callers": found.callers,
        "targets": found.targets,
        "unseen": [*found.unseen, _ALWAYS_UNSEEN],
    }


def _change_as_json(change: Change) -> dict[str, Any]:
    return {
        "who": change.who,
        "action": change.action,
        "kind": change.target.kind,
        "target": change.target.uri or change.target.name,
        "namespace": change.target.namespace,
        "tags": sorted(change.target.tags),
        "arguments": change.arguments,
        "at": change.at.isoformat() if change.at else None,
        "transport": change.transport,
        "custom_conditions": change.custom,
        "before": _decision_as_json(change.before),
        "after": _decision_as_json(change.after),
        "changed": change.changed,
        "asked": change.asked,
    }


def _decision_as_json(decision: Decision) -> dict[str, str]:
    effect = "allow" if decision.allowed else "deny"
    return {"decision": effect, "policy": decision.policy, "rule": decision.rule}
