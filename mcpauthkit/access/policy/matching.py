"""One rule against one request, selector by selector, in words: how a decision is explained.

The engine decides by sets of rules and not by this; the tests hold both to the same answers.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator

from mcpauthkit.access.policy.addresses import pattern_written_as, written_as
from mcpauthkit.access.policy.document import Agents, Prompts, Resources, Rule, Tools
from mcpauthkit.access.policy.patterns import Glob
from mcpauthkit.access.request import Action, Caller, Kind, Target

_KINDS_OF_SELECTOR = {
    "tools": (Kind.TOOL,),
    "resources": (Kind.RESOURCE, Kind.TEMPLATE),
    "prompts": (Kind.PROMPT,),
}
"""What each target selector of a rule is about."""


def actions_of(rule: Rule) -> frozenset[Action]:
    """The actions a rule is about. `call` is any use, as older files know no other word for it.

    Args:
        rule: The rule.
    """
    named = frozenset(rule.actions)
    if "*" in named:
        return frozenset(Action)
    used = {Action.READ, Action.GET} if "call" in named else set()
    return frozenset({Action(name) for name in named if name != "*"} | used)


def kinds_of(rule: Rule) -> frozenset[Kind]:
    """The kinds of things a rule is about: those it has a selector for, or all of them if it has none.

    Args:
        rule: The rule.
    """
    named = [kinds for selector, kinds in _KINDS_OF_SELECTOR.items() if getattr(rule, selector) is not None]
    return frozenset(kind for kinds in named for kind in kinds) if named else frozenset(Kind)


def scheme_of(uri: str) -> str:
    """What stands before an address's colon, in small letters: capitals mean the same there (RFC 3986 section 3.1).

    Args:
        uri: The address.
    """
    return uri.partition(":")[0].lower()


def unmet_selector(rule: Rule, caller: Caller, target: Target, action: Action) -> str:
    """The first selector of a rule that a request does not meet, in words; empty where it meets all of them.

    Args:
        rule: The rule.
        caller: Who wants it.
        target: What.
        action: What to do with it.
    """
    if action not in actions_of(rule):
        return f"it is about other actions than {action}: {', '.join(rule.actions)}"
    if target.kind not in kinds_of(rule):
        return f"it says nothing about a {target.kind}"
    return next(_unmet_target(rule, target), "") or _unmet_caller(rule, caller)


def _unmet_target(rule: Rule, target: Target) -> Iterator[str]:
    selector = {Kind.TOOL: rule.tools, Kind.PROMPT: rule.prompts}.get(target.kind, rule.resources)
    if isinstance(selector, Tools):
        yield from _unmet("tools.names", selector.names, [target.name])
        yield from _unmet_globs("tools.patterns", selector.patterns, [target.name])
        yield from _unmet("tools.namespaces", selector.namespaces, [target.namespace])
        yield from _unmet("tools.tags", selector.tags, target.tags)
    elif isinstance(selector, Resources):
        yield from _unmet("resources.uris", _forms(selector.uris, written_as), [target.uri])
        yield from _unmet_globs("resources.patterns", _forms(selector.patterns, pattern_written_as), [target.uri])
        yield from _unmet("resources.schemes", selector.schemes, [scheme_of(target.uri)])
    elif isinstance(selector, Prompts):
        yield from _unmet("prompts.names", selector.names, [target.name])
        yield from _unmet_globs("prompts.patterns", selector.patterns, [target.name])
        yield from _unmet("prompts.tags", selector.tags, target.tags)


def _unmet_caller(rule: Rule, caller: Caller) -> str:
    agents = rule.agents
    if caller.principal is None:
        if agents is None and rule.effect == "deny":
            return ""
        return "" if agents is not None and agents.anyone else "nobody is signed in"
    return next(_unmet_agents(agents, caller), "") if agents is not None and not agents.anyone else ""


def _unmet_agents(agents: Agents, caller: Caller) -> Iterator[str]:
    user = caller.principal
    assert user is not None
    agent = [caller.agent_id] if caller.agent_id else []
    yield from _unmet_globs("agents.user_id", agents.user_id, [user.subject])
    if not (agents.roles is not None and "*" in agents.roles and user.roles):
        yield from _unmet("agents.roles", agents.roles, user.roles - {"*"})
    yield from _unmet_globs("agents.agent_id", agents.agent_id, agent)
    yield from _unmet_globs("agents.patterns", agents.patterns, [user.subject, *agent])
    yield from _unmet("agents.issuers", agents.issuers, [user.issuer])
    yield from _unmet("agents.clients", agents.clients, [user.client_id or ""])
    yield from _unmet("agents.tenants", agents.tenants, [caller.tenant])
    missing = sorted(frozenset(agents.scopes or ()) - user.scopes)
    if missing:
        yield f"agents.scopes: {', '.join(missing)} not held"


def _forms(written: Iterable[str] | None, forms: Callable[[str], Iterable[str]]) -> list[str] | None:
    return None if written is None else [form for one in written for form in forms(one)]


def _unmet(name: str, wanted: Collection[str] | None, found: Collection[str]) -> Iterator[str]:
    if wanted is not None and not any(one in wanted for one in found):
        yield _words(name, wanted, found)


def _unmet_globs(name: str, globs: Iterable[str] | None, found: Collection[str]) -> Iterator[str]:
    if globs is not None and not any(Glob(glob).matches(one) for glob in globs for one in found):
        yield _words(name, globs, found)


def _words(name: str, wanted: Iterable[str], found: Collection[str]) -> str:
    return f"{name}: wants {', '.join(wanted)}, found {', '.join(sorted(found)) or 'none'}"
