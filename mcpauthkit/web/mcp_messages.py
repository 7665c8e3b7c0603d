"""The JSON-RPC message in the body of a POST, read before the MCP server reads it.

What a call needs is decided from the body and from nothing else: the `Mcp-Name` header is absent or ignored in one of
the two protocol eras, so a decision by header could be talked around.
"""

from __future__ import annotations

from dataclasses import dataclass

from starlette.types import Message, Receive

from mcpauthkit.core.encoding import parse_json_object
from mcpauthkit.errors import InvalidRequest

MAX_BODY_BYTES = 4 * 1024 * 1024
"""What the SDK's own transport reads at most."""

MAX_BODY_BYTES_OF_NOBODY = 64 * 1024
"""What is read of somebody who has not signed in."""

_MAX_DEPTH = 128
_CALL = "tools/call"
_OPENING_CALL = "initialize"


@dataclass(frozen=True, slots=True)
class McpMessage:
    """What a decision needs of one message.

    Args:
        method: Its method; empty for an answer to a request of the server's.
        tool: The tool of a `tools/call`; None for everything else, and for a call that names none.
    """

    method: str
    tool: str | None = None

    @property
    def is_call(self) -> bool:
        """Whether it calls a tool."""
        return self.method == _CALL

    @property
    def opens_session(self) -> bool:
        """Whether it begins a session of the 2025-11-25 era."""
        return self.method == _OPENING_CALL


async def read_message(receive: Receive, *, max_bytes: int = MAX_BODY_BYTES) -> tuple[McpMessage, Receive]:
    """Read the message of a POST and give the body back.

    Args:
        receive: Where the body comes from.
        max_bytes: How much of it is read at most.

    Returns:
        The message, and a `receive` that tells the whole body again.

    Raises:
        InvalidRequest: It is too large, or not one JSON object that every reader reads alike.
    """
    body = bytearray()
    more = True
    while more:
        part = await receive()
        if part["type"] != "http.request":
            raise InvalidRequest("The connection ended before the request was complete.")
        body += part.get("body", b"")
        more = part.get("more_body", False)
        if len(body) > max_bytes:
            raise InvalidRequest(f"The request is larger than {max_bytes} bytes.")
    return _parse(bytes(body)), _replay(bytes(body), receive)


def _parse(body: bytes) -> McpMessage:
    try:
        # A repeated member is refused: we could read the one `name` and the server the other.
        message = parse_json_object(body, max_bytes=MAX_BODY_BYTES, max_depth=_MAX_DEPTH)
    except ValueError as error:
        raise InvalidRequest("The request is not one JSON-RPC message.", reason=f"body: {error}") from error
    method = message.get("method", "")
    if not isinstance(method, str):
        raise InvalidRequest("The request is not one JSON-RPC message.", reason="body: method is not text")
    params = message.get("params")
    name = params.get("name") if isinstance(params, dict) else None
    return McpMessage(method, name if method == _CALL and isinstance(name, str) else None)


def _replay(body: bytes, receive: Receive) -> Receive:
    pending = [body]

    async def again() -> Message:
        if pending:
            return {"type": "http.request", "body": pending.pop(), "more_body": False}
        return await receive()

    return again
