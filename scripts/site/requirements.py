"""The page of requirements, from the table that the tests hold: which test shows what, and what is not met."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from tests.requirements.row import BOTH, Gap, Requirement
from tests.requirements.table import TABLE, UNMET

_INTRODUCTION = """# Requirements

What the MCP specification and the RFCs demand of a server, told in our words, and the tests that show it. The page is
made of the table in `tests/requirements`, where a row without a test that exists is a failure.

Revisions: **old** is 2025-11-25, **new** is 2026-07-28.
"""


def page() -> str:
    """The page as Markdown."""
    of_mcp = [row for row in TABLE if row.revisions]
    of_rfcs = [row for row in TABLE if not row.revisions]
    return "\n".join(
        (
            _INTRODUCTION,
            f"## Not met, or only in part: {len(UNMET)}\n",
            "| | what is demanded | what the kit does instead | where it stands |\n|---|---|---|---|",
            *(_gap(row) for row in UNMET),
            f"\n## Of the MCP specification: {len(of_mcp)}\n",
            *_table(of_mcp, with_revisions=True),
            f"\n## Of the RFCs: {len(of_rfcs)}\n",
            *_table(of_rfcs, with_revisions=False),
            "",
        )
    )


def _table(rows: Iterable[Requirement], *, with_revisions: bool) -> Iterator[str]:
    yield "| | what is demanded | where it stands | shown by |\n|---|---|---|---|"
    for row in rows:
        when = f" ({_revisions(row)})" if with_revisions else ""
        tests = "<br>".join(f"`{test.partition('::')[2]}`" for test in row.tests)
        yield f"| ✓ `{row.id}` | {_cell(row.says)}{when} | {_cell(row.source)} | {tests} |"


def _gap(row: Gap) -> str:
    return f"| ✗ `{row.id}` | {_cell(row.says)} | {_cell(row.missing)} | {_cell(row.source)} |"


def _revisions(row: Requirement) -> str:
    return "both" if row.revisions == BOTH else "new" if BOTH[1] in row.revisions else "old"


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("<", "&lt;")
