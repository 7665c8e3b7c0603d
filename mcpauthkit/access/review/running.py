"""Tests of policies, run: what each of them came to."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from mcpauthkit.access.policy.document import Policy
from mcpauthkit.access.policy.engine import PolicyEngine
from mcpauthkit.access.policy.explaining import Explanation
from mcpauthkit.access.request import AccessRequest, Decision
from mcpauthkit.access.review.cases import Case, CaseFile, request_of
from mcpauthkit.access.review.samples import custom_conditions, moments_of

_WORDS = {True: "allow", False: "deny"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """How a test went.

    Args:
        case: The test.
        decision: What was decided.
        problem: What is wrong with that; empty where the test passed.
        explanation: Rule by rule, why it was decided.
    """

    case: Case
    decision: Decision
    problem: str
    explanation: Explanation

    @property
    def is_passed(self) -> bool:
        """Whether it came as expected."""
        return not self.problem


def engine_with(policies: Sequence[Policy], answers: Mapping[str, bool]) -> PolicyEngine:
    """An engine in which custom conditions answer as they are told to; the others cannot be evaluated.

    Args:
        policies: The policies.
        answers: What conditions answer, by name.

    Raises:
        ConfigurationError: The policies cannot be used together.
    """
    return PolicyEngine(
        policies, conditions={name: _answering(answers.get(name)) for name in custom_conditions(policies)}
    )


def _answering(answer: bool | None) -> Callable[[AccessRequest], bool]:
    # An answer that is no bool cannot be evaluated, just like a condition of which the test says nothing.
    return lambda _request: answer  # type: ignore[return-value]


def outcomes_of(tests: CaseFile, policies: Sequence[Policy]) -> Iterator[Outcome]:
    """Run the tests of a file, in order.

    Args:
        tests: The file.
        policies: The policies under test.

    Raises:
        ConfigurationError: The policies cannot be used together.
    """
    moments = moments_of(policies)
    engines: dict[frozenset[tuple[str, bool]], PolicyEngine] = {}
    for case in tests.tests:
        key = frozenset(case.conditions.items())
        if key not in engines:
            engines[key] = engine_with(policies, case.conditions)
        engine = engines[key]
        asked = request_of(case, tests.users)
        decision, explanation = engine.decide(asked), engine.explain(asked)
        others = () if case.at else (engine.decide(request_of(case, tests.users, one)) for one in moments)
        yield Outcome(
            case=case,
            decision=decision,
            problem=_problem(case, decision, explanation, others),
            explanation=explanation,
        )


def _problem(case: Case, decision: Decision, explanation: Explanation, others: Iterable[Decision]) -> str:
    if any(one.allowed is not decision.allowed for one in others):
        return "its outcome depends on the time: say `at`"
    if decision.allowed is not (case.expect == "allow"):
        by = f" by {decision.rule}" if decision.rule else ", because no rule matches"
        return f"expected {case.expect}, and it was {_WORDS[decision.allowed]}{by}"
    if case.by is not None and case.by not in _deciding(explanation):
        by = f"by {decision.rule}" if decision.rule else "by no rule"
        return f"expected {case.expect} by {case.by}, and it was {by}"
    return ""


def _deciding(explanation: Explanation) -> frozenset[str]:
    """The rules that each would have decided it alone: the one that is reported is the first of them."""
    effect = _WORDS[explanation.decision.allowed]
    return frozenset(one.rule for one in explanation.rules if one.matches and one.effect == effect)
