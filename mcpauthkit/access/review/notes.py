"""What is allowed in policies and probably not meant."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from itertools import product
from typing import Any

from mcpauthkit.access.policy.document import Agents, Condition, Policy, Resources, Rule
from mcpauthkit.access.policy.location import nearest
from mcpauthkit.access.policy.patterns import matches_nothing

_ABOUT = {"tool": "tools", "resource": "resources", "prompt": "prompts"}
_ONLY = {"read": "resources", "get": "prompts"}
_GLOBS = ("user_id", "agent_id", "patterns")
_BEGINS = ("^", r"\A", ".*")
_ENDS = ("$", r"\z", ".*")
_FLAGS = re.compile(r"^\(\?[imsU]+\)")
_REPEATS = frozenset("])}+*?")
_LISTS = frozenset({"user.roles", "user.scopes", "tool.tags", "services.connected"})
_OF_LISTS = frozenset({"in", "not_in", "contains", "not_contains", "exists"})
_OF_USER = ("id", "subject", "roles", "scopes", "issuer", "client_id", "tenant", "agent_id", "authenticated")
_CLAIMS = frozenset({"user.sub", "user.tenant_id"})
_SURELY_MEANT = 0.8
_ABOVE = frozenset({"gt", "gte"})
_BELOW = frozenset({"lt", "lte"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Note:
    """One thing to look at.

    Args:
        policy: The policy it is in.
        rule: The rule; empty where it is about the whole of it.
        text: What it does, or does not do.
    """

    policy: str
    rule: str = ""
    text: str


def notes_on(policies: Sequence[Policy]) -> tuple[Note, ...]:
    """What to look at in policies that are used together.

    Args:
        policies: All that a server would load.
    """
    return tuple(
        note
        for one in policies
        for note in (
            *_on_default(one, policies),
            *(Note(policy=one.name, rule=rule.name, text=text) for rule in one.rules for text in _on_rule(rule)),
            *_overruled(one, policies),
        )
    )


def _on_default(policy: Policy, policies: Sequence[Policy]) -> Iterator[Note]:
    if policy.default_effect != "allow":
        return
    others = [one.name for one in policies if one.default_effect != "allow"]
    if others:
        text = f"`default_effect: allow` opens nothing, because it does not stand in {', '.join(others)}."
    else:
        text = "`default_effect: allow` allows everybody who is signed in whatever no rule is about."
    yield Note(policy=policy.name, text=text)


def _on_rule(rule: Rule) -> Iterator[str]:
    if "priority" in rule.model_fields_set:
        yield "`priority` never decides: a matching deny wins, else a matching allow."
    if reason := _never(rule):
        yield f"It can never match: {reason}."
    yield from (
        f"`{one}` matches nothing: what is in its brackets ends before it begins."
        for one in _globs(rule)
        if matches_nothing(one)
    )
    for one in rule.comparisons:
        yield from _on_comparison(one, rule)
    if rule.effect == "deny":
        yield from _denies_more(rule)
        return
    if _is_about_everything(rule) and not (rule.conditions or rule.times or rule.services):
        if rule.agents is not None and rule.agents.anyone:
            yield "It allows everything to anybody, signed in or not."
        elif _is_everybody_signed_in(rule.agents):
            yield "It allows everything to everybody who is signed in."


def _on_comparison(one: Condition, rule: Rule) -> Iterator[str]:
    name = one.field.removeprefix("user.")
    known = one.field in _CLAIMS or name == one.field or name in {*_OF_USER, "user_id"}
    if not known and (meant := nearest(name, _OF_USER, _SURELY_MEANT)):
        yield f"{one.field} is a claim named `{name}`: perhaps `user.{meant}` is meant."
    if one.field in _LISTS and one.operator not in _OF_LISTS and not isinstance(one.value, tuple):
        comes = "so this deny always takes it for met" if rule.effect == "deny" else "so this allow never matches"
        yield f"{one.field} is a list and `{one.operator}` compares one value, {comes}: write `contains`."
    if one.operator == "regex" and rule.effect == "allow":
        yield from _on_ends(str(one.value), one.field)


def _on_ends(expression: str, field: str) -> Iterator[str]:
    pattern = _FLAGS.sub("", expression)
    if _has_alternatives(pattern) or not pattern.startswith(_BEGINS):
        yield f"`{expression}` is found anywhere in {field}: write ^ in front and $ behind if all of it is meant."
    # Behind a plain text whatever follows is probably meant: it asks how something begins.
    elif not pattern.endswith(_ENDS) and pattern[-1] in _REPEATS:
        yield f"`{expression}` lets anything follow in {field}: write $ behind if all of it is meant."


def _denies_more(rule: Rule) -> Iterator[str]:
    meant = _kinds(rule)
    for field in dict.fromkeys(one.field for one in rule.comparisons if one.operator != "exists"):
        kind = _ABOUT.get(field.partition(".")[0])
        others = sorted((meant or {*_ABOUT.values()}) - {kind})
        if kind and others:
            known = " and ".join(others)
            yield f"It denies {known} whatever the other conditions say, because they have no {field}: name {kind}."


def _globs(rule: Rule) -> Iterator[str]:
    parts = (rule.agents, rule.tools, rule.resources, rule.prompts)
    for part, name in product(parts, _GLOBS):
        yield from getattr(part, name, None) or ()


def _never(rule: Rule) -> str:
    reasons = (
        _impossible_action(rule),
        _impossible_names(rule),
        _impossible_comparisons(rule),
        _impossible_allow(rule) if rule.effect == "allow" else "",
    )
    return next(filter(None, reasons), "")


def _impossible_action(rule: Rule) -> str:
    kinds = _kinds(rule)
    wanted = {_ONLY[action] for action in rule.actions if action in _ONLY}
    if kinds and len(wanted) == len(set(rule.actions)) and not kinds & wanted:
        return f"{' and '.join(sorted(kinds))} are not what `{'`, `'.join(rule.actions)}` is done with"
    return ""


def _impossible_names(rule: Rule) -> str:
    # A rule about several kinds still has the others.
    if len(_kinds(rule)) != 1:
        return ""
    part = rule.tools or rule.prompts or rule.resources
    assert part is not None
    names = part.uris if isinstance(part, Resources) else part.names
    if names and part.patterns and not any(fnmatchcase(name, one) for name in names for one in part.patterns):
        return "no name in it meets one of its patterns"
    if not isinstance(part, Resources) or not (part.uris and part.schemes):
        return ""
    schemes = {uri.partition(":")[0] for uri in part.uris}
    return "no address in it has one of its schemes" if schemes.isdisjoint(part.schemes) else ""


def _impossible_comparisons(rule: Rule) -> str:
    found = [one for one in rule.comparisons if not isinstance(one.value, tuple)]
    for number, one in enumerate(found):
        for other in found[number + 1 :]:
            if one.field == other.field and _excludes(one, other):
                return f"{one.field} cannot be both `{one.operator} {one.value}` and `{other.operator} {other.value}`"
    return ""


def _excludes(one: Condition, other: Condition) -> bool:
    if one.operator == other.operator == "equals":
        return one.value != other.value
    if one.operator in _BELOW:
        one, other = other, one
    if one.operator not in _ABOVE or other.operator not in _BELOW:
        return False
    above: Any = one.value
    below: Any = other.value
    if isinstance(above, str) is not isinstance(below, str):
        return True
    return bool(above > below if (one.operator, other.operator) == ("gte", "lte") else above >= below)


def _impossible_allow(rule: Rule) -> str:
    kinds = _kinds(rule)
    for one in rule.comparisons:
        kind = _ABOUT.get(one.field.partition(".")[0])
        if kind and kinds and kind not in kinds and one.operator != "exists":
            return f"{' and '.join(sorted(kinds))} have no {one.field}"
        is_nobody = one.field == "user.authenticated" and (one.operator, one.value) == ("equals", False)
        if is_nobody and not (rule.agents is not None and rule.agents.anyone):
            return "it is for who has signed in, unless `agents` says `anyone: true`"
    return ""


def _overruled(policy: Policy, policies: Sequence[Policy]) -> Iterator[Note]:
    denies = [(one.name, rule) for one in policies for rule in one.rules if rule.effect == "deny"]
    for rule in policy.rules:
        if rule.effect == "allow":
            by = next(((name, deny.name) for name, deny in denies if _covers(deny, rule)), None)
            if by is not None:
                text = f"It never decides: {by[0]}/{by[1]} denies all that it allows."
                yield Note(policy=policy.name, rule=rule.name, text=text)


def _covers(deny: Rule, allow: Rule) -> bool:
    """Whether a deny matches whenever an allow does, as far as equal parts show it."""
    return (
        deny.agents in {None, allow.agents}
        and (_is_about_everything(deny) or _same_targets(deny, allow))
        and ("*" in deny.actions or set(allow.actions) <= set(deny.actions))
        and all(one in allow.conditions for one in deny.conditions)
        and deny.times in {None, allow.times}
        and set(deny.services or ()) <= set(allow.services or ())
    )


def _same_targets(deny: Rule, allow: Rule) -> bool:
    kinds = _kinds(allow)
    return bool(kinds) and all(getattr(deny, kind) == getattr(allow, kind) for kind in kinds)


def _is_about_everything(rule: Rule) -> bool:
    kinds = _kinds(rule)
    return not kinds or (
        kinds == {*_ABOUT.values()}
        and all(getattr(rule, kind).model_dump(exclude_none=True) == {"patterns": ("*",)} for kind in kinds)
    )


def _is_everybody_signed_in(agents: Agents | None) -> bool:
    if agents is None:
        return True
    said = agents.model_dump(exclude_none=True)
    return bool(said) and all(name in {"user_id", "patterns"} and "*" in values for name, values in said.items())


def _kinds(rule: Rule) -> set[str]:
    return {kind for kind in _ABOUT.values() if getattr(rule, kind) is not None}


def _has_alternatives(pattern: str) -> bool:
    # An alternative outside of brackets has ends of its own.
    outside = 0
    for one in pattern:
        outside += {"(": 1, ")": -1}.get(one, 0)
        if one == "|" and not outside:
            return True
    return False
