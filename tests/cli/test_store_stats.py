"""`mcpauthkit store stats`: what it says of a store, and how it ends."""

from __future__ import annotations

import json
from pathlib import Path

import anyio
import pytest

from mcpauthkit import KeyRing
from mcpauthkit.stores.environment import Storage
from mcpauthkit.stores.sealed import SealedStore
from tests.cli.commands import run

SECRET = "canary-8xT1uLzCa5bHdF6gi9Pk3vY0sN7e2rJmQw"
OURS = KeyRing.of_secrets(SECRET)
STRANGE = KeyRing({"2020-01": "canary-uLzCa5bHdF6gi98xT1Pk3vY0sN7e2rJmQw"}, minting="2020-01")
YEAR = 365 * 86_400.0


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> pytest.MonkeyPatch:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TOKEN_STORAGE_MODE", "file")
    monkeypatch.setenv("FILE_STORAGE_PATH", str(tmp_path / "state"))
    monkeypatch.setenv("STORAGE_ENCRYPTION_KEY", SECRET)
    return monkeypatch


def keep(ring: KeyRing, *keys: str) -> None:
    async def put() -> None:
        async with Storage.from_environment() as storage:
            for key in keys:
                await SealedStore(storage.store, ring).put(key, {"token": "canary"}, ttl_seconds=YEAR)

    anyio.run(put)


def test_the_numbers_are_told_by_kind_service_and_key(capsys: pytest.CaptureFixture[str]) -> None:
    keep(OURS, "app:credential:github:u1", "app:credential:github:u2", "app:credential:jira:u1", "app:flow:f1")
    assert run("store", "stats") == 0
    out = capsys.readouterr().out
    assert "4 records, credentials of 2 users" in out
    assert [line.split() for line in out.splitlines()[1:4]] == [
        ["credential", "github", "2"],
        ["credential", "jira", "1"],
        ["flow", "1"],
    ]
    assert f"Under the key {OURS.minting}, which seals now: 4" in out
    assert run("store", "stats", "--json", "--namespace", "app") == 0
    out = capsys.readouterr().out
    assert "canary" not in out
    found = json.loads(out)
    assert (found["records"], found["users"], found["missed"]) == (4, 2, 0)
    assert found["keys"] == [{"key": OURS.minting, "state": "seals", "records": 4}]


def test_what_lasts_and_cannot_be_read_is_a_failure(capsys: pytest.CaptureFixture[str]) -> None:
    keep(OURS, "app:credential:github:u1")
    keep(STRANGE, "app:flow:f1")
    assert run("store", "stats") == 0
    keep(STRANGE, "app:credential:github:\x1b[2J")
    capsys.readouterr()
    assert run("store", "stats") == 1
    out = capsys.readouterr().out
    assert "is not in the key ring: 2" in out
    assert "store rotate" in out
    assert "\x1b" not in out


def test_an_empty_store_is_fine(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("store", "stats") == 0
    assert capsys.readouterr().out == "0 records, credentials of 0 users\n"


@pytest.mark.parametrize("mode", ["memory", ""])
def test_a_store_in_memory_is_refused_with_the_fix(
    environment: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], mode: str
) -> None:
    environment.setenv("TOKEN_STORAGE_MODE", mode)
    assert run("store", "stats") == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "TOKEN_STORAGE_MODE" in captured.err


def test_a_storage_that_does_not_answer_is_told_without_a_traceback(
    environment: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    environment.setenv("TOKEN_STORAGE_MODE", "redis")
    environment.setenv("REDIS_URL", "redis://user:canary@127.0.0.1:1/0")
    assert run("store", "stats") == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "REDIS_URL" in captured.err
    assert not any(word in captured.err for word in ("Traceback", "canary"))
