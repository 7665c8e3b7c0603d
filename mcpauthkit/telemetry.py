"""Spans and measurements for OpenTelemetry: what we do, how long it takes, how it ends.

Only names, outcomes and services go in: never an address with a query, a code, a state, a token or an argument.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from opentelemetry import trace


@contextmanager
def span(name: str, **attributes: str) -> Iterator[trace.Span]:
    """A span of ours around a piece of work.

    Args:
        name: What is done, such as `mcpauthkit.verify`.
        attributes: What is known at its start; underscores stand for dots.
    """
    tracer = trace.get_tracer("mcpauthkit")
    named = {f"mcpauthkit.{key.replace('_', '.')}": value for key, value in attributes.items()}
    # Exceptions are not recorded: their texts may quote what must not leave.
    with tracer.start_as_current_span(
        name, attributes=named, record_exception=False, set_status_on_exception=False
    ) as one:
        yield one
