"""An MCP server that no resource path names stops the application from starting."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import pytest
from fastapi import FastAPI
from fastmcp import FastMCP
from mcp.server.mcpserver import MCPServer

from mcpauthkit import JwtAuthMiddleware
from tests.asgi import lifespan
from tests.web.door import BASE

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


def fastmcp_app(**options: Any) -> Any:
    return FastMCP("covered").http_app(**options)


def application(where: str, mcp_app: Any, **options: Any) -> FastAPI:
    app = FastAPI(lifespan=getattr(mcp_app, "lifespan", None))
    app.add_middleware(JwtAuthMiddleware, issuer_url="https://i.example", server_base_url=BASE, **options)
    app.mount(where, mcp_app)
    return app


async def outcome(app: FastAPI) -> tuple[str, str]:
    """The server's side of a start that fails."""
    sent: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        return {"type": "lifespan.startup"}

    async def send(message: Any) -> None:
        sent.append(message)

    await app({"type": "lifespan", "asgi": {"version": "3.0"}, "state": {}}, receive, send)
    return sent[0]["type"], sent[0]["message"]


@pytest.mark.parametrize(
    ("where", "options", "named"),
    [
        ("/api", {"path": "/mcp"}, "/api/mcp"),
        ("/", {"path": "/tools"}, "/tools"),
        ("/", {"path": "/sse", "transport": "sse"}, "/messages"),
    ],
)
async def test_a_server_elsewhere_is_named_with_what_to_add(where: str, options: dict[str, Any], named: str) -> None:
    kind, message = await outcome(application(where, fastmcp_app(**options)))
    assert kind == "lifespan.startup.failed"
    assert named in message
    assert "resource_paths" in message


async def test_a_server_of_the_official_sdk_is_found_too() -> None:
    kind, message = await outcome(application("/api", MCPServer("covered").streamable_http_app()))
    assert kind == "lifespan.startup.failed"
    assert "/api/mcp" in message


@pytest.mark.parametrize(
    ("where", "path", "options"),
    [
        ("/", "/mcp", {}),
        ("/api", "/mcp", {"resource_paths": ["/api/mcp"]}),
        ("/api", "/mcp", {"resource_paths": ["/api"]}),
        ("/public", "/mcp", {"open_paths": ["/public"]}),
    ],
)
async def test_one_that_is_named_or_open_on_purpose_starts(where: str, path: str, options: dict[str, Any]) -> None:
    async with lifespan(application(where, fastmcp_app(path=path), **options)):
        pass


async def test_an_application_without_routes_to_look_through_starts() -> None:
    @asynccontextmanager
    async def nothing(_app: Any) -> AsyncIterator[None]:
        yield

    inner = FastAPI(lifespan=nothing)
    async with lifespan(JwtAuthMiddleware(inner.router, issuer_url="https://i.example", server_base_url=BASE)):
        pass
