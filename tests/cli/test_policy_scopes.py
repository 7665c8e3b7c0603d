"""`mcpauthkit policy list-scopes`: what to register at the issuer, from wherever it is asked for."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.commands import run
from tests.cli.test_policy import told, written

TABLE = """\
tools:
  list_reports: [reports:read]
  write_report: [reports:read, reports:write]
"""
POLICY = """\
name: p
rules:
  - {name: one, effect: allow, agents: {scopes: [reports:admin]}, tools: {names: [x]}}
  - name: two
    effect: deny
    tools: {names: [x]}
    conditions: [{field: user.scopes, operator: in, value: [reports:read]}]
"""
APPLICATION = """\
from fastapi import FastAPI
from fastmcp import FastMCP

from mcpauthkit import JwtAuthMiddleware
from mcpauthkit.guards import ToolScopes
from mcpauthkit.protocol.access.middleware import AccessMiddleware

table = ToolScopes({"write_report": ["reports:write"]})
access = AccessMiddleware(policies="p.yaml", tool_scopes=table)
mcp = FastMCP("reports")
mcp.add_middleware(access)
app = FastAPI()
app.add_middleware(
    JwtAuthMiddleware,
    server_base_url="https://mcp.example.com",
    issuer_url="https://login.example.com",
    scopes=["openid"],
    require_scopes=["mcp"],
    tool_scopes={"list_reports": ["reports:read"]},
)
app.mount("/", mcp.http_app(path="/mcp"))
number = 7
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    written(tmp_path, "scopes.yaml", TABLE)
    written(tmp_path, "p.yaml", POLICY)
    return tmp_path


@pytest.fixture
def module(folder: Path, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    # Another name in each test: a module is imported once in a process.
    name = f"application_{abs(hash(request.node.name))}"
    written(folder, f"{name}.py", APPLICATION)
    return name


RULES = {"reports:admin": ["rule p/one"], "reports:read": ["rule p/two"]}


def test_scopes_of_a_table_and_of_policies_are_listed_with_what_asks_for_them(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("policy", "list-scopes", "scopes.yaml", folder / "p.yaml", "--json") == 0
    assert told(capsys)["scopes"] == {
        "reports:admin": ["rule p/one"],
        "reports:read": ["tool list_reports", "tool write_report", "rule p/two"],
        "reports:write": ["tool write_report"],
    }
    assert run("policy", "list-scopes", "scopes.yaml") == 0
    assert capsys.readouterr().out.splitlines() == [
        "reports:read   tool list_reports, tool write_report",
        "reports:write  tool write_report",
    ]


def test_where_nothing_asks_for_a_scope_it_says_so(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    written(folder, "plain.yaml", "name: p\nrules: [{name: r, effect: allow, agents: {roles: [a]}}]\n")
    assert run("policy", "list-scopes", "plain.yaml") == 0
    assert capsys.readouterr().out == "Nothing here asks for a scope.\n"


@pytest.mark.parametrize(
    ("name", "scopes"),
    [
        ("table", {"reports:write": ["tool write_report"]}),
        ("access", {**RULES, "reports:write": ["tool write_report"]}),
        ("mcp", {**RULES, "reports:write": ["tool write_report"]}),
        (
            "app",
            {
                "mcp": ["every request"],
                "openid": ["every request"],
                "reports:admin": ["rule p/one"],
                "reports:read": ["tool list_reports", "rule p/two"],
                "reports:write": ["tool write_report"],
            },
        ),
    ],
)
def test_an_application_is_looked_through(
    module: str, capsys: pytest.CaptureFixture[str], name: str, scopes: dict[str, list[str]]
) -> None:
    assert run("policy", "list-scopes", f"{module}:{name}", "--json") == 0
    assert told(capsys)["scopes"] == scopes


@pytest.mark.usefixtures("folder")
def test_what_has_no_scopes_is_refused_with_the_fix(module: str, capsys: pytest.CaptureFixture[str]) -> None:
    for source, words in (
        (f"{module}:number", "is a int"),
        (f"{module}:nothing", "has no 'nothing'"),
        ("no_such_module_here:app", "there is no module 'no_such_module_here'"),
        ("none.yaml", "There is no none.yaml"),
    ):
        assert run("policy", "list-scopes", source) == 2
        assert words in capsys.readouterr().err


def test_a_table_with_faults_tells_their_places(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    written(folder, "bad.yaml", "tools:\n  x: reports:read\n")
    assert run("policy", "list-scopes", "bad.yaml") == 2
    assert "bad.yaml:2:6" in capsys.readouterr().err
