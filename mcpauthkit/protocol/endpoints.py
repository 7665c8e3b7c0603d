"""Which ASGI applications speak MCP, and which of them remember their clients."""

from __future__ import annotations

from fastmcp.server.http import StreamableHTTPASGIApp as FastMCPEndpoint
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
    transport = getattr(endpoint, "__self__", endpoint)
    if isinstance(transport, SseServerTransport):
        return True
    manager = getattr(transport, "session_manager", transport)
    return isinstance(manager, StreamableHTTPSessionManager) and not manager.stateless
