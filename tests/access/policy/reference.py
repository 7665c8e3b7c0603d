"""A decision by reading every rule from top to bottom: slow, plain, and shares no code with the engine.

But for the forms in which addresses are judged: these have tests of their own.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, timedelta
from fnmatch import fnmatchcase
from typing import Any
from zoneinfo import ZoneInfo

from mcpauthkit.access.policy.addresses import forms_of, pattern_written_as, written_as
from mcpauthkit.access.policy.document import Agents, Condition, Policy, Rule, TimeWindow
from mcpauthkit.access.policy.values import WEEKDAYS
from mcpauthkit.guards import AccessRequest, Action, Kind

SOME, NONE = "some arguments", "cannot be evaluated"
Answer = bool | str


def allows(policies: Sequence[Policy], request: AccessRequest) -> bool:
    """Whether it is allowed in every form that its address may be taken for."""
    target = request.target
    is_address = target.kind is Kind.RESOURCE or (target.kind is Kind.TEMPLATE and "{" not in target.uri)
    forms = forms_of(target.uri) if is_address else (target.uri,)
    asked = [request._replace(target=target._replace(uri=one)) for one in forms]
    return bool(asked) and all(allows_form(policies, one) for one in asked)


def allows_form(policies: Sequence[Policy], request: AccessRequest) -> bool:
    rules = [rule for policy in policies for rule in policy.rules]
    if any(rule.effect == "deny" and matches(rule, request) for rule in rules):
        return False
    if any(rule.effect == "allow" and matches(rule, request) for rule in rules):
        return True
    defaults = {policy.default_effect for policy in policies}
    return defaults == {"allow"} and request.principal is not None


def matches(rule: Rule, request: AccessRequest) -> bool:
    if not (is_about_action(rule, request) and is_about_target(rule, request) and is_about_caller(rule, request)):
        return False
    answers = [answer(one, request) for one in rule.conditions if isinstance(one, Condition)]
    if rule.times:
        answers.append(any(is_within(window, request) for window in rule.times))
    if rule.services:
        known = request.caller.connected
        answers.append(NONE if known is None else all(one in known for one in rule.services))
    wanted: set[Answer] = {True, NONE} if rule.effect == "deny" else {True, SOME}
    return all(one in wanted for one in answers)


def is_about_action(rule: Rule, request: AccessRequest) -> bool:
    if "*" in rule.actions or request.action in rule.actions:
        return True
    return "call" in rule.actions and request.action is not Action.LIST


def is_about_target(rule: Rule, request: AccessRequest) -> bool:
    target = request.target
    if rule.tools is None and rule.resources is None and rule.prompts is None:
        return True
    if target.kind in {Kind.RESOURCE, Kind.TEMPLATE}:
        where = rule.resources
        return where is not None and all(
            [
                where.uris is None or any(target.uri in written_as(one) for one in where.uris),
                where.patterns is None or any(has_glob(pattern_written_as(one), target.uri) for one in where.patterns),
                where.schemes is None or target.uri.split(":")[0].lower() in where.schemes,
            ]
        )
    which = rule.tools if target.kind is Kind.TOOL else rule.prompts
    namespaces = rule.tools.namespaces if rule.tools is not None and target.kind is Kind.TOOL else None
    return which is not None and all(
        [
            which.names is None or target.name in which.names,
            which.patterns is None or has_glob(which.patterns, target.name),
            namespaces is None or target.namespace in namespaces,
            which.tags is None or bool(target.tags & set(which.tags)),
        ]
    )


def is_about_caller(rule: Rule, request: AccessRequest) -> bool:
    if rule.agents is None:
        return rule.effect == "deny" or request.principal is not None
    return rule.agents.anyone or is_one_of(rule.agents, request)


def is_one_of(agents: Agents, request: AccessRequest) -> bool:
    user = request.principal
    if user is None:
        return False
    agent, tenant = request.caller.agent_id, request.caller.tenant
    roles = agents.roles or ()
    return all(
        [
            agents.user_id is None or has_glob(agents.user_id, user.subject),
            agents.roles is None or any(one in roles for one in user.roles) or ("*" in roles and bool(user.roles)),
            agents.agent_id is None or (agent != "" and has_glob(agents.agent_id, agent)),
            agents.patterns is None
            or has_glob(agents.patterns, user.subject)
            or (agent != "" and has_glob(agents.patterns, agent)),
            agents.issuers is None or user.issuer in agents.issuers,
            agents.clients is None or user.client_id in agents.clients,
            agents.tenants is None or tenant in agents.tenants,
            agents.scopes is None or all(one in user.scopes for one in agents.scopes),
        ]
    )


def has_glob(globs: Iterable[str], text: str) -> bool:
    return any(fnmatchcase(text, one) for one in globs)


def is_within(window: TimeWindow, request: AccessRequest) -> bool:
    """Whether a window that began today or yesterday is open."""
    local = request.caller.now.astimezone(ZoneInfo(window.timezone)).replace(tzinfo=None)
    for begun in (local, local - timedelta(days=1)):
        midnight = begun.replace(hour=0, minute=0, second=0, microsecond=0)
        hour, minute = map(int, window.from_.split(":"))
        begin = midnight + timedelta(hours=hour, minutes=minute)
        hour, minute = map(int, window.until.split(":"))
        end = midnight + timedelta(hours=hour, minutes=minute)
        if end <= begin:
            end += timedelta(days=1)
        if WEEKDAYS[begun.weekday()] in window.days and begin <= local < end:
            return True
    return False


def answer(condition: Condition, request: AccessRequest) -> Answer:
    found = value_of(condition.field, request)
    if found == SOME:
        return SOME
    if condition.operator == "exists":
        return (found is not None) == condition.value
    if found is None:
        return NONE
    is_of_caller = condition.field.startswith("tool.args.")
    negated = condition.operator.startswith("not_")
    said = compare(condition.operator.removeprefix("not_"), found, condition.value, is_of_caller=is_of_caller)
    return said if said == NONE else bool(said) is not negated


def compare(operator: str, found: Any, value: Any, *, is_of_caller: bool) -> Answer:  # noqa: PLR0911
    is_many = isinstance(found, list | frozenset)
    if operator == "in":
        each = [any_of([equals(one, other) for other in value], every=False) for one in (found if is_many else [found])]
        if is_of_caller and True in each and set(each) != {True}:
            return NONE
        return any_of(each, every=True)
    if operator == "contains" and is_many:
        return any_of([equals(one, value) for one in found], every=True)
    if is_many or type_of(found) != type_of(value):
        return NONE
    if operator == "equals":
        return bool(found == value)
    if operator in {"gt", "lt", "gte", "lte"}:
        return bool({"gt": found > value, "lt": found < value, "gte": found >= value, "lte": found <= value}[operator])
    if type_of(found) != "text":
        return NONE
    if operator == "contains":
        return str(value) in found
    if operator == "regex":
        return re.search(value, found) is not None
    return bool(found.startswith(value) if operator == "starts_with" else found.endswith(value))


def any_of(answers: list[Answer], *, every: bool) -> Answer:
    """Whether one holds; `every` answer has to be known for a no."""
    if True in answers:
        return True
    if every:
        return NONE if NONE in answers else False
    return False if False in answers else NONE


def equals(one: Any, other: Any) -> Answer:
    return bool(one == other) if type_of(one) == type_of(other) != "other" else NONE


def type_of(value: Any) -> str:
    if isinstance(value, bool):
        return "truth"
    return "number" if isinstance(value, int | float) else "text" if isinstance(value, str) else "other"


def value_of(field: str, request: AccessRequest) -> Any:
    user, target = request.principal, request.target
    root, _, rest = field.partition(".")
    now = request.caller.now.astimezone(UTC)
    if root == "user":
        return value_of_user(rest, request)
    if root == "claims":
        return None if user is None else user.claims.get(rest)
    if root == "tool" and target.kind is Kind.TOOL and rest.startswith("args."):
        return SOME if request.action is Action.LIST else dig(request.arguments, rest.split(".")[1:])
    if root == "tool":
        return getattr(target, rest) if target.kind is Kind.TOOL and not rest.startswith("args.") else None
    return {
        "resource.uri": target.uri if target.kind in {Kind.RESOURCE, Kind.TEMPLATE} else None,
        "prompt.name": target.name if target.kind is Kind.PROMPT else None,
        "services.connected": request.caller.connected,
        "time.hour": now.hour,
        "time.weekday": WEEKDAYS[now.weekday()],
    }[field]


def value_of_user(name: str, request: AccessRequest) -> Any:
    user = request.principal
    if name == "authenticated":
        return user is not None
    if user is None:
        return None
    typed = {"id": user.subject, "roles": user.roles, "tenant": request.caller.tenant or None}
    return typed[name] if name in typed else user.claims.get(name)


def dig(value: Any, path: list[str]) -> Any:
    for name in path:
        value = value.get(name) if isinstance(value, Mapping) else None
    return value
