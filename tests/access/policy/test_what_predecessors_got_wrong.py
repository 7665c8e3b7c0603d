"""What was measured to be wrong with the engine that this one follows, each as it was found.

The names in brackets are those of the findings. What is wrong with a file (misspelt keys, empty lists, one bad file of
several) is for the tests of reading.
"""

from __future__ import annotations

import itertools
from typing import Any

import pytest

from mcpauthkit.access.policy.document import Policy
from mcpauthkit.access.policy.engine import PolicyEngine
from mcpauthkit.guards import Action, Caller, Target
from tests.access.callers import NOON, someone
from tests.access.policy.asking import engine_of, is_allowed, request_for


def policy(name: str, *rules: dict[str, Any], **more: Any) -> Policy:
    return Policy.model_validate(
        {"name": name, "rules": [{"name": f"r{i}", **one} for i, one in enumerate(rules)], **more}
    )


def test_one_policy_that_allows_by_default_opens_nothing_of_the_others() -> None:
    """[G1]"""
    policies = [policy("open", default_effect="allow"), policy("closed"), policy("closed too")]
    assert not any(is_allowed(PolicyEngine(one), "anything") for one in itertools.permutations(policies))


def test_neither_priority_nor_order_lets_an_allow_win_over_a_deny() -> None:
    """[G2a-c]"""
    allow = {"effect": "allow", "tools": {"names": ["wipe"]}}
    deny = {"effect": "deny", "tools": {"patterns": ["w*"]}}
    for first, second in itertools.permutations([{**allow, "priority": 1000}, {**deny, "priority": 1}]):
        assert not is_allowed(PolicyEngine([policy("a", first, second)]), "wipe")
        assert not is_allowed(PolicyEngine([policy("a", first), policy("b", second)]), "wipe")


@pytest.mark.parametrize("arguments", [{"amount": "5000"}, {}, None, {"amount": None}, {"amount": [5000]}])
def test_a_deny_whose_condition_cannot_be_evaluated_is_not_skipped(arguments: dict[str, Any] | None) -> None:
    """[G3, G3d]"""
    limit = {"field": "tool.args.amount", "operator": "greater_than", "value": 100}
    engine = engine_of({}, {"effect": "deny", "conditions": [limit]})
    assert not is_allowed(engine, arguments=arguments)
    assert is_allowed(engine, arguments={"amount": 5})


def test_an_argument_does_not_make_a_regular_expression_take_for_ever() -> None:
    """[G4]"""
    evil = {"field": "tool.args.text", "operator": "regex", "value": "(a+)+$"}
    assert is_allowed(engine_of({}, {"effect": "deny", "conditions": [evil]}), arguments={"text": "a" * 50_000 + "!"})


def test_a_role_is_one_of_a_list_and_a_part_of_a_role_is_none() -> None:
    """[A4: `in` on lists never matched, and "nonadmin-viewer" contained "admin"]"""
    roles_in = {"conditions": [{"field": "user.roles", "operator": "in", "value": ["admin", "moderator"]}]}
    contains = {"conditions": [{"field": "user.roles", "operator": "contains", "value": "admin"}]}
    for rule in (roles_in, contains):
        assert is_allowed(engine_of(rule), user=someone(roles=["staff", "admin"]))
        assert not is_allowed(engine_of(rule), user=someone(roles=["nonadmin-viewer"]))


def test_a_regular_expression_is_looked_for_and_not_only_at_the_start() -> None:
    """[A4]"""
    rule = {"conditions": [{"field": "tool.name", "operator": "regex", "value": "_admin$"}]}
    assert is_allowed(engine_of(rule), "users_admin")


def test_namespaces_and_addresses_of_resources_are_looked_at() -> None:
    """[A4: namespaces were never filled in, and addresses were compared with names]"""
    engine = engine_of({"tools": {"namespaces": ["weather"]}}, {"resources": {"uris": ["file:///report"]}})
    assert is_allowed(engine, "weather_now", namespace="weather")
    assert not is_allowed(engine, "weather_now")
    assert is_allowed(engine, "report", "read", kind="resource", uri="file:///report")


def test_templates_are_listed_by_their_pattern_and_read_by_their_address() -> None:
    """[A4: lists of them were not filtered, and reading one failed]"""
    engine = engine_of(
        {"resources": {"patterns": ["notes://*"]}}, {"effect": "deny", "resources": {"uris": ["notes://ceo"]}}
    )
    assert is_allowed(engine, "notes", "list", kind="template", uri="notes://{name}")
    assert not is_allowed(engine, "secrets", "list", kind="template", uri="secrets://{name}")
    assert is_allowed(engine, "notes", "read", kind="resource", uri="notes://alice")
    assert not is_allowed(engine, "notes", "read", kind="resource", uri="notes://ceo")


def test_what_is_explained_is_what_is_decided() -> None:
    """[G6a: its test command denied everything, as it named the kind by another word]"""
    engine = engine_of({"tools": {"names": ["pay"]}})
    explained = engine.explain(request_for())
    assert explained.decision == engine.decide(request_for())
    assert explained.decision.allowed


def test_the_conditions_of_the_application_are_asked() -> None:
    """[A4: they never were]"""
    rule = {"conditions": [{"custom": "business hours"}]}
    assert is_allowed(engine_of(rule, conditions={"business hours": lambda request: request.caller.now == NOON}))


def test_who_somebody_is_comes_from_what_was_verified_alone() -> None:
    """[H2, H2a, H6c: headers said who a caller was]

    A request has no headers: there is a principal, or there is nobody. What a token's claims call the user, roles or
    agent does not change what the kit read of it.
    """
    engine = engine_of({"agents": {"user_id": "ceo"}}, {"agents": {"roles": ["admin"]}})
    user = someone("mallory", user_id="ceo", id="ceo", roles=["user"])
    assert not is_allowed(engine, user=user)
    assert set(Caller.__dataclass_fields__) == {"principal", "now", "connected", "transport"}


def test_a_list_and_a_call_come_to_the_same_answer() -> None:
    engine = engine_of({"tools": {"patterns": ["get_*"]}}, {"effect": "deny", "tools": {"tags": ["secret"]}})
    names = ["get_a", "get_b", "put_a"]
    targets: list[Target] = [request_for(name, tags=tags).target for name in names for tags in ([], ["secret"])]
    caller = Caller(principal=someone(), now=NOON)
    listed = [one.allowed for one in engine.decide_all(caller, targets, Action.LIST)]
    called = [one.allowed for one in engine.decide_all(caller, targets, Action.CALL)]
    assert listed == called == [True, False, True, False, False, False]
