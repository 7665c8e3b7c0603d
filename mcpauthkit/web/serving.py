"""MCP servers among an application's own routes, in front of it, and whatever runs while they run."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from typing import Any

from fastapi import APIRouter, FastAPI
from fastmcp import FastMCP
from mcp.server.mcpserver import MCPServer
from mcp.server.transport_security import TransportSecuritySettings
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.routing import BaseRoute, Match, Mount, Route
from starlette.types import Scope

from mcpauthkit.errors import ConfigurationError
from mcpauthkit.web.hub import Hub

Server = FastMCP[Any] | MCPServer[Any]


class ServerMount(Mount):
    """An MCP server at its own paths only, so that routes behind it are reached as well.

    Mounted at `/` as it is, it would answer every path that is left with its 404.

    Args:
        app: The server's application.
    """

    def __init__(self, app: Starlette) -> None:
        super().__init__("", app=app)

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """Whether the server has a route for a request."""
        if all(one.matches(scope)[0] is Match.NONE for one in self.routes):
            return Match.NONE, {}
        return super().matches(scope)


def application_of(
    mcp: Server, path: str, *, stateless_http: bool | None = None, json_response: bool | None = None
) -> Starlette:
    """The application of an MCP server, which answers at a path.

    Args:
        mcp: The server.
        path: The path as clients reach it.
        stateless_http: Whether clients of 2025-11-25 have no sessions; the server's own default unless given.
        json_response: Whether answers are JSON instead of streams; the server's own default unless given.

    Raises:
        ConfigurationError: It is no server.
    """
    if isinstance(mcp, FastMCP):
        return mcp.http_app(path=path, stateless_http=stateless_http, json_response=json_response)
    if isinstance(mcp, MCPServer):
        return mcp.streamable_http_app(
            streamable_http_path=path,
            stateless_http=bool(stateless_http),
            json_response=bool(json_response),
            # It knows loopback only and would refuse the public host; the middleware checks Origin for both.
            transport_security=TransportSecuritySettings(enable_dns_rebinding_protection=False),
        )
    raise ConfigurationError(
        f"A {type(mcp).__name__} was given where an MCP server belongs.",
        hint="Pass the FastMCP or MCPServer object itself, not its application.",
    )


def check_application(app: object) -> None:
    """Refuse what is no application that can be put around MCP servers.

    Raises:
        ConfigurationError: It is something else, or has started.
    """
    if not isinstance(app, FastAPI):
        raise ConfigurationError(
            f"A {type(app).__name__} was given where a FastAPI application belongs.",
            hint="Write kit.install(app, mcp), the application first; or let kit.app(mcp) make one.",
        )
    if app.middleware_stack is not None:
        raise ConfigurationError(
            "The application has served already, so nothing can be put around it.", hint="Install before it starts."
        )


def guard_with(app: FastAPI, guard: Any, options: dict[str, Any]) -> None:
    """Add the middleware of leg 1: outside of everything but CORS, which browsers need around its refusals as well.

    Args:
        app: The application.
        guard: The middleware's class.
        options: Its arguments.

    Raises:
        ConfigurationError: The application has it already, or an argument cannot be used.
    """
    classes: list[Any] = [one.cls for one in app.user_middleware]
    if guard in classes:
        raise ConfigurationError(
            f"The application has {guard.__name__} already.",
            hint="Leave it and oauth_meta_router out where AuthKit is installed; it adds both.",
        )
    # The application makes its own at the start, where a server would take a fault of an argument for one of ours.
    guard(app, **options)
    outside = [place for place, one in enumerate(classes, start=1) if one is CORSMiddleware]
    app.user_middleware.insert(max(outside, default=0), Middleware(guard, **options))


def serve_first(app: FastAPI, *, routers: Iterable[APIRouter], mounts: Sequence[Mount]) -> None:
    """Serve routers and servers of ours ahead of the application's own routes, whatever these are.

    Args:
        app: The application.
        routers: What serves documents and probes.
        mounts: The MCP servers.

    Raises:
        ConfigurationError: The application has one of these paths.
    """
    own = app.router.routes
    theirs, before = set(paths_in(own)), len(own)
    wanted: list[tuple[str, BaseRoute]] = []
    for router in routers:
        app.include_router(router)
        wanted += [(path, own[-1]) for path in paths_in(router.routes)]
    for mount in mounts:
        own.append(mount)
        wanted += [(path, mount) for path in paths_in(mount.routes)]
    ours = own[before:]
    del own[before:]
    if taken := sorted(theirs & {path for path, _ in wanted}):
        raise ConfigurationError(
            f"The application serves {', '.join(taken)} already.",
            hint="Leave these paths to the kit, or give AuthKit(health=False) where it is its own probes.",
        )
    own[:0] = ours
    Hub.of(app).routes += wanted


def paths_in(routes: Iterable[Any], prefix: str = "") -> Iterator[str]:
    """The paths of some routes, those of included routers among them.

    Args:
        routes: The routes of an application or router.
        prefix: What stands before them.
    """
    for route in routes:
        router = getattr(route, "original_router", None)
        if router is not None:
            yield from paths_in(router.routes, prefix + getattr(route.include_context, "prefix", ""))
        elif isinstance(route, Route):
            yield prefix + route.path


def run_within(app: FastAPI, inner: Sequence[Starlette]) -> None:
    """Run the lifespans of other applications inside that of this one.

    Args:
        app: The application whose lifespan the server runs.
        inner: Those whose lifespan nothing else would run.
    """
    outer: Callable[[Any], AbstractAsyncContextManager[Any]] = app.router.lifespan_context

    @asynccontextmanager
    async def lifespan(started: Any) -> AsyncIterator[Any]:
        async with outer(started) as state, AsyncExitStack() as running:
            for one in inner:
                await running.enter_async_context(one.router.lifespan_context(one))
            yield state

    app.router.lifespan_context = lifespan
