"""Answers that scripts of any origin may read: they are public, or need something that no browser adds by itself."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

CORS_HEADERS = {
    "access-control-allow-origin": "*",
    "access-control-allow-methods": "GET, POST, OPTIONS",
    "access-control-allow-headers": "*",
    "access-control-expose-headers": "WWW-Authenticate, Retry-After",
    "access-control-max-age": "3600",
}
_MAX_AGE_SECONDS = 300


def preflight() -> Response:
    """The answer to a preflight."""
    return Response(status_code=204, headers=CORS_HEADERS)


def document_endpoint(document: Mapping[str, Any]) -> Callable[[Request], Awaitable[Response]]:
    """An endpoint that serves a public document, which caches may keep (RFC 9728 section 3.1)."""

    async def serve(_: Request) -> Response:
        headers = {"cache-control": f"public, max-age={_MAX_AGE_SECONDS}", **CORS_HEADERS}
        return JSONResponse(document, headers=headers)

    return serve
