"""Policies made in code give the same document as a file, and what is left out or said twice is refused."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from mcpauthkit.errors import ConfigurationError
from mcpauthkit.policies import PolicyBuilder, PolicyInvalid, RuleBuilder, policy, read_policy, rule


def test_the_documented_chain_works_as_it_stands() -> None:
    my_policy = (
        policy("secure_service")
        .with_description("Security policy for my service")
        .deny_by_default()
        .add_rule(rule("admin_access").for_roles("admin").for_tool_patterns("*").allow())
        .add_rule(
            rule("user_read_only")
            .for_roles("user")
            .for_tool_patterns("get_*", "list_*")
            .when_equals("tool.args.readonly", True)
            .allow()
        )
        .build()
    )
    assert my_policy == read_policy("""\
name: secure_service
description: Security policy for my service
default_effect: deny
rules:
  - name: admin_access
    effect: allow
    agents: {roles: [admin]}
    tools: {patterns: ["*"]}
  - name: user_read_only
    effect: allow
    agents: {roles: [user]}
    tools: {patterns: [get_*, list_*]}
    conditions:
      - {field: tool.args.readonly, operator: equals, value: true}
""")


def test_every_selector_says_what_a_file_can() -> None:
    built = (
        rule("one")
        .for_users("alice")
        .for_roles("admin")
        .for_agents("claude")
        .for_patterns("a*")
        .for_issuers("https://a.example")
        .for_clients("app")
        .for_tenants("north")
        .for_scopes("read")
        .for_tools("a")
        .for_tool_patterns("b*")
        .for_namespaces("c")
        .for_tool_tags("d")
        .for_resources("data://a")
        .for_resource_patterns("data://*")
        .for_resource_schemes("data")
        .for_prompts("e")
        .for_prompt_patterns("f*")
        .for_prompt_tags("g")
        .for_actions("list", "call")
        .deny()
        .build()
    )
    (read,) = read_policy("""\
name: all
rules:
  - name: one
    effect: deny
    agents: {user_id: alice, roles: [admin], agent_id: [claude], patterns: [a*], issuers: ["https://a.example"],
             clients: [app], tenants: [north], scopes: [read]}
    tools: {names: [a], patterns: [b*], namespaces: [c], tags: [d]}
    resources: {uris: ["data://a"], patterns: ["data://*"], schemes: [data]}
    prompts: {names: [e], patterns: [f*], tags: [g]}
    actions: [list, call]
""").rules
    assert built == read


def test_everything_else_says_what_a_file_can() -> None:
    limited = (
        rule("one")
        .with_description("Everything.")
        .with_priority(5)
        .when("tool.args.amount", "greater_than", 5)
        .when_in("user.roles", ["admin", "owner"])
        .when_contains("tool.args.text", "x")
        .when_exists("user.email", value=False)
        .when_custom("on_call")
        .when_connected("github")
        .during("friday", from_="22:00", until="06:00", timezone="Europe/Berlin")
        .during(from_="12:00", until="13:00")
        .allow()
    )
    begun = policy("all").with_version("2").with_tags("a", "b").created_by("somebody").allow_by_default()
    built = begun.add_rule(limited.build()).add_rule(rule("two").for_anyone().allow()).build()
    assert built == read_policy("""\
name: all
version: "2"
tags: [a, b]
created_by: somebody
default_effect: allow
rules:
  - name: one
    description: Everything.
    priority: 5
    effect: allow
    conditions:
      - {field: tool.args.amount, operator: gt, value: 5}
      - {field: user.roles, operator: in, value: [admin, owner]}
      - {field: tool.args.text, operator: contains, value: x}
      - {field: user.email, operator: exists, value: false}
      - custom: on_call
    services: [github]
    times:
      - {days: [friday], from: "22:00", until: "06:00", timezone: Europe/Berlin}
      - {from: "12:00", until: "13:00"}
  - name: two
    effect: allow
    agents: {anyone: true}
""")


@pytest.mark.parametrize(
    "make",
    [
        lambda: rule("r").build(),
        lambda: rule("r").for_roles().allow().build(),
        lambda: rule("r").for_roles("").allow().build(),
        lambda: rule("r").for_anyone().for_roles("a").allow().build(),
        lambda: rule("r").for_actions("cal").allow().build(),
        lambda: rule("").allow().build(),
        lambda: rule("r").when("tool.arg.x", "equals", 1),
        lambda: rule("r").when("tool.name", "is", 1),  # type: ignore[arg-type]
        lambda: rule("r").when("tool.name", "regex", "("),
        lambda: rule("r").when_in("tool.name", "abc"),
        lambda: rule("r").when_in("tool.name", []),
        lambda: rule("r").during("Friday"),
        lambda: rule("r").during(timezone="Mars"),
        lambda: policy("").build(),
        lambda: policy("p").add_rule(rule("r")).build(),
        lambda: policy("p").add_rule(rule("r").allow()).add_rule(rule("r").deny()).build(),
        lambda: policy("p").with_default_effect("maybe").build(),  # type: ignore[arg-type]
    ],
)
def test_what_a_file_could_not_say_is_refused(make: Callable[[], object]) -> None:
    with pytest.raises(PolicyInvalid) as caught:
        make()
    assert all(one.source.startswith(("policy", "rule")) and one.text for one in caught.value.faults)


@pytest.mark.parametrize(
    "make",
    [
        lambda: rule("r").allow().deny(),
        lambda: rule("r").for_roles("a").for_roles("b"),
        lambda: rule("r").for_actions("list").for_actions("call"),
        lambda: policy("p").allow_by_default().deny_by_default(),
    ],
)
def test_what_is_said_twice_is_refused_and_never_the_last_word(make: Callable[[], PolicyBuilder | RuleBuilder]) -> None:
    with pytest.raises(ConfigurationError) as caught:
        make()
    assert caught.value.hint == "Name everything in one call."


def test_what_was_built_does_not_change_with_its_builder() -> None:
    begun = policy("p").add_rule(rule("a").allow())
    first = begun.build()
    second = begun.add_rule(rule("b").deny()).build()
    assert (len(first.rules), len(second.rules)) == (1, 2)
