"""What one part of an application does, and another is not told: addresses with a slash, and pages of others."""

from __future__ import annotations

from collections.abc import AsyncIterator
from itertools import takewhile

from mcpauthkit.doctor.check import Check
from mcpauthkit.doctor.examination import Examination
from mcpauthkit.doctor.finding import Fault, Finding
from mcpauthkit.doctor.inside.anatomy import endpoints_of, layers_of, routes_of
from mcpauthkit.doctor.outside.faults_door import REDIRECTS
from mcpauthkit.errors import ForbiddenOrigin
from mcpauthkit.web.origins import AllowedOrigins
from mcpauthkit.web.shadows import first_match

ORIGINS_DIFFER = Fault(
    "cors-origin-not-allowed",
    "note",
    "CORSMiddleware lets pages in that the MCP endpoint refuses",
    "The door checks the Origin of MCP requests itself, against attacks by other pages, and answers these pages 403.",
    "List them in allowed_origins= as well, if they are MCP clients; it serves their CORS headers, too.",
)

LOOSE_ENDS = (ORIGINS_DIFFER,)
"""The faults of this part."""


async def check_slashes(examination: Examination) -> AsyncIterator[Finding]:
    """Look for MCP servers that are there with a slash at the end only, which a 401 hides from who has no token."""
    routes = routes_of(examination)
    for path in dict(endpoints_of(examination)):
        bare = path.rstrip("/")
        if bare and bare != path and first_match(routes, bare) is None:
            yield REDIRECTS.found(
                evidence=f"the MCP server answers at {path}, and {bare} leads there",
                place=bare,
                fix=f'Write http_app(path="{bare}") and mount it at "/".',
            )


async def check_pages(examination: Examination) -> AsyncIterator[Finding]:
    """Compare the pages that CORSMiddleware lets in with those of allowed_origins; asks nobody."""
    guard, resources = examination.facts.guard, examination.facts.resources
    if resources is None:
        return
    allowed = AllowedOrigins(resources.base_url, guard.get("allowed_origins", ()))
    # One that stands inside is another finding.
    for layer in takewhile(lambda one: not one.is_door, layers_of(examination)):
        pages = layer.options.get("allow_origins", ()) if layer.is_called("CORSMiddleware") else ()
        if refused := [one for one in pages if one != "*" and not _is_let_in(allowed, one)]:
            yield ORIGINS_DIFFER.found(evidence=", ".join(refused), place="allowed_origins")


def _is_let_in(allowed: AllowedOrigins, page: str) -> bool:
    try:
        allowed.check([(b"origin", page.encode())])
    except ForbiddenOrigin:
        return False
    return True


LOOSE_END_CHECKS = (
    Check("slashes behind MCP paths", check_slashes, frozenset({"app"})),
    Check("pages that may call", check_pages, frozenset({"app"})),
)
"""The checks of this part."""
