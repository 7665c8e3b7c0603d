"""Why a decision came as it did."""

from __future__ import annotations

from typing import Any

import pytest

from tests.access.callers import someone
from tests.access.policy.asking import engine_of, request_for


@pytest.mark.parametrize(
    ("rule", "words"),
    [
        ({"actions": ["list"]}, ["other actions", "call", "list"]),
        ({"prompts": {"names": ["x"]}}, ["nothing about a tool"]),
        ({"tools": {"names": ["other"]}}, ["tools.names", "other", "pay"]),
        ({"tools": {"patterns": ["get_*"]}}, ["tools.patterns", "get_*", "pay"]),
        ({"tools": {"tags": ["safe"]}}, ["tools.tags", "safe", "none"]),
        ({"agents": {"roles": ["admin"]}}, ["agents.roles", "admin", "user"]),
        ({"agents": {"scopes": ["a", "b"]}}, ["agents.scopes", "b not held"]),
        ({"conditions": [{"field": "tool.args.x", "operator": "gt", "value": 5}]}, ["not met", "tool.args.x gt 5"]),
        (
            {"conditions": [{"field": "claims.y", "operator": "equals", "value": "z"}]},
            ["cannot be evaluated", "claims.y"],
        ),
        ({"times": [{"from": "20:00"}]}, ["not met", "times"]),
        ({"services": ["wiki"]}, ["cannot be evaluated", "wiki"]),
    ],
)
def test_the_first_thing_that_kept_a_rule_from_matching_is_told(rule: dict[str, Any], words: list[str]) -> None:
    user = someone("alice", roles=["user"], scopes=["a"])
    (answer,) = engine_of(rule).explain(request_for(user=user, arguments={"x": 1})).rules
    assert not answer.matches
    assert [one for one in words if one not in answer.why] == []


def test_nobody_is_told_to_be_nobody() -> None:
    (answer,) = engine_of({}).explain(request_for(user=None)).rules
    assert answer.why == "nobody is signed in"


def test_rules_stand_in_their_order_and_one_of_them_decides() -> None:
    unknown = {"conditions": [{"field": "claims.y", "operator": "equals", "value": "z"}]}
    explained = engine_of({}, {"effect": "deny", **unknown}, {"effect": "deny"}).explain(request_for())
    assert [one.rule for one in explained.rules] == ["rule 0", "rule 1", "rule 2"]
    assert [one.matches for one in explained.rules] == [True, True, True]
    assert [one.rule for one in explained.rules if one.decides] == ["rule 2"]
    assert "does not stop a deny" in explained.rules[1].why


def test_in_a_list_it_is_told_what_arguments_could_do() -> None:
    small = {"conditions": [{"field": "tool.args.x", "operator": "lt", "value": 5}]}
    allow, deny = engine_of(small, {"effect": "deny", **small}).explain(request_for(action="list")).rules
    assert (allow.matches, deny.matches) == (True, False)
    assert "can meet it" in allow.why
    assert "can avoid it" in deny.why
