"""What happens when a record cannot be kept."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

import pytest

from mcpauthkit import KeyRing
from mcpauthkit.audit import AuditTrail, Event, EventName, SinkRefused, current_recorder, record, verify_chain
from mcpauthkit.errors import AuditUnavailable, ConfigurationError
from mcpauthkit.testing import FakeClock
from tests.access.audit.kept import FULL, Kept

CANARY = "canary://user:password@host"


def failing() -> Kept:
    kept = Kept()
    kept.trouble = RuntimeError(CANARY)
    return kept


@pytest.mark.parametrize("place", [0, 1, 2])
def test_a_sink_that_fails_keeps_no_other_from_its_record(place: int) -> None:
    sinks = [Kept(), Kept(), Kept()]
    sinks[place].trouble = RuntimeError(CANARY)
    AuditTrail(*sinks).record(FULL)
    assert [len(one.lines) for one in sinks] == [int(number != place) for number in range(3)]


def test_a_trail_that_is_closed_on_failure_says_so_when_all_others_have_the_record() -> None:
    kept = Kept()
    trail = AuditTrail(failing(), kept, on_failure="closed")
    with pytest.raises(AuditUnavailable) as caught:
        trail.record(FULL)
    assert caught.value.status_hint == 503
    assert CANARY not in f"{caught.value} {caught.value.for_log()}"
    assert len(kept.lines) == 1


def test_a_trail_that_is_closed_works_again_when_its_sink_does() -> None:
    kept = failing()
    trail = AuditTrail(kept, on_failure="closed")
    with pytest.raises(AuditUnavailable):
        trail.record(FULL)
    kept.trouble = None
    trail.record(FULL)
    assert [one["event"] for one in kept.records] == ["audit.lost", "access.decided"]


def test_an_open_trail_says_once_a_minute_how_many_records_are_lost(caplog: pytest.LogCaptureFixture) -> None:
    clock = FakeClock()
    trail = AuditTrail(failing(), clock=clock)
    for _ in range(120):
        trail.record(FULL)
        clock.advance(1)
    lost = [one for one in caplog.records if one.levelno == logging.ERROR]
    assert [one.getMessage() for one in lost] == [
        "audit records lost sink=Kept() lost=1 new=1 error=RuntimeError",
        "audit records lost sink=Kept() lost=61 new=60 error=RuntimeError",
    ]
    assert CANARY not in caplog.text


def test_a_sink_that_works_again_is_told_what_it_has_not_got(caplog: pytest.LogCaptureFixture) -> None:
    kept = Kept()
    trail = AuditTrail(kept, chain=True)
    trail.record(FULL)
    kept.trouble = OSError(28, "No space left on device")
    for _ in range(3):
        trail.record(FULL)
    kept.trouble = None
    trail.record(FULL)
    trail.record(FULL)
    assert [one["event"] for one in kept.records] == [
        "access.decided",
        "audit.lost",
        "access.decided",
        "access.decided",
    ]
    assert kept.records[1]["metadata"] == {"lost": 3}
    assert kept.records[1]["severity"] == "WARNING"
    assert verify_chain(kept.lines).records == 4
    assert "error=OSError No space left on device" in caplog.text
    assert "audit sink works again sink=Kept() lost=3" in caplog.text


def test_a_sink_that_fails_every_other_time_does_not_fill_the_log(caplog: pytest.LogCaptureFixture) -> None:
    kept = Kept()
    trail = AuditTrail(kept, clock=FakeClock())
    for number in range(100):
        kept.trouble = RuntimeError(CANARY) if number % 2 else None
        trail.record(FULL)
    assert len(caplog.records) == 2


def test_why_a_sink_of_ours_refuses_is_told_in_full(caplog: pytest.LogCaptureFixture) -> None:
    kept = Kept()
    kept.trouble = SinkRefused("nobody listens; do this")
    AuditTrail(kept).record(FULL)
    assert "error='nobody listens; do this'" in caplog.text


class Recording:
    """A sink that does something which is itself recorded."""

    def __init__(self) -> None:
        self.events: list[str] = []

    def write(self, line: str, fields: Mapping[str, Any]) -> None:  # noqa: ARG002
        self.events.append(fields["event"])
        record(Event(event=EventName.TOKEN_VERIFIED))


def test_what_a_sink_itself_causes_is_not_recorded_by_it() -> None:
    sink, other = Recording(), Kept()
    trail = AuditTrail(sink, other)
    token = current_recorder.set(trail)
    try:
        record(FULL)
    finally:
        current_recorder.reset(token)
    assert sink.events == ["access.decided"]
    assert [one["event"] for one in other.records] == ["token.verified", "access.decided"]


@pytest.mark.parametrize(
    ("sinks", "options"),
    [
        ((), {}),
        (("audit.jsonl",), {}),
        ((Kept(),), {"arguments": "hash"}),
        ((Kept(),), {"on_failure": "close"}),
        ((Kept(),), {"key_ring": "secret"}),
    ],
)
def test_a_trail_that_means_nothing_is_refused_with_the_fix(sinks: tuple[Any, ...], options: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError) as caught:
        AuditTrail(*sinks, **options)
    assert caught.value.hint


def test_a_key_that_ends_with_the_process_is_refused() -> None:
    with pytest.raises(ConfigurationError) as caught:
        AuditTrail(Kept(), chain=True, key_ring=KeyRing.ephemeral())
    assert "key_ring=" in caught.value.hint
