"""A policy as a value: what a file says, checked. Every model is frozen and takes no key that it does not know.

    Policy
    └── Rule                  a name, and whether it allows or denies
        ├── Agents            who
        ├── Tools, Resources, Prompts    what
        ├── actions           what is done with it
        ├── TimeWindow        when
        ├── services          only for callers who have connected them
        └── Condition, CustomCondition   and only if

Selectors of one rule must all be met; of several values in one selector, one is enough. One that is not given is None
and says nothing, as an empty tuple of times, services or conditions does; in a file neither null nor an empty list of
selected values can be written.
"""

from __future__ import annotations

import zoneinfo
from datetime import UTC, tzinfo
from typing import Annotated, ClassVar, Literal, Self

from pydantic import AfterValidator, Field, model_validator
from pydantic_core import PydanticCustomError

from mcpauthkit.access.policy.condition import AnyCondition, Condition, CustomCondition, Operator
from mcpauthkit.access.policy.values import (
    AT_LEAST_ONE,
    WEEKDAYS,
    ListOf,
    ListOfSome,
    Name,
    Part,
    Schemes,
    Text,
    TextOrTexts,
    Texts,
    TimeOfDay,
    Value,
    Weekday,
    refuse,
)

__all__ = [
    "ActionName",
    "Agents",
    "Condition",
    "CustomCondition",
    "Effect",
    "Operator",
    "Policy",
    "Prompts",
    "Resources",
    "Rule",
    "TimeWindow",
    "Tools",
    "Value",
    "Weekday",
]

Effect = Literal["allow", "deny"]
_MOST_PRIORITY = 10**9
ActionName = Literal["list", "call", "read", "get", "*"]


def _zone(name: str) -> tzinfo:
    if name == "UTC":
        return UTC
    try:
        return zoneinfo.ZoneInfo(name)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        raise refuse(
            "timezone", "This machine knows no such time zone; they are called as in `Europe/Berlin`."
        ) from None


def _known_zone(name: str) -> str:
    _zone(name)
    return name


class Selector(Part):
    """A part that selects by one thing at least: without any it would select everything."""

    @model_validator(mode="after")
    def _selects(self) -> Self:
        if all(value is None for _, value in self):
            raise refuse("selects_nothing", f"Name at least one of {', '.join(type(self).model_fields)}.")
        return self


class Agents(Selector):
    """Who a rule is about. A rule without it that allows is for everybody signed in; one that denies, for everybody.

    Args:
        user_id: Subjects, or globs of them.
        roles: Roles, of which one is enough; `*` is any role at all.
        agent_id: Agents, or globs of them: the verified claim `agent_id`, else the OAuth client.
        patterns: Globs that either the subject or the agent matches.
        issuers: Who vouches for them, byte for byte.
        clients: OAuth clients.
        tenants: Organisations.
        scopes: Scopes, of which all are needed.
        anyone: True for everybody, also nobody signed in; stands alone.
    """

    user_id: TextOrTexts | None = None
    roles: Texts | None = None
    agent_id: TextOrTexts | None = None
    patterns: Texts | None = None
    issuers: Texts | None = None
    clients: Texts | None = None
    tenants: Texts | None = None
    scopes: Texts | None = None
    anyone: Literal[True] | None = None

    @model_validator(mode="after")
    def _anyone_is_alone(self) -> Self:
        if self.anyone and sum(value is not None for _, value in self) > 1:
            raise refuse("anyone_is_alone", "`anyone` stands alone: beside it no other selector would mean anything.")
        return self


class Tools(Selector):
    """Which tools.

    Args:
        names: Names, exactly.
        patterns: Globs of names.
        namespaces: Namespaces of mounted servers.
        tags: Tags, of which one is enough.
    """

    names: Texts | None = None
    patterns: Texts | None = None
    namespaces: Texts | None = None
    tags: Texts | None = None


class Resources(Selector):
    """Which resources and templates, by address.

    Args:
        uris: Addresses, exactly; of a template in a list, its pattern.
        patterns: Globs of addresses.
        schemes: What stands before the colon.
    """

    uris: Texts | None = None
    patterns: Texts | None = None
    schemes: Schemes | None = None


class Prompts(Selector):
    """Which prompts.

    Args:
        names: Names, exactly.
        patterns: Globs of names.
        tags: Tags, of which one is enough.
    """

    names: Texts | None = None
    patterns: Texts | None = None
    tags: Texts | None = None


class TimeWindow(Part):
    """When a rule counts.

    Args:
        days: The days on which the window begins; all of them if none is named.
        from_: When it begins, `from` in files.
        until: When it ends, itself not in it; earlier than `from_` if midnight lies between. `24:00` is a day's end.
        timezone: The zone both are told in, such as `Europe/Berlin`.
    """

    days: Annotated[tuple[Weekday, ...], ListOfSome, AT_LEAST_ONE] = WEEKDAYS
    from_: TimeOfDay = Field(default="00:00", validation_alias="from", serialization_alias="from")
    until: TimeOfDay = "24:00"
    timezone: Annotated[Text, AfterValidator(_known_zone)] = "UTC"

    @property
    def zone(self) -> tzinfo:
        """The zone, ready to use."""
        return _zone(self.timezone)

    @model_validator(mode="after")
    def _has_a_length(self) -> Self:
        if self.from_ == "24:00":
            raise refuse("never_begins", 'A day begins at "00:00".')
        if self.from_ == self.until:
            raise refuse("no_length", "`from` and `until` are the same time: leave both out for the whole day.")
        return self


class Rule(Part):
    """What one rule says.

    Args:
        name: Its name, once in a policy.
        description: What it is for.
        effect: Whether it allows or denies. A matching deny wins over any allow.
        agents: Who; None for everybody signed in, or for everybody where it denies.
        tools: Which tools.
        resources: Which resources and templates.
        prompts: Which prompts. Where none of the three is given, everything is meant.
        actions: What is done with it; `call` covers reading a resource and getting a prompt too.
        conditions: What else must hold.
        times: When; one window is enough.
        services: Services of which the caller has connected all.
        priority: Accepted from older files; never decides.
    """

    name: Name
    description: str = ""
    effect: Effect
    agents: Agents | None = None
    tools: Tools | None = None
    resources: Resources | None = None
    prompts: Prompts | None = None
    actions: Annotated[tuple[ActionName, ...], ListOfSome, AT_LEAST_ONE] = ("*",)
    conditions: Annotated[tuple[AnyCondition, ...], ListOf] = ()
    times: Annotated[tuple[TimeWindow, ...], ListOfSome, AT_LEAST_ONE] = ()
    services: Texts = ()
    priority: Annotated[int, Field(ge=-_MOST_PRIORITY, le=_MOST_PRIORITY)] = 100

    @property
    def comparisons(self) -> tuple[Condition, ...]:
        """Its conditions without the custom ones."""
        return tuple(one for one in self.conditions if isinstance(one, Condition))


class Policy(Part):
    """One document: rules under a name.

    Args:
        name: Its name, once in a set of policies.
        description: What it is for.
        version: Its version, as its authors count.
        default_effect: What happens where no rule matches. `allow` counts only where every policy of the set says so.
        rules: Its rules, in any order.
        tags: Words to find it by.
        created_by: Who wrote it.
    """

    default_version: ClassVar[str] = "1.0"

    name: Name
    description: str = ""
    version: str = default_version
    default_effect: Effect = "deny"
    rules: Annotated[tuple[Rule, ...], ListOf]
    tags: Annotated[tuple[Text, ...], ListOf] = ()
    created_by: str = ""

    @model_validator(mode="after")
    def _rules_have_names_of_their_own(self) -> Self:
        seen: set[str] = set()
        for number, one in enumerate(self.rules):
            if one.name in seen:
                text = f"There is a rule named {one.name!r} above: a decision would not say which one it was."
                raise PydanticCustomError("duplicate_rule", "{text}", {"text": text, "path": ("rules", number, "name")})
            seen.add(one.name)
        return self
