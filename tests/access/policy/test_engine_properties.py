"""What holds of every policy and every request."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from mcpauthkit.access.policy.document import Policy, Rule
from mcpauthkit.access.policy.engine import PolicyEngine
from mcpauthkit.guards import AccessRequest, Action, Caller, Kind, Target
from tests.access.policy import reference, strategies


@given(strategies.policy_sets(), strategies.requests)
def test_the_index_decides_as_reading_every_rule_does(policies: list[Policy], requests: list[AccessRequest]) -> None:
    engine = PolicyEngine(policies)
    decided = [engine.decide(one).allowed for one in requests]
    assert decided == [reference.allows(policies, one) for one in requests]
    assert [engine.decide(one).allowed for one in requests] == decided


@given(strategies.policy_sets(), strategies.requests, st.randoms())
def test_a_decision_and_its_reason_do_not_depend_on_the_order_of_files_and_rules(
    policies: list[Policy], requests: list[AccessRequest], randoms: Any
) -> None:
    shuffled = [
        one.model_copy(update={"rules": tuple(randoms.sample(one.rules, len(one.rules)))})
        for one in randoms.sample(policies, len(policies))
    ]
    one, other = PolicyEngine(policies), PolicyEngine(shuffled)
    assert [one.decide(request) for request in requests] == [other.decide(request) for request in requests]


@given(strategies.policy_sets(), strategies.rules, strategies.requests)
def test_adding_a_deny_never_allows_more(policies: list[Policy], rule: Rule, requests: list[AccessRequest]) -> None:
    deny = rule.model_copy(update={"effect": "deny"})
    before, after = PolicyEngine(policies), PolicyEngine([*policies, Policy(name="added", rules=(deny,))])
    for request in requests:
        assert before.decide(request).allowed or not after.decide(request).allowed


@given(strategies.policy_sets(), strategies.callers, st.lists(strategies.targets, max_size=5), st.sampled_from(Action))
def test_many_at_once_are_decided_as_each_alone(
    policies: list[Policy], caller: Caller, targets: list[Target], action: Action
) -> None:
    engine = PolicyEngine(policies)
    alone = [PolicyEngine(policies).decide(AccessRequest(caller, one, action)) for one in targets]
    assert engine.decide_all(caller, targets, action) == alone


@given(strategies.policy_sets(), strategies.requests)
def test_an_explanation_adds_up_to_the_decision(policies: list[Policy], requests: list[AccessRequest]) -> None:
    engine = PolicyEngine(policies)
    for request in requests:
        explained = engine.explain(request)
        decision, matching = explained.decision, {one.effect for one in explained.rules if one.matches}
        assert decision == engine.decide(request)
        deciding = [(one.policy, one.rule) for one in explained.rules if one.decides]
        assert deciding == ([(decision.policy, decision.rule)] if matching else [])
        assert decision.allowed is ("deny" not in matching) if matching else decision.rule == ""
        assert all(one.why for one in explained.rules if not one.matches)


def about_everything_done(rule: Rule) -> Rule:
    # What a rule says of lists or of calls alone, it does not say of the other.
    return rule.model_copy(update={"actions": ("*",)})


@given(strategies.policy_sets(), strategies.callers, strategies.targets, st.lists(strategies.arguments, max_size=5))
def test_a_list_never_hides_what_some_arguments_would_allow(
    policies: list[Policy], caller: Caller, target: Target, tries: list[dict[str, Any]]
) -> None:
    is_tool = target.kind is Kind.TOOL
    whole = [one.model_copy(update={"rules": tuple(map(about_everything_done, one.rules))}) for one in policies]
    engine = PolicyEngine(whole)
    called = [engine.decide(AccessRequest(caller, target, Action.CALL, one if is_tool else {})) for one in tries]
    if any(one.allowed for one in called):
        assert engine.decide(AccessRequest(caller, target, Action.LIST)).allowed


COMPARED: list[tuple[str, Any, list[Any]]] = [
    # What is met by one of the values beside it, and not met by another.
    ("equals", 5, [5, 6]),
    ("not_equals", "night", ["day", "night"]),
    ("gt", 5, [9, 1]),
    ("lte", 5, [1, 9]),
    ("in", ["a", "b"], ["a", "c"]),
    ("not_in", ["a", "b"], ["c", "a"]),
    ("contains", "a", ["cat", "dog"]),
    ("starts_with", "a", ["ab", "ba"]),
    ("regex", "^[ab]$", ["a", "c"]),
    ("exists", False, [None, 1]),
]


@given(
    st.lists(
        st.tuples(st.sampled_from(["allow", "deny"]), st.sampled_from(COMPARED), st.booleans()), min_size=1, max_size=4
    )
)
def test_a_list_shows_exactly_what_some_arguments_would_allow(drawn_rules: list[tuple[str, Any, bool]]) -> None:
    rules: list[dict[str, Any]] = []
    choices: list[dict[str, Any]] = [{}]
    for number, (effect, (operator, value, around), is_for_alice) in enumerate(drawn_rules):
        condition = {"field": f"tool.args.a{number}", "operator": operator, "value": value}
        who = {"user_id": "alice" if is_for_alice else "bob"}
        rules.append({"name": f"r{number}", "effect": effect, "agents": who, "conditions": [condition]})
        choices = [{**given, f"a{number}": one} for given in choices for one in around]
    engine = PolicyEngine([Policy.model_validate({"name": "p", "rules": rules})])
    caller = Caller(principal=strategies.ALICE, now=strategies.MONDAY)
    target = Target(Kind.TOOL, "pay")
    called = [engine.decide(AccessRequest(caller, target, Action.CALL, one)).allowed for one in choices]
    assert engine.decide(AccessRequest(caller, target, Action.LIST)).allowed is any(called)
