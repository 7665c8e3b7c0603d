"""What the Dockerfile says, before anything is built."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.deployment.dockerfile import read
from tests.deployment.programs import ROOT, tool

FILE = ROOT / "Dockerfile"


def test_the_linter_has_nothing_to_say_against_it() -> None:
    done = tool("HADOLINT", "--failure-threshold", "style", FILE)
    assert done.returncode == 0, done.stdout


def test_the_linter_would_find_something(tmp_path: Path) -> None:
    bad = tmp_path / "Dockerfile"
    bad.write_text("FROM python\nRUN cd /tmp && pip install requests\n", encoding="utf-8")
    assert tool("HADOLINT", bad).returncode == 1


def test_what_builds_is_not_in_the_image() -> None:
    first, last = read(FILE)
    assert first.base == last.base
    assert not last.all("RUN")
    assert [one.words for one in last.all("COPY") if one.flags] == [["/app/venv", "./venv"]]


def test_both_stages_name_a_release_of_python_and_of_its_system() -> None:
    for stage in read(FILE):
        assert stage.base == "python:3.13-slim-trixie"


def test_it_is_nobody_by_number() -> None:
    (user,) = (one.text for one in read(FILE)[-1].all("USER"))
    assert user == "10001:10001"


def test_what_it_runs_and_asks_needs_no_shell() -> None:
    last = read(FILE)[-1]
    assert last.last("CMD").text.startswith("[")
    assert last.last("HEALTHCHECK").text.partition(" ")[2].startswith("[")
    assert not last.all("ENTRYPOINT")


def test_uvicorn_gets_the_flags_that_the_kit_asks_for() -> None:
    command = read(FILE)[-1].last("CMD").words
    assert command[:2] == ["uvicorn", "server.main:app"]
    assert command[command.index("--lifespan") + 1] == "on"
    assert "--no-access-log" in command
    assert "--workers" not in command


def test_it_is_in_production_unless_told_otherwise() -> None:
    assert read(FILE)[-1].environment["MCPAUTHKIT_PRODUCTION"] == "1"


@pytest.mark.parametrize("name", ["build.txt", "constraints.txt"])
def test_what_is_installed_has_hashes(name: str) -> None:
    (command,) = (one.text for one in read(FILE)[0].all("RUN") if name in one.text)
    assert "--require-hashes" in command
    path = ROOT / name if (ROOT / name).exists() else ROOT / "deploy/server" / name
    pinned = [line for line in path.read_text(encoding="utf-8").splitlines() if "==" in line]
    assert pinned
    assert all(line.endswith("\\") for line in pinned)


def test_nothing_gets_into_the_build_that_is_not_named() -> None:
    patterns = [
        line for line in (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines() if not line.startswith("#")
    ]
    assert patterns[0] == "*"
    allowed = {one[1:] for one in patterns if one.startswith("!")}
    copied = {word for stage in read(FILE) for one in stage.all("COPY") if not one.flags for word in one.words[:-1]}
    assert all(any(word == one or word.startswith(f"{one}/") for one in allowed) for word in copied)
    assert all(any(word == one or word.startswith(f"{one}/") for word in copied) for one in allowed)
    assert not [one for one in allowed if not (ROOT / one).exists()]
