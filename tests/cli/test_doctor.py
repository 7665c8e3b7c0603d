"""`mcpauthkit doctor`: forms of the report, exit codes, and what it refuses."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from fastmcp import FastMCP

from tests.cli.commands import run
from tests.doctor.healthy import Healthy, healthy

UNREACHABLE = "http://127.0.0.1:9/mcp"


@pytest.fixture(name="world")
def _world(monkeypatch: pytest.MonkeyPatch) -> Iterator[Healthy]:
    """A healthy application, which can be imported."""
    with healthy() as world:
        module = ModuleType("doctored")
        module.app = world.app  # type: ignore[attr-defined]
        monkeypatch.setitem(sys.modules, "doctored", module)
        yield world


def printed(capsys: pytest.CaptureFixture[str]) -> Any:
    return json.loads(capsys.readouterr().out)


def test_a_healthy_application_ends_with_0_and_every_client_comes_to_the_sign_in_page(
    world: Healthy, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("doctor", "doctored:app", "--json") == 0
    report = printed(capsys)
    assert report["healthy"] is True
    assert report["target"] == world.url
    assert not any(one["code"] for one in report["clients"])


def test_findings_end_with_1_in_every_form(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("doctor", "--url", UNREACHABLE, "--json") == 1
    assert [one["code"] for one in printed(capsys)["findings"]] == ["url-unreachable"]
    assert run("doctor", "--url", UNREACHABLE, "--sarif") == 1
    assert [one["ruleId"] for one in printed(capsys)["runs"][0]["results"]] == ["url-unreachable"]
    assert run("doctor", "--url", UNREACHABLE) == 1
    text = capsys.readouterr().out
    assert "url-unreachable" in text
    assert "\x1b" not in text


def test_only_some_codes_are_told_where_that_is_asked_for(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("doctor", "--url", UNREACHABLE, "--only", "prm-missing", "--json") == 0
    assert printed(capsys)["findings"] == []
    assert run("doctor", "--url", UNREACHABLE, "--only", "prm-mising") == 2
    assert "prm-mising" in capsys.readouterr().err


def test_warnings_end_with_1_if_one_is_strict(world: Healthy, capsys: pytest.CaptureFixture[str]) -> None:
    world.issuer.faults.respond("register", status=403)
    assert run("doctor", "doctored:app", "--json") == 0
    assert [one["code"] for one in printed(capsys)["findings"]] == ["registration-needs-permission"]
    assert run("doctor", "doctored:app", "--strict", "--json") == 1


def test_a_token_comes_from_a_file_or_from_the_environment_and_is_not_printed(
    world: Healthy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    token = world.token(audience="https://other.example/mcp")
    file = tmp_path / "token"
    file.write_text(f"{token}\n")
    assert run("doctor", "doctored:app", "--token-file", file, "--json") == 1
    monkeypatch.setenv("MCPAUTHKIT_DOCTOR_TOKEN", token)
    assert run("doctor", "doctored:app", "--json") == 1
    captured = capsys.readouterr()
    assert token not in captured.out + captured.err


def test_without_arguments_the_address_in_the_settings_is_asked(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert run("doctor") == 2
    monkeypatch.setenv("MCPAUTHKIT_SERVER_BASE_URL", "http://127.0.0.1:9")
    capsys.readouterr()
    assert run("doctor", "--json") == 1
    assert printed(capsys)["target"] == UNREACHABLE


def test_an_application_that_one_of_our_parts_refuses_is_a_finding(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("refused_app.py").write_text(
        "from mcpauthkit import oauth_meta_router\n"
        'router = oauth_meta_router(server_base_url="mcp.example.com", issuer_url="https://login.example.com")\n'
    )
    assert run("doctor", "refused_app:app", "--json") == 1
    found = printed(capsys)["findings"]
    assert [one["code"] for one in found] == ["app-does-not-start"]
    assert "server_base_url" in found[0]["evidence"]


def test_settings_that_give_the_address_are_examined_too(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path(".env").write_text("MCPAUTHKIT_SERVER_BASE_URL=http://127.0.0.1:9\nMCPAUTHKIT_ISSUER=http://127.0.0.1:9\n")
    assert run("doctor", "--json") == 1
    assert [one["code"] for one in printed(capsys)["findings"]] == ["url-unreachable", "settings-misspelt"]


def test_what_could_not_be_examined_takes_one_line_for_each_reason(
    world: Healthy, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("doctor", "doctored:app") == 0
    lines = [line for line in capsys.readouterr().out.splitlines() if line.startswith("not examined")]
    assert len(lines) == 1
    assert lines[0].startswith("not examined for want of a token: ")
    assert run("doctor", "--url", world.url) == 1
    wants = [line.partition(":")[0] for line in capsys.readouterr().out.splitlines() if line.startswith("not examined")]
    assert len(wants) == len(set(wants))


def test_a_function_that_makes_the_application_is_called(world: Healthy, capsys: pytest.CaptureFixture[str]) -> None:
    module = sys.modules["doctored"]
    module.create_app = lambda *_served: world.app  # type: ignore[attr-defined]
    assert run("doctor", "doctored:create_app", "--json") == 0
    assert printed(capsys)["target"] == world.url


def test_an_mcp_server_is_no_application(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    module = ModuleType("served")
    module.mcp = FastMCP("reports")  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "served", module)
    assert run("doctor", "served:mcp") == 2
    said = " ".join(capsys.readouterr().err.split())
    assert "FastMCP" in said
    assert "MODULE:app" in said


@pytest.mark.parametrize(
    "arguments",
    [
        ("nothing_of_that_name:app",),
        ("json:app",),
        ("json",),
        ("broken_app:app",),
        ("--url", "not a url"),
        ("--url", UNREACHABLE, "--token-file", "missing"),
        ("--url", UNREACHABLE, "--json", "--sarif"),
    ],
    ids=" ".join,
)
def test_what_cannot_be_examined_ends_with_2_and_without_a_traceback(
    arguments: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("broken_app.py").write_text('raise RuntimeError("canary-password")\n')
    assert run("doctor", *arguments) == 2
    captured = capsys.readouterr()
    assert not captured.out
    assert "Traceback" not in captured.err
    assert "canary-password" not in captured.err
