"""Whether a server calls its functions with the guards that were put on them, looked at while it serves."""

from __future__ import annotations

from operator import is_
from typing import Any

import mcp_types
from fastmcp import FastMCP
from mcp.server.mcpserver import MCPServer
from mcp.shared.exceptions import MCPError

from mcpauthkit.errors import ConfigurationError
from mcpauthkit.protocol.hooks import components_of
from mcpauthkit.protocol.require import refuse_misplaced
from mcpauthkit.protocol.wrapper import public_text


class Placement:
    """Remembers with which components a server was found in order.

    Where no `register(app, mcp)` looks at a server when it starts, its first request is the first to see it complete.
    A server may get more functions later, or one in place of another, and is looked at again then.
    """

    def __init__(self) -> None:
        # The components and not only their identities, which others could have once these are gone.
        self._good: list[Any] | None = None

    def check(self, mcp: FastMCP[Any] | MCPServer[Any]) -> None:
        """Let a request pass.

        Args:
            mcp: The server it came to.

        Raises:
            MCPError: The server would run a function without its guards, so it serves nothing; the log says which.
        """
        found, good = components_of(mcp), self._good
        # Components of FastMCP are equal to others with the same description.
        if good is not None and len(found) == len(good) and all(map(is_, found, good)):
            return
        try:
            refuse_misplaced(mcp)
        except ConfigurationError as error:
            raise MCPError(mcp_types.INTERNAL_ERROR, public_text(error)) from error
        self._good = found
