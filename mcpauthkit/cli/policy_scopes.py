"""`mcpauthkit policy list-scopes`: what to register at the issuer."""

from __future__ import annotations

from mcpauthkit.cli.output import Switch, print_json


def list_scopes(sources: tuple[str, ...], /, *, json: Switch = False) -> int:
    """List every scope that is asked for, and by what.

    Args:
        sources: Tables of scopes, policies and folders of them, and `package.module:name` of a ToolScopes, an
            AccessMiddleware, a FastMCP server or a FastAPI application, which is imported.
        json: Print them as JSON.
    """
    # It knows what applications are made of, which takes seconds to import; the other commands need none of that.
    from mcpauthkit.cli.scope_sources import needs_of  # noqa: PLC0415

    found: dict[str, list[str]] = {}
    for need in dict.fromkeys(need for source in sources for need in needs_of(source)):
        found.setdefault(need.scope, []).append(need.by)
    if json:
        print_json({"scopes": dict(sorted(found.items()))})
        return 0
    if not found:
        print("Nothing here asks for a scope.")
    width = max(map(len, found), default=0)
    for scope, by in sorted(found.items()):
        print(f"{scope:<{width}}  {', '.join(by)}")
    return 0
