"""`mcpauthkit policy explain`: which rule decided, and why the others did not."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.cli.commands import run
from tests.cli.test_policy import POLICY, told, written

LIMITED = """\
name: limited
rules:
  - name: small_sums
    effect: allow
    agents: {roles: [finance], tenants: [acme]}
    tools: {names: [pay]}
    services: [bank]
    conditions:
      - {field: tool.args.amount, operator: lte, value: 100}
      - {field: user.level, operator: gte, value: 2}
      - custom: open_now
"""


@pytest.fixture
def policy(tmp_path: Path) -> Path:
    return written(tmp_path, "reports.yaml", POLICY)


def test_the_rule_that_decided_comes_first_and_the_others_say_why_not(
    policy: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("policy", "explain", policy, "--subject", "ann", "--role", "staff", "--call", "get_report") == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("allowed: ")
    assert "reports/staff_reads" in lines[1]
    assert lines[1].endswith("decides")
    assert "reports/not_the_secret_one" in lines[2]
    assert "does not match: tools.names: wants get_secret, found get_report" in lines[2]


def test_a_deny_that_decided_is_told_beside_the_allow_that_matched(
    policy: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = ("--subject", "ann", "--role", "staff", "--call", "get_secret")
    assert run("policy", "explain", policy, *asked, "--json") == 1
    found = told(capsys)
    assert found["decision"]["rule"] == "not_the_secret_one"
    assert {one["rule"]: (one["matches"], one["decides"]) for one in found["rules"]} == {
        "staff_reads": (True, False),
        "not_the_secret_one": (True, True),
    }


def test_nobody_asks_unless_somebody_is_named(policy: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("policy", "explain", policy, "--list", "get_report") == 1
    assert "nobody is signed in" in capsys.readouterr().out


def test_everything_about_a_request_can_be_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = written(tmp_path, "limited.yaml", LIMITED)
    asked = [
        *("--subject", "fred", "--role", "staff", "--role", "finance", "--tenant", "acme"),
        *("--claim", "level=2", "--connected", "bank", "--call", "pay", "--argument", "amount=100"),
    ]
    assert run("policy", "explain", path, *asked, "--condition", "open_now=true") == 0
    capsys.readouterr()
    assert run("policy", "explain", path, *asked) == 1
    assert "cannot be evaluated" in capsys.readouterr().out
    assert run("policy", "explain", path, *asked, "--argument", "amount=a lot", "--condition", "open_now=true") == 1
    assert "tool.args.amount" in capsys.readouterr().out


def test_it_is_about_now_unless_a_time_is_given_and_says_which(
    policy: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = ("policy", "explain", policy, "--call", "get_report")
    before = datetime.now(UTC).replace(microsecond=0)
    assert run(*asked, "--json") == 1
    assert before <= datetime.fromisoformat(told(capsys)["at"]) <= datetime.now(UTC)
    assert run(*asked, "--at", "2026-11-23T12:00:00+01:00") == 1
    assert capsys.readouterr().out.splitlines()[-1] == "decided for Monday, 2026-11-23T12:00:00+01:00"


@pytest.mark.parametrize(
    "asked",
    [
        (),
        ("--call", "x", "--read", "y"),
        ("--call", "x", "--role", "staff"),
        ("--call", "x", "--argument", "amount"),
        ("--call", "x", "--at", "noon"),
        ("--call", "x", "--transport", "pigeon"),
    ],
)
def test_what_says_no_request_is_refused_with_the_fix(
    policy: Path, capsys: pytest.CaptureFixture[str], asked: tuple[str, ...]
) -> None:
    assert run("policy", "explain", policy, *asked) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.strip()
    assert "Traceback" not in captured.err
