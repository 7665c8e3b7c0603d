"""Why a decision came as it did: every rule, and what kept it from matching."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from mcpauthkit.access.policy.checks import Truth
from mcpauthkit.access.policy.compiled import CompiledRule
from mcpauthkit.access.policy.document import Effect
from mcpauthkit.access.policy.matching import unmet_selector
from mcpauthkit.access.request import AccessRequest, Decision


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleAnswer:
    """What one rule says of a request.

    Args:
        policy: The policy it stands in.
        rule: Its name.
        effect: Whether it allows or denies.
        matches: Whether it matches.
        decides: Whether it is the one that decided.
        why: What kept it from matching, or what about its match is worth knowing; empty where all of it was met.
    """

    policy: str
    rule: str
    effect: Effect
    matches: bool
    decides: bool
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """A decision, and what each rule says of the request.

    Args:
        decision: The decision.
        rules: Every rule, in the order of the documents.
    """

    decision: Decision
    rules: tuple[RuleAnswer, ...]


def explain(rules: Iterable[CompiledRule], request: AccessRequest, decision: Decision) -> Explanation:
    """Say of each rule whether it matches, and why not.

    Args:
        rules: The rules, in the order of the documents.
        request: The request.
        decision: What was decided about it.
    """
    return Explanation(decision=decision, rules=tuple(_answer(one, request, decision) for one in rules))


def _answer(compiled: CompiledRule, request: AccessRequest, decision: Decision) -> RuleAnswer:
    rule = compiled.rule
    why = unmet_selector(rule, request.caller, request.target, request.action)
    matches = not why
    if matches:
        matches, why = _ask(compiled, request)
    decides = matches and (decision.policy, decision.rule) == (compiled.policy, rule.name)
    return RuleAnswer(
        policy=compiled.policy, rule=rule.name, effect=rule.effect, matches=matches, decides=decides, why=why
    )


def _ask(compiled: CompiledRule, request: AccessRequest) -> tuple[bool, str]:
    notes = []
    for check in (*compiled.lasting, *compiled.live):
        truth = check.ask(request)
        if truth in compiled.stoppers:
            return False, f"{_STOPPED[truth]}: {check.text}"
        if truth is not Truth.TRUE:
            notes.append(f"{_PASSED[truth]}: {check.text}")
    return True, "; ".join(notes)


_STOPPED = {
    Truth.FALSE: "condition not met",
    Truth.UNKNOWN: "condition cannot be evaluated, and an allow needs certainty",
    Truth.UNDECIDED: "arguments can avoid it, so it hides nothing from a list",
}
_PASSED = {
    Truth.UNKNOWN: "condition cannot be evaluated, and that does not stop a deny",
    Truth.UNDECIDED: "arguments can meet it, so a list shows it",
}
