"""The commands as they are, for the page about them: every command, and the tables of its options."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from cyclopts import App
from cyclopts.argument import Argument

from mcpauthkit.cli.main import GROUPS, group_named


@dataclass(frozen=True)
class Command:
    """A command.

    Attributes:
        words: What is typed behind `mcpauthkit`.
        app: What cyclopts knows of it.
    """

    words: tuple[str, ...]
    app: App

    @property
    def heading(self) -> str:
        """The line on the page that it stands below."""
        return f"### mcpauthkit {' '.join(self.words)}"

    def rows(self) -> list[str]:
        """A row for each argument and option: its names, its default, what the help says of it."""
        return [
            f"| {', '.join(f'`{name}`' for name in one.names)} | {_default(one)} | {_meaning(one)} |"
            for one in self.app.assemble_argument_collection(parse_docstring=True)
            if one.show
        ]

    def table(self) -> str:
        """All of its rows, with their head."""
        rows = self.rows()
        return "\n".join(["| option | default | |", "|---|---|---|", *rows]) + "\n" if rows else ""


def every_command() -> Iterator[Command]:
    """All of them, as the help lists them."""
    for name in GROUPS:
        group = group_named(name)
        words = [word for word in group if not word.startswith("-")]
        if not words:
            yield Command((name,), group)
        for word in words:
            yield Command((name, word), group[word])


def _default(argument: Argument) -> str:
    if argument.required:
        return "needed"
    value = argument.field_info.default
    values = value if isinstance(value, tuple) else (value,)
    return ", ".join(f"`{one}`" for one in values if one not in {None, False, ""})


def _meaning(argument: Argument) -> str:
    text = " ".join(str(argument.parameter.help).split())
    return text.replace("|", "\\|").replace("*", "\\*")
