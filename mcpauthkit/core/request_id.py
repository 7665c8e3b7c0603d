"""The id of the request being served, which ties log lines, audit lines and answers together."""

from __future__ import annotations

import re
from contextvars import ContextVar

from mcpauthkit.core.entropy import Entropy

# Letters, digits and a few marks: nothing that ends a line, a field or a header, and nothing a log reader interprets.
_SANE = re.compile(r"[A-Za-z0-9._:@/+=-]{1,128}")

current_request_id: ContextVar[str] = ContextVar("mcpauthkit_request_id", default="")
"""Set by the middleware for each HTTP request, and where there is none, for each message; empty outside of both."""

REQUEST_ID_BYTES = 12
"""How much chance is in an id that is made."""


def get_request_id() -> str:
    """The id of the current request: the `X-Request-ID` it came with, or one that was made for it."""
    return current_request_id.get()


def made_request_id(entropy: Entropy) -> str:
    """An id for a request that came without one.

    Args:
        entropy: Where it comes from.
    """
    return entropy.random_bytes(REQUEST_ID_BYTES).hex()


def sane_request_id(text: str | None) -> str | None:
    """The id a request came with, if it may stand in logs and headers; else None."""
    return text if text is not None and _SANE.fullmatch(text) is not None else None
