"""What a row of the table of requirements is."""

from __future__ import annotations

from dataclasses import dataclass

BOTH = ("2025-11-25", "2026-07-28")
OLD = ("2025-11-25",)
NEW = ("2026-07-28",)
NONE: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Requirement:
    """One requirement and what shows it.

    Args:
        id: A short name that stays.
        revisions: The MCP revisions that have it; none for an RFC's own.
        source: Page and section.
        says: What it demands, in our words.
        tests: The tests that show it, as `tests/folder/test_file.py::test_name`.
    """

    id: str
    revisions: tuple[str, ...]
    source: str
    says: str
    tests: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Gap:
    """One requirement that is not met, or only in part.

    Args:
        id: A short name that stays.
        revisions: The MCP revisions that have it; none for an RFC's own.
        source: Page and section.
        says: What it demands, in our words.
        missing: What the kit does instead.
    """

    id: str
    revisions: tuple[str, ...]
    source: str
    says: str
    missing: str


def shown_in(file: str, *names: str) -> tuple[str, ...]:
    """Tests of one file."""
    return tuple(f"tests/{file}::{name}" for name in names)
