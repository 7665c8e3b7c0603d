"""`mcpauthkit policy diff`: which decisions change, and not only which lines."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.cli.commands import run
from tests.cli.test_policy import told, written

BASE = "name: p\nrules:\n  - {name: base, effect: allow, agents: {roles: [staff]}, tools: {names: [x, y]}}\n"


def difference(
    folder: Path, capsys: pytest.CaptureFixture[str], old: str, new: str, *more: object
) -> tuple[int, dict[str, Any]]:
    paths = [written(folder, name, f"name: p\nrules:\n{text}") for name, text in (("old.yaml", old), ("new.yaml", new))]
    code = run("policy", "diff", *paths, "--json", *more)
    return code, dict(told(capsys))


def changed(found: dict[str, Any]) -> set[tuple[str, str, str, str]]:
    return {(one["who"], one["action"], one["target"], one["after"]["decision"]) for one in found["changes"]}


def rule(text: str, effect: str = "allow") -> str:
    return f"  - {{name: r, effect: {effect}, {text}}}\n"


def test_equal_decisions_are_equal_however_the_text_reads(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    old = rule("agents: {roles: [a, b]}, tools: {names: [x]}")
    new = "  - {name: one, effect: allow, agents: {roles: [a]}, tools: {names: [x]}}\n"
    new += "  - {name: two, effect: allow, agents: {roles: [b]}, tools: {names: [x]}, priority: 7}\n"
    code, found = difference(tmp_path, capsys, old, new)
    assert (code, found["changes"]) == (0, [])
    assert found["rules"] == {"p/r": "removed", "p/one": "added", "p/two": "added"}
    assert found["compared"] > 10


def test_a_decision_that_changes_is_told_with_both_rules(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    old = rule("agents: {roles: [staff]}, tools: {names: [x, y]}")
    code, found = difference(
        tmp_path,
        capsys,
        old,
        f"{old}  - {{name: never, effect: deny, agents: {{roles: [intern]}}, tools: {{names: [y]}}}}\n",
    )
    assert code == 1
    both = "role intern and staff"
    assert changed(found) == {(both, "list", "y", "deny"), (both, "call", "y", "deny")}
    assert found["changes"][0]["before"] == {"decision": "allow", "policy": "p", "rule": "r"}
    assert found["changes"][0]["after"] == {"decision": "deny", "policy": "p", "rule": "never"}


TARGET = "tools: {names: [x]}"
SEEN = {
    "user_id": ("agents: {user_id: [ann]}", "agents: {user_id: [bob]}"),
    "globs of users": ('agents: {user_id: ["a*"]}', 'agents: {user_id: ["b?"]}'),
    "roles": ("agents: {roles: [a]}", "agents: {roles: [a, b]}"),
    "any role": ('agents: {roles: ["*"]}', "agents: {roles: [a]}"),
    "scopes": ("agents: {scopes: [a]}", "agents: {scopes: [a, b]}"),
    "agents": ("agents: {agent_id: [bot]}", "agents: {agent_id: [other-bot]}"),
    "issuers": ('agents: {issuers: ["https://a"]}', 'agents: {issuers: ["https://b"]}'),
    "clients": ("agents: {clients: [a]}", "agents: {clients: [b]}"),
    "tenants": ("agents: {tenants: [a]}", "agents: {tenants: [b]}"),
    "anyone": ('agents: {user_id: ["*"]}', "agents: {anyone: true}"),
    "actions": ("actions: [list, call]", "actions: [list]"),
    "services": ("services: [github]", "services: [github, slack]"),
    "claims": (
        "conditions: [{field: user.level, operator: gte, value: 2}]",
        "conditions: [{field: user.level, operator: gt, value: 2}]",
    ),
    "arguments": (
        "conditions: [{field: tool.args.a.b, operator: in, value: [p, q]}]",
        "conditions: [{field: tool.args.a.b, operator: in, value: [p]}]",
    ),
    "texts": (
        "conditions: [{field: tool.args.a, operator: starts_with, value: p}]",
        "conditions: [{field: tool.args.a, operator: ends_with, value: p}]",
    ),
    "missing arguments": (
        "conditions: [{field: tool.args.a, operator: exists}]",
        "conditions: [{field: tool.args.a, operator: exists, value: false}]",
    ),
    "lists": (
        "conditions: [{field: user.roles, operator: contains, value: a}]",
        "conditions: [{field: user.roles, operator: not_contains, value: a}]",
    ),
    "regular expressions that are texts": (
        "conditions: [{field: tool.args.a, operator: regex, value: ^main$}]",
        "conditions: [{field: tool.args.a, operator: regex, value: ^dev$}]",
    ),
    "times": (
        'times: [{from: "08:00", until: "12:00", timezone: Asia/Tokyo}]',
        'times: [{from: "08:00", until: "12:01", timezone: Asia/Tokyo}]',
    ),
    "days": ("times: [{days: [monday]}]", "times: [{days: [monday, sunday]}]"),
    "hours": (
        "conditions: [{field: time.hour, operator: lt, value: 7}]",
        "conditions: [{field: time.hour, operator: lt, value: 8}]",
    ),
    "dates": (
        'conditions: [{field: time.date, operator: gte, value: "2026-03-01"}]',
        'conditions: [{field: time.date, operator: gt, value: "2026-03-01"}]',
    ),
    "transports": (
        "conditions: [{field: request.transport, operator: equals, value: stdio}]",
        "conditions: [{field: request.transport, operator: not_equals, value: stdio}]",
    ),
    "own conditions": ("description: old", "conditions: [{custom: open_now}]"),
}


@pytest.mark.parametrize(("old", "new"), SEEN.values(), ids=SEEN)
@pytest.mark.parametrize("effect", ["allow", "deny"])
def test_a_difference_in_any_part_of_a_rule_is_seen(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], old: str, new: str, effect: str
) -> None:
    opened = "  - {name: open, effect: allow, agents: {anyone: true}}\n" if effect == "deny" else ""
    code, found = difference(
        tmp_path, capsys, opened + rule(f"{TARGET}, {old}", effect), opened + rule(f"{TARGET}, {new}", effect)
    )
    assert code == 1
    assert {one["target"] for one in found["changes"]} == {"x"}


TARGETS = {
    "names": ("tools: {names: [x]}", "tools: {names: [y]}"),
    "patterns": ('tools: {patterns: ["get_*"]}', 'tools: {patterns: ["get_[ab]"]}'),
    "tags": ("tools: {tags: [safe]}", "tools: {tags: [safe, slow]}"),
    "namespaces": ("tools: {namespaces: [math]}", "tools: {namespaces: [art]}"),
    "names and tags": ("tools: {names: [x]}", "tools: {names: [x], tags: [safe]}"),
    "addresses": ('resources: {uris: ["a://b"]}', 'resources: {patterns: ["a://*"]}'),
    "schemes": ("resources: {schemes: [a]}", "resources: {schemes: [b]}"),
    "prompts": ("prompts: {names: [x]}", "prompts: {tags: [safe]}"),
    "everything": ("tools: {names: [x]}", "description: all"),
    "names by condition": (
        "conditions: [{field: tool.name, operator: equals, value: x}]",
        "conditions: [{field: tool.name, operator: equals, value: y}]",
    ),
}


@pytest.mark.parametrize(("old", "new"), TARGETS.values(), ids=TARGETS)
def test_a_difference_in_what_a_rule_is_about_is_seen(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], old: str, new: str
) -> None:
    code, found = difference(tmp_path, capsys, rule(old), rule(new))
    assert code == 1
    assert found["changes"]


def test_what_cannot_be_made_up_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    conditions = [f"conditions: [{{field: tool.args.a, operator: regex, value: {one}}}]" for one in ("^a+$", "^b+$")]
    code, found = difference(tmp_path, capsys, *(rule(f"{TARGET}, {one}") for one in conditions))
    assert code == 0
    assert any("'^a+$'" in text for text in found["unseen"])
    assert run("policy", "diff", tmp_path / "old.yaml", tmp_path / "new.yaml") == 0
    out = capsys.readouterr().out
    assert "No decision changes" in out
    assert "'^b+$' takes, as tool.args.a of rule r" in out


def test_tests_are_compared_too_and_see_what_cannot_be_made_up(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tests = written(
        tmp_path,
        "p.test.yaml",
        "tests:\n  - {name: three, user: {subject: ann}, call: x, arguments: {a: aaa}, expect: allow}\n",
    )
    conditions = [f"conditions: [{{field: tool.args.a, operator: regex, value: {one}}}]" for one in ("^a+$", "^a?$")]
    code, found = difference(tmp_path, capsys, *(rule(f"{TARGET}, {one}") for one in conditions), "--tests", tests)
    assert code == 1
    assert changed(found) == {("p.test.yaml, three", "call", "x", "deny")}


def many(count: int) -> list[str]:
    return [
        f"  - {{name: r{n}, effect: allow, agents: {{roles: [role-{n}]}}, tools: {{names: [t{n}], tags: [tag-{n}]}}}}\n"
        for n in range(count)
    ]


@pytest.mark.parametrize("count", [40, 600])
def test_with_too_many_rules_those_that_changed_are_asked_about_and_it_is_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], count: int
) -> None:
    code, found = difference(tmp_path, capsys, "".join(many(count)), "".join(many(count)[1:]))
    assert code == 1
    assert changed(found) == {("role role-0", action, "t0", "deny") for action in ("list", "call")}
    assert any("the same on both sides" in text for text in found["unseen"])
    assert found["compared"] <= 200_000


def test_too_much_to_combine_is_combined_less_and_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, found = difference(tmp_path, capsys, "".join(many(40)[:1]), "".join(many(40)))
    assert code == 1
    assert ("role role-7", "call", "t7", "allow") in changed(found)
    assert any("no single rule brings together" in text for text in found["unseen"])
    assert found["compared"] <= 200_000


def test_what_is_beyond_the_bound_is_left_out_and_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, found = difference(tmp_path, capsys, rule(TARGET), "".join(many(300)))
    assert code == 1
    assert any("all but the first 200,000 of" in text for text in found["unseen"])
    assert found["compared"] == 200_000


def test_the_text_says_who_may_do_what_in_one_line_each(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    old = written(tmp_path, "old.yaml", BASE)
    new = written(tmp_path, "new.yaml", BASE.replace("[x, y]", "[x, z]"))
    assert run("policy", "diff", old, new) == 1
    out = capsys.readouterr().out
    assert "changed rules: p/base" in out
    assert (
        "- role staff may no longer list and call tool y\n    allowed by p/base -> denied, as no rule allows it" in out
    )
    assert "+ role staff may now list and call tool z" in out
    assert "4 decisions change" in out


def test_a_small_change_is_a_few_lines_however_many_it_is_about(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    names = ", ".join(f"t{number}" for number in range(30))
    old = "name: p\nrules:\n" + rule(f"agents: {{roles: [a, b, c, d, e]}}, tools: {{names: [{names}]}}")
    paths = [written(tmp_path, "old.yaml", old), written(tmp_path, "new.yaml", old.replace("allow", "deny"))]
    assert run("policy", "diff", *paths) == 1
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) < 10
    assert (
        "role a; role b; role c; and 2 more may no longer list and call tool t0; tool t1; tool t2; and 27 more"
        in lines[1]
    )


def test_files_that_cannot_be_used_are_not_compared(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    good = written(tmp_path, "good.yaml", BASE)
    assert run("policy", "diff", good, written(tmp_path, "bad.yaml", "name: p\n")) == 2
    assert "bad.yaml:1:1" in capsys.readouterr().err
    assert run("policy", "diff", good, tmp_path / "none.yaml") == 2
