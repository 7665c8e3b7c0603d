"""The kit's loggers: every line says which request it belongs to."""

from __future__ import annotations

import logging
from collections.abc import MutableMapping
from typing import Any

from mcpauthkit.core.request_id import get_request_id


class RequestLog(logging.LoggerAdapter[logging.Logger]):
    """Adds the request's id to every line, as text and as the record's `request_id`.

    Args:
        room: The logger's name below `mcpauthkit`.
    """

    def __init__(self, room: str) -> None:
        super().__init__(logging.getLogger(f"mcpauthkit.{room}"))

    def process(self, msg: Any, kwargs: MutableMapping[str, Any]) -> tuple[Any, MutableMapping[str, Any]]:
        """Add the id, if a request is being served."""
        request_id = get_request_id()
        if not request_id:
            return msg, kwargs
        kwargs["extra"] = {**(kwargs.get("extra") or {}), "request_id": request_id}
        # A sane id holds no percent sign, so it cannot be taken for a placeholder.
        return f"{msg} request_id={request_id}", kwargs
