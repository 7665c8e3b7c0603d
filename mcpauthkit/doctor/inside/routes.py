"""The application's routes: whether the kit's are reached, and whether MCP servers are where they are said to be."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from typing import Any

from starlette.routing import BaseRoute, Mount

from mcpauthkit.doctor.check import Check
from mcpauthkit.doctor.examination import Examination
from mcpauthkit.doctor.finding import Fault, Finding
from mcpauthkit.doctor.inside.anatomy import endpoints_of, is_ours, routes_of
from mcpauthkit.errors import ConfigurationError
from mcpauthkit.oauth.metadata import PROTECTED_RESOURCE
from mcpauthkit.protocol.endpoints import is_running
from mcpauthkit.web.hub import hub_of
from mcpauthkit.web.open_paths import OpenPaths
from mcpauthkit.web.shadows import first_match, takes

_NOT_SERVED = ("mcp-not-found", "prm-missing", "prm-not-json", "prm-needs-token", "prm-not-at-path-form")
_DOCUMENT = f"/.well-known/{PROTECTED_RESOURCE}"

SHADOWED = Fault(
    "well-known-shadowed",
    "error",
    "Another route answers in the place of the metadata",
    "oauth_meta_router is included, and a route or a mount before it takes its paths, so no client finds the login.",
    "Include oauth_meta_router(...) before what takes every path, such as a mount at /.",
    explains=(*_NOT_SERVED, "mount-hides-routes", "prm-resource-mismatch", "prm-not-readable-by-pages"),
)
HIDDEN = Fault(
    "mount-hides-routes",
    "warning",
    "Routes behind a mount at / are never reached",
    "A mount at / takes every path, so what is added to the application after it answers nobody.",
    "Mount at / last.",
)
PAGES_SHADOWED = Fault(
    "connect-shadowed",
    "error",
    "Another route answers in the place of the connect pages",
    "A route of the application takes the paths under which users connect services.",
    "Leave /connect and /connections to the kit.",
)
UNLISTED = Fault(
    "resource-path-missing",
    "error",
    "An MCP server is at a path that resource_paths does not hold",
    "The door decides by path which requests are calls; this server would be served with the audience and rules of its "
    "neighbour, so the application does not start.",
    "Add the path to resource_paths= of both JwtAuthMiddleware and oauth_meta_router.",
    explains=("resource-path-empty", *_NOT_SERVED),
)
EMPTY = Fault(
    "resource-path-empty",
    "error",
    "resource_paths names a path where no MCP server is",
    "Clients are sent to a path that answers 404 once they have signed in.",
    "Write the path at which the server is reached, with the prefix of the mount.",
    explains=("mcp-not-found", "mcp-2025-fails", "mcp-2026-fails"),
)
OPEN_TOO_WIDE = Fault(
    "open-paths-too-wide",
    "error",
    "open_paths opens more than it should",
    "Whatever is below an open path is served without a token.",
    "Open narrower paths; for single tools without a token there is public_tools=.",
    explains=("mcp-without-token", "bad-token-served", "first-answer-not-401", "resource-path-empty"),
)
OPEN_UNUSED = Fault(
    "open-path-unused",
    "warning",
    "open_paths opens a path where nothing is",
    "No route answers at the open path, so it is misspelt, or opens something that comes there later.",
    "Write the path as it is served, or take it out.",
)
NOT_RUNNING = Fault(
    "lifespan-not-passed",
    "error",
    "The lifespan of the MCP server does not run",
    "The application has started, and the MCP server in it has not, so every call with a good token ends in HTTP 500.",
    "Write FastAPI(lifespan=mcp_app.lifespan), or enter mcp.session_manager.run() in a lifespan of your own.",
    explains=("mcp-2025-fails", "mcp-2026-fails", "mcp-server-error"),
)

ROUTES = (SHADOWED, HIDDEN, PAGES_SHADOWED, UNLISTED, EMPTY, OPEN_TOO_WIDE, OPEN_UNUSED, NOT_RUNNING)
"""The faults of this part."""


async def check_metadata_routes(examination: Examination) -> AsyncIterator[Finding]:
    """Look who answers where the metadata documents and the connect pages are; asks nobody."""
    routes, resources = routes_of(examination), examination.facts.resources
    paths = [] if resources is None else [_DOCUMENT + one.path for one in resources.all]
    for path in paths:
        if before := _before_ours(routes, path):
            yield SHADOWED.found(evidence=f"{before} comes first", place=path)
    hub = hub_of(examination.facts.app)
    for path in () if hub is None else hub.paths:
        if "{" not in path and (before := _before_ours(routes, path)) and path not in paths:
            yield PAGES_SHADOWED.found(evidence=f"{before} comes first", place=path)


async def check_mount_order(examination: Examination) -> AsyncIterator[Finding]:
    """Look for routes behind a mount that takes every path; asks nobody."""
    routes = routes_of(examination)
    takes_all = next((place for place, one in enumerate(routes) if _takes_everything(one)), len(routes))
    behind = [one for one in routes[takes_all + 1 :] if _name_of(one)]
    if behind:
        names = ", ".join(map(_name_of, behind[:3]))
        yield HIDDEN.found(evidence=f"behind the mount: {names}", place="app.mount")


async def check_resource_paths(examination: Examination) -> AsyncIterator[Finding]:
    """Compare where MCP servers are with where they are said to be; asks nobody."""
    resources = examination.facts.resources
    places = [path.rstrip("/") for path, _ in endpoints_of(examination)]
    if resources is None:
        return
    opened = _open_paths(examination)
    for path in places:
        if resources.for_path(path) is None and not _is_below(path, opened):
            yield UNLISTED.found(evidence=f"resource_paths={[one.path for one in resources.all]}", place=path or "/")
    for one in resources.all if places else ():
        if one.path not in places and is_answered_by_nothing(examination, one.path):
            yield EMPTY.found(evidence=f"MCP servers are at {places}", place=one.path or "/")


async def check_open_paths(examination: Examination) -> AsyncIterator[Finding]:
    """Look what is below the open paths; asks nobody."""
    resources, opened = examination.facts.resources, _open_paths(examination)
    if resources is None:
        return
    try:
        OpenPaths(examination.facts.guard.get("open_paths", ()), [one.path for one in resources.all])
    except ConfigurationError as error:
        yield OPEN_TOO_WIDE.found(evidence=error.public, place="open_paths", fix=error.hint)
        return
    routes = routes_of(examination)
    for path, _ in endpoints_of(examination):
        if _is_below(path, opened):
            yield OPEN_TOO_WIDE.found(evidence=f"the MCP server at {path} needs no token", place="open_paths")
    for path in opened:
        if not any(_could_answer(one, path) for one in routes):
            yield OPEN_UNUSED.found(evidence="no route", place=path)


async def check_lifespan(examination: Examination) -> AsyncIterator[Finding]:
    """Look whether the MCP servers of the started application run; asks nobody."""
    for path, endpoint in endpoints_of(examination):
        if not is_running(endpoint):
            yield NOT_RUNNING.found(evidence="its task group is not there after the start", place=path)


def is_answered_by_nothing(examination: Examination, path: str) -> bool:
    """Whether no route but a mount of an MCP server takes a path, so that it answers 404."""
    found = first_match(routes_of(examination), path)
    return found is None or (isinstance(found, Mount) and first_match(found.routes, path or "/") is None)


def _before_ours(routes: list[BaseRoute] | Any, path: str) -> str:
    """What takes a path of ours before our route does; empty where ours is first, or there is none of ours."""
    taking = [one for one in routes if takes(one, path)]
    ours = next((place for place, one in enumerate(taking) if is_ours(one, path)), 0)
    return "" if ours == 0 else _name_of(taking[0]) or "a mount at /"


def _takes_everything(route: BaseRoute) -> bool:
    # Some mounts look whether they have a route, and let others answer where they have none.
    return isinstance(route, Mount) and route.path == "" and takes(route, "/mcpauthkit-doctor-asks-for-nothing")


def _name_of(route: BaseRoute) -> str:
    path = getattr(route, "path", "")
    inner = getattr(getattr(route, "original_router", None), "routes", None) or ()
    return path or next((one.path for one in inner if getattr(one, "path", "")), "")


def _open_paths(examination: Examination) -> Iterator[str] | tuple[str, ...]:
    opened = examination.facts.guard.get("open_paths", ())
    return () if isinstance(opened, str) else tuple(one.rstrip("/") for one in opened if one.strip("/"))


def _is_below(path: str, opened: Any) -> bool:
    return any(path == one or path.startswith(f"{one}/") for one in opened)


def _could_answer(route: BaseRoute, path: str) -> bool:
    """Whether something of a route is at a path or below it."""
    inner = getattr(getattr(route, "original_router", None), "routes", None)
    if inner is not None:
        return any(_could_answer(one, path) for one in inner)
    own = getattr(route, "path", "")
    if isinstance(route, Mount) and own == "":
        return any(_could_answer(one, path) for one in route.routes or ())
    return own == path or own.startswith(f"{path}/") or takes(route, path)


ROUTE_CHECKS = (
    Check("who answers for the metadata and the pages", check_metadata_routes, frozenset({"app"})),
    Check("the order of mounts", check_mount_order, frozenset({"app"})),
    Check("where the MCP servers are", check_resource_paths, frozenset({"app"})),
    Check("what is open", check_open_paths, frozenset({"app"})),
    Check("whether the MCP servers run", check_lifespan, frozenset({"started"})),
)
"""The checks of this part."""
