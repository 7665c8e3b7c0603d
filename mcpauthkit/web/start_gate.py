"""The gate that an application passes when it starts, and what is answered where it has not passed."""

from __future__ import annotations

from collections.abc import Callable

from starlette.responses import PlainTextResponse
from starlette.types import Message, Receive, Scope, Send

from mcpauthkit.errors import ConfigurationError

_INTERNAL_ERROR = 1011


class StartGate:
    """Stands between a server and an application in its lifespan, and lets no start through that fails a check.

    The check is made when the application has started, because only then is everything in place. An application that
    fails it is shut down again the usual way, and the server is told that it did not start.

    Args:
        receive: What the server tells the application.
        send: What the application tells the server.
        check: Looks at the application that has started; raises `ConfigurationError` where it must not run.
    """

    def __init__(self, receive: Receive, send: Send, check: Callable[[], None]) -> None:
        self._receive = receive
        self._send = send
        self._check = check
        self._fault: ConfigurationError | None = None

    async def receive(self) -> Message:
        """What the application hears: a shutdown, once it has failed the check."""
        return await self._receive() if self._fault is None else {"type": "lifespan.shutdown"}

    async def send(self, message: Message) -> None:
        """Pass on what the application says, and check it when it says that it has started."""
        if message["type"] == "lifespan.startup.complete":
            try:
                self._check()
            except ConfigurationError as error:
                # A server takes an exception here for an application without a lifespan, and would go on.
                self._fault = error
                return
        if self._fault is not None:
            message = {"type": "lifespan.startup.failed", "message": str(self._fault)}
        await self._send(message)


async def refuse_unfit(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer a request to an application that must not run, without a word about what is wrong with it.

    Args:
        scope: The request, or the handshake of a WebSocket.
        receive: What the server says.
        send: What it is told.
    """
    if scope["type"] == "websocket":
        await receive()
        if "websocket.http.response" not in scope.get("extensions", {}):
            await send({"type": "websocket.close", "code": _INTERNAL_ERROR})
            return
    text = "This server is not set up correctly, so it answers nothing. Its log says what to do.\n"
    await PlainTextResponse(text, 503, {"cache-control": "no-store"})(scope, receive, send)
