"""The attack table itself: large enough, complete, and without a row that hides another."""

from __future__ import annotations

from collections import Counter
from typing import get_args

import pytest

from tests.attacks.row import Theme
from tests.attacks.table import TABLE


def test_there_are_at_least_150_rows() -> None:
    assert len(TABLE) >= 150


def test_no_id_is_used_twice() -> None:
    assert [name for name, times in Counter(row.id for row in TABLE).items() if times > 1] == []


@pytest.mark.parametrize("theme", get_args(Theme))
def test_every_theme_has_attacks_that_are_refused(theme: str) -> None:
    rows = [row for row in TABLE if row.theme == theme]
    assert sum(row.answer.status >= 400 for row in rows) >= 5


def test_every_row_says_what_it_tries() -> None:
    assert [row.id for row in TABLE if not row.tries.endswith(".")] == []
