"""When rules count."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest

from tests.access.policy.asking import engine_of, is_allowed


@pytest.mark.parametrize(
    ("window", "within", "outside"),
    [
        ({"from": "09:00", "until": "17:00"}, ["2026-11-23T09:00Z", "2026-11-23T16:59:59Z"], ["2026-11-23T17:00Z"]),
        ({"from": "09:00"}, ["2026-11-23T23:59:59Z"], ["2026-11-23T08:59:59Z"]),
        ({"until": "09:00"}, ["2026-11-23T00:00Z"], ["2026-11-23T09:00Z"]),
        ({"days": ["monday"]}, ["2026-11-23T00:00Z", "2026-11-23T23:59Z"], ["2026-11-24T00:00Z", "2026-11-22T23:59Z"]),
        (
            {"days": ["monday"], "from": "22:00", "until": "06:00"},
            ["2026-11-23T22:00Z", "2026-11-24T05:59Z"],
            ["2026-11-23T05:00Z", "2026-11-24T06:00Z", "2026-11-24T22:00Z"],
        ),
        (
            {"days": ["sunday"], "from": "22:00", "until": "06:00"},
            ["2026-11-22T23:00Z", "2026-11-23T01:00Z"],
            ["2026-11-22T01:00Z"],
        ),
        (
            {"from": "09:00", "until": "17:00", "timezone": "Europe/Berlin"},
            ["2026-11-23T08:00Z", "2026-07-20T07:00Z", "2026-11-23T16:59+01:00"],
            ["2026-11-23T16:00Z", "2026-07-20T15:00Z"],
        ),
        (
            {"days": ["tuesday"], "timezone": "Asia/Tokyo"},
            ["2026-11-23T15:00Z"],
            ["2026-11-24T15:00Z"],
        ),
    ],
)
@pytest.mark.parametrize("effect", ["allow", "deny"])
def test_a_rule_counts_within_its_window_and_not_outside(
    window: dict[str, Any], within: list[str], outside: list[str], effect: str
) -> None:
    engine = (
        engine_of({}, {"effect": "deny", "times": [window]}) if effect == "deny" else engine_of({"times": [window]})
    )
    asked = [is_allowed(engine, now=datetime.fromisoformat(one)) for one in [*within, *outside]]
    assert asked == [effect == "allow"] * len(within) + [effect == "deny"] * len(outside)


def test_one_window_is_enough() -> None:
    engine = engine_of({"times": [{"until": "06:00"}, {"from": "22:00"}]})
    hours = [is_allowed(engine, now=datetime.fromisoformat(f"2026-11-23T{hour}:00Z")) for hour in ("05", "12", "23")]
    assert hours == [True, False, True]


def test_what_was_decided_in_time_is_decided_anew_afterwards() -> None:
    engine = engine_of({"times": [{"from": "09:00", "until": "17:00"}]})
    moments = ["2026-11-23T16:59Z", "2026-11-23T17:00Z", "2026-11-24T09:00Z"]
    assert [is_allowed(engine, now=datetime.fromisoformat(one)) for one in moments] == [True, False, True]
