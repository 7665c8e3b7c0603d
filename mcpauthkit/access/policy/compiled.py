"""A rule made ready: its selectors are found by the index, its conditions are asked here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

from mcpauthkit.access.policy.checks import Check, Truth, checks_of
from mcpauthkit.access.policy.custom import CustomFunction
from mcpauthkit.access.policy.document import Policy, Rule
from mcpauthkit.access.request import AccessRequest, Decision

# An allow needs certainty, or in a list that some arguments would give it. A deny is stopped by certainty alone, or in
# a list by arguments that would avoid it.
_STOP_AN_ALLOW: Final = (Truth.FALSE, Truth.UNKNOWN)
_STOP_A_DENY: Final = (Truth.FALSE, Truth.UNDECIDED)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class CompiledRule:
    """A rule of a policy, with its conditions ready to be asked.

    Args:
        policy: The policy's name.
        rule: The rule.
        lasting: Conditions that the target and the action decide.
        live: Conditions of the moment, the arguments and the token.
        decision: What is decided where this rule decides.
        stoppers: What a condition must not be for the rule to match.
    """

    policy: str
    rule: Rule
    lasting: tuple[Check, ...]
    live: tuple[Check, ...]
    decision: Decision
    stoppers: tuple[Truth, ...]

    @classmethod
    def of(cls, policy: Policy, rule: Rule, functions: Mapping[str, CustomFunction]) -> CompiledRule:
        """Make a rule ready.

        Args:
            policy: The policy it stands in.
            rule: The rule.
            functions: The functions of custom conditions, by name.

        Raises:
            ConfigurationError: A condition cannot be used.
        """
        checks = checks_of(rule, functions)
        allows = rule.effect == "allow"
        reason = f"rule {rule.name!r} of policy {policy.name!r} {'allows' if allows else 'denies'} it"
        return cls(
            policy=policy.name,
            rule=rule,
            lasting=tuple(one for one in checks if one.is_of_target),
            live=tuple(one for one in checks if not one.is_of_target),
            decision=Decision(allowed=allows, reason=reason, policy=policy.name, rule=rule.name),
            stoppers=_STOP_AN_ALLOW if allows else _STOP_A_DENY,
        )

    @property
    def order(self) -> tuple[bool, str, str]:
        """Where it stands among all rules: denies first, else by name, so that their order in files tells nothing."""
        return self.decision.allowed, self.policy, self.rule.name

    def lasting_decision(self, request: AccessRequest) -> Decision | None:
        """What it decides if its other conditions hold; None where the target or the action rules it out.

        Args:
            request: Target and action; whoever it is from, at whatever time.
        """
        return self._decide(self.lasting, request, self.decision) if self.lasting else self.decision

    def decide(self, request: AccessRequest, decision: Decision) -> Decision | None:
        """What it decides about a request; None where it does not match.

        Args:
            request: The request, whose target and action do not rule it out.
            decision: What it decides if its other conditions hold.
        """
        return self._decide(self.live, request, decision)

    def _decide(self, checks: tuple[Check, ...], request: AccessRequest, decision: Decision) -> Decision | None:
        unknown = ""
        for check in checks:
            truth = check.ask(request)
            if truth in self.stoppers:
                return None
            if truth is Truth.UNKNOWN:
                unknown = unknown or check.text
        if not unknown:
            return decision
        return replace(decision, reason=f"{decision.reason}, as this cannot be evaluated: {unknown}")
