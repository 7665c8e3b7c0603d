"""Policies made in code, by a chain of calls that gives the same document as a file.

    staff = (
        policy("reports")
        .deny_by_default()
        .add_rule(rule("staff_reads").for_roles("staff").for_tool_patterns("get_*").allow())
        .build()
    )

Each call adds to the builder it is called on and returns it. What is said twice is refused, as a key that stands twice
in a file is.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Self, TypeVar

from pydantic import BaseModel, ValidationError

from mcpauthkit.access.policy.condition import Operator
from mcpauthkit.access.policy.document import (
    Agents,
    Condition,
    CustomCondition,
    Effect,
    Policy,
    Prompts,
    Resources,
    Rule,
    TimeWindow,
    Tools,
)
from mcpauthkit.access.policy.reading import describe
from mcpauthkit.access.policy.values import Value
from mcpauthkit.errors import ConfigurationError
from mcpauthkit.errors.access import Fault, PolicyInvalid

M = TypeVar("M", bound=BaseModel)


def policy(name: str) -> PolicyBuilder:
    """Begin a policy.

    Args:
        name: Its name, once in a set of policies.
    """
    return PolicyBuilder(name)


def rule(name: str) -> RuleBuilder:
    """Begin a rule. It has to say `allow()` or `deny()`.

    Args:
        name: Its name, once in a policy.
    """
    return RuleBuilder(name)


class PolicyBuilder:
    """Collects what a policy says.

    Args:
        name: Its name.
    """

    def __init__(self, name: str) -> None:
        self._said: dict[str, Any] = {"name": name}
        self._rules: list[Rule | RuleBuilder] = []

    def with_description(self, description: str) -> Self:
        """Say what it is for."""
        return self._say("description", description)

    def with_version(self, version: str) -> Self:
        """Say which version it is, as its authors count."""
        return self._say("version", version)

    def with_tags(self, *tags: str) -> Self:
        """Add words to find it by."""
        return self._say("tags", tags)

    def created_by(self, author: str) -> Self:
        """Say who wrote it."""
        return self._say("created_by", author)

    def with_default_effect(self, effect: Effect) -> Self:
        """Say what happens where no rule matches."""
        return self._say("default_effect", effect)

    def allow_by_default(self) -> Self:
        """Allow where no rule matches; counts only where every policy of a set does."""
        return self.with_default_effect("allow")

    def deny_by_default(self) -> Self:
        """Deny where no rule matches, as policies do that say nothing."""
        return self.with_default_effect("deny")

    def add_rule(self, rule: Rule | RuleBuilder) -> Self:
        """Add a rule, finished or not."""
        self._rules.append(rule)
        return self

    def build(self) -> Policy:
        """The policy.

        Raises:
            PolicyInvalid: Something is wrong with it or one of its rules.
        """
        rules = [one.build() if isinstance(one, RuleBuilder) else one for one in self._rules]
        return _made(Policy, f"policy {self._said['name']!r}", {**self._said, "rules": rules})

    def _say(self, key: str, value: object) -> Self:
        _once(self._said, key, f"policy {self._said['name']!r}")
        self._said[key] = value
        return self


class RuleBuilder:
    """Collects what a rule says. Everything it selects by must be met; of several values, one is enough.

    Args:
        name: Its name.
    """

    def __init__(self, name: str) -> None:
        self._said: dict[str, Any] = {"name": name}
        self._parts: dict[str, dict[str, object]] = {}
        self._conditions: list[Condition | CustomCondition] = []
        self._times: list[TimeWindow] = []

    def with_description(self, description: str) -> Self:
        """Say what it is for."""
        return self._say("description", description)

    def with_priority(self, priority: int) -> Self:
        """Accepted from older code; never decides, as a matching deny always wins."""
        return self._say("priority", priority)

    def allow(self) -> Self:
        """Allow what it matches."""
        return self._say("effect", "allow")

    def deny(self) -> Self:
        """Deny what it matches, whatever else allows it."""
        return self._say("effect", "deny")

    def for_users(self, *subjects: str) -> Self:
        """For these subjects, or those that match one of these globs."""
        return self._select("agents", "user_id", subjects)

    def for_roles(self, *roles: str) -> Self:
        """For who has one of these roles; `*` is any role."""
        return self._select("agents", "roles", roles)

    def for_agents(self, *agents: str) -> Self:
        """For these agents, or those that match one of these globs."""
        return self._select("agents", "agent_id", agents)

    def for_patterns(self, *patterns: str) -> Self:
        """For whose subject or agent matches one of these globs."""
        return self._select("agents", "patterns", patterns)

    def for_issuers(self, *issuers: str) -> Self:
        """For those whom one of these issuers vouches for."""
        return self._select("agents", "issuers", issuers)

    def for_clients(self, *clients: str) -> Self:
        """For those who use one of these OAuth clients."""
        return self._select("agents", "clients", clients)

    def for_tenants(self, *tenants: str) -> Self:
        """For members of one of these organisations."""
        return self._select("agents", "tenants", tenants)

    def for_scopes(self, *scopes: str) -> Self:
        """For whose token has all of these scopes."""
        return self._select("agents", "scopes", scopes)

    def for_anyone(self) -> Self:
        """For everybody, also who is not signed in."""
        return self._select("agents", "anyone", True)

    def for_tools(self, *names: str) -> Self:
        """For these tools."""
        return self._select("tools", "names", names)

    def for_tool_patterns(self, *patterns: str) -> Self:
        """For tools whose name matches one of these globs."""
        return self._select("tools", "patterns", patterns)

    def for_namespaces(self, *namespaces: str) -> Self:
        """For tools of servers mounted under one of these namespaces."""
        return self._select("tools", "namespaces", namespaces)

    def for_tool_tags(self, *tags: str) -> Self:
        """For tools with one of these tags."""
        return self._select("tools", "tags", tags)

    def for_resources(self, *uris: str) -> Self:
        """For resources at these addresses."""
        return self._select("resources", "uris", uris)

    def for_resource_patterns(self, *patterns: str) -> Self:
        """For resources whose address matches one of these globs."""
        return self._select("resources", "patterns", patterns)

    def for_resource_schemes(self, *schemes: str) -> Self:
        """For resources whose address has one of these schemes."""
        return self._select("resources", "schemes", schemes)

    def for_prompts(self, *names: str) -> Self:
        """For these prompts."""
        return self._select("prompts", "names", names)

    def for_prompt_patterns(self, *patterns: str) -> Self:
        """For prompts whose name matches one of these globs."""
        return self._select("prompts", "patterns", patterns)

    def for_prompt_tags(self, *tags: str) -> Self:
        """For prompts with one of these tags."""
        return self._select("prompts", "tags", tags)

    def for_actions(self, *actions: str) -> Self:
        """For `list`, `call`, `read`, `get`, or `*` for all of them; `call` covers reading and getting."""
        return self._say("actions", actions)

    def when(self, field: str, operator: Operator, value: Value | Sequence[Value]) -> Self:
        """Only if a field compares so with a value.

        Args:
            field: Such as `tool.args.amount`.
            operator: Such as `lte`.
            value: What it is compared with.

        Raises:
            PolicyInvalid: There is no such field or operator, or it does not compare with such a value.
        """
        said = {"field": field, "operator": operator, "value": value}
        self._conditions.append(_made(Condition, self._place, said))
        return self

    def when_equals(self, field: str, value: Value) -> Self:
        """Only if a field has this value."""
        return self.when(field, "equals", value)

    def when_in(self, field: str, values: Sequence[Value]) -> Self:
        """Only if a field has one of these values."""
        return self.when(field, "in", list(values) if not isinstance(values, str) else values)

    def when_contains(self, field: str, value: Value) -> Self:
        """Only if a list has this value, or a text this part."""
        return self.when(field, "contains", value)

    def when_exists(self, field: str, *, value: bool = True) -> Self:
        """Only if a field has a value; or only if it has none.

        Args:
            field: Such as `tool.args.note`.
            value: Whether it has to have one.
        """
        return self.when(field, "exists", value)

    def when_custom(self, name: str, *, value: bool = True) -> Self:
        """Only if the custom condition of this name says so.

        Args:
            name: The name it is registered under.
            value: What it has to say.
        """
        self._conditions.append(_made(CustomCondition, self._place, {"custom": name, "value": value}))
        return self

    def when_connected(self, *services: str) -> Self:
        """Only for callers who have connected all of these services."""
        return self._say("services", services)

    def during(self, *days: str, from_: str = "00:00", until: str = "24:00", timezone: str = "UTC") -> Self:
        """Only at these times; called again, at others too.

        Args:
            days: `monday` to `sunday`; every day if none is named.
            from_: When it begins, such as `09:00`.
            until: When it ends; earlier than `from_` if midnight lies between.
            timezone: The zone both are told in, such as `Europe/Berlin`.

        Raises:
            PolicyInvalid: There is no such day, time or zone.
        """
        said = {"from_": from_, "until": until, "timezone": timezone, **({"days": days} if days else {})}
        self._times.append(_made(TimeWindow, self._place, said))
        return self

    def build(self) -> Rule:
        """The rule. `PolicyBuilder.add_rule` takes it unfinished too.

        Raises:
            PolicyInvalid: Something is wrong with it, such as that it says neither `allow()` nor `deny()`.
        """
        if "effect" not in self._said:
            raise PolicyInvalid([Fault(self._place, 0, 0, "Say `allow()` or `deny()`.")])
        said = dict(self._said)
        for key, kind in (("agents", Agents), ("tools", Tools), ("resources", Resources), ("prompts", Prompts)):
            if key in self._parts:
                said[key] = _made(kind, f"{self._place}, {key}", self._parts[key])
        if self._conditions:
            said["conditions"] = self._conditions
        if self._times:
            said["times"] = self._times
        return _made(Rule, self._place, said)

    @property
    def _place(self) -> str:
        return f"rule {self._said['name']!r}"

    def _say(self, key: str, value: object) -> Self:
        _once(self._said, key, self._place)
        self._said[key] = value
        return self

    def _select(self, part: str, selector: str, values: object) -> Self:
        chosen = self._parts.setdefault(part, {})
        _once(chosen, selector, self._place)
        chosen[selector] = values
        return self


def _once(said: dict[str, Any], key: str, place: str) -> None:
    if key in said:
        raise ConfigurationError(f"The {place} says `{key}` twice.", hint="Name everything in one call.")


def _made(kind: type[M], place: str, said: dict[str, Any]) -> M:
    try:
        return kind.model_validate(said)
    except ValidationError as error:
        faults = []
        for one in error.errors(include_url=False):
            path = ".".join(map(str, one["loc"]))
            faults.append(Fault(f"{place}, {path}" if path else place, 0, 0, describe(one, None, kind)))
        raise PolicyInvalid(faults) from None
