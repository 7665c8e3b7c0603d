"""The table is whole: ids are unique, and every test it names exists."""

from __future__ import annotations

import ast
import functools
from pathlib import Path

import pytest

from tests.requirements.row import BOTH, Gap, Requirement
from tests.requirements.table import TABLE, UNMET

ROOT = Path(__file__).parents[2]


@functools.cache
def names_in(file: str) -> frozenset[str]:
    """The test functions of a file, by its text: naming a test must not run anything."""
    tree = ast.parse((ROOT / file).read_text(encoding="utf-8"))
    functions = [one for one in ast.walk(tree) if isinstance(one, ast.FunctionDef | ast.AsyncFunctionDef)]
    return frozenset(one.name for one in functions if one.name.startswith("test_"))


def test_no_id_is_used_twice() -> None:
    ids = [*(one.id for one in TABLE), *(one.id for one in UNMET)]
    assert sorted(set(ids)) == sorted(ids)


@pytest.mark.parametrize("row", TABLE, ids=lambda row: row.id)
def test_every_requirement_is_shown_by_tests_that_exist(row: Requirement) -> None:
    assert row.tests
    assert len(set(row.tests)) == len(row.tests)
    for test in row.tests:
        file, _, name = test.partition("::")
        assert (ROOT / file).is_file(), f"{file} is gone; which test shows {row.id} now?"
        assert name in names_in(file), f"{file} has no {name}; which test shows {row.id} now?"


@pytest.mark.parametrize("row", [*TABLE, *UNMET], ids=lambda row: row.id)
def test_every_row_says_what_and_where(row: Requirement | Gap) -> None:
    assert row.source
    assert row.says.endswith(".")
    assert set(row.revisions) <= set(BOTH)


@pytest.mark.parametrize("row", UNMET, ids=lambda row: row.id)
def test_every_gap_says_what_is_missing(row: Gap) -> None:
    assert row.missing.endswith(".")
