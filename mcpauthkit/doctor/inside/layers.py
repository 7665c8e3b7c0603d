"""The application's middleware: whether the door is there, once, and who stands before and behind it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

from mcpauthkit.core.urls import path_of
from mcpauthkit.doctor.check import Check
from mcpauthkit.doctor.examination import Examination
from mcpauthkit.doctor.facts import AppFacts, read_facts
from mcpauthkit.doctor.finding import Fault, Finding
from mcpauthkit.doctor.inside.anatomy import endpoints_of, is_ours, layers_of, routes_of
from mcpauthkit.oauth.metadata import resource_metadata_url
from mcpauthkit.web.coverage import mcp_endpoints
from mcpauthkit.web.shadows import first_match

GUARD_MISSING = Fault(
    "middleware-missing",
    "error",
    "The application has no JwtAuthMiddleware",
    "An MCP server of the application is served to everybody: nothing asks for a token.",
    "Write app.add_middleware(JwtAuthMiddleware, issuer_url=..., server_base_url=...).",
    explains=(
        "mcp-without-token",
        "bad-token-served",
        "bad-token-not-401",
        "first-answer-not-401",
        "origin-not-checked",
        "mcp-server-error",
    ),
)
BELOW_ANOTHER = Fault(
    "application-below-another",
    "error",
    "The application with JwtAuthMiddleware is mounted below a prefix",
    "Clients look for its metadata at the root of the host, where another application answers, and find no sign-in; "
    "nor does anybody run its lifespan.",
    "Put the authentication into the outer application, with the whole path: kit.install(outer, mcp, path=...).",
    explains=(*GUARD_MISSING.explains, "middleware-missing", "lifespan-not-passed"),
)
GUARD_TWICE = Fault(
    "middleware-twice",
    "error",
    "The application has more than one JwtAuthMiddleware",
    "Each request is judged by all of them, so a token has to please every one; the rules of one are not seen by the "
    "next.",
    "Keep one; several issuers go into its issuers=, several MCP servers into its resource_paths=.",
    explains=("prm-resource-mismatch", "token-refused"),
)
CORS_INSIDE = Fault(
    "cors-inside-auth",
    "error",
    "CORSMiddleware stands behind JwtAuthMiddleware",
    "Preflights carry no token, so they are refused before CORSMiddleware sees them, and a page gets no header on a "
    "401 that would let it read the challenge.",
    "Add CORSMiddleware after JwtAuthMiddleware: what is added last stands outside.",
    explains=("preflight-needs-token", "challenge-hidden-from-pages"),
)
SESSIONS_OUTSIDE = Fault(
    "sessions-outside-auth",
    "warning",
    "SessionMiddleware stands before JwtAuthMiddleware",
    "Requests that nobody has authenticated can read and change the application's sessions, also those that the door "
    "refuses.",
    "Add SessionMiddleware before JwtAuthMiddleware: what is added last stands outside.",
)

LAYERS = (GUARD_MISSING, BELOW_ANOTHER, GUARD_TWICE, CORS_INSIDE, SESSIONS_OUTSIDE)
"""The faults of this part."""


async def check_door(examination: Examination) -> AsyncIterator[Finding]:
    """Look whether there is one `JwtAuthMiddleware`; asks nobody."""
    doors = [one for one in layers_of(examination) if one.is_door]
    doors_below = list(_doors_below(examination))
    for path, facts in doors_below:
        if path and not _tells_of(examination, facts):
            yield BELOW_ANOTHER.found(evidence=f"it is mounted at {path}", place=path)
    behind = {id(one) for _, facts in doors_below for _, one in mcp_endpoints(facts.app.routes)}
    places = dict.fromkeys(path for path, one in endpoints_of(examination) if id(one) not in behind)
    if not doors and places and not _has_door_of_its_own(examination):
        yield GUARD_MISSING.found(evidence=f"MCP at {', '.join(places)}", place="app.add_middleware")
    if len(doors) > 1:
        yield GUARD_TWICE.found(evidence=f"{len(doors)} of them", place="app.add_middleware")


async def check_neighbours(examination: Examination) -> AsyncIterator[Finding]:
    """Look who stands before and behind the door; asks nobody."""
    layers = layers_of(examination)
    door = next((place for place, one in enumerate(layers) if one.is_door), None)
    if door is None:
        return
    order = " > ".join(one.kind.__name__ for one in layers)
    outside, inside = layers[:door], layers[door + 1 :]
    has_cors_outside = any(one.is_called("CORSMiddleware") for one in outside)
    if any(one.is_called("CORSMiddleware") for one in inside) and not has_cors_outside:
        yield CORS_INSIDE.found(evidence=f"from outside to inside: {order}", place="app.add_middleware")
    if any(one.is_called("SessionMiddleware") for one in outside):
        yield SESSIONS_OUTSIDE.found(evidence=f"from outside to inside: {order}", place="app.add_middleware")


def _doors_below(examination: Examination) -> Iterator[tuple[str, AppFacts]]:
    """Applications with a door that are mounted in this one: where, and what they were told."""
    for route in routes_of(examination):
        facts = read_facts(getattr(route, "app", None))
        if facts.guards:
            yield getattr(route, "path", ""), facts


def _tells_of(examination: Examination, facts: AppFacts) -> bool:
    """Whether the outer application serves the metadata of what is mounted in it."""
    if facts.resources is None:
        return False
    path = path_of(resource_metadata_url(facts.resources.all[0].url))
    answering = first_match(routes_of(examination), path)
    return answering is not None and is_ours(answering, path)


def _has_door_of_its_own(examination: Examination) -> bool:
    """Whether the application is wrapped in something that may be a door, or brings FastMCP's own."""
    is_wrapped = examination.app is not examination.facts.app
    mounted = (getattr(getattr(one, "app", None), "state", None) for one in examination.facts.app.routes)
    return is_wrapped or any(getattr(state, "fastmcp_auth", None) is not None for state in mounted)


LAYER_CHECKS = (
    Check("the door is there", check_door, frozenset({"app"})),
    Check("what stands around the door", check_neighbours, frozenset({"app"})),
)
"""The checks of this part."""
