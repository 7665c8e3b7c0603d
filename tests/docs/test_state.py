"""What the pages say about state: the code runs as pasted, and variables, commands and rights are those there are."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from mcpauthkit import Storage
from mcpauthkit.cli.main import group_named, main
from mcpauthkit.settings import DeploymentSettings, StorageSettings
from mcpauthkit.stores.redis.advice import hint_for
from tests.docs.pages import python_blocks
from tests.docs.snippets import ROOT

PAGE = (ROOT / "docs/state.md").read_text(encoding="utf-8")


def test_applications_for_many_replicas_run_as_pasted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STORAGE_ENCRYPTION_KEY", "k" * 32)
    names: dict[str, Any] = {}
    for block in python_blocks("docs/state.md"):
        exec(compile(block, "page", "exec"), names)  # noqa: S102  # our own page
    assert not names["kit"].storage.key_ring.is_ephemeral
    assert isinstance(names["storage"], Storage)
    assert names["mcp"].name == "reports"


def test_commands_in_the_text_are_there() -> None:
    for words in re.findall(r"`mcpauthkit ([a-z-]+ [a-z-]+)", PAGE):
        noun, verb = words.split()
        assert verb in set(group_named(noun)), words


def test_the_page_lists_every_variable_and_no_other() -> None:
    listed = set(re.findall(r"^\| `([A-Z_]+)` \|", PAGE, re.MULTILINE))
    fields = {name.upper() for one in (StorageSettings, DeploymentSettings) for name in one.model_fields}
    assert listed | {"WEB_CONCURRENCY"} == fields
    assert "`WEB_CONCURRENCY`" in PAGE


def test_the_commands_of_a_rotation_work_in_that_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    commands = re.findall(r"^mcpauthkit (.+?)\s*(?:#.*)?$", PAGE, re.MULTILINE)
    assert len(commands) == 4
    for command in commands:
        if command.startswith("store"):
            monkeypatch.setenv("TOKEN_STORAGE_MODE", "file")
            monkeypatch.setenv("FILE_STORAGE_PATH", str(tmp_path / "state"))
            monkeypatch.setenv("STORAGE_ENCRYPTION_KEY_PATH", str(tmp_path / "keys.json"))
        with pytest.raises(SystemExit) as ended:
            main(command.split())
        assert ended.value.code == 0, command


def test_the_rights_on_the_page_are_those_the_log_names() -> None:
    from redis.exceptions import NoPermissionError  # noqa: PLC0415  # an extra

    commands = re.findall(r"`(get set [a-z ]+)`", " ".join(PAGE.split()))
    assert len(commands) == 1
    assert commands[0] in hint_for(NoPermissionError())
