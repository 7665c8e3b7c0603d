"""A Dockerfile as values."""

from __future__ import annotations

import json
import re
import shlex
from dataclasses import dataclass
from pathlib import Path

_CONTINUED = re.compile(r"\\\n")
_FLAG = re.compile(r"--(\S+?)=(\S+)\s+")


@dataclass(frozen=True, slots=True)
class Instruction:
    """One instruction, with its lines joined.

    Attributes:
        name: Its name in capitals.
        flags: What stands before its arguments with two dashes.
        text: Its arguments, as they stand there.
    """

    name: str
    flags: tuple[tuple[str, str], ...]
    text: str

    @property
    def words(self) -> list[str]:
        """The arguments: those of the JSON form, or as a shell would take them apart."""
        return json.loads(self.text) if self.text.startswith("[") else shlex.split(self.text)


@dataclass(frozen=True, slots=True)
class Stage:
    """What one FROM begins.

    Attributes:
        base: The image it begins with.
        name: By which others copy from it.
        instructions: What follows.
    """

    base: str
    name: str
    instructions: tuple[Instruction, ...]

    def all(self, name: str) -> list[Instruction]:
        """Its instructions of one name."""
        return [one for one in self.instructions if one.name == name]

    def last(self, name: str) -> Instruction:
        """The one of its instructions of a name that counts."""
        return self.all(name)[-1]

    @property
    def environment(self) -> dict[str, str]:
        """What ENV sets."""
        return dict(word.split("=", 1) for one in self.all("ENV") for word in one.words)


def read(path: Path) -> list[Stage]:
    """The stages of a Dockerfile, in order."""
    lines = [line for line in path.read_text(encoding="utf-8").splitlines() if not line.lstrip().startswith("#")]
    found: list[tuple[str, str, list[Instruction]]] = []
    for line in _CONTINUED.sub(" ", "\n".join(lines)).splitlines():
        if not line.strip():
            continue
        instruction = _instruction(line.strip())
        if instruction.name == "FROM":
            base, _, name = instruction.text.partition(" AS ")
            found.append((base, name, []))
        else:
            found[-1][2].append(instruction)
    return [Stage(base, name, tuple(instructions)) for base, name, instructions in found]


def _instruction(line: str) -> Instruction:
    name, _, text = line.partition(" ")
    flags = []
    while match := _FLAG.match(text := text.strip()):
        flags.append((match[1], match[2]))
        text = text[match.end() :]
    return Instruction(name, tuple(flags), " ".join(text.split()))
