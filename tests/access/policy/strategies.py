"""Rules and requests to draw from, made of so few words that they often meet.

They are made once, by chance with a fixed seed, and hypothesis combines them: to draw each from nothing takes a hundred
times as long, and what it shrinks to are fewer rules either way.
"""

from __future__ import annotations

import functools
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

from hypothesis import strategies as st

from mcpauthkit import Principal
from mcpauthkit.access.policy.document import Policy, Rule
from mcpauthkit.access.policy.values import WEEKDAYS
from mcpauthkit.guards import AccessRequest, Action, Caller, Kind, Target

SUBJECTS = ["alice", "bob", "bot_1", "bot_2"]
AGENTS = ["claude", "gpt", "bot_1"]
ROLES = ["admin", "user", "viewer"]
SCOPES = ["read", "write", "mail"]
TENANTS = ["north", "south"]
ISSUERS = ["https://a.example", "https://b.example"]
NAMES = ["get_weather", "get_mail", "send_mail", "wipe", "get_"]
NAMESPACES = ["weather", "mail"]
TAGS = ["safe", "public", "costly"]
URIS = ["file:///a/b", "file:///a", "data://x", "DATA://x", "data://{id}"]
GLOBS = ["*", "get_*", "*_mail", "get_?*", "[gs]e*", "wipe", "g*e*r", "bot_*", "bot_[!1]", "file:///*", "*x", "a*", "["]
SERVICES = ["github", "wiki"]
MONDAY = datetime(2026, 11, 23, tzinfo=UTC)
LISTS: list[Any] = [[], ["night"], ["night", 5]]
ARGUMENTS: list[Any] = [0, 5, 10, 5.0, True, "5", "night", "", "night shift", None, *LISTS, {"b": 5}]
LEVELS: list[Any] = [5, 7, "5", True, ["night"]]
ALICE = Principal({}, issuer=ISSUERS[0], subject="alice", expires_at=None)

ARGS = ["tool.args.a", "tool.args.b", "tool.args.c.b"]
COMPARISONS: list[tuple[list[str], list[str], list[Any]]] = [
    (
        [*ARGS, "user.level", "claims.level"],
        ["equals", "not_equals", "gt", "lt", "gte", "lte"],
        [5, 5.0, "5", "night"],
    ),
    (
        [*ARGS, "user.roles", "tool.tags", "user.level"],
        ["in", "not_in"],
        [[5, "night"], ["night"], ["admin", "user"], ["safe"], [True]],
    ),
    (
        ["tool.args.a", "user.roles", "tool.name", "tool.tags", "user.id"],
        ["contains", "not_contains"],
        ["night", "admin", "mail", "safe", 5],
    ),
    (
        ["tool.args.a", "tool.name", "resource.uri", "prompt.name", "user.tenant"],
        ["starts_with", "ends_with", "regex"],
        ["get", "mail", "night", "n", "file"],
    ),
    (
        ["tool.args.a", "user.level", "user.tenant", "services.connected", "tool.name"],
        ["exists"],
        [True, False],
    ),
    (["time.hour"], ["gte", "lt"], [9]),
    (["time.weekday"], ["equals", "not_equals"], ["monday"]),
    (["user.authenticated"], ["equals"], [True, False]),
]


def rule_from(random: Random, name: str) -> Rule:
    """A rule in which each selector stands now and then."""

    def some(words: list[str]) -> list[str]:
        return random.sample(words, random.randint(1, min(3, len(words))))

    def selector(often: float, **attributes: list[str]) -> dict[str, list[str]] | None:
        if random.random() > often:
            return None
        given = {key: some(words) for key, words in attributes.items() if random.random() < 0.4}
        key = random.choice(list(attributes))
        return given or {key: some(attributes[key])}

    agents: Any = selector(
        0.5,
        user_id=[*SUBJECTS, *GLOBS],
        roles=[*ROLES, "*"],
        agent_id=[*AGENTS, "*"],
        patterns=GLOBS,
        issuers=ISSUERS,
        clients=["app", "claude"],
        tenants=TENANTS,
        scopes=SCOPES,
    )
    written: dict[str, Any] = {
        "name": name,
        "effect": random.choice(["allow", "allow", "deny"]),
        "agents": {"anyone": True} if random.random() < 0.1 else agents,
        "tools": selector(0.5, names=NAMES, patterns=GLOBS, namespaces=NAMESPACES, tags=TAGS),
        "resources": selector(0.3, uris=URIS, patterns=GLOBS, schemes=["file", "data"]),
        "prompts": selector(0.3, names=NAMES, patterns=GLOBS, tags=TAGS),
        "actions": ["*"] if random.random() < 0.7 else some(["list", "call", "read", "get"]),
        "conditions": [condition_from(random) for _ in range(random.choice([0, 0, 1, 2]))],
    }
    if random.random() < 0.2:
        written["times"] = [window_from(random) for _ in range(random.randint(1, 2))]
    if random.random() < 0.2:
        written["services"] = some(SERVICES)
    return Rule.model_validate(written)


def condition_from(random: Random) -> dict[str, Any]:
    fields, operators, values = random.choice(COMPARISONS)
    return {"field": random.choice(fields), "operator": random.choice(operators), "value": random.choice(values)}


def window_from(random: Random) -> dict[str, Any]:
    return {
        "days": random.sample(WEEKDAYS, random.randint(1, 4)),
        "from": random.choice(["00:00", "09:00", "22:00"]),
        "until": random.choice(["08:00", "17:00", "24:00"]),
        "timezone": random.choice(["UTC", "Asia/Tokyo"]),
    }


def caller_from(random: Random) -> Caller:
    claims = {"agent_id": AGENTS, "tenant": TENANTS, "tid": TENANTS, "level": LEVELS}
    principal = Principal(
        {name: random.choice(values) for name, values in claims.items() if random.random() < 0.4},
        issuer=random.choice(ISSUERS),
        subject=random.choice(SUBJECTS),
        expires_at=None,
        client_id=random.choice([None, "app", "claude"]),
        scopes=frozenset(one for one in SCOPES if random.random() < 0.5),
        roles=frozenset(one for one in [*ROLES, "guest"] if random.random() < 0.3),
    )
    return Caller(
        principal=principal if random.random() < 0.9 else None,
        now=MONDAY + timedelta(minutes=30 * random.randrange(7 * 24 * 2)),
        connected=random.choice([None, frozenset(), frozenset(SERVICES[:1]), frozenset(SERVICES)]),
        transport=random.choice(["http", "stdio"]),
    )


def target_from(random: Random) -> Target:
    kind = random.choice([Kind.TOOL, Kind.TOOL, *Kind])
    return Target(
        kind,
        random.choice(NAMES),
        uri=random.choice(URIS) if kind in {Kind.RESOURCE, Kind.TEMPLATE} else "",
        namespace=random.choice(["", *NAMESPACES]),
        tags=frozenset(one for one in TAGS if random.random() < 0.4),
    )


def arguments_from(random: Random) -> dict[str, Any]:
    return {name: random.choice(ARGUMENTS) for name in "abc" if random.random() < 0.7}


def request_from(random: Random) -> AccessRequest:
    action = random.choice([Action.LIST, Action.CALL, *Action])
    given = None if action is Action.LIST or random.random() < 0.1 else arguments_from(random)
    return AccessRequest(caller_from(random), target_from(random), action, given)


@functools.cache
def _pools() -> dict[str, list[Any]]:
    random = Random(6)  # noqa: S311  # the same at every run, on purpose
    return {
        "rules": [rule_from(random, f"rule {number}") for number in range(500)],
        "callers": [caller_from(random) for _ in range(200)],
        "targets": [target_from(random) for _ in range(200)],
        "arguments": [arguments_from(random) for _ in range(200)],
        "requests": [request_from(random) for _ in range(1_000)],
    }


def _drawn(pool: str) -> st.SearchStrategy[Any]:
    return st.deferred(lambda: st.sampled_from(_pools()[pool]))


rules: st.SearchStrategy[Rule] = _drawn("rules")
callers: st.SearchStrategy[Caller] = _drawn("callers")
targets: st.SearchStrategy[Target] = _drawn("targets")
arguments: st.SearchStrategy[dict[str, Any]] = _drawn("arguments")
requests: st.SearchStrategy[list[AccessRequest]] = st.lists(_drawn("requests"), min_size=1, max_size=20)


@st.composite
def policy_sets(draw: st.DrawFn) -> list[Policy]:
    names = "ab"[: draw(st.integers(0, 2))]
    return [policy_of(name, draw(st.lists(rules, max_size=6)), allows=draw(st.integers(0, 2)) == 0) for name in names]


def policy_of(name: str, written: list[Rule], *, allows: bool = False) -> Policy:
    """A policy of these rules, each once."""
    rules_by_name = {one.name: one for one in written}
    return Policy(name=name, default_effect="allow" if allows else "deny", rules=tuple(rules_by_name.values()))
