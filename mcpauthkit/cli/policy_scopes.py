"""`mcpauthkit policy list-scopes`: what to register at the issuer."""

from __future__ import annotations

import json as json_text
from typing import Annotated

from cyclopts import Parameter

from mcpauthkit.cli.scope_sources import needs_of

_Switch = Annotated[bool, Parameter(negative="")]


def list_scopes(sources: tuple[str, ...], /, *, json: _Switch = False) -> int:
    """List every scope that is asked for, and by what.

    Args:
        sources: Tables of scopes, policies and folders of them, and `package.module:name` of a ToolScopes, an
            AccessMiddleware, a FastMCP server or a FastAPI application, which is imported.
        json: Print them as JSON.
    """
    found: dict[str, list[str]] = {}
    for need in dict.fromkeys(need for source in sources for need in needs_of(source)):
        found.setdefault(need.scope, []).append(need.by)
    if json:
        print(json_text.dumps({"scopes": dict(sorted(found.items()))}, indent=2))
        return 0
    width = max(map(len, found), default=0)
    for scope, by in sorted(found.items()):
        print(f"{scope:<{width}}  {', '.join(by)}")
    return 0
