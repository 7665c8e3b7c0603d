"""Which rule decides, and for whom."""

from __future__ import annotations

import pytest

from mcpauthkit.access.policy.document import Policy
from mcpauthkit.access.policy.engine import PolicyEngine
from mcpauthkit.errors.access import PolicyInvalid
from mcpauthkit.guards import Action, Caller, Kind, Target
from tests.access.callers import NOON, someone
from tests.access.policy.asking import ALICE, engine_of, is_allowed, request_for


def test_without_any_policy_nothing_is_allowed() -> None:
    assert not is_allowed(PolicyEngine([]))


def test_what_no_rule_is_about_is_denied_and_no_rule_is_named() -> None:
    decision = engine_of({"tools": {"names": ["other"]}}).decide(request_for())
    assert (decision.allowed, decision.policy, decision.rule) == (False, "", "")


def test_a_deny_wins_over_an_allow_of_any_priority() -> None:
    decision = engine_of({"priority": 1000}, {"effect": "deny", "priority": 1}).decide(request_for())
    assert (decision.allowed, decision.policy, decision.rule) == (False, "policy", "rule 1")


def test_a_decision_names_rule_policy_and_effect_in_words() -> None:
    reason = engine_of({}).decide(request_for()).reason
    assert "'rule 0'" in reason
    assert "'policy'" in reason
    assert "allows" in reason


@pytest.mark.parametrize(
    ("effects", "expected"), [(["allow"], True), (["allow"] * 2, True), (["allow", "deny"], False)]
)
def test_a_default_of_allow_counts_only_where_every_policy_has_it(effects: list[str], *, expected: bool) -> None:
    policies = [
        Policy.model_validate({"name": str(number), "default_effect": effect, "rules": []})
        for number, effect in enumerate(effects)
    ]
    assert is_allowed(PolicyEngine(policies)) is expected
    assert is_allowed(PolicyEngine(policies[::-1])) is expected


def test_a_default_of_allow_gives_way_to_any_deny_and_is_not_for_nobody() -> None:
    engine = engine_of({"effect": "deny", "tools": {"names": ["wipe"]}}, default_effect="allow")
    assert is_allowed(engine)
    assert not is_allowed(engine, "wipe")
    assert not is_allowed(engine, user=None)


def test_nobody_is_allowed_what_is_for_anyone_and_nothing_else() -> None:
    engine = engine_of(
        {"tools": {"names": ["health"]}, "agents": {"anyone": True}},
        {"tools": {"names": ["pay"]}},
        {"tools": {"names": ["find"]}, "agents": {"user_id": "*"}},
    )
    assert [is_allowed(engine, name, user=None) for name in ("health", "pay", "find")] == [True, False, False]
    assert [is_allowed(engine, name) for name in ("health", "pay", "find")] == [True, True, True]


def test_a_deny_without_agents_is_for_nobody_too() -> None:
    engine = engine_of({"agents": {"anyone": True}}, {"effect": "deny", "tools": {"names": ["pay"]}})
    assert not is_allowed(engine, user=None)
    assert is_allowed(engine, "find", user=None)


@pytest.mark.parametrize(
    ("actions", "covered"),
    [
        (["*"], {"list", "call", "read", "get"}),
        (["call"], {"call", "read", "get"}),
        (["list"], {"list"}),
        (["read"], {"read"}),
        (["get"], {"get"}),
        (["list", "get"], {"list", "get"}),
    ],
)
def test_call_covers_every_use_and_the_other_words_what_they_say(actions: list[str], covered: set[str]) -> None:
    engine = engine_of({"actions": actions})
    assert {action for action in Action if is_allowed(engine, action=action)} == covered


def test_a_rule_about_tools_says_nothing_about_resources_and_prompts() -> None:
    allow, deny = (
        engine_of({"tools": {"patterns": ["*"]}}),
        engine_of({}, {"effect": "deny", "tools": {"patterns": ["*"]}}),
    )
    for kind in ("resource", "template", "prompt"):
        assert not is_allowed(allow, kind=kind, uri="file:///x")
        assert is_allowed(deny, kind=kind, uri="file:///x")


def test_a_rule_without_any_target_is_about_everything() -> None:
    assert all(is_allowed(engine_of({}), kind=kind, uri="file:///x") for kind in Kind)


def test_decide_all_asks_once_for_all_targets_in_their_order() -> None:
    engine = engine_of({"tools": {"tags": ["safe"]}}, {"effect": "deny", "tools": {"names": ["b"]}})
    targets = [Target(Kind.TOOL, name, tags=frozenset({"safe"})) for name in "abc"]
    decided = engine.decide_all(Caller(principal=ALICE, now=NOON), targets, Action.LIST)
    assert [one.allowed for one in decided] == [True, False, True]


@pytest.mark.parametrize(
    ("rule", "needed"),
    [
        ({}, False),
        ({"services": ["wiki"]}, True),
        ({"conditions": [{"field": "services.connected", "operator": "contains", "value": "wiki"}]}, True),
        ({"conditions": [{"field": "user.id", "operator": "equals", "value": "alice"}]}, False),
    ],
)
def test_it_says_whether_anybody_has_to_look_up_connections(rule: dict[str, object], *, needed: bool) -> None:
    assert engine_of(rule).needs_services is needed


def test_services_have_to_be_connected_all_of_them_and_not_knowing_opens_nothing() -> None:
    allow = engine_of({"services": ["wiki", "github"]})
    deny = engine_of({}, {"effect": "deny", "services": ["wiki"]})
    known = [None, [], ["wiki"], ["wiki", "github"]]
    assert [is_allowed(allow, connected=one) for one in known] == [False, False, False, True]
    assert [is_allowed(deny, connected=one) for one in known] == [False, True, False, False]


def test_two_policies_of_one_name_are_refused() -> None:
    policy = Policy(name="same", rules=())
    with pytest.raises(PolicyInvalid) as caught:
        PolicyEngine([policy, policy])
    assert caught.value.faults[0].source == "same"


def test_what_is_remembered_of_one_caller_is_not_told_to_another() -> None:
    engine = engine_of(
        {"agents": {"user_id": "alice"}, "tools": {"names": ["pay"]}},
        {"tools": {"names": ["report"]}, "conditions": [{"field": "claims.level", "operator": "gte", "value": 3}]},
    )
    for _ in range(2):
        assert [is_allowed(engine, user=someone(one)) for one in ("alice", "bob", "alice")] == [True, False, True]
        levels = [someone("alice", level=level) for level in (3, 2, 4)]
        assert [is_allowed(engine, "report", user=one) for one in levels] == [True, False, True]


def test_a_name_of_any_length_is_decided() -> None:
    engine = engine_of({"tools": {"patterns": ["get_*"]}})
    assert is_allowed(engine, "get_" + "x" * 100_000)
    assert not is_allowed(engine, "x" * 100_000)
