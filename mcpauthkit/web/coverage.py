"""Whether every MCP server of an application is among the protected resources, and every service where people sign in.

A server that is not would be served with the audience of its neighbour, without the Origin check, and without the
scopes of its tools: the door decides by path which requests are calls.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from mcpauthkit.errors import ConfigurationError
from mcpauthkit.protocol.endpoints import speaks_mcp
from mcpauthkit.web.hub import hub_of
from mcpauthkit.web.open_paths import OpenPaths
from mcpauthkit.web.resources import ProtectedResources
from mcpauthkit.web.shadows import check_reached


def check_coverage(app: Any, resources: ProtectedResources, open_paths: OpenPaths) -> None:
    """Look through an application's routes when it starts.

    Args:
        app: The application, or whatever else is behind the middleware.
        resources: The protected resources.
        open_paths: What is served without a token; a server that is open on purpose needs nothing.

    Raises:
        ConfigurationError: An MCP server is at a path of no resource.
    """
    for path, _ in mcp_endpoints(getattr(app, "routes", ())):
        if resources.for_path(path) is None and not open_paths.is_open(path):
            raise ConfigurationError(
                f"An MCP server is at {path}, which resource_paths does not hold.",
                hint=f'Add "{path}" to resource_paths= of both JwtAuthMiddleware and oauth_meta_router.',
            )


def check_services(app: Any, base_url: str, guard: type[Any]) -> None:
    """Look whether the pages of the application's services are where browsers can sign in to them.

    Args:
        app: The application, or whatever else is behind the middleware.
        base_url: The public address as the middleware knows it.
        guard: The middleware's class.

    Raises:
        ConfigurationError: A service was told another address, something else answers at a path of ours, or a service
            is registered with an application in this one.
    """
    hub = hub_of(app)
    if hub is not None:
        hub.check_address(base_url)
        check_reached(app.routes, hub.routes)
    for route in getattr(app, "routes", ()):
        mounted: Any = getattr(route, "app", None)
        hub = hub_of(mounted)
        if hub is None or not hub.services or any(one.cls is guard for one in mounted.user_middleware):
            continue
        raise ConfigurationError(
            f"The services {', '.join(hub.services)} are registered with the application mounted at {route.path}, "
            "where no browser can sign in.",
            hint="Call register(app, mcp) with the application that has JwtAuthMiddleware.",
        )


def mcp_endpoints(routes: Iterable[Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """The MCP servers below some routes: where each is, and what speaks there.

    Args:
        routes: The routes of an application.
        prefix: Where they are mounted.
    """
    for route in routes:
        path = prefix + getattr(route, "path", "")
        ends = (getattr(route, "endpoint", None), getattr(route, "app", None))
        yield from ((path or "/", one) for one in ends if speaks_mcp(one))
        yield from mcp_endpoints(getattr(route, "routes", None) or (), path)
