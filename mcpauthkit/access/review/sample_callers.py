"""Sample callers: for each thing that rules say of callers, somebody who has it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

from mcpauthkit.access.policy.document import Agents, Rule
from mcpauthkit.access.review.cases import ISSUER, NOBODY, User
from mcpauthkit.access.review.sample_values import OTHER, distinct, example_of, nested, values_around

ANYBODY = "anybody signed in"
"""The label of who has nothing special."""

_PLAIN = "somebody"
_CLAIMS = ("user.claims.", "claims.", "user.")
_LISTS = {"user.roles": "roles", "user.scopes": "scopes", "services.connected": "connected"}
_TEXTS = {
    "user.id": "subject",
    "user.user_id": "subject",
    "user.subject": "subject",
    "user.issuer": "issuer",
    "user.client_id": "client",
    "user.tenant": "tenant",
}
_Change = Callable[[dict[str, Any]], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class SampleCaller:
    """A caller to ask policies about.

    Args:
        label: What is special about them, in the words of policies.
        user: Who they are; None for nobody.
        parts: The labels of the two they are put together from.
    """

    label: str
    user: User | None
    parts: tuple[str, ...] = ()


def sample_callers(rules: Sequence[Rule], *, wide: bool) -> tuple[SampleCaller, ...]:
    """Nobody, somebody without anything, and those that rules name.

    Args:
        rules: The rules.
        wide: Whether any two of them are put together as well, such as somebody with two roles.
    """
    found = {label_of(one): one for one in (User(subject=_PLAIN), *_named(rules))}
    callers = [SampleCaller(label=NOBODY, user=None)]
    callers.extend(SampleCaller(label=label, user=one) for label, one in found.items())
    if wide:
        for one, other in combinations(list(found), 2):
            both = _together(found[one], found[other])
            if both is not None and label_of(both) not in found:
                callers.append(SampleCaller(label=label_of(both), user=both, parts=(one, other)))
    return tuple({one.label: one for one in callers}.values())


def label_of(user: User) -> str:
    """What is special about a user, in the words of policies.

    Args:
        user: The user.
    """
    told = {
        "subject": user.subject if user.subject != _PLAIN else "",
        "issuer": user.issuer if user.issuer != ISSUER else "",
        "role": user.roles,
        "scope": user.scopes,
        "client": user.client,
        "tenant": user.tenant,
        "connected": user.connected,
        **{f"claim {name}": value for name, value in user.claims.items()},
    }
    parts = [f"{name} {_text(value)}" for name, value in told.items() if value not in ("", None, ())]
    return ", ".join(parts) or ANYBODY


def _text(value: Any) -> str:
    return " and ".join(sorted(value)) if isinstance(value, tuple) else str(value)


def _named(rules: Iterable[Rule]) -> Iterator[User]:
    for rule in rules:
        axes = [*_of_agents(rule.agents), *_of_conditions(rule)]
        if rule.services:
            axes.append([_listed("connected", rule.services)])
        if axes:
            yield from _varied(axes)


def _varied(axes: Sequence[Sequence[_Change]]) -> Iterator[User]:
    """Users with the first of everything, and one more for each other value."""
    for varied, axis in enumerate(axes):
        for change in axis[1:] if varied else axis:
            said: dict[str, Any] = {"subject": _PLAIN, "claims": {}}
            for number, other in enumerate(axes):
                (change if number == varied else other[0])(said)
            yield User(**{**said, "claims": nested(said["claims"])})


def _of_agents(agents: Agents | None) -> Iterator[list[_Change]]:
    if agents is None:
        return
    if agents.user_id:
        yield [_set("subject", example_of(one)) for one in agents.user_id]
    if agents.patterns:
        yield [_set("subject", example_of(one)) for one in agents.patterns]
    if agents.agent_id:
        yield [_claim("agent_id", example_of(one)) for one in agents.agent_id]
    if agents.roles:
        yield [_listed("roles", (OTHER if one == "*" else one,)) for one in agents.roles]
    if agents.scopes:
        yield [_listed("scopes", agents.scopes), *(_listed("scopes", (one,)) for one in agents.scopes)]
    for values, name in ((agents.issuers, "issuer"), (agents.clients, "client"), (agents.tenants, "tenant")):
        if values:
            yield [_set(name, one) for one in values]


def _of_conditions(rule: Rule) -> Iterator[list[_Change]]:
    for one in rule.comparisons:
        changes = [change for value in values_around(one) if (change := _change(one.field, value)) is not None]
        if changes:
            yield changes


def _change(field: str, value: Any) -> _Change | None:
    if field == "user.authenticated":
        return None
    if name := _LISTS.get(field):
        items = value if isinstance(value, list | tuple) else (value,)
        texts = tuple(one for one in items if isinstance(one, str) and one)
        return _listed(name, texts) if texts else None
    if name := _TEXTS.get(field):
        return _set(name, value) if isinstance(value, str) and value else None
    for prefix in _CLAIMS:
        if field.startswith(prefix):
            return _claim(field.removeprefix(prefix), value)
    return None


def _set(name: str, value: str) -> _Change:
    return lambda said: said.update({name: value})


def _listed(name: str, values: Iterable[str]) -> _Change:
    return lambda said: said.update({name: distinct((*said.get(name, ()), *values))})


def _claim(path: str, value: Any) -> _Change:
    return lambda said: said["claims"].update({path: value})


def _together(one: User, other: User) -> User | None:
    """One user with what both have; None where they differ in what a user has one of, such as the subject."""
    said: dict[str, Any] = {}
    for name, plain in (("subject", _PLAIN), ("issuer", ISSUER), ("client", None), ("tenant", None)):
        here, there = getattr(one, name), getattr(other, name)
        if here != there and plain not in {here, there}:
            return None
        said[name] = there if here == plain else here
    if any(one.claims[name] != other.claims[name] for name in one.claims.keys() & other.claims.keys()):
        return None
    for name in ("roles", "scopes", "connected"):
        both = distinct((*(getattr(one, name) or ()), *(getattr(other, name) or ())))
        said[name] = both or None
    return User(**said, claims={**one.claims, **other.claims})
