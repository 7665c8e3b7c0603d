"""The MCP server of these tests, in front of whichever issuer, in direct or in proxy mode."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from fastapi import FastAPI
from fastmcp import FastMCP

from mcpauthkit import JwtAuthMiddleware, get_user, oauth_meta_router
from mcpauthkit.testing import LoopbackServer

if TYPE_CHECKING:
    from collections.abc import Iterator

Mode = Literal["direct", "proxy"]
SCOPES = ("openid", "profile", "mcp:tools")


@dataclass(frozen=True)
class Stage:
    """A running MCP server.

    Attributes:
        base: Its base address.
        resource: The address people enter in their client.
    """

    base: str
    resource: str


def build_mcp() -> FastMCP:
    """A server with two tools that tell who is calling, as the kit sees it; the second is for those who may write."""
    mcp = FastMCP("services")

    @mcp.tool
    def whoami() -> dict[str, Any]:
        """Say who is calling."""
        return _caller()

    @mcp.tool
    def change() -> dict[str, Any]:
        """Change something."""
        return _caller()

    return mcp


def _caller() -> dict[str, Any]:
    user = get_user()
    return {
        "subject": user.subject,
        "name": user.get("preferred_username") or user.subject,
        "issuer": user.issuer,
        "scopes": sorted(user.scopes),
        "roles": sorted(user.roles),
    }


@contextmanager
def stage(
    issuer_url: str,
    *,
    server: LoopbackServer | None = None,
    router_options: dict[str, Any] | None = None,
    middleware_options: dict[str, Any] | None = None,
    prepare: Callable[[FastAPI, FastMCP, str], None] | None = None,
) -> Iterator[Stage]:
    """Serve; everything stops at the end.

    Args:
        issuer_url: The issuer.
        server: Where the issuer expects it; any place unless given.
        router_options: More for `oauth_meta_router`, such as the proxy's client.
        middleware_options: More for `JwtAuthMiddleware`.
        prepare: Adds to application and server, given the base address.
    """
    server = server or LoopbackServer()
    mcp = build_mcp()
    mcp_app = mcp.http_app(path="/mcp")
    app = FastAPI(lifespan=mcp_app.lifespan)
    common: dict[str, Any] = {"server_base_url": server.base_url, "issuer_url": issuer_url, "scopes": SCOPES}
    app.include_router(oauth_meta_router(**{**common, **(router_options or {})}))
    rules = {"tool_scopes": {"change": ["mcp:write"]}}
    app.add_middleware(JwtAuthMiddleware, **{**common, **rules, **(middleware_options or {})})
    if prepare is not None:
        prepare(app, mcp, server.base_url)
    app.mount("/", mcp_app)
    server.app = app
    with server:
        yield Stage(server.base_url, f"{server.base_url}/mcp")
