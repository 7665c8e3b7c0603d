"""What else a FastMCP server runs around a request, and whether rules hold beside it."""

from __future__ import annotations

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
        if sum(isinstance(one, kind) for one in server.middleware) > 1:
            raise ConfigurationError(
                f"The server {server.name!r} has two of {kind.__name__}.",
                hint=f"A server has one {kind.__name__}, which takes several policies: policies=[...].",
            )
        for one in takewhile(lambda other: other is not self._ours, server.middleware):
            classes = {base.__name__ for base in type(one).__mro__}
            if _CACHE in classes:
                raise ConfigurationError(
                    f"{_CACHE} stands before {kind.__name__}, so it would give one caller's results to others.",
                    hint=f"Add {kind.__name__} before {_CACHE}: middleware=[{kind.__name__}(...), {_CACHE}()].",
                )
            if _HARMLESS.isdisjoint(classes) and not _is_ours(one) and one not in self._warned:
                self._warned.add(one)
                _log.warning(
                    "middleware=%s stands before %s: what it answers itself is not decided server=%s",
                    type(one).__name__,
                    kind.__name__,
                    server.name,
                )


def _is_ours(middleware: Middleware) -> bool:
    return type(middleware).__module__.partition(".")[0] == __name__.partition(".")[0]
