"""Which ASGI applications speak MCP, which of them remember their clients, and what is behind them."""

from __future__ import annotations

from typing import Any

from fastmcp.server.http import StreamableHTTPASGIApp as FastMCPEndpoint
from mcp.server.lowlevel import Server as LowLevelServer
from mcp.server.sse import SseServerTransport
from mcp.server.streamable_http_manager import StreamableHTTPASGIApp, StreamableHTTPSessionManager

_TRANSPORTS = (FastMCPEndpoint, StreamableHTTPASGIApp, StreamableHTTPSessionManager, SseServerTransport)


def speaks_mcp(endpoint: object) -> bool:
    """Whether an endpoint is a transport of FastMCP or of the official SDK, or a method of one."""
    return isinstance(endpoint, _TRANSPORTS) or isinstance(getattr(endpoint, "__self__", None), _TRANSPORTS)


def keeps_sessions(endpoint: object) -> bool:
    """Whether an endpoint that speaks MCP knows its 2025-11-25 clients by sessions in this process's memory.

    Args:
        endpoint: The endpoint, of an application that has started: FastMCP makes what knows it only then.
    """
    if isinstance(getattr(endpoint, "__self__", endpoint), SseServerTransport):
        return True
    manager = _manager_of(endpoint)
    return manager is not None and not manager.stateless


def server_behind(endpoint: object) -> LowLevelServer[Any] | None:
    """The server that an endpoint brings messages to, where that can be seen.

    Args:
        endpoint: As for `keeps_sessions`.
    """
    manager = _manager_of(endpoint)
    return None if manager is None else manager.app


def is_running(endpoint: object) -> bool:
    """Whether an endpoint that speaks MCP can answer: its server's lifespan has been entered.

    Args:
        endpoint: As for `keeps_sessions`.
    """
    transport = getattr(endpoint, "__self__", endpoint)
    manager = getattr(transport, "session_manager", transport)
    if manager is None:
        # FastMCP makes it in its lifespan.
        return False
    # Nothing public tells it; a manager that calls it otherwise counts as running.
    return not isinstance(manager, StreamableHTTPSessionManager) or getattr(manager, "_task_group", manager) is not None


def _manager_of(endpoint: object) -> StreamableHTTPSessionManager | None:
    transport = getattr(endpoint, "__self__", endpoint)
    manager = getattr(transport, "session_manager", transport)
    return manager if isinstance(manager, StreamableHTTPSessionManager) else None
