"""Which rules are about a caller, read from as little of the caller as the rules select by.

Callers who do not differ in that share an answer: a hundred thousand people with three roles among them are a handful
of profiles. Claims, times and services are not part of it; conditions ask for them at every decision.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Final

from mcpauthkit.access.policy.document import Agents, Rule
from mcpauthkit.access.policy.index import Asked, Globs, RuleSet, Values, numbers_of, rule_set
from mcpauthkit.access.request import Caller

_ANY_ROLE: Final = "*"
_CALLERS: Final = 4_096
_PROFILES: Final = 1_024
_Facts = tuple[str, str, str, str, str, bool, frozenset[str], frozenset[str]]


class Profile:
    """Callers about whom the same rules are.

    Compared by identity: it is the key of what is remembered, and a set of thousands of rules takes long to hash.

    Args:
        rules: The rules whose selectors of callers are met.
        is_signed_in: Whether they are anybody.
    """

    __slots__ = ("is_signed_in", "rules")

    def __init__(self, rules: RuleSet, is_signed_in: bool) -> None:
        self.rules = rules
        self.is_signed_in = is_signed_in


class Profiles:
    """The profiles of callers. What is remembered is bounded.

    Args:
        rules: The rules, by number.
    """

    def __init__(self, rules: Sequence[Rule]) -> None:
        who = [(number, rule.agents) for number, rule in enumerate(rules)]
        self._subjects = _GlobAttribute(who, "user_id")
        self._agents = _GlobAttribute(who, "agent_id")
        self._either = _GlobAttribute(who, "patterns")
        self._issuers = _Attribute(who, "issuers")
        self._clients = _Attribute(who, "clients")
        self._tenants = _Attribute(who, "tenants")
        self._roles = _Attribute(who, "roles")
        self._any_role = self._roles.values.satisfied_by(_ANY_ROLE)
        self._named_roles = self._roles.values.known - {_ANY_ROLE}
        self._scopes = _Scopes(who)
        self._reads_subject = self._subjects.is_read or self._either.is_read
        self._reads_agent = self._agents.is_read or self._either.is_read
        of_nobody = rule_set(
            number
            for number, agents in who
            if (rules[number].effect == "deny" if agents is None else agents.anyone is not None)
        )
        self._of_nobody = Profile(of_nobody, is_signed_in=False)
        self._of_rules = functools.lru_cache(_PROFILES)(functools.partial(Profile, is_signed_in=True))
        self._of_facts = functools.lru_cache(_CALLERS)(self._profile_of)

    def of(self, caller: Caller) -> Profile:
        """The profile of a caller.

        Args:
            caller: Who wants something.
        """
        user = caller.principal
        if user is None:
            return self._of_nobody
        roles = user.roles
        return self._of_facts(
            (
                user.subject if self._reads_subject else "",
                caller.agent_id if self._reads_agent else "",
                user.issuer if self._issuers.is_read else "",
                (user.client_id or "") if self._clients.is_read else "",
                caller.tenant if self._tenants.is_read else "",
                bool(self._any_role and roles),
                roles & self._named_roles,
                user.scopes & self._scopes.known,
            )
        )

    def _profile_of(self, facts: _Facts) -> Profile:
        subject, agent, issuer, client, tenant, has_a_role, roles, scopes = facts
        rules = self._subjects.met_by(subject)
        # Nobody knows the agent of most callers, and that is not an agent that `*` would mean.
        rules &= self._agents.met_by(agent) if agent else self._agents.free
        rules &= self._either.met_by(subject) | (self._either.met_by(agent) if agent else 0)
        rules &= self._issuers.free | self._issuers.values.satisfied_by(issuer)
        rules &= self._clients.free | self._clients.values.satisfied_by(client)
        rules &= self._tenants.free | self._tenants.values.satisfied_by(tenant)
        of_any_role = self._any_role if has_a_role else 0
        rules &= self._roles.free | self._roles.values.satisfied_by_any(roles) | of_any_role
        return self._of_rules(self._scopes.met_by(scopes, rules))


_Who = Sequence[tuple[int, Agents | None]]


class _Attribute:
    __slots__ = ("free", "is_read", "values")

    def __init__(self, who: _Who, name: str) -> None:
        asked = Asked((number, getattr(agents, name, None)) for number, agents in who)
        self.free = asked.free
        self.values = Values(asked.values)
        self.is_read = bool(asked.values)


class _GlobAttribute:
    __slots__ = ("_globs", "free", "is_read")

    def __init__(self, who: _Who, name: str) -> None:
        asked = Asked((number, getattr(agents, name, None)) for number, agents in who)
        self.free = asked.free
        self.is_read = bool(asked.values)
        self._globs = Globs(asked.values)

    def met_by(self, text: str) -> RuleSet:
        return self.free | self._globs.satisfied_by(text)


class _Scopes:
    """Of scopes a rule wants all: it is found by one of them, and the others are looked at then."""

    __slots__ = ("_free", "_of_several", "_values", "_wanted", "known")

    def __init__(self, who: _Who) -> None:
        wanted = {number: frozenset(agents.scopes) for number, agents in who if agents is not None and agents.scopes}
        asked = Asked((number, (min(wanted[number]),) if number in wanted else None) for number, _ in who)
        self._free = asked.free
        self._values = Values(asked.values)
        self._wanted = {number: scopes for number, scopes in wanted.items() if len(scopes) > 1}
        self._of_several = rule_set(self._wanted)
        self.known = frozenset[str]().union(*wanted.values())

    def met_by(self, scopes: frozenset[str], rules: RuleSet) -> RuleSet:
        rules &= self._free | self._values.satisfied_by_any(scopes)
        unmet = rule_set(
            number for number in numbers_of(rules & self._of_several) if not self._wanted[number] <= scopes
        )
        return rules & ~unmet
