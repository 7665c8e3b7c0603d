"""Sinks that hand records on to somebody else."""

from __future__ import annotations

import asyncio
import io
import json
import logging
import sys
from functools import partial
from typing import Any

import pytest
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import InMemoryLogRecordExporter, SimpleLogRecordProcessor
from opentelemetry.sdk.trace import TracerProvider

from mcpauthkit.audit import AuditTrail, Event, EventName, JsonLines, ToCallable, ToLogging, ToOpenTelemetry
from mcpauthkit.errors import AuditUnavailable, ConfigurationError
from tests.access.audit.kept import FULL, Kept


def test_json_lines_go_to_standard_output(capsys: pytest.CaptureFixture[str]) -> None:
    trail = AuditTrail(JsonLines())
    trail.record(FULL)
    trail.record(FULL)
    written = capsys.readouterr()
    assert [json.loads(line)["sequence"] for line in written.out.splitlines()] == [1, 2]
    assert not written.err


def test_a_trail_tells_whether_it_writes_where_a_server_on_stdio_speaks() -> None:
    assert AuditTrail(Kept(), JsonLines()).is_on_stdout
    assert AuditTrail(JsonLines(sys.stdout)).is_on_stdout
    assert not AuditTrail(JsonLines(sys.stderr), Kept()).is_on_stdout


def test_json_lines_go_to_another_stream_where_one_is_given() -> None:
    stream = io.StringIO()
    AuditTrail(JsonLines(stream)).record(FULL)
    assert json.loads(stream.getvalue())["target"] == "delete_repo"


def test_a_stream_that_was_closed_counts_as_a_failure() -> None:
    stream = io.StringIO()
    stream.close()
    with pytest.raises(AuditUnavailable):
        AuditTrail(JsonLines(stream), on_failure="closed").record(FULL)


def test_a_logger_gets_the_line_and_the_values_at_the_level_of_the_event(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO", "records")
    trail = AuditTrail(ToLogging("records"))
    trail.record(FULL)
    trail.record(Event(event=EventName.POLICY_LOADED))
    first, second = caplog.records
    assert (first.levelno, second.levelno) == (logging.WARNING, logging.INFO)
    assert json.loads(first.getMessage()) == vars(first)["audit"]


def test_a_logger_that_leaves_records_out_counts_as_a_failure(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("WARNING", "records")
    with pytest.raises(AuditUnavailable):
        AuditTrail(ToLogging("records"), on_failure="closed").record(Event(event=EventName.POLICY_LOADED))
    assert "leaves out level INFO" in caplog.text


def test_opentelemetry_gets_log_records_that_belong_to_their_span() -> None:
    exporter = InMemoryLogRecordExporter()  # type: ignore[no-untyped-call]
    provider = LoggerProvider(shutdown_on_exit=False)
    provider.add_log_record_processor(SimpleLogRecordProcessor(exporter))
    trail = AuditTrail(ToOpenTelemetry(provider), names=True, arguments="full")
    with TracerProvider().get_tracer("test").start_as_current_span("call") as span:
        trail.record(FULL)
    (found,) = exporter.get_finished_logs()
    log = found.log_record
    assert log.event_name == "mcpauthkit.access.decided"
    assert log.severity_text == "WARNING"
    assert log.trace_id == span.get_span_context().trace_id
    assert json.loads(str(log.body))["arguments"] == {"repo": "a/b", "force": True}
    assert log.attributes is not None
    assert log.attributes["mcpauthkit.audit.target"] == "delete_repo"
    assert log.attributes["mcpauthkit.audit.duration_ms"] == 1.5
    assert "mcpauthkit.audit.arguments" not in log.attributes
    provider.shutdown()


def test_opentelemetry_without_anybody_who_takes_records_counts_as_a_failure(
    caplog: pytest.LogCaptureFixture,
) -> None:
    provider = LoggerProvider(shutdown_on_exit=False)
    with pytest.raises(AuditUnavailable):
        AuditTrail(ToOpenTelemetry(provider), on_failure="closed").record(FULL)
    assert "set_logger_provider" in caplog.text
    provider.shutdown()


def test_a_function_gets_a_dict_of_its_own() -> None:
    found: list[dict[str, Any]] = []
    kept = Kept()
    AuditTrail(ToCallable(found.append), ToCallable(lambda one: one.clear()), kept).record(FULL)
    assert found == kept.records
    assert found[0]["target"] == "delete_repo"


def test_a_queue_takes_records_to_a_task() -> None:
    async def main() -> str:
        queue: asyncio.Queue[dict[str, Any]] = asyncio.Queue(maxsize=10)
        AuditTrail(ToCallable(queue.put_nowait)).record(FULL)
        return str((await queue.get())["target"])

    assert asyncio.run(main()) == "delete_repo"


async def asynchronous(_record: dict[str, Any]) -> None: ...


class AsynchronousCall:
    async def __call__(self, _record: dict[str, Any]) -> None: ...


@pytest.mark.parametrize("function", [asynchronous, partial(asynchronous), AsynchronousCall(), "a text"])
def test_a_function_that_nobody_would_wait_for_is_refused_with_the_fix(function: Any) -> None:
    with pytest.raises(ConfigurationError) as caught:
        ToCallable(function)
    assert caught.value.hint


def test_a_coroutine_that_comes_out_of_a_plain_function_counts_as_a_failure() -> None:
    def plain(record: dict[str, Any]) -> object:
        return asynchronous(record)

    with pytest.raises(AuditUnavailable):
        AuditTrail(ToCallable(plain), on_failure="closed").record(FULL)
