"""Reading, building again, writing and reading again is the identity, for whatever a policy can say."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import jsonschema  # type: ignore[import-untyped]
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from mcpauthkit.access.policy.values import WEEKDAYS
from mcpauthkit.policies import (
    Condition,
    CustomCondition,
    Policy,
    PolicyInvalid,
    Rule,
    RuleBuilder,
    TimeWindow,
    json_schema,
    policy,
    read_policy,
    rule,
    to_yaml,
)

PUBLISHED = Path(__file__).parents[3] / "docs" / "policy.schema.json"
TRAPS = [
    "yes",
    "No",
    "~",
    "null",
    "1_0",
    "0x1",
    "1e3",
    "17:00",
    "2026-01-01",
    "=",
    "<<",
    "...",
    "---",
    "- a",
    "a: b",
    "#",
    "&a",
]

texts = st.text().filter(lambda text: text.isprintable() and text == text.strip() and text != "") | st.sampled_from(
    TRAPS
)
some = st.lists(texts, min_size=1, max_size=3)
scalars = (
    texts
    | st.text()
    | st.booleans()
    | st.integers(-(10**18) + 1, 10**18 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
)
times = st.sampled_from(["00:00", "08:30", "17:00", "23:59"])


def parts(**selectors: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries({}, optional=selectors).filter(bool)


conditions = st.one_of(
    st.fixed_dictionaries(
        {"field": st.just("tool.args.x"), "operator": st.sampled_from(["equals", "not_equals"]), "value": scalars}
    ),
    st.fixed_dictionaries(
        {
            "field": st.just("user.groups"),
            "operator": st.sampled_from(["in", "not_in"]),
            "value": st.lists(scalars, min_size=1, max_size=4),
        }
    ),
    st.fixed_dictionaries(
        {"field": st.just("claims.a.b"), "operator": st.just("greater_than"), "value": st.integers(-5, 5)}
    ),
    st.fixed_dictionaries({"field": st.just("user.email"), "operator": st.just("exists"), "value": st.booleans()}),
    st.fixed_dictionaries({"custom": texts.filter(lambda text: len(text) < 100), "value": st.booleans()}),
)
windows = st.fixed_dictionaries(
    {},
    optional={
        "days": st.lists(st.sampled_from(WEEKDAYS), min_size=1),
        "from": times,
        "timezone": st.sampled_from(["UTC", "Europe/Berlin"]),
    },
)
rules: st.SearchStrategy[dict[str, Any]] = st.fixed_dictionaries(
    {"name": texts.filter(lambda text: len(text) < 100), "effect": st.sampled_from(["allow", "deny"])},
    optional={
        "description": st.text(),
        "agents": parts(
            user_id=some,
            roles=some,
            agent_id=some,
            patterns=some,
            issuers=some,
            clients=some,
            tenants=some,
            scopes=some,
        )
        | st.just({"anyone": True}),
        "tools": parts(names=some, patterns=some, namespaces=some, tags=some),
        "resources": parts(
            uris=some, patterns=some, schemes=st.lists(st.sampled_from(["data", "git+ssh"]), min_size=1)
        ),
        "prompts": parts(names=some, patterns=some, tags=some),
        "actions": st.lists(st.sampled_from(["list", "call", "read", "get", "*"]), min_size=1),
        "conditions": st.lists(conditions, max_size=3),
        "times": st.lists(windows, min_size=1, max_size=2),
        "services": some,
        "priority": st.integers(-(10**9), 10**9),
    },
)
documents: st.SearchStrategy[dict[str, Any]] = st.fixed_dictionaries(
    {
        "name": texts.filter(lambda text: len(text) < 100),
        "rules": st.lists(rules, max_size=4, unique_by=lambda one: one["name"]),
    },
    optional={
        "description": st.text(),
        "version": st.text(),
        "default_effect": st.sampled_from(["allow", "deny"]),
        "tags": st.lists(texts, max_size=2),
        "created_by": st.text(),
    },
)

# What each selector is called in code.
METHODS = {
    ("agents", "user_id"): RuleBuilder.for_users,
    ("agents", "roles"): RuleBuilder.for_roles,
    ("agents", "agent_id"): RuleBuilder.for_agents,
    ("agents", "patterns"): RuleBuilder.for_patterns,
    ("agents", "issuers"): RuleBuilder.for_issuers,
    ("agents", "clients"): RuleBuilder.for_clients,
    ("agents", "tenants"): RuleBuilder.for_tenants,
    ("agents", "scopes"): RuleBuilder.for_scopes,
    ("tools", "names"): RuleBuilder.for_tools,
    ("tools", "patterns"): RuleBuilder.for_tool_patterns,
    ("tools", "namespaces"): RuleBuilder.for_namespaces,
    ("tools", "tags"): RuleBuilder.for_tool_tags,
    ("resources", "uris"): RuleBuilder.for_resources,
    ("resources", "patterns"): RuleBuilder.for_resource_patterns,
    ("resources", "schemes"): RuleBuilder.for_resource_schemes,
    ("prompts", "names"): RuleBuilder.for_prompts,
    ("prompts", "patterns"): RuleBuilder.for_prompt_patterns,
    ("prompts", "tags"): RuleBuilder.for_prompt_tags,
}


def written_out(value: Any) -> str:
    """YAML without what is under test: as JSON has it, but for the few characters and numbers that YAML writes else."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{written_out(key)}: {written_out(one)}" for key, one in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(written_out, value)) + "]"
    if isinstance(value, float):
        return re.sub(r"^(-?[0-9]+)e", r"\1.0e", repr(value))
    text = json.dumps(value, ensure_ascii=False)
    return re.sub(
        "[\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff\ufffe\uffff]",
        lambda one: f"\\u{ord(one[0]):04x}",
        text,
    )


def built_again(read: Policy) -> Policy:
    builder = policy(read.name).with_description(read.description).with_version(read.version).with_tags(*read.tags)
    builder.with_default_effect(read.default_effect).created_by(read.created_by)
    for one in read.rules:
        builder.add_rule(rule_again(one))
    return builder.build()


def rule_again(read: Rule) -> RuleBuilder:
    again = rule(read.name).with_description(read.description).with_priority(read.priority).for_actions(*read.actions)
    again = again.allow() if read.effect == "allow" else again.deny()
    if read.agents is not None and read.agents.anyone:
        again.for_anyone()
    for (part, selector), method in METHODS.items():
        values = getattr(getattr(read, part), selector, None)
        if values is not None:
            method(again, *values)
    for condition in read.conditions:
        if isinstance(condition, CustomCondition):
            again.when_custom(condition.custom, value=condition.value)
        else:
            again.when(condition.field, condition.operator, condition.value)
    for window in read.times:
        again.during(*window.days, from_=window.from_, until=window.until, timezone=window.timezone)
    return again.when_connected(*read.services) if read.services else again


@given(documents)
def test_reading_building_writing_and_reading_again_is_the_identity(document: dict[str, Any]) -> None:
    first = read_policy(written_out(document))
    written = to_yaml(built_again(first))
    second = read_policy(written)
    # Python takes 1, 1.0 and true for the same; their texts do not.
    assert (second, repr(second)) == (first, repr(first))
    assert to_yaml(second) == written


# Validating is slow, and the schema looks at keys more than at texts.
@settings(max_examples=25)
@given(documents)
def test_whatever_is_read_and_written_is_valid_by_the_published_schema(document: dict[str, Any]) -> None:
    validator = jsonschema.Draft202012Validator(json_schema())
    assert list(validator.iter_errors(document)) == []
    assert list(validator.iter_errors(yaml.safe_load(to_yaml(read_policy(written_out(document)))))) == []


def test_what_is_written_ends_so_that_a_cut_would_be_noticed() -> None:
    assert to_yaml(Policy(name="p", rules=())).endswith("\n...\n")


@pytest.mark.parametrize(
    "value", [1, 1.0, True, "1", "true", 1e300, 5e-324, -0.5, "\ufeff\x00\x85\u2028", "😀", "a" * 5000]
)
def test_a_value_keeps_its_kind(value: object) -> None:
    condition = Condition(field="tool.args.x", operator="equals", value=value)  # type: ignore[arg-type]
    written = to_yaml(Policy(name="p", rules=(Rule(name="r", effect="deny", conditions=(condition,)),)))
    read = read_policy(written).rules[0].conditions[0]
    assert (repr(read.value), type(read.value)) == (repr(value), type(value))


def test_what_would_be_shown_in_another_order_is_written_by_its_number() -> None:
    said = policy("p").with_description("a\u202eb\\").add_rule(rule("r").when("user.id", "equals", "c\u2066").deny())
    written = to_yaml(said.build())
    assert '"a\\u202Eb\\\\"' in written
    assert "c\\u2066" in written
    assert read_policy(written) == said.build()


def test_a_whole_day_in_code_is_one_in_a_file() -> None:
    window = TimeWindow(days=("monday",))
    assert read_policy(to_yaml(Policy(name="p", rules=(Rule(name="r", effect="deny", times=(window,)),)))).rules[
        0
    ].times == (window,)


def test_the_published_schema_is_the_current_one() -> None:
    assert json.loads(PUBLISHED.read_text(encoding="utf-8")) == json_schema()


@pytest.mark.parametrize(
    "rule_said",
    [
        {"agent": {"roles": ["a"]}},
        {"agents": {}},
        {"agents": {"roles": []}},
        {"agents": None},
        {"agents": {"rolls": ["a"]}},
        {"agents": {"anyone": False}},
        {"tools": {"names": "a"}},
        {"actions": ["cal"]},
        {"actions": []},
        {"times": [{"from": "9:00"}]},
        {"times": [{"from_": "09:00"}]},
        {"conditions": [{"field": "tool.name", "operator": "is", "value": 1}]},
        {"conditions": [{"field": "tool.name", "operator": "in", "value": []}]},
        {"priority": "high"},
    ],
)
def test_an_editor_marks_what_reading_refuses(rule_said: dict[str, Any]) -> None:
    document = {"name": "p", "rules": [{"name": "r", "effect": "deny", **rule_said}]}
    assert not jsonschema.Draft202012Validator(json_schema()).is_valid(document)
    with pytest.raises(PolicyInvalid):
        read_policy(written_out(document))


def test_an_editor_can_explain_every_key() -> None:
    schema = json_schema()
    jsonschema.Draft202012Validator.check_schema(schema)
    for model in (schema, *schema["$defs"].values()):
        assert model["description"]
        assert all(one.get("description") for one in model["properties"].values())
