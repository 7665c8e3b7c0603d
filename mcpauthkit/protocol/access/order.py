"""What else a FastMCP server runs around a request, and whether rules hold beside it."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import takewhile
from typing import Any
from weakref import WeakSet

import mcp_types
from fastmcp import FastMCP
from fastmcp.server.middleware import Middleware
from mcp.shared.exceptions import MCPError

from mcpauthkit.core.log import RequestLog
from mcpauthkit.errors import ConfigurationError
from mcpauthkit.protocol.wrapper import public_text

_log = RequestLog("access")

# By name: importing it loads storages that a server without any need not have.
_CACHE = "ResponseCachingMiddleware"
# FastMCP puts one into every server, the other into every proxy, before an application can add anything; they answer
# no list and no call.
_HARMLESS = frozenset({"DereferenceRefsMiddleware", "ProxyMetadataMiddleware"})


class MiddlewareOrder:
    """Looks at the middleware of a server with each request, as FastMCP tells nobody when it is complete.

    Args:
        ours: The middleware that enforces rules.
    """

    def __init__(self, ours: Middleware) -> None:
        self._ours = ours
        self._warned: WeakSet[Middleware] = WeakSet()

    def check(self, server: FastMCP[Any]) -> None:
        """Let a request pass.

        Args:
            server: The server it came to.

        Raises:
            MCPError: Rules would not hold, so the server serves nothing; the log says why.
        """
        try:
            self._check(server)
        except ConfigurationError as error:
            raise MCPError(mcp_types.INTERNAL_ERROR, public_text(error)) from error

    def _check(self, server: FastMCP[Any]) -> None:
        kind = type(self._ours)
        if has_several(server, kind):
            raise ConfigurationError(
                f"The server {server.name!r} has two of {kind.__name__}.",
                hint=f"A server has one {kind.__name__}, which takes several policies: policies=[...].",
            )
        if has_cache_before(server, kind):
            raise ConfigurationError(
                f"{_CACHE} stands before {kind.__name__}, so it would give one caller's results to others.",
                hint=f"Add {kind.__name__} before {_CACHE}: middleware=[{kind.__name__}(...), {_CACHE}()].",
            )
        for one in _before(server, kind):
            if _HARMLESS.isdisjoint(_names(one)) and not _is_ours(one) and one not in self._warned:
                self._warned.add(one)
                _log.warning(
                    "middleware=%s stands before %s: what it answers itself is not decided server=%s",
                    type(one).__name__,
                    kind.__name__,
                    server.name,
                )


def has_several(server: FastMCP[Any], kind: type[Middleware]) -> bool:
    """Whether a server has more than one middleware of a kind that enforces rules.

    Args:
        server: The server.
        kind: The class of the middleware.
    """
    return sum(isinstance(one, kind) for one in server.middleware) > 1


def has_cache_before(server: FastMCP[Any], kind: type[Middleware]) -> bool:
    """Whether FastMCP's response cache answers before rules are asked.

    Args:
        server: The server, which has such a middleware.
        kind: The class of the middleware that enforces rules.
    """
    return any(_CACHE in _names(one) for one in _before(server, kind))


def _before(server: FastMCP[Any], kind: type[Middleware]) -> Iterator[Middleware]:
    return takewhile(lambda one: not isinstance(one, kind), server.middleware)


def _names(middleware: Middleware) -> set[str]:
    return {base.__name__ for base in type(middleware).__mro__}


def _is_ours(middleware: Middleware) -> bool:
    return type(middleware).__module__.partition(".")[0] == __name__.partition(".")[0]
