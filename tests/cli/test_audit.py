"""`mcpauthkit audit`: whether a log is whole, and what became of the credentials it tells of."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from mcpauthkit import KeyRing, Principal
from mcpauthkit.audit import AuditTrail, Event, EventName, JsonFile
from mcpauthkit.principal import actor_of
from mcpauthkit.stores.key_file import KeyFile
from tests.cli.commands import run
from tests.cli.test_policy import told

ANN = actor_of(Principal.bare("https://i", "ann"))
BOB = actor_of(Principal.bare("https://i", "bob"))


def log(path: Path, key_ring: KeyRing | None = None) -> Path:
    trail = AuditTrail(JsonFile(path), chain=True, key_ring=key_ring)
    for event, actor, service, credential in (
        (EventName.CREDENTIAL_CREATED, ANN, "github", "c1"),
        (EventName.CREDENTIAL_USED, ANN, "github", "c1"),
        (EventName.CREDENTIAL_CREATED, BOB, "wiki", "c2"),
        (EventName.CREDENTIAL_RENEWED, ANN, "github", "c1"),
        (EventName.CREDENTIAL_REMOVED, ANN, "github", "c1"),
        (EventName.CREDENTIAL_USED, BOB, "wiki", "c2"),
    ):
        trail.record(Event(event=event, actor=actor, service=service, credential=credential, reason="as asked"))
    return path


def test_a_whole_log_says_so_and_what_to_note(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = log(tmp_path / "audit.jsonl")
    assert run("audit", "verify", path, "--json") == 0
    found = told(capsys)
    assert (found["whole"], found["records"], found["broken"]) == (True, 6, None)
    assert run("audit", "verify", path) == 0
    out = capsys.readouterr().out
    assert "6 records in order." in out
    assert f"--expect {found['last_hash']}" in out
    assert "Without a key" in out


def test_a_flipped_byte_is_told_with_its_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = log(tmp_path / "audit.jsonl")
    path.write_bytes(path.read_bytes().replace(b'"wiki"', b'"wika"', 1))
    assert run("audit", "verify", path) == 1
    out = capsys.readouterr().out
    assert f"{path}:3: changed: " in out
    assert "2 records before it are in order." in out
    assert run("audit", "verify", path, "--json") == 1
    assert told(capsys)["broken"]["kind"] == "changed"


def test_an_end_that_is_gone_shows_against_what_was_noted(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = log(tmp_path / "audit.jsonl")
    run("audit", "verify", path, "--json")
    noted = told(capsys)["last_hash"]
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join(lines[:-1]))
    assert run("audit", "verify", path) == 0
    assert run("audit", "verify", path, "--expect", noted) == 1
    assert run("audit", "verify", path, "--expect", "6") == 1
    assert run("audit", "verify", path, "--expect", "5") == 0


def test_a_chain_goes_on_from_file_to_file_and_may_begin_later(tmp_path: Path) -> None:
    lines = log(tmp_path / "audit.jsonl").read_bytes().splitlines(keepends=True)
    first, second = tmp_path / "1.jsonl", tmp_path / "2.jsonl"
    first.write_bytes(b"".join(lines[:2]))
    second.write_bytes(b"".join(lines[2:]))
    assert run("audit", "verify", first, second) == 0
    assert run("audit", "verify", second, first) == 1
    assert run("audit", "verify", second) == 1
    assert run("audit", "verify", second, "--follows", "*") == 0
    assert run("audit", "verify", second, "--follows", json.loads(lines[1])["hash"]) == 0


def test_a_chain_under_a_key_needs_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    keys = tmp_path / "keys.json"
    KeyFile(keys).create("2026-11")
    path = log(tmp_path / "audit.jsonl", KeyFile(keys).read())
    assert run("audit", "verify", path) == 1
    assert "unknown_key" in capsys.readouterr().out
    assert run("audit", "verify", path, "--key-file", keys) == 0
    assert "Without a key" not in capsys.readouterr().out
    assert run("audit", "verify", path, "--key-from-environment") == 2
    monkeypatch.setenv("STORAGE_ENCRYPTION_KEY_PATH", str(keys))
    assert run("audit", "verify", path, "--key-from-environment") == 0
    assert run("audit", "verify", path, "--key-from-environment", "--key-file", keys) == 2
    assert run("audit", "verify", log(tmp_path / "plain.jsonl"), "--key-file", keys) == 1


@pytest.mark.parametrize("command", ["verify", "lives"])
def test_a_log_that_is_not_there_could_not_be_read(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], command: str
) -> None:
    assert run("audit", command, tmp_path / "none.jsonl") == 2
    assert "none.jsonl" in capsys.readouterr().err


def test_the_lives_of_credentials_are_told_from_the_log_alone(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = log(tmp_path / "audit.jsonl")
    assert run("audit", "lives", path, "--json") == 0
    first, second = told(capsys)
    assert (first["credential"], first["service"], first["uses"], first["renewals"]) == ("c1", "github", 1, 1)
    assert first["end_reason"] == "as asked"
    assert (second["credential"], second["ended"]) == ("c2", "")
    assert run("audit", "lives", path) == 0
    out = capsys.readouterr().out
    assert "2 credentials, 1 alive" in out
    assert "renewed 1 times" in out


def test_a_life_of_which_the_log_is_not_sure_is_not_simply_called_alive(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = log(tmp_path / "audit.jsonl")
    gone = Event(event=EventName.RECORD_REMOVED, actor=BOB, service="wiki", reason="written over")
    AuditTrail(JsonFile(path), chain=True).record(gone)
    assert run("audit", "lives", path, "--credential", "c2") == 0
    assert "alive, or gone: the log cannot tell" in capsys.readouterr().out


def test_lives_are_chosen_by_user_service_credential_and_whether_they_go_on(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = log(tmp_path / "audit.jsonl")
    for chosen, credentials in (
        (("--issuer", "https://i", "--subject", "ann"), ["c1"]),
        (("--service", "wiki"), ["c2"]),
        (("--alive",), ["c2"]),
        (("--credential", "c1"), ["c1"]),
        (("--credential", "c1", "--alive"), []),
    ):
        assert run("audit", "lives", path, "--json", *chosen) == 0
        assert [one["credential"] for one in told(capsys)] == credentials
    assert run("audit", "lives", path, "--credential", "c1") == 0
    out = capsys.readouterr().out
    assert "credential.renewed" in out
    assert "credential.removed  as asked" in out
    assert run("audit", "lives", path, "--subject", "ann") == 2


def test_the_schema_of_a_record_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("audit", "schema") == 0
    assert "sequence" in told(capsys)["properties"]
