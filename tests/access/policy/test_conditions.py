"""What conditions compare, and what becomes of a rule whose condition cannot be evaluated."""

from __future__ import annotations

from typing import Any

import pytest

from mcpauthkit.access.policy.engine import PolicyEngine
from mcpauthkit.guards import AccessRequest
from tests.access.callers import someone
from tests.access.policy.asking import at, engine_of, is_allowed, request_for

YES, NO, UNKNOWN = "yes", "no", "cannot be evaluated"


def condition(field: str, operator: str, value: Any) -> dict[str, Any]:
    return {"conditions": [{"field": field, "operator": operator, "value": value}]}


def said(field: str, operator: str, value: Any, request: AccessRequest) -> str:
    """What a condition says, as seen from outside: an allow needs a yes, and only a no stops a deny."""
    rule = condition(field, operator, value)
    allows = engine_of(rule).decide(request).allowed
    denies = not engine_of({}, {"effect": "deny", **rule}).decide(request).allowed
    return {(True, True): YES, (False, False): NO, (False, True): UNKNOWN}[allows, denies]


def of_argument(operator: str, value: Any, found: Any) -> str:
    return said("tool.args.x", operator, value, request_for(arguments={"x": found}))


OPPOSITES = {"equals": "not_equals", "in": "not_in", "contains": "not_contains"}


@pytest.mark.parametrize(
    ("operator", "value", "answers"),
    [
        ("equals", 5, {YES: [5, 5.0], NO: [6, -5], UNKNOWN: ["5", True, None, [5], {"a": 5}, float("nan")]}),
        ("equals", "a", {YES: ["a"], NO: ["b", "", "A", "a "], UNKNOWN: [1, ["a"], False, None]}),
        ("equals", True, {YES: [True], NO: [False], UNKNOWN: [1, 0, "true", "True", None]}),
        ("equals", ["a", "b"], {YES: [["a", "b"]], NO: [["b", "a"], ["a"], []], UNKNOWN: ["a", [1, 2], None]}),
        ("in", ["a", 5], {YES: ["a", 5], NO: ["b", 6], UNKNOWN: [True, None, {}]}),
        ("in", [5], {YES: [5.0], NO: [6], UNKNOWN: ["5", True, float("inf")]}),
        ("contains", "ad", {YES: ["ad", "nad"], NO: ["a", "AD"], UNKNOWN: [5, None, [5], {"ad": 1}]}),
        ("contains", "ad", {YES: [["ad", "x"]], NO: [["nad"], []], UNKNOWN: [["x", 5]]}),
        ("contains", 5, {YES: [[5], [4, 5.0]], NO: [[4]], UNKNOWN: ["5", 5, [True]]}),
        ("starts_with", "ab", {YES: ["ab", "abc"], NO: ["a", "xab"], UNKNOWN: [5, ["ab"], None]}),
        ("ends_with", "ab", {YES: ["ab", "cab"], NO: ["b", "abx"], UNKNOWN: [5, ["ab"], None]}),
        ("regex", "^a+$", {YES: ["a", "aa"], NO: ["b", "aa\n", ""], UNKNOWN: [5, ["a"], None, "\ud800"]}),
        ("regex", "b", {YES: ["abc"], NO: ["ac"], UNKNOWN: [True]}),
        ("gt", 100, {YES: [101, 100.5], NO: [100, 0], UNKNOWN: ["101", True, None, [101], float("nan"), float("inf")]}),
        ("gte", 100, {YES: [100, 10**400], NO: [99.9], UNKNOWN: ["100"]}),
        ("lt", 100, {YES: [99], NO: [100], UNKNOWN: ["99", False, float("-inf")]}),
        ("lte", 100, {YES: [100], NO: [101], UNKNOWN: [None]}),
        ("gt", "2026-01-01", {YES: ["2026-06-01"], NO: ["2025-12-31"], UNKNOWN: [2027]}),
        ("greater_than", 1, {YES: [2], NO: [1], UNKNOWN: ["2"]}),
        ("less_than", 1, {YES: [0], NO: [1], UNKNOWN: ["0"]}),
        ("exists", True, {YES: [0, "", False, [], {}], NO: [None], UNKNOWN: []}),
        ("exists", False, {YES: [None], NO: [0, "", False], UNKNOWN: []}),
    ],
)
def test_an_operator_compares_values_of_one_type_and_evaluates_no_others(
    operator: str, value: Any, answers: dict[str, list[Any]]
) -> None:
    for expected, found in answers.items():
        assert [(one, of_argument(operator, value, one)) for one in found] == [(one, expected) for one in found]
    if operator in OPPOSITES:
        turned = {YES: NO, NO: YES, UNKNOWN: UNKNOWN}
        for expected, found in answers.items():
            opposite = [of_argument(OPPOSITES[operator], value, one) for one in found]
            assert opposite == [turned[expected]] * len(found)


def test_of_a_list_that_a_caller_sends_either_all_items_are_among_the_values_or_none() -> None:
    lists: list[Any] = [["a", "b"], ["a", "x"], ["x"], [], ["a", 5]]
    assert [of_argument("in", ["a", "b"], one) for one in lists] == [YES, UNKNOWN, NO, NO, UNKNOWN]
    assert [of_argument("not_in", ["a", "b"], one) for one in lists] == [NO, UNKNOWN, YES, YES, UNKNOWN]


def test_of_roles_one_among_the_values_is_enough() -> None:
    request = request_for(user=someone(roles=["admin", "user"]))
    assert said("user.roles", "in", ["admin", "owner"], request) == YES
    assert said("user.roles", "in", ["owner"], request) == NO
    assert said("user.roles", "not_in", ["admin"], request) == NO
    assert said("user.roles", "contains", "adm", request) == NO
    assert said("user.roles", "equals", ["user", "admin"], request) == YES
    assert said("user.roles", "equals", "admin", request) == UNKNOWN


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("tool.name", "pay"),
        ("tool.namespace", "crm"),
        ("tool.args.a.b", "deep"),
        ("user.id", "alice"),
        ("user.user_id", "alice"),
        ("user.subject", "alice"),
        ("user.issuer", "https://issuer.example"),
        ("user.client_id", "app"),
        ("user.agent_id", "bot"),
        ("user.tenant", "north"),
        ("user.authenticated", True),
        ("user.email", "a@example.com"),
        ("user.claims.org.unit", "sales"),
        ("claims.org.unit", "sales"),
        ("claims.https://example.com/level", 3),
        ("request.action", "call"),
        ("request.transport", "http"),
        ("time.hour", 23),
        ("time.minute", 5),
        ("time.weekday", "monday"),
        ("time.date", "2026-11-23"),
    ],
)
def test_a_field_has_the_value_of_the_request(field: str, value: object) -> None:
    claims: dict[str, Any] = {"email": "a@example.com", "org": {"unit": "sales"}, "https://example.com/level": 3}
    user = someone("alice", client_id="app", agent_id="bot", tenant="north", **claims)
    arguments = {"a": {"b": "deep"}}
    request = request_for(namespace="crm", user=user, arguments=arguments, now=at("2026-11-23T23:05"))
    assert said(field, "equals", value, request) == YES


def test_each_tag_role_scope_and_service_is_an_element_of_its_field() -> None:
    request = request_for(tags=["safe"], user=someone(roles=["r"], scopes=["s"]), connected=["wiki"])
    for field, value in (
        ("tool.tags", "safe"),
        ("user.roles", "r"),
        ("user.scopes", "s"),
        ("services.connected", "wiki"),
    ):
        assert said(field, "contains", value, request) == YES


def test_a_field_of_another_kind_of_target_is_missing() -> None:
    resource = request_for("x", "read", kind="resource", uri="file:///x")
    prompt = request_for("hello", "get", kind="prompt")
    assert said("resource.uri", "starts_with", "file:", resource) == YES
    assert said("prompt.name", "equals", "hello", prompt) == YES
    for request, field in ((resource, "tool.name"), (prompt, "resource.uri"), (request_for(), "prompt.name")):
        assert said(field, "regex", ".", request) == UNKNOWN
    assert said("tool.args.x", "exists", True, resource) == NO


def test_what_is_missing_cannot_be_evaluated_whichever_way_it_is_asked() -> None:
    for operator in ("equals", "not_equals", "contains", "not_contains", "regex", "gt"):
        assert said("claims.level", operator, "x", request_for()) == UNKNOWN
    for operator in ("in", "not_in"):
        assert said("tool.args.x", operator, ["x"], request_for(arguments={})) == UNKNOWN
    assert said("claims.level", "exists", False, request_for()) == YES


def test_a_key_with_dots_is_no_nested_argument() -> None:
    """Whoever calls could otherwise choose which of two values is looked at."""
    assert said("tool.args.a.b", "exists", True, request_for(arguments={"a.b": 1})) == NO


def test_a_claim_does_not_pass_for_what_the_kit_verified() -> None:
    user = someone("alice", roles=["user"], id="ceo", authenticated=False, issuer="https://other")
    assert said("user.id", "equals", "alice", request_for(user=user)) == YES
    assert said("user.roles", "contains", "admin", request_for(user=user)) == NO
    assert said("user.issuer", "equals", "https://other", request_for(user=user)) == NO


def test_one_condition_that_is_not_met_keeps_a_deny_from_matching_whatever_the_others_are() -> None:
    unmet, unknown = condition("user.id", "equals", "bob"), condition("claims.level", "gt", 1)
    for pair in ((unmet, unknown), (unknown, unmet)):
        conditions = [one for rule in pair for one in rule["conditions"]]
        assert is_allowed(engine_of({}, {"effect": "deny", "conditions": conditions}))


def test_why_a_deny_matched_without_certainty_is_told() -> None:
    engine = engine_of({}, {"effect": "deny", **condition("tool.args.amount", "gt", 100)})
    assert "tool.args.amount gt 100" in engine.decide(request_for(arguments={"amount": "5"})).reason


def listed(*rules: dict[str, Any]) -> bool:
    engine: PolicyEngine = engine_of(*rules)
    return is_allowed(engine, action="list", user=someone("alice", level=1))


def test_a_list_shows_what_arguments_could_allow_and_hides_what_none_could() -> None:
    small, missing = condition("tool.args.x", "lt", 5), condition("claims.nothing", "equals", "x")
    unmet = condition("user.id", "equals", "bob")
    both = {"conditions": [*small["conditions"], *missing["conditions"]]}
    assert listed(small)
    assert not listed({"conditions": [*small["conditions"], *unmet["conditions"]]})
    assert not listed(both)
    assert listed({}, {"effect": "deny", **small})
    assert listed({}, {"effect": "deny", **both})
    assert not listed({}, {"effect": "deny", **missing})
    assert listed(condition("tool.args.x", "exists", False))


def test_times_without_a_zone_cannot_be_evaluated() -> None:
    naive = at("2026-11-23T12:00").replace(tzinfo=None)
    assert said("time.hour", "equals", 12, request_for(now=naive)) == UNKNOWN
