"""`mcpauthkit policy validate`, `test` and `schema`: what they find, what they say, and how they end."""

from __future__ import annotations

import json
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest

from tests.cli.commands import run

POLICY = """\
name: reports
rules:
  - name: staff_reads
    effect: allow
    agents: {roles: [staff]}
    tools: {patterns: ["get_*"]}
  - name: not_the_secret_one
    effect: deny
    tools: {names: [get_secret]}
...
"""


def written(folder: Path, name: str, text: str) -> Path:
    path = folder / name
    path.write_text(dedent(text), encoding="utf-8")
    return path


def told(capsys: pytest.CaptureFixture[str]) -> Any:
    return json.loads(capsys.readouterr().out)


@pytest.fixture
def policy(tmp_path: Path) -> Path:
    return written(tmp_path, "reports.yaml", POLICY)


def test_a_good_policy_is_valid_and_nothing_is_noted(policy: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("policy", "validate", policy, "--json") == 0
    assert told(capsys) == {
        "policies": [{"source": str(policy), "name": "reports", "rules": 2}],
        "faults": [],
        "notes": [],
        "conditions": [],
    }
    assert run("policy", "validate", policy) == 0
    assert capsys.readouterr().out == f"{policy}: reports, 2 rules\n"


def test_every_fault_of_every_file_is_told_with_its_place(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    written(tmp_path, "a.yaml", "name: a\nrules:\n  - name: r\n    effect: allow\n    agent: {roles: [x]}\n...\n")
    written(tmp_path, "b.yaml", "name: b\nrules:\n  - name: r\n    effect: alow\n    agents: {roles: []}\n...\n")
    written(tmp_path, "b.test.yaml", "this is no policy")
    assert run("policy", "validate", tmp_path, "--json") == 1
    found = told(capsys)
    places = [(Path(one["source"]).name, one["line"], one["column"]) for one in found["faults"]]
    assert places == [("a.yaml", 5, 5), ("b.yaml", 4, 13), ("b.yaml", 5, 21)]
    assert "agents" in found["faults"][0]["text"]
    assert run("policy", "validate", tmp_path) == 1
    out = capsys.readouterr().out
    assert f"{tmp_path / 'a.yaml'}:5:5: " in out
    assert "3 faults" in out


def test_two_documents_of_one_name_are_a_fault(policy: Path, capsys: pytest.CaptureFixture[str]) -> None:
    twin = written(policy.parent, "twin.yaml", POLICY)
    assert run("policy", "validate", policy, twin) == 1
    assert f"{twin}:1:7: " in capsys.readouterr().out


def test_conditions_of_the_application_need_not_be_registered_to_be_checked(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = "name: a\nrules:\n  - {name: r, effect: allow, tools: {names: [x]}, conditions: [{custom: open_now}]}\n...\n"
    assert run("policy", "validate", written(tmp_path, "a.yaml", text)) == 0
    assert "The application has to register: open_now." in capsys.readouterr().out


def test_a_path_that_leads_nowhere_could_not_be_checked(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("policy", "validate", tmp_path / "none.yaml") == 2
    assert "none.yaml" in capsys.readouterr().err
    assert run("policy", "validate") != 0


def with_amount(effect: str, *comparisons: tuple[str, int]) -> str:
    conditions = [f"{{field: tool.args.a, operator: {operator}, value: {value}}}" for operator, value in comparisons]
    return f"{effect}, tools: {{names: [x]}}, conditions: [{', '.join(conditions)}]"


NOTED = {
    "priority": ("effect: allow, tools: {names: [x]}, priority: 5", "`priority` never decides"),
    "regex": (
        'effect: allow, conditions: [{field: tool.name, operator: regex, value: "admin"}]',
        "`admin` is found anywhere in tool.name",
    ),
    "one end": ('effect: allow, conditions: [{field: tool.name, operator: regex, value: "^a|b$"}]', "found anywhere"),
    "what follows": (
        'effect: allow, conditions: [{field: tool.name, operator: regex, value: "^[a-z]+"}]',
        "lets anything follow",
    ),
    "role": (
        "effect: allow, conditions: [{field: user.role, operator: equals, value: admin}]",
        "perhaps `user.roles` is meant",
    ),
    "one of a list": (
        "effect: allow, conditions: [{field: user.roles, operator: equals, value: admin}]",
        "this allow never matches: write `contains`",
    ),
    "one of a list in a deny": (
        "effect: deny, conditions: [{field: tool.tags, operator: starts_with, value: admin}]",
        "this deny always takes it for met: write `contains`",
    ),
    "anybody": ("effect: allow, agents: {anyone: true}", "allows everything to anybody, signed in or not"),
    "signed in": ('effect: allow, agents: {user_id: "*"}', "allows everything to everybody who is signed in"),
    "action": ("effect: allow, tools: {names: [x]}, actions: [read]", "It can never match: tools are not"),
    "names": ("effect: deny, tools: {names: [x], patterns: [y*]}", "no name in it meets one of its patterns"),
    "schemes": ('effect: deny, resources: {uris: ["a://x"], schemes: [b]}', "no address in it has one of its schemes"),
    "brackets": ('effect: deny, tools: {patterns: ["a[!b]*[z-a]"]}', "`a[!b]*[z-a]` matches nothing"),
    "brackets of people": ('effect: deny, agents: {user_id: "bot_[9-0]"}', "`bot_[9-0]` matches nothing"),
    "both": (
        with_amount("effect: deny", ("equals", 1), ("equals", 2)),
        "tool.args.a cannot be both",
    ),
    "range": (
        with_amount("effect: deny", ("lt", 2), ("gte", 2)),
        "tool.args.a cannot be both",
    ),
    "other kind": (
        "effect: allow, prompts: {names: [x]}, conditions: [{field: tool.args.a, operator: equals, value: 1}]",
        "prompts have no tool.args.a",
    ),
    "nobody": (
        "effect: allow, tools: {names: [x]}, conditions: [{field: user.authenticated, operator: equals, value: false}]",
        "it is for who has signed in",
    ),
    "denies more": (
        "effect: deny, conditions: [{field: tool.args.a, operator: gt, value: 1}]",
        "It denies prompts and resources whatever the other conditions say",
    ),
}


@pytest.mark.parametrize(("rule", "note"), NOTED.values(), ids=NOTED)
def test_what_is_probably_not_meant_is_noted_and_valid(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], rule: str, note: str
) -> None:
    path = written(tmp_path, "a.yaml", f"name: a\nrules:\n  - {{name: r, {rule}}}\n...\n")
    assert run("policy", "validate", path) == 0
    out = capsys.readouterr().out
    assert "note: a/r: " in out
    assert note in out


@pytest.mark.parametrize(
    "rule",
    [
        'effect: allow, conditions: [{field: tool.name, operator: regex, value: "^(a|b)$"}], tools: {names: [x]}',
        'effect: allow, conditions: [{field: tool.name, operator: regex, value: "^admin_.*"}], tools: {names: [x]}',
        "effect: deny, conditions: [{field: tool.name, operator: regex, value: admin}], tools: {names: [x]}",
        'effect: allow, tools: {names: [x]}, conditions: [{field: tool.args.q, operator: regex, value: "(?i)^sel "}]',
        "effect: allow, conditions: [{field: user.tenant_id, operator: equals, value: acme}]",
        "effect: allow, conditions: [{field: user.roles, operator: contains, value: admin}]",
        with_amount("effect: allow", ("gte", 2), ("lte", 2)),
        "effect: allow, agents: {roles: [admin]}",
        'effect: deny, tools: {patterns: ["[(?!)]*", "[a-z]", "[", "[]z-a]"]}',
        "effect: deny, tools: {names: [x]}, resources: {uris: ['a://x']}, actions: [read]",
        "effect: deny, conditions: [{field: user.level, operator: gt, value: 1}]",
    ],
)
def test_what_may_well_be_meant_is_not_noted(tmp_path: Path, capsys: pytest.CaptureFixture[str], rule: str) -> None:
    path = written(tmp_path, "a.yaml", f"name: a\nrules:\n  - {{name: r, {rule}}}\n...\n")
    assert run("policy", "validate", path, "--json") == 0
    assert told(capsys)["notes"] == []


def test_an_allow_that_a_deny_always_overrules_is_noted(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    written(tmp_path, "a.yaml", "name: a\nrules:\n  - {name: opens, effect: allow, tools: {names: [x]}}\n...\n")
    written(tmp_path, "b.yaml", "name: b\nrules:\n  - {name: shuts, effect: deny, tools: {names: [x]}}\n...\n")
    assert run("policy", "validate", tmp_path, "--json") == 0
    (note,) = told(capsys)["notes"]
    assert (note["policy"], note["rule"]) == ("a", "opens")
    assert "b/shuts denies all that it allows" in note["text"]


def test_a_default_that_counts_and_one_that_does_not_are_told_apart(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    opening = written(tmp_path, "a.yaml", "name: a\ndefault_effect: allow\nrules: []\n...\n")
    written(tmp_path, "b.yaml", "name: b\nrules: []\n...\n")
    assert run("policy", "validate", opening) == 0
    assert "allows everybody who is signed in" in capsys.readouterr().out
    assert run("policy", "validate", tmp_path) == 0
    assert "opens nothing, because it does not stand in b" in capsys.readouterr().out


def test_a_file_without_an_end_is_noted(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = written(tmp_path, "a.yaml", POLICY.removesuffix("...\n"))
    assert run("policy", "validate", path) == 0
    assert "does not end with a line `...`" in capsys.readouterr().out


def test_the_schema_is_printed_for_policies_and_for_tests(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("policy", "schema") == 0
    assert "rules" in told(capsys)["properties"]
    assert run("policy", "schema", "--tests") == 0
    assert "tests" in told(capsys)["properties"]
