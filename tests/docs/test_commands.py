"""The page about the commands has all of them, with the options, defaults and words of their own help."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from tests.cli.commands import run
from tests.docs.command_tables import Command, every_command
from tests.docs.pages import text_of

PAGE = "docs/commands.md"
COMMANDS = list(every_command())
one_by_one = pytest.mark.parametrize("command", COMMANDS, ids=lambda command: " ".join(command.words))


def section(command: Command) -> str:
    _, heading, rest = text_of(PAGE).partition(f"\n{command.heading}\n")
    assert heading, f"docs/commands.md has no heading {command.heading!r}"
    return re.split(r"^##", rest, maxsplit=1, flags=re.MULTILINE)[0]


def test_the_page_has_every_command_in_the_order_of_the_help_and_no_other() -> None:
    assert re.findall(r"^### (.*)$", text_of(PAGE), re.MULTILINE) == [one.heading[4:] for one in COMMANDS]


@one_by_one
def test_a_command_is_described_with_a_table_of_its_options(command: Command) -> None:
    text = section(command)
    assert text.partition("|")[0].strip(), "there is no paragraph"
    found = "".join(f"{line}\n" for line in text.splitlines() if line.startswith("|"))
    # The right-hand side of a failure is what has to stand there.
    assert found == command.table()


@one_by_one
def test_the_table_is_what_the_help_shows(
    command: Command, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    # Wide enough for each option to have one line.
    monkeypatch.setenv("COLUMNS", "1000")
    assert run(*command.words, "--help") == 0
    shown = " ".join(capsys.readouterr().out.split())
    for row in command.rows():
        for name in re.findall(r"`([^`]*)`", row.split(" | ")[0]):
            assert name in shown
    options = {one for one in re.findall(r"│ (?:\* )?(--?[a-z][\w-]*)", shown) if one not in {"--help", "--version"}}
    assert options <= set(re.findall(r"`(--?[^`]*)`", command.table()))


def test_the_server_on_the_page_takes_the_tokens_that_the_page_mints(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    words = re.findall(r"^mcpauthkit (token mint .*alice.*)$", text_of(PAGE), re.MULTILINE)[0].split()
    assert run(*words, "--json") == 0
    claims = json.loads(capsys.readouterr().out)["claims"]
    (issuer,) = set(re.findall(r'issuer="([^"]*)"', text_of(PAGE)))
    assert claims["iss"] == issuer
    (code,) = re.findall(r"```python\n(.*?)```", text_of(PAGE), re.DOTALL)
    exec(compile(code, PAGE, "exec"), {})  # noqa: S102  # our own page
