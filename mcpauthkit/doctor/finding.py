"""What the doctor says: one finding, and the fault it is an instance of."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Level = Literal["error", "warning", "note"]
"""error: somebody cannot sign in or call, or a door is open. warning: some clients, or some day. note: good to know."""

LEVELS: tuple[Level, ...] = ("error", "warning", "note")
"""The worst first."""


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that is not as it should be.

    Args:
        code: The fault's code in the catalogue.
        level: How bad it is.
        cause: What is wrong, in plain words.
        evidence: What was seen: an answer, a value, an option. Never a secret.
        fix: What to do.
        place: Where: an address, an option, a setting.
    """

    code: str
    level: Level
    cause: str
    evidence: str
    fix: str
    place: str


@dataclass(frozen=True, slots=True)
class Fault:
    """A row of the catalogue: one way in which a set-up is wrong.

    Args:
        code: Its stable name, in lower case with dashes.
        level: How bad it is.
        title: It in a few words.
        cause: What is wrong, and who notices it how.
        fix: What to do.
        explains: Codes that are its consequences: they are not told beside it.
        is_last_resort: Whether it is told only where nothing else of level error was found.
    """

    code: str
    level: Level
    title: str
    cause: str
    fix: str
    explains: tuple[str, ...] = ()
    is_last_resort: bool = False

    def found(self, *, evidence: str, place: str, cause: str | None = None, fix: str | None = None) -> Finding:
        """An instance of it.

        Args:
            evidence: What was seen.
            place: Where.
            cause: What is wrong here in particular; the fault's own text unless given.
            fix: What to do here in particular; the fault's own text unless given.
        """
        return Finding(self.code, self.level, cause or self.cause, evidence, fix or self.fix, place)
