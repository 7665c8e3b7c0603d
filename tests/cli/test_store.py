"""`mcpauthkit store rotate`: what it does to a real store, what it says, and how it ends."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from importlib import metadata
from pathlib import Path
from typing import Any

import anyio
import pytest

from mcpauthkit import KeyRing, Store
from mcpauthkit.cli.main import main
from mcpauthkit.stores.environment import Storage
from mcpauthkit.stores.sealed import SealedStore

OLD = "canary-Pk3vY0sN7e2rJmQw8xT1uLzCa5bHdF6gi9"
NEW = "canary-8xT1uLzCa5bHdF6gi9Pk3vY0sN7e2rJmQw"
STRANGE = KeyRing({"2020-01": "canary-uLzCa5bHdF6gi98xT1Pk3vY0sN7e2rJmQw"}, minting="2020-01")
YEAR = 365 * 86_400.0


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> pytest.MonkeyPatch:
    # A `.env` file would be read where the tests run.
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TOKEN_STORAGE_MODE", "file")
    monkeypatch.setenv("FILE_STORAGE_PATH", str(tmp_path / "state"))
    monkeypatch.setenv("STORAGE_ENCRYPTION_KEY", NEW)
    monkeypatch.setenv("STORAGE_ENCRYPTION_OLD_KEYS", OLD)
    return monkeypatch


def keep(ring: KeyRing, *keys: str, ttl_seconds: float | None = YEAR) -> None:
    async def put() -> None:
        async with Storage.from_environment() as storage:
            for key in keys:
                await SealedStore(storage.store, ring).put(key, {"token": "canary"}, ttl_seconds=ttl_seconds)

    anyio.run(put)


def plant(key: str) -> None:
    async def put() -> None:
        async with Storage.from_environment() as storage:
            await storage.store.put(key, "{}", ttl_seconds=None)

    anyio.run(put)


def kept(*keys: str) -> dict[str, str | None]:
    async def get(store: Store) -> dict[str, str | None]:
        return {key: await store.get(key) for key in keys}

    async def read() -> dict[str, str | None]:
        async with Storage.from_environment() as storage:
            return await get(storage.store)

    return anyio.run(read)


def run(*arguments: str) -> int:
    with pytest.raises(SystemExit) as ended:
        main(["store", "rotate", *arguments])
    assert isinstance(ended.value.code, int)
    return ended.value.code


def told(capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    out = capsys.readouterr().out
    assert "canary" not in out
    return dict(json.loads(out))


@pytest.mark.usefixtures("environment")
def test_everything_is_under_the_new_key_afterwards(capsys: pytest.CaptureFixture[str]) -> None:
    keep(KeyRing.of_secrets(OLD), "one", "two")
    keep(KeyRing.of_secrets(OLD), "flow", ttl_seconds=600)
    keep(KeyRing.of_secrets(NEW), "three")
    assert run("--json") == 0
    assert told(capsys) == {
        "walked": 4, "resealed": 2, "current": 1, "older": 1, "ended": 0, "unreadable": [], "forgotten": 0,
    }  # fmt: skip
    minting = KeyRing.of_secrets(NEW).minting
    assert all((text or "").split(".")[1] == minting for text in kept("one", "two", "three").values())
    assert run() == 0
    out = capsys.readouterr().out
    assert "4 records" in out
    assert minting in out


@pytest.mark.usefixtures("environment")
def test_what_cannot_be_read_is_told_by_key_and_left(capsys: pytest.CaptureFixture[str]) -> None:
    keep(KeyRing.of_secrets(OLD), "one")
    keep(STRANGE, *(f"lost-{number:02}" for number in range(25)))
    before = kept("lost-00", "lost-24")
    assert run("--json") == 1
    unreadable = told(capsys)["unreadable"]
    assert [one["key"] for one in unreadable] == [f"lost-{number:02}" for number in range(25)]
    assert all("2020-01" in one["reason"] for one in unreadable)
    assert run() == 1
    out = capsys.readouterr().out
    assert "lost-19" in out
    assert "lost-20" not in out
    assert "5 more" in out
    assert kept("lost-00", "lost-24") == before


@pytest.mark.usefixtures("environment")
def test_what_ends_soon_by_itself_is_counted_apart_and_is_no_failure(capsys: pytest.CaptureFixture[str]) -> None:
    keep(STRANGE, "mcpauthkit:credential:github:1", "mcpauthkit:note:github:1", "whatever")
    keep(STRANGE, "mcpauthkit:flow:1", "mcpauthkit:outcome:1", "mcpauthkit:userless:github:service-account:1")
    assert run() == 1
    out = capsys.readouterr().out
    assert "6 cannot be read (1 credential, 1 note, 1 unknown, 3 short-lived); 0 of them removed" in out
    assert "--forget-key" in out
    keep(KeyRing.of_secrets(NEW), "one", "mcpauthkit:credential:github:1", "mcpauthkit:note:github:1", "whatever")
    assert run("--json") == 0
    assert [(one["kind"], one["is_short_lived"], one["is_removed"]) for one in told(capsys)["unreadable"]] == [
        (kind, True, False) for kind in ("flow", "outcome", "userless")
    ]
    assert run() == 0
    out = capsys.readouterr().out
    assert "A day from now nothing" in out
    assert "--forget-key" not in out
    assert run("--forget-key", "2020-01") == 0
    assert kept("mcpauthkit:flow:1") == {"mcpauthkit:flow:1": None}


@pytest.mark.parametrize("arguments", [(), ("--json",), ("--forget-key", "2020-01")])
@pytest.mark.usefixtures("environment")
def test_single_records_are_in_the_list_alone_and_not_on_stderr_too(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    keep(KeyRing.of_secrets(NEW), "one")
    keep(STRANGE, "mcpauthkit:credential:github:1")
    # In a process of its own: where tests run, logging is set up.
    command = [sys.executable, "-c", "from mcpauthkit.cli.main import main; main()", "store", "rotate", *arguments]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)  # noqa: S603  # our own
    assert "credential" in done.stdout
    assert done.stderr == ""


@pytest.mark.usefixtures("environment")
def test_what_cannot_be_read_is_counted_by_reason_and_removed_as_told_to(capsys: pytest.CaptureFixture[str]) -> None:
    keep(KeyRing.of_secrets(OLD), "one")
    keep(STRANGE, "lost-1", "lost-2")
    plant("planted")
    label = f"2020-01.{STRANGE.fingerprint('2020-01')}"
    assert run() == 1
    out = capsys.readouterr().out
    assert re.search(rf" 2 of them: .*{re.escape(label)}", out)
    assert re.search(r" 1 of them: nothing of ours", out)
    assert "--forget-key" in out
    assert "--forget-damaged" in out

    assert run("--forget-key", "2020-01", "--json") == 1
    done = told(capsys)
    assert done["forgotten"] == 2
    assert sorted(one["sealed_under"] for one in done["unreadable"]) == ["", label, label]
    assert kept("lost-1", "lost-2") == {"lost-1": None, "lost-2": None}
    assert kept("planted")["planted"]

    assert run("--forget-damaged") == 0
    assert kept("planted") == {"planted": None}
    assert kept("one")["one"]


@pytest.mark.usefixtures("environment")
def test_another_applications_records_are_left_alone_and_may_be_left_out(capsys: pytest.CaptureFixture[str]) -> None:
    name = KeyRing.of_secrets(NEW).minting
    namesake = KeyRing({name: "canary-6gi98xT1Pk3vY0sN7e2rJmQwuLzCa5bHdF"}, minting=name)
    keep(KeyRing.of_secrets(OLD), "ours:one")
    keep(STRANGE, "theirs:one")
    keep(namesake, "theirs:two")
    before = kept("theirs:one", "theirs:two")
    assert run("--forget-damaged", "--json") == 1
    assert told(capsys)["forgotten"] == 0
    assert run("--namespace", "ours", "--forget-key", "2020-01", "--forget-damaged", "--json") == 0
    assert told(capsys)["walked"] == 1
    assert kept("theirs:one", "theirs:two") == before


@pytest.mark.usefixtures("environment")
def test_several_lost_keys_can_be_named_and_one_of_the_ring_cannot(capsys: pytest.CaptureFixture[str]) -> None:
    keep(KeyRing.of_secrets(OLD), "one")
    keep(STRANGE, "lost")
    assert run("--forget-key", KeyRing.of_secrets(OLD).minting) == 2
    assert "Traceback" not in capsys.readouterr().err
    assert kept("one")["one"]
    assert run("--forget-key", "2019-01", "--forget-key", "2020-01") == 0
    assert kept("lost") == {"lost": None}


@pytest.mark.usefixtures("environment")
def test_with_the_wrong_keys_nothing_is_removed(capsys: pytest.CaptureFixture[str]) -> None:
    keep(STRANGE, "lost")
    assert run("--forget-key", "2020-01", "--forget-damaged") == 2
    assert kept("lost")["lost"]
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "Traceback" not in captured.err


@pytest.mark.usefixtures("environment")
def test_an_empty_store_is_fine(capsys: pytest.CaptureFixture[str]) -> None:
    assert run() == 0
    assert "0 records" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("variable", "value", "named"),
    [
        ("TOKEN_STORAGE_MODE", "memory", "TOKEN_STORAGE_MODE"),
        ("TOKEN_STORAGE_MODE", "disk", "TOKEN_STORAGE_MODE"),
        ("TOKEN_STORAGE_MODE", "redis", "REDIS_URL"),
        ("STORAGE_ENCRYPTION_KEY", "canary", "STORAGE_ENCRYPTION_KEY"),
        ("STORAGE_ENCRYPTION_KEY", "", "STORAGE_ENCRYPTION_KEY"),
    ],
)
def test_wrong_settings_are_told_with_the_fix_and_no_traceback(
    environment: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], variable: str, value: str, named: str
) -> None:
    environment.setenv(variable, value)
    assert run("--json") == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert named in captured.err
    assert not any(word in captured.err for word in ("Traceback", "canary"))


def test_a_storage_that_does_not_answer_is_told_without_a_traceback(
    environment: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    environment.setenv("TOKEN_STORAGE_MODE", "redis")
    environment.setenv("REDIS_URL", "redis://user:canary@127.0.0.1:1/0")
    assert run() == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "Redis at redis://127.0.0.1:1/0 cannot be used (ConnectionError)." in captured.err
    assert "REDIS_URL" in captured.err
    assert not any(word in captured.err for word in ("Traceback", "canary", "Try again shortly"))


def test_the_version_is_that_of_the_distribution(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["--version"])
    assert ended.value.code == 0
    assert capsys.readouterr().out == f"mcpauthkit {metadata.version('mcpauthkit')}\n"


@pytest.mark.parametrize("arguments", [["store", "rotate", "--nope"], ["store", "nope"], ["nope"]])
def test_a_wrong_word_ends_with_the_code_of_wrong_settings(
    capsys: pytest.CaptureFixture[str], arguments: list[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 2
    assert "nope" in capsys.readouterr().err


@pytest.mark.parametrize(
    "arguments", [[], ["--help"], ["store"], ["store", "rotate", "--help"], ["sealing-key", "--help"]]
)
def test_whoever_asks_for_help_gets_it(capsys: pytest.CaptureFixture[str], arguments: list[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 0
    assert "Usage: mcpauthkit" in capsys.readouterr().out
