"""Whether a server calls its functions with the guards that were put on them, looked at once it serves."""

from __future__ import annotations

from typing import Any

import mcp_types
from fastmcp import FastMCP
from mcp.server.mcpserver import MCPServer
from mcp.shared.exceptions import MCPError

from mcpauthkit.errors import ConfigurationError
from mcpauthkit.protocol.require import refuse_misplaced
from mcpauthkit.protocol.wrapper import public_text


class Placement:
    """Remembers that a server was found in order.

    Where no `register(app, mcp)` looks at a server when it starts, its first request is the first to see it complete.
    """

    def __init__(self) -> None:
        self._is_good = False

    def check(self, mcp: FastMCP[Any] | MCPServer[Any]) -> None:
        """Let a request pass.

        Args:
            mcp: The server it came to.

        Raises:
            MCPError: The server would run a function without its guards, so it serves nothing; the log says which.
        """
        if self._is_good:
            return
        try:
            refuse_misplaced(mcp)
        except ConfigurationError as error:
            raise MCPError(mcp_types.INTERNAL_ERROR, public_text(error)) from error
        self._is_good = True
