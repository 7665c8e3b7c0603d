"""X-Request-ID: taken if it is sane, else made; echoed in every answer."""

from __future__ import annotations

from contextvars import Token

from starlette.types import Message, Scope, Send

from mcpauthkit.core.entropy import Entropy
from mcpauthkit.core.headers import first_header
from mcpauthkit.core.request_id import current_request_id, sane_request_id

_HEADER = b"x-request-id"
_STARTS = frozenset({"http.response.start", "websocket.http.response.start"})
_ID_BYTES = 12


class RequestIds:
    """Gives each request its id.

    Args:
        entropy: Where new ids come from.
    """

    def __init__(self, entropy: Entropy) -> None:
        self._entropy = entropy

    def enter(self, scope: Scope, send: Send) -> tuple[Token[str], Send]:
        """Set the id for one request.

        Returns:
            What `leave` needs, and the `send` that echoes the id.
        """
        request_id = sane_request_id(first_header(scope["headers"], _HEADER)) or self._entropy.token(_ID_BYTES)
        scope.setdefault("state", {})["request_id"] = request_id
        header = (_HEADER, request_id.encode("ascii"))

        async def echoing(message: Message) -> None:
            if message["type"] in _STARTS:
                others = [one for one in message.get("headers", ()) if one[0].lower() != _HEADER]
                message = {**message, "headers": [*others, header]}
            await send(message)

        return current_request_id.set(request_id), echoing

    @staticmethod
    def leave(token: Token[str]) -> None:
        """Forget it again."""
        current_request_id.reset(token)
