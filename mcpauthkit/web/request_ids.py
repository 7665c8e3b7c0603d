"""X-Request-ID: taken if it is sane, else made; echoed in every answer."""

from __future__ import annotations

import itertools
from contextvars import Token

from starlette.types import Message, Scope, Send

from mcpauthkit.core.entropy import Entropy
from mcpauthkit.core.headers import HeaderFields
from mcpauthkit.core.request_id import current_request_id, sane_request_id

_HEADER = b"x-request-id"
_STARTS = frozenset({"http.response.start", "websocket.http.response.start"})
_PREFIX_BYTES = 12


class RequestIds:
    """Gives each request its id.

    Args:
        entropy: Where new ids come from.
    """

    def __init__(self, entropy: Entropy) -> None:
        # Unguessable as a whole and unlike those of any other process; counted up because that is quick.
        self._prefix = entropy.token(_PREFIX_BYTES)
        self._numbers = itertools.count(1)

    def enter(self, scope: Scope, headers: HeaderFields, send: Send) -> tuple[Token[str], Send]:
        """Set the id for one request.

        Args:
            scope: The request's ASGI scope.
            headers: Its header fields.
            send: Where its answer goes.

        Returns:
            What `leave` needs, and the `send` that echoes the id.
        """
        request_id = sane_request_id(headers.first(_HEADER)) or f"{self._prefix}.{next(self._numbers)}"
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
