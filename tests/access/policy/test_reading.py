"""Policies as people write them: the documented ones load, and what is not understood is told with its place."""

from __future__ import annotations

import textwrap
from pathlib import Path

import pytest

from mcpauthkit.policies import (
    Agents,
    Condition,
    CustomCondition,
    Fault,
    Policy,
    PolicyInvalid,
    Rule,
    TimeWindow,
    Tools,
    load_policy,
    read_policy,
)

DOCUMENTED = """\
name: "my_service_policy"
default_effect: "deny"

rules:
  - name: "admin_access"
    effect: "allow"
    agents:
      roles: ["admin"]
    tools:
      patterns: ["*"]  # All tools
    actions: ["list", "call"]

  - name: "user_limited_access"
    effect: "allow"
    agents:
      roles: ["user"]
    tools:
      names: ["safe_tool", "read_only_tool"]
    actions: ["list", "call"]
"""

DOCUMENTED_PARTS = """\
agents:
  user_id: ["alice", "bob"]           # Specific users
  roles: ["admin", "developer"]       # User roles
  agent_id: ["claude", "gpt-4"]      # Agent identifiers
  patterns: ["admin_*", "*_service"]  # Wildcard patterns
tools:
  names: ["get_weather", "send_email"]    # Exact tool names
  patterns: ["get_*", "*_admin"]          # Wildcard patterns
  namespaces: ["weather", "admin"]        # Tool namespaces
  tags: ["safe", "public"]               # Tool tags
conditions:
  - field: "tool.args.time"
    operator: "equals"
    value: "night"

  - field: "user.roles"
    operator: "in"
    value: ["admin", "moderator"]

  - field: "tool.name"
    operator: "regex"
    value: "^admin_.*"
"""


def rule_of(parts: str) -> Rule:
    return read_policy(in_a_rule(parts)).rules[0]


def in_a_rule(parts: str) -> str:
    return "name: p\nrules:\n  - name: r\n    effect: deny\n" + textwrap.indent(textwrap.dedent(parts), "    ")


def place_of_end(text: str) -> tuple[int, int]:
    return text.count("\n") + 1, len(text.rpartition("\n")[2]) + 1


def faults_of(text: str | bytes) -> tuple[Fault, ...]:
    with pytest.raises(PolicyInvalid) as caught:
        read_policy(text, "p.yaml")
    assert caught.value.faults
    return caught.value.faults


def test_the_documented_policy_loads_as_it_stands() -> None:
    read = read_policy(DOCUMENTED)
    tools = Tools(names=("safe_tool", "read_only_tool"))
    assert read == Policy(
        name="my_service_policy",
        default_effect="deny",
        rules=(
            Rule(
                name="admin_access",
                effect="allow",
                agents=Agents(roles=("admin",)),
                tools=Tools(patterns=("*",)),
                actions=("list", "call"),
            ),
            Rule(
                name="user_limited_access",
                effect="allow",
                agents=Agents(roles=("user",)),
                tools=tools,
                actions=("list", "call"),
            ),
        ),
    )


def test_the_documented_selectors_and_conditions_load_as_they_stand() -> None:
    read = rule_of(DOCUMENTED_PARTS)
    assert read.agents == Agents(
        user_id=("alice", "bob"),
        roles=("admin", "developer"),
        agent_id=("claude", "gpt-4"),
        patterns=("admin_*", "*_service"),
    )
    assert read.tools == Tools(
        names=("get_weather", "send_email"),
        patterns=("get_*", "*_admin"),
        namespaces=("weather", "admin"),
        tags=("safe", "public"),
    )
    assert read.conditions == (
        Condition(field="tool.args.time", operator="equals", value="night"),
        Condition(field="user.roles", operator="in", value=("admin", "moderator")),
        Condition(field="tool.name", operator="regex", value="^admin_.*"),
    )


def test_everything_that_a_former_policy_could_say_is_still_understood() -> None:
    read = read_policy("""\
name: former
description: What older files say.
version: "2.3"
default_effect: allow
tags: []
created_by: somebody
rules:
  - name: r
    description: A rule.
    effect: deny
    agents: {user_id: alice, agent_id: claude}
    resources: {uris: ["data://a"], patterns: ["data://*"], schemes: [data]}
    prompts: {names: [a], patterns: [b*], tags: [c]}
    conditions: []
    priority: 900
""")
    assert (read.version, read.default_effect, read.created_by) == ("2.3", "allow", "somebody")
    assert read.rules[0].agents == Agents(user_id=("alice",), agent_id=("claude",))
    assert (read.rules[0].actions, read.rules[0].priority) == (("*",), 900)


def test_what_is_new_is_understood() -> None:
    read = rule_of(
        """\
agents: {issuers: [https://a.example], clients: [app], tenants: [north], scopes: [read, write]}
times:
  - {days: [friday], from: "22:00", until: "06:00", timezone: Europe/Berlin}
  - {from: "9:00"}
services: [github]
conditions:
  - custom: business_hours
  - {custom: on_call, value: false}
  - {field: tool.args.note, operator: exists}
""".replace('"9:00"', '"09:00"')
    )
    assert read.times == (
        TimeWindow(days=("friday",), from_="22:00", until="06:00", timezone="Europe/Berlin"),
        TimeWindow(from_="09:00"),
    )
    assert read.services == ("github",)
    assert read.conditions[:2] == (
        CustomCondition(custom="business_hours"),
        CustomCondition(custom="on_call", value=False),
    )
    assert read.conditions[2] == Condition(field="tool.args.note", operator="exists", value=True)


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("5", 5),
        ("-5", -5),
        ("5.0", 5.0),
        ("1.5e+3", 1500.0),
        ("true", True),
        ("False", False),
        ("'5'", "5"),
        ('"yes"', "yes"),
        ("2026-12-24", "2026-12-24"),
        ("17:00", "17:00"),
        ("y", "y"),
        ("1.2.3", "1.2.3"),
        ("[1, 1.0, true, a]", (1, 1.0, True, "a")),
    ],
)
def test_a_value_is_what_every_reader_of_yaml_takes_it_for(written: str, read: object) -> None:
    condition = rule_of(f"conditions:\n  - {{field: tool.args.x, operator: equals, value: {written}}}").conditions[0]
    assert repr(condition.value) == repr(read)


@pytest.mark.parametrize(
    "written",
    ["yes", "No", "on", "OFF", "010", "0x1F", "0o17", "0b1", "1_000", "1e3", ".inf", "-.inf", ".nan", "9" * 30],
)
def test_a_value_that_is_read_one_way_or_another_is_a_fault(written: str) -> None:
    above = in_a_rule("conditions:\n  - {field: tool.args.x, operator: equals, value: ")
    assert [(one.line, one.column) for one in faults_of(f"{above}{written}}}")] == [place_of_end(above)]


@pytest.mark.parametrize(
    ("marked", "said"),
    [
        ("@agent: {roles: [a]}", "Perhaps `agents` is meant."),
        ("@condition: []", "Perhaps `conditions` is meant."),
        ("@roles: [a]", "It belongs under `agents`."),
        ("@from: x", "It belongs under `times`."),
        ("@xyzzy: 1", "Known are "),
        ("agents:\n  @rolls: [a]", "Perhaps `roles` is meant."),
        ("tools: {@name: [a]}", "Perhaps `names` is meant."),
        ("times: [{@from_: '09:00'}]", "Perhaps `from` is meant."),
        ("conditions: [{field: tool.name, operator: equals, @valu: a}]", "Perhaps `value` is meant."),
        ("agents: {roles: @[]}", "This list is empty"),
        ("actions: @[]", "This list is empty"),
        ("times: @[]", "This list is empty"),
        ("services: @[]", "This list is empty"),
        ("agents: @{}", "Name at least one of user_id"),
        ("tools: @{}", "Name at least one of names"),
        ("@agents:", "Nothing is written after `agents:`."),
        ("@agents: ~", "Nothing is written after `agents:`."),
        ("tools: {names: [a, @~]}", "Nothing is written here"),
        ("agents: {roles: @admin}", "Write a list"),
        ("agents: {roles: [@5]}", 'such as "5"'),
        ("agents: {roles: [@true]}", "put it into quotes"),
        ("agents: {roles: @{a: b}}", "Write a list"),
        ("agents: @[admin]", "Write keys and values here."),
        ("agents: {roles: [@'']}", "empty"),
        ("agents: {roles: [@' admin']}", "space"),
        ('agents: {roles: [@"ad\\nmin"]}', "invisible"),
        ('agents: {roles: [@"\\u202enimda"]}', "invisible"),
        ('agents: {roles: [@"ad\\u200bmin"]}', "invisible"),
        ('agents: {roles: [@"ad\\u00a0min"]}', "invisible"),
        ("tools: {names: [@de\u00adlete]}", "invisible"),
        ("tools: {names: [@delete\ufe0f]}", "invisible"),
        ("tools: {patterns: [@del\u3164*]}", "invisible"),
        ("services: [@my\u3000wiki]", "invisible"),
        ("agents: {anyone: @false}", "Write true"),
        ("agents: @{anyone: true, roles: [a]}", "stands alone"),
        ("actions: [list, @cal]", "Perhaps `call` is meant."),
        ("resources: {schemes: [@'https://']}", "such as `https`"),
        ("times: [{from: @'9:00'}]", "two digits"),
        ("times: [{from: @'25:00'}]", "two digits"),
        ("times: [@{from: '24:00'}]", "begins at"),
        ("times: [@{from: '09:00', until: '09:00'}]", "the same time"),
        ("times: [{days: [@Monday]}]", "Perhaps `monday` is meant."),
        ("times: [{timezone: @Mars/Phobos}]", "no such time zone"),
        ("times: [{timezone: @../../etc/passwd}]", "no such time zone"),
        ("priority: @high", "whole number"),
        ("priority: @true", "whole number"),
        ("conditions: [{field: tool.name, operator: @equal, value: a}]", "Perhaps `equals` is meant."),
        ("conditions: [{field: @tool.arg.x, operator: equals, value: a}]", "tool.args.<name>"),
        ("conditions: [{field: @tools.name, operator: equals, value: a}]", "tool."),
        ("conditions: [{field: @user, operator: equals, value: a}]", "begins with"),
        ("conditions: [{field: @tool.args, operator: equals, value: a}]", "tool.args.<name>"),
        ("conditions: [{field: @tool.name.x, operator: equals, value: a}]", "no such field"),
        ("conditions: [{field: @user..x, operator: equals, value: a}]", "begins with"),
        ("conditions: [@{field: user.x, operator: equals}]", "Add `value`"),
        ("conditions: [{field: user.x, operator: in, value: @a}]", "compares with a list"),
        ("conditions: [{field: user.x, operator: in, value: @[]}]", "list is empty"),
        ("conditions: [{field: user.x, operator: equals, value: @{a: b}}]", "a text, a number"),
        ("conditions: [{field: user.x, operator: gt, value: @true}]", "a number or a text"),
        ("conditions: [{field: user.x, operator: regex, value: @5}]", "a text"),
        ("conditions: [{field: user.x, operator: regex, value: @'(?=a)'}]", "look-ahead"),
        ("conditions: [{field: user.x, operator: starts_with, value: @''}]", "not empty"),
        ("conditions: [{field: user.x, operator: exists, value: @1}]", "true or false"),
        ("conditions: [{field: user.x, operator: contains, value: @[a]}]", "one value"),
        ("conditions: [{field: time.weekday, operator: in, value: @[Monday]}]", "monday"),
        ("conditions: [{field: time.hour, operator: equals, value: @true}]", "from 0 to 23"),
        ("conditions: [{field: request.transport, operator: equals, value: @HTTP}]", "stdio"),
        ("conditions: [{field: user.authenticated, operator: equals, value: @1}]", "true, false"),
        ("conditions: [{custom: x, value: @5}]", "true or false"),
        ("@effect: allow", "twice; it stands in line 4 too"),
        ("agents: {roles: [a], @roles: [b]}", "twice"),
    ],
)
def test_what_is_not_understood_is_told_with_its_place_and_what_to_write(marked: str, said: str) -> None:
    # The mark stands before what is wrong.
    text = in_a_rule(marked)
    above, _, behind = text.partition("@")
    (fault,) = faults_of(above + behind)
    assert (fault.source, fault.line, fault.column) == ("p.yaml", *place_of_end(above))
    assert said in fault.text


@pytest.mark.parametrize(
    ("text", "places"),
    [
        ("", [(0, 0)]),
        ("# nothing\n", [(0, 0)]),
        ("---\n...\n", [(2, 1)]),
        ("just words", [(1, 1)]),
        ("- a\n- b", [(1, 1)]),
        ("rules: []", [(1, 1)]),
        ("name: p", [(1, 1)]),
        ("name: 5\nrules: []", [(1, 7)]),
        ("name: p\nrules: {}", [(2, 8)]),
        ("name: p\nrules:\n", [(2, 1)]),
        ("name: p\ndefault_effect: Allow\nrules: []", [(2, 17)]),
        ("name: p\nrules: []\n---\nname: q\nrules: []", [(3, 1)]),
        ("name: p\nrules:\n\t- name: r", [(3, 1)]),
        ("name: p\nrules: [", [(3, 1)]),
        ("name: 'p", [(1, 9)]),
        ("é: ü\nname: p\nrules: []", [(1, 1)]),
        ("name: p\n? [a]\n: b\nrules: []", [(2, 3)]),
        ("name: p\nrules: [{name: a, effect: deny}, {name: a, effect: allow}]", [(2, 41)]),
        ("name: p\nrules: [{name: a}, {effect: deny}, {}]", [(2, 9), (2, 20), (2, 36), (2, 36)]),
    ],
)
def test_a_document_that_is_none_is_told_with_its_place(text: str, places: list[tuple[int, int]]) -> None:
    assert [(one.line, one.column) for one in faults_of(text)] == places


def test_every_fault_is_told_at_once_in_the_order_of_the_text() -> None:
    text = "nam: p\nrules:\n  - name: a\n    effect: alow\n    agent: {}\n    tools: {names: [on]}\n"
    assert [(one.line, one.column) for one in faults_of(text)] == [(1, 1), (1, 1), (4, 13), (5, 5), (6, 21)]


def test_an_error_says_where_in_the_way_editors_understand() -> None:
    with pytest.raises(PolicyInvalid) as caught:
        read_policy("name: p\nrule: []\nrules: []", "folder/p.yaml")
    assert "folder/p.yaml:2:1: There is no key `rule` here. Perhaps `rules` is meant." in str(caught.value)
    assert caught.value.code == "policy_invalid"


def test_a_file_is_read_and_named_in_its_faults(tmp_path: Path) -> None:
    file = tmp_path / "p.yaml"
    file.write_text("\ufeff" + DOCUMENTED, encoding="utf-8")
    assert load_policy(file) == read_policy(DOCUMENTED)
    file.write_text("nam: p")
    with pytest.raises(PolicyInvalid) as caught:
        load_policy(str(file))
    assert {one.source for one in caught.value.faults} == {str(file)}


def test_a_file_that_cannot_be_read_is_a_fault_of_its_own(tmp_path: Path) -> None:
    for path in (tmp_path / "none.yaml", tmp_path):
        with pytest.raises(PolicyInvalid) as caught:
            load_policy(path)
        assert [(one.source, one.line) for one in caught.value.faults] == [(str(path), 0)]
