"""What traces say of requests to our pages: nothing of their queries, which hold codes, states and links."""

from __future__ import annotations

from collections.abc import Mapping

from opentelemetry import trace

_HIDDEN = "REDACTED"
# Of the old and the new conventions; whoever made the span has written them at its start.
_ADDRESSES = ("http.url", "http.target", "url.full")
_QUERY = "url.query"


def hide_query(path: str) -> None:
    """Take the query out of the current span.

    FastAPI makes one itself (0.165, seen November 2026) and an instrumentation may make another inside of it, so this
    is called wherever the current one may be a new one. One *around* the application is out of reach where FastAPI
    makes its own as well; docs/two-legs.md says what helps there.

    Args:
        path: The request's path, for a span that does not show which addresses it holds.
    """
    span = trace.get_current_span()
    if not span.is_recording():
        return
    span.set_attribute(_QUERY, _HIDDEN)
    shown = getattr(span, "attributes", None)
    for name in _ADDRESSES:
        if not isinstance(shown, Mapping):
            span.set_attribute(name, f"{path}?{_HIDDEN}")
        elif "?" in str(address := shown.get(name, "")):
            span.set_attribute(name, f"{str(address).partition('?')[0]}?{_HIDDEN}")
