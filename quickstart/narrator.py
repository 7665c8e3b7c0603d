"""Tells the tour: numbered steps in plain words, what went over the wire in dim text, ticks and crosses."""

from __future__ import annotations

import os
import textwrap
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from rich.console import Console
from rich.text import Text

_WIDTH = 80
_INDENT = 6


class StepFailed(Exception):
    """A step did not go as it should.

    Args:
        expected: What should have come.
        came: What came instead.
        step: The step's title, when it is not the one being told.
    """

    def __init__(self, expected: str, came: str, *, step: str = "") -> None:
        super().__init__(expected, came)
        self.expected = expected
        self.came = came
        self.step = step


def expect(condition: object, expected: str, came: str) -> None:
    """Go on only if a condition holds.

    Raises:
        StepFailed: It does not.
    """
    if not condition:
        raise StepFailed(expected, came)


class _PatientConsole(Console):
    """A console that goes on in silence when nobody reads any more, as in `| head`; rich would end the program."""

    def on_broken_pipe(self) -> None:
        self.quiet = True
        # Python flushes stdout at its end and would complain once more.
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, self.file.fileno())
        os.close(nowhere)


def make_console(*, stderr: bool = False) -> Console:
    """A console of at most 80 columns; without colours when nobody looks at it through a terminal."""
    console = _PatientConsole(highlight=False, soft_wrap=False, emoji=False, markup=False, stderr=stderr)
    console.width = min(_WIDTH, console.width)
    return console


class Narrator:
    """Prints the story and counts its steps.

    Args:
        console: Where to.
    """

    def __init__(self, console: Console) -> None:
        self._console = console
        self._tick, self._cross = ("ok", "x") if console.options.ascii_only else ("✓", "✗")
        self.steps_done = 0
        self._title = ""
        self._held = ""

    def chapter(self, title: str, lead: str = "") -> None:
        """Begin a part of the story."""
        self._release()
        self._console.print()
        self._console.print(title, style="bold")
        if lead:
            self._console.print(lead)
        self._console.print()

    @contextmanager
    def step(self, title: str) -> Iterator[None]:
        """One step: announced before it happens, ticked when it has.

        Raises:
            StepFailed: It failed; the error knows the step from here on.
        """
        self.begin(title)
        try:
            yield
        except StepFailed as failure:
            failure.step = failure.step or title
            raise
        self.done()

    def begin(self, title: str) -> None:
        """Announce a step."""
        self._release()
        self._title = title
        self._print(title, label=f"{self.steps_done + 1:>3}.  ", label_style="bold cyan")

    def wire(self, *lines: str) -> None:
        """What went over the wire. Never with tokens, codes or states."""
        for line in lines:
            self._release()
            self._held = line

    def done(self) -> None:
        """Tick the step, on the line of what was told last."""
        self.steps_done += 1
        self._title = ""
        self._release(f"   {self._tick}  " if len(self._tick) == 1 else f"  {self._tick}  ", "bold green")

    def _release(self, label: str = "", label_style: str = "") -> None:
        line, self._held = self._held, ""
        if line or label:
            self._print(line, label=f"{label:<{_INDENT}}", label_style=label_style, style="dim")

    def _print(self, text: str, *, label: str, label_style: str = "", style: str = "") -> None:
        # Wrapped by hand: rich would fill the lines up with spaces, which are a nuisance in a file.
        room = self._console.width - _INDENT
        lines = textwrap.wrap(text, room, break_long_words=False, break_on_hyphens=False) or [""]
        for number, line in enumerate(lines):
            before = label if number == 0 else " " * _INDENT
            self._console.print(Text.assemble((before, label_style), (line, style)), soft_wrap=True)

    def fail(self, failure: StepFailed, *, log: Sequence[str] = ()) -> None:
        """Say which step failed and why, and what the server has to say about it."""
        step = failure.step or self._title or "starting"
        self._release()
        self._console.print()
        self._console.print(f"{self._cross} The tour stopped at this step:", style="bold red")
        self._print(step, label=" " * _INDENT)
        for name, text in (("expected", failure.expected), ("but came", failure.came)):
            self._console.print(f"  {name}:", style="bold")
            self._print(text, label=" " * _INDENT)
        if log:
            self._console.print("  the server's log ends with:", style="bold")
        for line in log:
            self._print(line, label=" " * _INDENT, style="dim")
