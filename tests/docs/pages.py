"""What stands in the pages: code, files and commands, by kind of block."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from tests.cli.commands import run
from tests.docs.snippets import ROOT, snippets_on


def text_of(page: str) -> str:
    return (ROOT / page).read_text(encoding="utf-8")


def python_blocks(page: str) -> list[str]:
    """The Python on a page, block by block."""
    return [snippet.code for snippet in snippets_on(page, "python")]


def write_files(page: str, folder: Path) -> list[str]:
    """Write the YAML files that a page shows, which begin with their name."""
    found = re.findall(r"```yaml\n# (\S+)\n(.*?)```", text_of(page), re.DOTALL)
    for name, text in found:
        (folder / name).write_text(text, encoding="utf-8")
    return [name for name, _ in found]


def commands_on(page: str) -> list[list[str]]:
    return [line.split() for line in re.findall(r"^mcpauthkit (.+)$", text_of(page), re.MULTILINE)]


def run_command(words: list[str]) -> int:
    return run(*(word.strip('"') for word in words))


def execute(code: str, names: dict[str, Any]) -> dict[str, Any]:
    exec(compile(code, "page", "exec"), names)  # noqa: S102  # our own page
    return names


def first_column(page: str, header: str) -> list[str]:
    """What stands in backticks in the first column of the table with this header."""
    rows = text_of(page).partition(f"\n{header}\n")[2].split("\n\n")[0].splitlines()[1:]
    assert rows, header
    # A bar in a cell is escaped.
    return [name for row in rows for name in re.findall(r"`([^`]+)`", re.split(r"(?<!\\)\|", row)[1])]
