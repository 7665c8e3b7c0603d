"""Whether requests reach the kit's own routes, or something of the application takes them first."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from starlette.applications import Starlette
from starlette.routing import BaseRoute, Match

from mcpauthkit.errors import ConfigurationError


async def check_reached(app: Starlette, wanted: Mapping[str, BaseRoute]) -> None:
    """Look when an application starts, with all its routes, whether ours are reached.

    Args:
        app: The application.
        wanted: Each path with the route that has to answer there.

    Raises:
        ConfigurationError: Something else answers.
    """
    for path, ours in wanted.items():
        taker = first_match(app, path)
        if taker is not None and taker is not ours:
            raise ConfigurationError(
                f"{getattr(taker, 'path', '') or '/'} is registered before {path} and takes its requests.",
                hint="Register catch-alls and mounts at the end, and put nothing in front of the kit's routes.",
            )


def first_match(app: Starlette, path: str, method: str = "GET") -> BaseRoute | None:
    """The route of an application that a request would go to.

    Args:
        app: The application.
        path: The path of the request.
        method: Its method.
    """
    scope: dict[str, Any] = {"type": "http", "method": method, "path": path, "root_path": "", "headers": []}
    return next((one for one in app.router.routes if one.matches(dict(scope))[0] is not Match.NONE), None)
