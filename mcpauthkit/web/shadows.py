"""Whether requests reach the kit's own routes, or something of the application takes them first."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from starlette.routing import BaseRoute, Match, Route

from mcpauthkit.errors import ConfigurationError

_METHODS = ("GET", "POST")


def check_reached(routes: Iterable[BaseRoute], ours: Iterable[tuple[str, BaseRoute]]) -> None:
    """Look when an application starts, with all its routes, whether the kit's are reached.

    Args:
        routes: The routes of the application, in their order.
        ours: Paths of the kit, each with a route that has to answer there.

    Raises:
        ConfigurationError: Something else answers.
    """
    routes = list(routes)
    for path, route in ours:
        for method in _METHODS:
            taker = first_match(routes, path, method)
            if taker is not route and first_match([route], path, method) is not None:
                raise ConfigurationError(
                    f"A route at {getattr(taker, 'path', '') or '/'!r} takes the requests to {path}.",
                    hint="Register it behind the kit's routes: at the end, and not in front of the others.",
                )


def check_answered(routes: Iterable[BaseRoute], ours: Iterable[Route]) -> None:
    """Look, before paths of ours are opened, whether it is ours that answers there, and nothing of the application.

    Args:
        routes: The routes of the application, in their order.
        ours: Routes that a router of ours serves.

    Raises:
        ConfigurationError: Something else answers, or nothing does, as when the router was included with a prefix.
    """
    routes = list(routes)
    for route in ours:
        for method in route.methods or ():
            if _endpoint_at(routes, route.path, method) != route.endpoint:
                raise ConfigurationError(
                    f"{method} {route.path} needs no token, and it is not the kit's router that answers there.",
                    hint="Include the router without a prefix, before routes and mounts that take its paths.",
                )


def first_match(routes: Iterable[BaseRoute], path: str, method: str = "GET") -> BaseRoute | None:
    """The route that a request would go to; None where no route takes it.

    Args:
        routes: The routes of an application, in their order.
        path: The path of the request.
        method: Its method.
    """
    return next((one for one in routes if takes(one, path, method)), None)


def takes(route: BaseRoute, path: str, method: str = "GET") -> bool:
    """Whether a route would take a request for itself; a mount takes what it has nothing for as well.

    Args:
        route: The route.
        path: The path of the request.
        method: Its method.
    """
    scope: dict[str, Any] = {"type": "http", "method": method, "path": path, "root_path": "", "headers": []}
    return route.matches(scope)[0] is Match.FULL


def _endpoint_at(routes: Iterable[BaseRoute], path: str, method: str) -> object:
    found = first_match(routes, path, method)
    # FastAPI keeps an included router as one route.
    inner = getattr(found, "original_router", None)
    if inner is None:
        return getattr(found, "endpoint", None)
    prefix: str = getattr(getattr(found, "include_context", None), "prefix", "")
    return _endpoint_at(inner.routes, path.removeprefix(prefix), method)
