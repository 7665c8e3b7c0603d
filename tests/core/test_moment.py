"""Wall times as dates, whatever number a service chose."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcpauthkit.core.moment import iso_moment, moment


def test_a_wall_time_is_a_date_in_utc() -> None:
    assert moment(1_767_225_600.9) == datetime(2026, 1, 1, tzinfo=UTC)
    assert iso_moment(1_767_225_600.9) == "2026-01-01T00:00:00Z"


@pytest.mark.parametrize("seconds", [None, float("nan"), float("inf"), float("-inf"), 1e300, -1e300, 1e12])
def test_what_no_calendar_reaches_is_no_date(seconds: float | None) -> None:
    assert moment(seconds) is None
    assert iso_moment(seconds) is None


@given(st.floats())
def test_no_number_is_an_error(seconds: float) -> None:
    assert (moment(seconds) is None) == (iso_moment(seconds) is None)
