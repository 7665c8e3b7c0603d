"""Wall times as dates, whatever number a service chose."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcpauthkit.core.moment import day_in_words, iso_moment, moment


def test_a_wall_time_is_a_date_in_utc() -> None:
    assert moment(1_767_225_600.9) == datetime(2026, 1, 1, tzinfo=UTC)
    assert iso_moment(1_767_225_600.9) == "2026-01-01T00:00:00Z"


def test_a_day_for_people_is_in_english_whatever_the_locale() -> None:
    months = {day_in_words(datetime(2026, month, 3, tzinfo=UTC)) for month in range(1, 13)}
    assert {"3 January 2026", "3 May 2026", "3 December 2026"} < months
    assert len(months) == 12


@pytest.mark.parametrize("seconds", [None, float("nan"), float("inf"), float("-inf"), 1e300, -1e300, 1e12])
def test_what_no_calendar_reaches_is_no_date(seconds: float | None) -> None:
    assert moment(seconds) is None
    assert iso_moment(seconds) is None


@given(st.floats())
def test_no_number_is_an_error(seconds: float) -> None:
    assert (moment(seconds) is None) == (iso_moment(seconds) is None)
