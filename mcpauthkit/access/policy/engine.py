"""The engine: from policies and a request to a decision. A matching deny wins, else a matching allow, else deny.

A decision takes two steps. First the rules are found whose selectors the caller, the target and the action meet; that
depends on nothing else, so it is remembered. Then the conditions of those are asked, which are about this moment, these
arguments and this token, and are remembered nowhere.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Final, NamedTuple

from mcpauthkit.access.policy.addresses import forms_of
from mcpauthkit.access.policy.compiled import CompiledRule
from mcpauthkit.access.policy.custom import CustomFunction, check_custom
from mcpauthkit.access.policy.document import Policy
from mcpauthkit.access.policy.explaining import Explanation, explain
from mcpauthkit.access.policy.index import RuleSet, TargetIndex, numbers_of, rule_set
from mcpauthkit.access.policy.profile import Profile, Profiles
from mcpauthkit.access.request import AccessRequest, Action, Caller, Decision, Kind, Target
from mcpauthkit.errors import ConfigurationError
from mcpauthkit.errors.access import Fault, PolicyInvalid

_NO_CONDITIONS: Final[Mapping[str, CustomFunction]] = MappingProxyType({})
_REMEMBERED_PLANS: Final = 16_384
_REMEMBERED_TARGETS: Final = 4_096
_LONGEST_REMEMBERED: Final = 512
_ANYBODY: Final = Caller(principal=None, now=datetime.fromtimestamp(0, UTC))
_NO_RULE: Final = Decision(allowed=False, reason="no rule allows it")
_NOBODY: Final = Decision(allowed=False, reason="no rule allows it to somebody who has not signed in")
_TOO_ENCODED: Final = Decision(allowed=False, reason="the address is encoded too many times to tell what it is")
_BY_DEFAULT: Final = Decision(allowed=True, reason="no rule is about it, and every policy allows by default")


class _Plan(NamedTuple):
    """What is left to decide once the selectors are known: nothing, or a few rules to be asked in this order."""

    fixed: Decision | None
    asked: tuple[tuple[CompiledRule, Decision], ...]
    otherwise: Decision

    def decide(self, request: AccessRequest) -> Decision:
        for rule, lasting in self.asked:
            decision = rule.decide(request, lasting)
            if decision is not None:
                return decision
        return self.otherwise


class _PlanOfForms(NamedTuple):
    """What is left to decide about an address that can be taken in several ways: each of them, until one is denied."""

    fixed: Decision | None
    forms: tuple[tuple[Target, _Plan], ...]

    def decide(self, request: AccessRequest) -> Decision:
        allowed = _TOO_ENCODED
        for target, plan in reversed(self.forms):
            allowed = plan.fixed or plan.decide(request._replace(target=target))
            if not allowed.allowed:
                break
        return allowed


def allow_by_default(policies: Sequence[Policy]) -> bool:
    """Whether what no rule is about is allowed: only if every policy says so.

    Args:
        policies: All there are.
    """
    return bool(policies) and all(one.default_effect == "allow" for one in policies)


class PolicyEngine:
    """Decides by policies. It never changes, and any number of threads may ask it.

    Args:
        policies: The policies, in any order.
        conditions: Custom conditions: functions of the application, by the names that policies use.

    Raises:
        PolicyInvalid: Two policies have one name, or a condition cannot be used.
        ConfigurationError: One of `conditions` is no function that can be asked.
    """

    def __init__(self, policies: Iterable[Policy], conditions: Mapping[str, CustomFunction] = _NO_CONDITIONS) -> None:
        check_custom(conditions)
        self.policies = tuple(policies)
        self._written = _compile(self.policies, conditions)
        self._rules = sorted(self._written, key=lambda one: one.order)
        self._plans = [_Plan(one.decision, (), one.decision) for one in self._rules]
        self._conditional = rule_set(number for number, one in enumerate(self._rules) if one.lasting or one.live)
        self._denies = rule_set(number for number, one in enumerate(self._rules) if not one.decision.allowed)
        default = _BY_DEFAULT if allow_by_default(self.policies) else _NO_RULE
        self._defaults = {True: _Plan(default, (), default), False: _Plan(_NOBODY, (), _NOBODY)}
        self.needs_services = any(check.needs_services for one in self._written for check in one.live)
        """Whether a decision may depend on which services its caller has connected."""
        rules = [one.rule for one in self._rules]
        self._profiles = Profiles(rules)
        self._index = TargetIndex(rules)
        self._about = functools.lru_cache(_REMEMBERED_TARGETS)(self._index.about)
        self._plan = functools.lru_cache(_REMEMBERED_PLANS)(self._make_plan)

    def decide(self, request: AccessRequest) -> Decision:
        """Decide one request.

        Args:
            request: Who wants what.
        """
        caller, target, action, _ = request
        plan = self._plan_for(self._profiles.of(caller), target, action)
        return plan.fixed or plan.decide(request)

    def decide_all(self, caller: Caller, targets: Iterable[Target], action: Action = Action.LIST) -> list[Decision]:
        """Decide about many targets at once.

        Args:
            caller: Who wants them.
            targets: Which.
            action: What to do with each of them.

        Returns:
            The decisions, in the order of the targets.
        """
        profile, plan_for = self._profiles.of(caller), self._plan_for
        decisions = []
        for target in targets:
            plan = plan_for(profile, target, action)
            decisions.append(plan.fixed or plan.decide(AccessRequest(caller, target, action)))
        return decisions

    def explain(self, request: AccessRequest) -> Explanation:
        """Decide one request, and say of every rule what kept it from matching.

        Args:
            request: Who wants what.
        """
        decision = self.decide(request)
        forms = [request._replace(target=one) for one in _forms_of(request.target)]
        # The form that decided, as the rules may say other things of the others.
        asked = (one for one in reversed(forms) if not self.decide(one).allowed)
        return explain(self._written, request if decision.allowed else next(asked, request), decision)

    def _plan_for(self, profile: Profile, target: Target, action: Action) -> _Plan | _PlanOfForms:
        if len(target.name) + len(target.uri) <= _LONGEST_REMEMBERED:
            return self._plan(profile, target, action)
        # Callers choose names and addresses of what they ask for: long ones would fill the memory.
        return self._make_plan(profile, target, action)

    def _make_plan(self, profile: Profile, target: Target, action: Action) -> _Plan | _PlanOfForms:
        forms = _forms_of(target)
        if len(forms) == 1:
            return self._plan_of_form(profile, target, action)
        return _PlanOfForms(None, tuple((one, self._plan_of_form(profile, one, action)) for one in forms))

    def _plan_of_form(self, profile: Profile, target: Target, action: Action) -> _Plan:
        is_short = len(target.name) + len(target.uri) <= _LONGEST_REMEMBERED
        rules = profile.rules & (self._about(target, action) if is_short else self._index.about(target, action))
        if not rules:
            return self._defaults[profile.is_signed_in]
        if not rules & self._conditional:
            return self._plans[_lowest(rules)]
        denied = rules & self._denies & ~self._conditional
        if denied:
            return self._plans[_lowest(denied)]
        return self._ask_of(rules, profile, AccessRequest(_ANYBODY, target, action))

    def _ask_of(self, rules: RuleSet, profile: Profile, request: AccessRequest) -> _Plan:
        """What to ask where conditions decide: of denies all, of allows those before one without conditions."""
        always = rules & ~self._conditional
        otherwise = self._plans[_lowest(always)] if always else self._defaults[profile.is_signed_in]
        asked = []
        for number in numbers_of(rules & self._conditional & (self._denies if always else -1)):
            rule = self._rules[number]
            lasting = rule.lasting_decision(request)
            if lasting is None:
                continue
            if rule.live:
                asked.append((rule, lasting))
                continue
            # Nothing is left to ask of it, nor of those behind it.
            otherwise = _Plan(lasting, (), lasting)
            break
        return _Plan(None, tuple(asked), otherwise.otherwise) if asked else otherwise


def _forms_of(target: Target) -> list[Target]:
    """What a target can be taken for. A template's pattern is no address, and only compared as it is."""
    if target.kind is not Kind.RESOURCE and (target.kind is not Kind.TEMPLATE or "{" in target.uri):
        return [target]
    return [target._replace(uri=one) for one in forms_of(target.uri)]


def _lowest(rules: RuleSet) -> int:
    return (rules & -rules).bit_length() - 1


def _compile(policies: Iterable[Policy], functions: Mapping[str, CustomFunction]) -> list[CompiledRule]:
    compiled, faults = [], []
    names: set[str] = set()
    for policy in policies:
        if policy.name in names:
            text = f"There are two policies named {policy.name!r}: a decision would not say which one it was."
            faults.append(Fault(policy.name, 0, 0, text))
        names.add(policy.name)
        for rule in policy.rules:
            try:
                compiled.append(CompiledRule.of(policy, rule, functions))
            except ConfigurationError as error:
                faults.append(Fault(policy.name, 0, 0, f"Rule {rule.name!r}: {error}"))
    if faults:
        raise PolicyInvalid(faults)
    return compiled
