"""Which ASGI applications speak MCP."""

from __future__ import annotations

from fastmcp.server.http import StreamableHTTPASGIApp as FastMCPEndpoint
from mcp.server.sse import SseServerTransport
from mcp.server.streamable_http_manager import StreamableHTTPASGIApp, StreamableHTTPSessionManager

_TRANSPORTS = (FastMCPEndpoint, StreamableHTTPASGIApp, StreamableHTTPSessionManager, SseServerTransport)


def speaks_mcp(endpoint: object) -> bool:
    """Whether an endpoint is a transport of FastMCP or of the official SDK, or a method of one."""
    return isinstance(endpoint, _TRANSPORTS) or isinstance(getattr(endpoint, "__self__", None), _TRANSPORTS)
