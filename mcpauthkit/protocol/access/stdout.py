"""On stdio, standard output belongs to the protocol: a trail that writes there breaks every client."""

from __future__ import annotations

import mcp_types
from mcp.shared.exceptions import MCPError

from mcpauthkit.core.audit import current_recorder

_REFUSAL = (
    "The audit trail of this server writes to standard output, which belongs to the protocol on stdio. "
    "Give it JsonLines(sys.stderr) or JsonFile(path) instead."
)


def refuse_trail_on_stdout(transport: str) -> None:
    """Let a request pass whose events do not go where its answer does.

    Args:
        transport: How it came.

    Raises:
        MCPError: They do.
    """
    if transport == "stdio" and getattr(current_recorder.get(), "is_on_stdout", False) is True:
        raise MCPError(mcp_types.INTERNAL_ERROR, _REFUSAL)
