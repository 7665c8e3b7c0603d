"""Legacy MCP sessions that began without a token.

The SDK binds a session to whoever opened it and answers 404 to everybody else. On a server with public tools a client
opens its session as nobody, calls a protected tool, signs in, and goes on in the same session; the 404 would end it. So
such a session is bound here, to the first caller who signs in within it, and from then on to nobody else. Streams that
were opened before that end, because the owner's messages could travel on them; clients open them again.

The memory is this process's, as the sessions themselves are.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Awaitable, Callable

import anyio
from starlette.types import Message, Send

from mcpauthkit.core.clock import Clock
from mcpauthkit.errors import MissingToken, UnknownSession
from mcpauthkit.principal import Principal

_HEADER = b"mcp-session-id"
_MAX_OWNED = 10_000  # as many as the SDK keeps open
_MAX_UNOWNED = 1_000  # so that strangers cannot take all of those
_LIFETIME_SECONDS = 1800.0  # when the SDK ends an idle one
_FIRST_FAILURE = 400

Owner = tuple[str, str, str | None]


class AnonymousSessions:
    """Who owns the sessions that began as nobody's.

    Args:
        clock: Time.
        max_unowned: How many may be open without an owner. Beyond that, opening one takes a token.
        max_owned: How many owners are remembered. A forgotten one begins a new session.
    """

    def __init__(self, clock: Clock, *, max_unowned: int = _MAX_UNOWNED, max_owned: int = _MAX_OWNED) -> None:
        self._clock = clock
        self._max_unowned = max_unowned
        self._max_owned = max_owned
        self._unowned: OrderedDict[str, float] = OrderedDict()
        self._owners: OrderedDict[str, Owner] = OrderedDict()
        self._streams: dict[str, set[anyio.CancelScope]] = {}

    def may_open(self) -> None:
        """Let a request without a token open a session.

        Raises:
            MissingToken: There are many open already; whoever signs in still may.
        """
        now = self._clock.monotonic()
        while self._unowned and next(iter(self._unowned.values())) + _LIFETIME_SECONDS < now:
            self._unowned.popitem(last=False)
        if len(self._unowned) >= self._max_unowned:
            raise MissingToken(reason=f"{self._max_unowned} sessions are open without a token")

    def opening(self, send: Send) -> Send:
        """The `send` of a request that opens a session without a token, remembering it."""

        async def watching(message: Message) -> None:
            if message["type"] == "http.response.start" and message["status"] < _FIRST_FAILURE:
                for name, value in message.get("headers", ()):
                    if name.lower() == _HEADER:
                        self._unowned[value.decode("latin-1")] = self._clock.monotonic()
            await send(message)

        return watching

    def enter_as_nobody(self, session_id: str) -> None:
        """Let a request without a token continue a session.

        Raises:
            MissingToken: Somebody has signed in within it, so it is theirs now.
            UnknownSession: It is not one that began as nobody's, as far as is known.
        """
        if session_id in self._owners:
            raise MissingToken(reason="the session has an owner by now")
        if session_id not in self._unowned:
            raise UnknownSession(reason="not a session that began without a token")
        self._unowned[session_id] = self._clock.monotonic()
        self._unowned.move_to_end(session_id)

    async def serve_stream(self, session_id: str, send: Send, serve: Callable[[Send], Awaitable[None]]) -> None:
        """Serve a session's own stream without a token, until somebody signs in within it.

        Answers to calls are not ended: they carry nothing but what belongs to their own call.

        Args:
            session_id: The session.
            send: Where the answer goes.
            serve: Serves it.
        """
        started = finished = False

        async def watching(message: Message) -> None:
            nonlocal started, finished
            started = started or message["type"] == "http.response.start"
            finished = message["type"] == "http.response.body" and not message.get("more_body", False)
            await send(message)

        scope = anyio.CancelScope()
        streams = self._streams.setdefault(session_id, set())
        streams.add(scope)
        try:
            with scope:
                await serve(watching)
        finally:
            streams.discard(scope)
            if not streams:
                self._streams.pop(session_id, None)
        if scope.cancelled_caught and started and not finished:
            await send({"type": "http.response.body", "body": b"", "more_body": False})

    def enter(self, session_id: str | None, principal: Principal) -> bool:
        """Let a caller continue a session.

        Returns:
            Whether it is one that began as nobody's; every other one is the SDK's to judge.

        Raises:
            UnknownSession: Somebody else has signed in within it.
        """
        if session_id is None or not (session_id in self._owners or session_id in self._unowned):
            return False
        caller: Owner = (principal.issuer, principal.subject, principal.client_id)
        if self._owners.setdefault(session_id, caller) != caller:
            raise UnknownSession(reason=f"the session of another caller, asked for by {principal.digest}")
        self._owners.move_to_end(session_id)
        if self._unowned.pop(session_id, None) is not None:
            for stream in self._streams.pop(session_id, ()):
                stream.cancel()
            if len(self._owners) > self._max_owned:
                self._owners.popitem(last=False)
        return True
