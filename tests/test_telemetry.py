"""One piece of work measured: its span, its duration, its count, and what they leave out."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest
from opentelemetry import trace
from opentelemetry.trace import StatusCode

from mcpauthkit.errors import ExpiredToken, InvalidToken, RemoteUnavailable
from mcpauthkit.telemetry import Measure
from mcpauthkit.testing import FakeClock
from tests.observed import Observed, observing

CANARY = "canary-5f2d81c0"


@pytest.fixture
def observed(monkeypatch: pytest.MonkeyPatch) -> Iterator[Observed]:
    with observing(monkeypatch) as one:
        yield one


def attributes_of(observed: Observed, name: str) -> dict[str, Any]:
    [span] = observed.spans(name)
    return dict(span.attributes or {})


def test_work_that_ends_well_is_a_span_a_duration_and_a_count(observed: Observed) -> None:
    clock = FakeClock()
    with Measure("verify", clock=clock).begin(verifier="JwtVerifier"):
        clock.advance(0.25)
    told = {"mcpauthkit.verifier": "JwtVerifier", "mcpauthkit.outcome": "ok"}
    assert attributes_of(observed, "mcpauthkit.verify") == told
    points = {point.name: (point.unit, point.attributes, point.number) for point in observed.points()}
    assert points == {
        "mcpauthkit.verify.duration": ("s", told, 1),
        "mcpauthkit.verifications": ("{verification}", told, 1),
    }


def test_the_duration_goes_by_the_clock_and_into_buckets_of_seconds(observed: Observed) -> None:
    clock = FakeClock()
    with Measure("elicit", clock=clock).begin(service="forge"):
        clock.advance(40)
    [point] = observed.points("mcpauthkit.elicit.duration")
    assert (point.total, point.buckets[60.0]) == (40, 1)


@pytest.mark.parametrize(
    ("error", "outcome"),
    [
        (InvalidToken(CANARY, hint=CANARY, reason=CANARY), "invalid_token"),
        (ExpiredToken(CANARY, hint=CANARY, reason=CANARY), "expired_token"),
        (RemoteUnavailable(CANARY, hint=CANARY, reason=CANARY), "remote_unavailable"),
        (ValueError(CANARY), "error"),
        (ExceptionGroup(CANARY, [ValueError(CANARY)]), "error"),
        (asyncio.CancelledError(CANARY), "cancelled"),
    ],
)
def test_an_error_is_told_by_its_code_and_never_by_its_text(
    observed: Observed, error: BaseException, outcome: str
) -> None:
    with pytest.raises(type(error)), Measure("verify").begin(verifier="JwtVerifier"):
        raise error
    assert observed.outcomes("mcpauthkit.verify") == [outcome]
    assert observed.counted("mcpauthkit.verifications") == {outcome: 1}
    assert CANARY not in observed.spans_told() + observed.metrics_told()


@pytest.mark.parametrize(
    ("error", "fault"),
    [
        (InvalidToken(), None),
        (RemoteUnavailable(), "remote_unavailable"),
        (ValueError(CANARY), "ValueError"),
        (KeyboardInterrupt(), None),
    ],
)
def test_a_span_is_an_error_where_something_is_broken_and_not_where_somebody_is_refused(
    observed: Observed, error: BaseException, fault: str | None
) -> None:
    with pytest.raises(type(error)), Measure("verify").begin():
        raise error
    [span] = observed.spans()
    assert span.status.status_code is (StatusCode.ERROR if fault else StatusCode.UNSET)
    assert (span.status.description, list(span.events)) == (None, [])
    assert dict(span.attributes or {}).get("error.type") == fault


def test_an_outcome_that_is_said_stays_whatever_is_raised_to_end_the_work(observed: Observed) -> None:
    work = Measure("elicit").begin()
    work.outcome = "asked"
    with pytest.raises(ValueError, match="done"), work:
        raise ValueError("done")
    [span] = observed.spans()
    assert observed.outcomes("mcpauthkit.elicit") == ["asked"]
    assert span.status.status_code is StatusCode.UNSET


def test_notes_are_on_the_span_alone(observed: Observed) -> None:
    with Measure("decide").begin(action="list", kind="tool") as work:
        work.outcome = "allow"
        work.note(policy="staff", rule="", shown=3, hidden=0)
    told = {"mcpauthkit.action": "list", "mcpauthkit.kind": "tool", "mcpauthkit.outcome": "allow"}
    notes = {"mcpauthkit.policy": "staff", "mcpauthkit.shown": 3, "mcpauthkit.hidden": 0}
    assert attributes_of(observed, "mcpauthkit.decide") == told | notes
    assert [point.attributes for point in observed.points()] == [told, told]


def test_what_is_not_declared_cannot_be_told() -> None:
    with pytest.raises(KeyError):
        Measure("verify").begin(subject="alice")  # type: ignore[call-arg]


def test_spans_inside_belong_to_it_and_the_one_around_is_current_again(observed: Observed) -> None:
    with Measure("elicit").begin(), Measure("verify").begin():
        pass
    inner, outer = observed.spans()
    assert (inner.parent, outer.parent) == (outer.context, None)
    assert not trace.get_current_span().get_span_context().is_valid


def test_any_number_of_objects_measure_into_the_same_instruments(
    observed: Observed, caplog: pytest.LogCaptureFixture
) -> None:
    for _ in range(3):
        with Measure("refresh").begin(service="forge"):
            pass
    assert observed.counted("mcpauthkit.refreshes") == {"ok": 3}
    assert caplog.records == []


def test_without_an_sdk_work_is_done_and_nothing_is_told() -> None:
    measure = Measure("verify")
    with measure.begin(verifier="JwtVerifier") as work:
        work.note(policy="staff")
        assert trace.get_current_span() is trace.INVALID_SPAN
    assert work.outcome == "ok"


def test_an_sdk_that_is_set_up_later_gets_what_happens_from_then_on(monkeypatch: pytest.MonkeyPatch) -> None:
    measure = Measure("verify")
    with measure.begin():
        pass
    with observing(monkeypatch) as observed:
        with measure.begin():
            pass
        assert observed.outcomes("mcpauthkit.verify") == ["ok"]


@pytest.mark.parametrize("way", ["sampled", "not sampled"])
def test_what_is_inside_has_the_trace_of_whoever_called_though_it_is_not_sampled(way: str, observed: Observed) -> None:
    flags = trace.TraceFlags(trace.TraceFlags.SAMPLED if way == "sampled" else trace.TraceFlags.DEFAULT)
    caller = trace.NonRecordingSpan(trace.SpanContext(0xABC, 0xDEF, is_remote=True, trace_flags=flags))
    with trace.use_span(caller), Measure("verify").begin():
        inside = trace.get_current_span().get_span_context()
    assert (inside.trace_id, inside.trace_flags) == (0xABC, flags)
    assert len(observed.spans()) == (1 if way == "sampled" else 0)
