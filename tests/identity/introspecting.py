"""A server that is asked about tokens and answers from memory."""

from __future__ import annotations

import json
from typing import Any

import anyio

from mcpauthkit.errors import RemoteUnavailable
from mcpauthkit.oauth.messages import HttpRequest, HttpResponse


class Oracle:
    """The fetch port to an introspection endpoint.

    Args:
        known: Token to claims; what is not there is not active.
    """

    def __init__(self, known: dict[str, dict[str, Any]] | None = None) -> None:
        self.known = known or {}
        self.odd: dict[str, tuple[int, object]] = {}
        self.asked: list[HttpRequest] = []
        self.answer: tuple[int, object] | None = None
        self.down = False
        self.gate: anyio.Event | None = None
        self.closed = 0

    async def __call__(self, request: HttpRequest) -> HttpResponse:
        self.asked.append(request)
        if self.gate is not None:
            await self.gate.wait()
        if self.down:
            raise RemoteUnavailable(reason="connection refused")
        status, body = self.odd.get(_token_in(request)) or self.answer or (200, self._about(request))
        return HttpResponse(status, {}, body if isinstance(body, bytes) else json.dumps(body).encode())

    async def aclose(self) -> None:
        self.closed += 1

    def _about(self, request: HttpRequest) -> dict[str, Any]:
        claims = self.known.get(_token_in(request))
        return {"active": False} if claims is None else {"active": True, **claims}


def _token_in(request: HttpRequest) -> str:
    return (request.form or {}).get("token") or request.headers["authorization"].removeprefix("Bearer ")
