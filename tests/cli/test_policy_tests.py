"""`mcpauthkit policy test`: tests beside the policy, as strict as it is."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.commands import run
from tests.cli.test_policy import POLICY, told, written

PASSING = """\
users:
  ann: {subject: ann, roles: [staff]}
tests:
  - {name: reads, user: ann, call: get_report, expect: allow, by: staff_reads}
  - {name: sees, user: ann, list: get_report, expect: allow}
  - {name: not the secret one, user: ann, call: get_secret, expect: deny, by: not_the_secret_one}
  - {name: nobody, user: nobody, call: get_report, expect: deny}
  - {name: others, user: {subject: eve, roles: [guest]}, call: get_report, expect: deny}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    written(tmp_path, "reports.yaml", POLICY)
    return tmp_path


def test_tests_are_about_the_policy_of_the_same_name_beside_them(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = written(folder, "reports.test.yaml", PASSING)
    assert run("policy", "test", path) == 0
    assert capsys.readouterr().out == f"{path}: 5 tests, 0 failed\n"
    assert run("policy", "test", path, "--verbose") == 0
    assert "passed  not the secret one" in capsys.readouterr().out


def test_a_test_that_fails_says_what_came_instead_and_why(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = written(
        folder,
        "reports.test.yaml",
        """\
        tests:
          - {name: guests read, user: {subject: eve, roles: [guest]}, call: get_report, expect: allow}
          - {name: by another, user: {subject: ann, roles: [staff]}, call: get_report, expect: allow, by: other}
          - {name: secret, user: {subject: ann, roles: [staff]}, call: get_secret, expect: allow}
        """,
    )
    assert run("policy", "test", path, "--json") == 1
    found = told(capsys)
    assert found["failed"] == 3
    problems = {one["name"]: one["problem"] for one in found["tests"]}
    assert problems == {
        "guests read": "expected allow, and it was deny, because no rule matches",
        "by another": "expected allow by other, and it was by staff_reads",
        "secret": "expected allow, and it was deny by not_the_secret_one",
    }
    assert run("policy", "test", path) == 1
    out = capsys.readouterr().out
    assert "reports/staff_reads" in out
    assert "wants staff, found guest" in out
    assert f"{path}: 3 tests, 3 failed" in out


def test_any_rule_that_would_have_decided_it_alone_may_be_named(tmp_path: Path) -> None:
    deny = "effect: deny, tools: {names: [x]}"
    written(tmp_path, "a.yaml", f"name: a\nrules:\n  - {{name: one, {deny}}}\n  - {{name: two, {deny}}}\n")
    tests = [f"  - {{name: {by}, user: nobody, call: x, expect: deny, by: {by}}}\n" for by in ("one", "two")]
    assert run("policy", "test", written(tmp_path, "a.test.yaml", f"tests:\n{''.join(tests)}")) == 0


def test_all_that_a_request_can_be_about_can_be_said(tmp_path: Path) -> None:
    written(
        tmp_path,
        "a.yaml",
        """\
        name: a
        rules:
          - name: tool
            effect: allow
            agents: {issuers: ["https://i"], clients: [cli], tenants: [acme], scopes: [s], agent_id: [bot]}
            tools: {namespaces: [math], tags: [safe]}
            services: [github]
            conditions:
              - {field: tool.args.a.b, operator: equals, value: 1}
              - {field: claims.level, operator: gte, value: 3}
              - {field: request.transport, operator: equals, value: stdio}
          - {name: resource, effect: allow, resources: {schemes: [db]}, actions: [read]}
          - {name: template, effect: allow, resources: {uris: ["db://{id}"]}, actions: [list]}
          - {name: prompt, effect: allow, prompts: {tags: [safe]}}
        """,
    )
    path = written(
        tmp_path,
        "a.test.yaml",
        """\
        users:
          ann:
            {subject: ann, issuer: "https://i", client: cli, tenant: acme, scopes: [s], connected: [github],
             claims: {level: 3, agent_id: bot}}
          bob: {subject: bob}
        tests:
          - name: a tool
            user: ann
            call: add
            arguments: {a: {b: 1}}
            namespace: math
            tags: [safe]
            transport: stdio
            expect: allow
            by: tool
          - {name: other arguments, user: ann, call: add, arguments: {a: {b: 2}}, namespace: math, tags: [safe],
             transport: stdio, expect: deny}
          - {name: a resource, user: bob, read: "db://1", expect: allow, by: resource}
          - {name: a template, user: bob, list: "db://{id}", kind: template, expect: allow, by: template}
          - {name: a resource in a list, user: bob, list: "db://1", kind: resource, expect: deny}
          - {name: a prompt, user: bob, get: hello, tags: [safe], expect: allow, by: prompt}
        """,
    )
    assert run("policy", "test", path) == 0


def test_a_test_whose_outcome_depends_on_the_time_has_to_say_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    written(
        tmp_path,
        "a.yaml",
        """\
        name: a
        rules:
          - name: mornings
            effect: allow
            tools: {names: [x]}
            times: [{from: "08:00", until: "12:00", timezone: Europe/Berlin}]
        """,
    )
    tests = """\
        users: {ann: {subject: ann}}
        tests:
          - {name: no time, user: ann, call: x, expect: deny}
          - {name: another tool, user: ann, call: y, expect: deny}
          - {name: in the morning, user: ann, at: "2026-11-23T11:59:00+01:00", call: x, expect: allow}
          - {name: at noon, user: ann, at: "2026-11-23T12:00:00+01:00", call: x, expect: deny}
    """
    assert run("policy", "test", written(tmp_path, "a.test.yaml", tests), "--json") == 1
    failed = {one["name"]: one["problem"] for one in told(capsys)["tests"] if not one["passed"]}
    assert failed == {"no time": "its outcome depends on the time: say `at`"}


def test_conditions_of_the_application_answer_as_a_test_says(tmp_path: Path) -> None:
    own = "tools: {names: [x]}, conditions: [{custom: open_now}]"
    written(tmp_path, "a.yaml", f"name: a\nrules:\n  - {{name: r, effect: allow, {own}}}\n")
    tests = """\
        users: {ann: {subject: ann}}
        tests:
          - {name: met, user: ann, call: x, conditions: {open_now: true}, expect: allow}
          - {name: not met, user: ann, call: x, conditions: {open_now: false}, expect: deny}
          - {name: not known, user: ann, call: x, expect: deny}
    """
    assert run("policy", "test", written(tmp_path, "a.test.yaml", tests)) == 0


def test_policies_can_be_named_as_seen_from_the_file(folder: Path) -> None:
    written(folder, "more.yaml", "name: more\nrules:\n  - {name: none, effect: deny, tools: {names: [get_report]}}\n")
    inside = folder / "tests"
    inside.mkdir()
    tests = "tests:\n  - {name: n, user: {subject: a, roles: [staff]}, call: get_report, expect: deny, by: none}\n"
    assert run("policy", "test", written(inside, "all.yaml", f'policies: [".."]\n{tests}')) == 0
    assert run("policy", "test", written(inside, "one.yaml", f"policies: [../reports.yaml]\n{tests}")) == 1


WRONG = {
    "key": ("{name: n, user: nobody, call: x, expects: deny}", 2, 38),
    "user": ("{name: n, user: zoe, call: x, expect: deny}", 2, 21),
    "two requests": ("{name: n, user: nobody, call: x, read: y, expect: deny}", 2, 5),
    "no request": ("{name: n, user: nobody, expect: deny}", 2, 5),
    "kind": ("{name: n, user: nobody, call: x, kind: prompt, expect: deny}", 2, 5),
    "arguments": ("{name: n, user: nobody, list: x, arguments: {a: 1}, expect: deny}", 2, 5),
    "zone": ("{name: n, user: nobody, call: x, at: 2026-11-23T12:00, expect: deny}", 2, 42),
    "time": ("{name: n, user: nobody, call: x, at: noon, expect: deny}", 2, 42),
    "effect": ("{name: n, user: nobody, call: x, expect: allowed}", 2, 46),
    "subject": ("{name: n, user: {roles: [x]}, call: x, expect: deny}", 2, 21),
    "twice": (
        "{name: n, user: nobody, call: x, expect: deny}\n  - {name: n, user: nobody, call: x, expect: deny}",
        3,
        12,
    ),
}


@pytest.mark.parametrize(("test", "line", "column"), WRONG.values(), ids=WRONG)
def test_what_a_file_of_tests_gets_wrong_is_told_with_its_place(
    folder: Path, capsys: pytest.CaptureFixture[str], test: str, line: int, column: int
) -> None:
    path = written(folder, "reports.test.yaml", f"tests:\n  - {test}\n")
    assert run("policy", "test", path) == 2
    err = capsys.readouterr().err
    assert err.startswith("These tests cannot be used:\n")
    assert f"{path}:{line}:{column}: " in err


def test_nobody_is_no_name_for_somebody(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = "users: {nobody: {subject: x}}\ntests:\n  - {name: n, user: nobody, call: x, expect: deny}\n"
    assert run("policy", "test", written(folder, "reports.test.yaml", text)) == 2
    assert "has not signed in" in capsys.readouterr().err


def test_without_a_policy_there_is_nothing_to_test(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("policy", "test", written(tmp_path, "x.test.yaml", PASSING)) == 2
    assert "Add `policies: [...]`" in capsys.readouterr().err
    assert run("policy", "test", tmp_path / "none.test.yaml") == 2


def test_all_tests_of_a_folder_are_run(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("policy", "test", folder) == 2
    assert "*.test.yaml" in capsys.readouterr().err
    written(folder, "reports.test.yaml", PASSING)
    written(folder, "more.test.yml", f"policies: [reports.yaml]\n{PASSING}")
    assert run("policy", "test", folder, "--json") == 0
    assert {Path(one["file"]).name for one in told(capsys)["tests"]} == {"reports.test.yaml", "more.test.yml"}


def test_tests_are_not_checked_as_policies(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("policy", "validate", written(folder, "reports.test.yaml", PASSING)) == 2
    assert "mcpauthkit policy test" in capsys.readouterr().err
