"""Where scopes are asked for: tables of scopes, policies, and applications that have both."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from fastapi import FastAPI
from fastmcp import FastMCP

from mcpauthkit.access.policy.reading import read_bytes
from mcpauthkit.access.policy.tree import read_tree
from mcpauthkit.access.review.scopes import scopes_of
from mcpauthkit.access.tool_scopes import ToolScopes
from mcpauthkit.cli.named_object import imported
from mcpauthkit.cli.policy_files import policies_at
from mcpauthkit.errors import ConfigurationError, PolicyInvalid
from mcpauthkit.protocol.access.middleware import AccessMiddleware
from mcpauthkit.web.middleware import JwtAuthMiddleware


class Need(NamedTuple):
    """Something that needs a scope.

    Args:
        scope: The scope.
        by: What needs it: a tool, a rule, or every request.
    """

    scope: str
    by: str


def needs_of(source: str) -> tuple[Need, ...]:
    """Every scope that a source asks for.

    Args:
        source: A table of scopes, a policy or a folder of them, or `package.module:name`.

    Raises:
        ConfigurationError: It is none of these.
        PolicyInvalid: A file cannot be used.
    """
    path = Path(source)
    if not path.exists() and ":" in source:
        return tuple(dict.fromkeys(_of_object(imported(source), source)))
    if path.is_dir() or not _is_table(path):
        return tuple(Need(scope, f"rule {rule}") for scope, rule in scopes_of(policies_at([path])))
    return tuple(_of_table(ToolScopes.from_file(path)))


def _is_table(path: Path) -> bool:
    try:
        root = read_tree(read_bytes(path), str(path)).root
    except PolicyInvalid:
        # Whoever reads it as a policy says what is wrong with it.
        return False
    return root is not None and isinstance(root.value, dict) and "rules" not in root.value


def _of_table(table: ToolScopes | Mapping[str, Iterable[str]] | None) -> Iterator[Need]:
    by_tool = table.by_tool if isinstance(table, ToolScopes) else table or {}
    yield from (Need(scope, f"tool {tool}") for tool, scopes in by_tool.items() for scope in scopes)


def _of_object(given: Any, source: str) -> Iterator[Need]:
    match given:
        case ToolScopes():
            yield from _of_table(given)
        case AccessMiddleware():
            yield from _of_table(given.tool_scopes)
            if given.policies is not None:
                yield from (Need(scope, f"rule {rule}") for scope, rule in scopes_of(given.policies.engine.policies))
        case FastMCP():
            for one in given.middleware:
                if isinstance(one, AccessMiddleware):
                    yield from _of_object(one, source)
        case FastAPI():
            yield from _of_application(given, source)
        case _:
            raise ConfigurationError(
                f"{source} is a {type(given).__name__}, in which there are no scopes to look for.",
                hint="Name a ToolScopes, an AccessMiddleware, a FastMCP server or a FastAPI application.",
            )


def _of_application(app: FastAPI, source: str) -> Iterator[Need]:
    added: Sequence[Any] = app.user_middleware
    for one in added:
        if one.cls is JwtAuthMiddleware:
            given: Mapping[str, Any] = one.kwargs
            scopes = (*given.get("scopes", ()), *given.get("require_scopes", ()))
            yield from (Need(scope, "every request") for scope in scopes)
            yield from _of_table(given.get("tool_scopes"))
    for route in app.routes:
        server = getattr(getattr(getattr(route, "app", None), "state", None), "fastmcp_server", None)
        if isinstance(server, FastMCP):
            yield from _of_object(server, source)
