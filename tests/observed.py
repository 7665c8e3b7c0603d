"""What the kit tells OpenTelemetry, collected by its SDK in memory."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import pytest
from opentelemetry import trace
from opentelemetry.metrics import _internal as metrics
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

SCOPE = "mcpauthkit"


class Point(NamedTuple):
    """A measurement of ours.

    Args:
        name: Of what.
        unit: In what.
        attributes: For which.
        number: How many.
        total: The sum of what was measured.
        buckets: How many up to each bound of a histogram.
    """

    name: str
    unit: str
    attributes: dict[str, Any]
    number: int
    total: float
    buckets: dict[float, int]


@dataclass(frozen=True)
class Observed:
    """Finished spans and metrics.

    Args:
        exporter: The spans, of everybody.
        reader: The metrics, of everybody.
    """

    exporter: InMemorySpanExporter = field(default_factory=InMemorySpanExporter)
    reader: InMemoryMetricReader = field(default_factory=InMemoryMetricReader)

    def spans(self, name: str = "") -> list[ReadableSpan]:
        """Ours, all of them or those of one name."""
        scoped = [one for one in self.exporter.get_finished_spans() if _is_ours(one.instrumentation_scope)]
        return [one for one in scoped if name in {"", one.name}]

    def outcomes(self, name: str) -> list[Any]:
        """How the work of one name ended, in order."""
        return [dict(one.attributes or {})["mcpauthkit.outcome"] for one in self.spans(name)]

    def points(self, name: str = "") -> list[Point]:
        """Measurements of ours, all of them or those of one name."""
        found = self.reader.get_metrics_data()
        return [
            _point_of(metric.name, metric.unit or "", point)
            for resource in (found.resource_metrics if found else ())
            for scoped in resource.scope_metrics
            if _is_ours(scoped.scope)
            for metric in scoped.metrics
            if name in {"", metric.name}
            for point in metric.data.data_points
        ]

    def counted(self, name: str) -> Counter[str]:
        """How many of one measurement ended how."""
        total: Counter[str] = Counter()
        for point in self.points(name):
            total[point.attributes["mcpauthkit.outcome"]] += point.number
        return total

    def spans_told(self) -> str:
        """All spans, of everybody, as they would be exported."""
        spans = self.exporter.get_finished_spans()
        return "\n".join(f"{one.to_json()} {one.attributes} {one.events}" for one in spans)

    def metrics_told(self) -> str:
        """All metrics, of everybody, as they would be exported."""
        data = self.reader.get_metrics_data()
        return "" if data is None else str(data.to_json())


def _is_ours(scope: Any) -> bool:
    return scope is not None and scope.name == SCOPE


def _point_of(name: str, unit: str, point: Any) -> Point:
    attributes = dict(point.attributes or {})
    if not hasattr(point, "bucket_counts"):
        return Point(name, unit, attributes, point.value, point.value, {})
    # The last count is of those above the last bound.
    buckets = dict(zip(point.explicit_bounds, point.bucket_counts, strict=False))
    return Point(name, unit, attributes, point.count, point.sum, buckets)


@contextmanager
def observing(monkeypatch: pytest.MonkeyPatch) -> Iterator[Observed]:
    """An SDK for whatever is built meanwhile; the API itself lets one be set up once per process."""
    observed = Observed()
    tracing, metering = TracerProvider(), MeterProvider([observed.reader])
    tracing.add_span_processor(SimpleSpanProcessor(observed.exporter))
    monkeypatch.setattr(trace, "_TRACER_PROVIDER", tracing)
    monkeypatch.setattr(metrics, "_METER_PROVIDER", metering)
    try:
        yield observed
    finally:
        tracing.shutdown()
        metering.shutdown()
