"""X-Request-ID: taken if it is sane, else made; echoed in every answer."""

from __future__ import annotations

from collections.abc import Iterator
from contextvars import Token

from starlette.types import Message, Scope, Send

from mcpauthkit.core.entropy import Entropy
from mcpauthkit.core.headers import HeaderFields
from mcpauthkit.core.request_id import REQUEST_ID_BYTES, current_request_id, sane_request_id

_HEADER = b"x-request-id"
_STARTS = frozenset({"http.response.start", "websocket.http.response.start"})
_AT_ONCE = 128


class RequestIds:
    """Gives each request its id.

    Args:
        entropy: Where new ids come from.
    """

    def __init__(self, entropy: Entropy) -> None:
        self._entropy = entropy
        # Drawn for many requests at once, which is quicker. A counter would tell strangers how many there were.
        self._pool: Iterator[str] = iter(())

    def enter(self, scope: Scope, fields: HeaderFields, send: Send) -> tuple[Token[str], Send]:
        """Set the id for one request.

        Args:
            scope: The request's ASGI scope.
            fields: Its header fields.
            send: Where its answer goes.

        Returns:
            What `leave` needs, and the `send` that echoes the id.
        """
        request_id = sane_request_id(fields.first(_HEADER)) or self._next()
        scope.setdefault("state", {})["request_id"] = request_id
        header = (_HEADER, request_id.encode("ascii"))

        async def echoing(message: Message) -> None:
            if message["type"] in _STARTS:
                headers = [one for one in message.get("headers", ()) if one[0].lower() != _HEADER]
                headers.append(header)
                message = {**message, "headers": headers}
            await send(message)

        return current_request_id.set(request_id), echoing

    def _next(self) -> str:
        made = next(self._pool, None)
        if made is None:
            size = 2 * REQUEST_ID_BYTES
            drawn = self._entropy.random_bytes(REQUEST_ID_BYTES * _AT_ONCE).hex()
            self._pool = iter([drawn[at : at + size] for at in range(0, len(drawn), size)])
            made = next(self._pool)
        return made

    @staticmethod
    def leave(token: Token[str]) -> None:
        """Forget it again."""
        current_request_id.reset(token)
