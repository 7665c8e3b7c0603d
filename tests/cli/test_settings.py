"""`mcpauthkit settings`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from mcpauthkit.settings import every_setting
from tests.cli.commands import run

CANARY = "canary-of-a-secret-that-nobody-prints"
HEALTHY = {
    "MCPAUTHKIT_SERVER_BASE_URL": "https://mcp.example.com",
    "MCPAUTHKIT_ISSUER_URL": "https://login.example.com",
}


@pytest.fixture(autouse=True)
def _in_an_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name, value in HEALTHY.items():
        monkeypatch.setenv(name, value)


def test_every_setting_is_shown_with_its_source(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("settings") == 0
    told = capsys.readouterr()
    lines = {line.split()[0]: line.split()[1:] for line in told.out.splitlines()[1:]}
    assert list(lines) == [one.variable for one in every_setting()]
    assert lines["MCPAUTHKIT_ISSUER_URL"] == ["https://login.example.com", "environment"]
    assert lines["MCPAUTHKIT_MCP_PATH"] == ["/mcp", "default"]
    assert told.err == ""


def test_secrets_are_hidden_and_brackets_are_no_markup(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("STORAGE_ENCRYPTION_KEY", CANARY)
    monkeypatch.setenv("REDIS_KEY_PREFIX", "[bold]x[/bold]")
    assert run("settings", "--changed") == 0
    told = capsys.readouterr()
    assert CANARY not in told.out + told.err
    assert "[bold]x[/bold]" in told.out
    assert "MCPAUTHKIT_MCP_PATH" not in told.out


@pytest.mark.parametrize("how", [(), ("--json",)])
def test_a_password_in_an_address_is_not_shown_either(
    how: tuple[str, ...], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    # The fault that names the variable was written so as not to show it, and the table did.
    for variable in ("MCPAUTHKIT_SERVER_BASE_URL", "MCPAUTHKIT_ISSUER_URL", "MCPAUTHKIT_ALLOWED_ORIGINS"):
        monkeypatch.setenv(variable, f"https://operator:{CANARY}@{CANARY}@login.example.com")
    assert run("settings", *how) == 1
    told = capsys.readouterr()
    assert CANARY not in told.out + told.err
    assert told.out.count("https://***@login.example.com") == 3


def test_what_moves_a_cursor_is_shown_and_not_sent_to_the_terminal(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    # A .env file comes with every folder that somebody has copied from elsewhere.
    evil = "\x1b[2J\x9b31m\u202e"
    lines = [f'REDIS_KEY_PREFIX="{evil}é"', f"MCPAUTHKIT_{evil}X=1", f"TOKEN_STORAGE_MODE={evil}"]
    (tmp_path / ".env").write_text("\n".join(lines), encoding="utf-8")
    assert run("settings") == 1
    told = capsys.readouterr()
    assert all(one.isprintable() for one in (told.out + told.err).replace("\n", ""))
    assert "\\x1b[2J\\x9b31m\\u202eé" in told.out


def test_all_that_is_wrong_is_told_at_once_and_ends_with_1(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("MCPAUTHKIT_SERVER_BASE_URL")
    wrong = {
        "MCPAUTHKIT_PROFILE": "keyclock",
        "MCPAUTHKIT_POLICIES": "not-there",
        "MCPAUTHKIT_PRODUCTION": "x",
        "MCPAUTHKIT_ISSUER": "x",
        "TOKEN_STORAGE_MODE": "redis",
        "STORAGE_ENCRYPTION_KEY_PATH": "not-there-either",
        "MCP_KEY_FILE_PATH": "nor-there",
    }
    for name, value in wrong.items():
        monkeypatch.setenv(name, value)
    assert run("settings") == 1
    told = capsys.readouterr()
    assert "MCPAUTHKIT_SERVER_BASE_URL" in told.err
    assert "keycloak" in told.err
    assert "REDIS_URL" in told.err
    assert [name for name in wrong if name not in told.err + told.out] == []
    assert told.err.count("\n- ") >= 7


def test_json_is_one_document_with_settings_and_faults(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("MCPAUTHKIT_CLIENT_SECRET", CANARY)
    assert run("settings", "--json") == 1
    told = capsys.readouterr()
    document = json.loads(told.out)
    assert told.err == ""
    assert CANARY not in told.out
    assert [one["variable"] for one in document["settings"]] == [one.variable for one in every_setting()]
    assert document["faults"] == ["MCPAUTHKIT_CLIENT_SECRET is set, and MCPAUTHKIT_CLIENT_ID is not."]
    assert document["misspelt"] == []


def test_an_unreadable_dotenv_file_ends_with_2(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / ".env").write_bytes(b"REDIS_URL=canary\xff\n")
    assert run("settings") == 2
    assert "canary" not in capsys.readouterr().err
