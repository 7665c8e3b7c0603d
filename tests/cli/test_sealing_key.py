"""`mcpauthkit sealing-key`: secrets for the environment, and key files through both steps of a rotation."""

from __future__ import annotations

import pkgutil
import tomllib
from pathlib import Path

import pytest

from mcpauthkit import KeyRing
from mcpauthkit.cli.main import main
from mcpauthkit.stores.key_file import KeyFile


def run(*arguments: object) -> int | str | None:
    with pytest.raises(SystemExit) as ended:
        main(["sealing-key", *map(str, arguments)])
    return ended.value.code


def test_a_new_secret_is_one_that_a_ring_takes_and_never_the_same(capsys: pytest.CaptureFixture[str]) -> None:
    secrets = set()
    for _ in range(3):
        assert run("new") == 0
        secrets.add(capsys.readouterr().out.strip())
    assert len(secrets) == 3
    for secret in secrets:
        assert KeyRing.of_secrets(secret).looks_like_a_sample() == ()


def test_a_key_file_is_made_and_rotated(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "keys.json"
    assert run("create", path, "2026-05") == 0
    assert run("add", path, "2026-11") == 0
    assert KeyFile(path).read().minting == "2026-05"
    assert run("rotate", path, "2026-11") == 0
    ring = KeyFile(path).read()
    assert (ring.minting, ring.names) == ("2026-11", ("2026-05", "2026-11"))
    content = path.read_text()
    out = capsys.readouterr().out
    assert str(path) in out
    assert not any(word in out for word in content.split('"') if len(word) > 40)


def test_the_keys_of_a_file_are_listed_without_secrets_and_an_old_one_is_removed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "keys.json"
    for step in (("create", path, "2026-05"), ("add", path, "2026-11"), ("rotate", path, "2026-11")):
        assert run(*step) == 0
    capsys.readouterr()
    assert run("list", path) == 0
    assert capsys.readouterr().out.splitlines() == ["2026-05  opens", "2026-11  seals"]
    assert run("remove", path, "2026-11") == 2
    assert run("remove", path, "2026-05") == 0
    assert KeyFile(path).read().names == ("2026-11",)
    capsys.readouterr()
    assert run("list", path) == 0
    assert capsys.readouterr().out.splitlines() == ["2026-11  seals"]


def test_a_key_that_is_not_there_is_told_with_those_that_are(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "keys.json"
    assert run("create", path, "2026-05") == 0
    assert run("rotate", path, "2026-12") == 2
    told = capsys.readouterr().err
    assert f"{path} has no key 2026-12; it has 2026-05." in told
    assert f"mcpauthkit sealing-key add {path} 2026-12" in told


@pytest.mark.parametrize(
    "arguments",
    [
        ("add", "no/such/file", "a"),
        ("rotate", "no/such/file", "a"),
        ("create", "no/such/file", "a"),
        ("remove", "no/such/file", "a"),
    ],
)
def test_what_cannot_be_done_is_told_with_the_fix_and_no_traceback(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: tuple[str, str, str]
) -> None:
    what, path, name = arguments
    assert run(what, tmp_path / path, name) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert path in captured.err
    assert "Traceback" not in captured.err


def test_the_installed_command_is_this_one() -> None:
    project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())["project"]
    assert pkgutil.resolve_name(project["scripts"]["mcpauthkit"]) is main
