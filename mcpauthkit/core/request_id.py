"""The id of the HTTP request being served, which ties log lines, audit lines and answers together."""

from __future__ import annotations

import re
from contextvars import ContextVar

# Letters, digits and a few marks: nothing that ends a line, a field or a header, and nothing a log reader interprets.
_SANE = re.compile(r"[A-Za-z0-9._:@/+=-]{1,128}")

current_request_id: ContextVar[str] = ContextVar("mcpauthkit_request_id", default="")
"""Set by the middleware for each request; empty outside of one."""


def get_request_id() -> str:
    """The id of the current request: the `X-Request-ID` it came with, or one that was made for it."""
    return current_request_id.get()


def sane_request_id(text: str | None) -> str | None:
    """The id a request came with, if it may stand in logs and headers; else None."""
    return text if text is not None and _SANE.fullmatch(text) is not None else None
