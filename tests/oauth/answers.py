"""Answers of servers, as values."""

from __future__ import annotations

import json
from typing import Any

from mcpauthkit.oauth.messages import HttpResponse


def answer(body: Any, status: int = 200) -> HttpResponse:
    """A JSON answer, or any text as it is."""
    data = body if isinstance(body, str) else json.dumps(body)
    return HttpResponse(status, {"content-type": "application/json"}, data.encode())
