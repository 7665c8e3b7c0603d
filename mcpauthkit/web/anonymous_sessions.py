"""Legacy MCP sessions that began without a token.

The SDK binds a session to whoever opened it and answers 404 to everybody else. On a server with public tools a client
opens its session as nobody, calls a protected tool, signs in, and goes on in the same session; the 404 would end it. So
such a session is bound here, to the first caller who signs in within it, and from then on to nobody else.

The memory is this process's, as the sessions themselves are.
"""

from __future__ import annotations

from collections import OrderedDict

from starlette.types import Message, Send

from mcpauthkit.errors import MissingToken, UnknownSession
from mcpauthkit.principal import Principal

_HEADER = b"mcp-session-id"
# As many as the SDK keeps open.
_MAX_SESSIONS = 10_000

Owner = tuple[str, str, str | None]


class AnonymousSessions:
    """Who owns the sessions that began as nobody's.

    Args:
        max_sessions: How many are remembered; the oldest ones are forgotten, and their clients begin a new one.
    """

    def __init__(self, *, max_sessions: int = _MAX_SESSIONS) -> None:
        self._max = max_sessions
        self._owners: OrderedDict[str, Owner | None] = OrderedDict()

    def watch(self, send: Send) -> Send:
        """The `send` of a request without a token, remembering the session its answer opens."""

        async def watching(message: Message) -> None:
            if message["type"] == "http.response.start":
                for name, value in message.get("headers", ()):
                    if name.lower() == _HEADER:
                        self._remember(value.decode("latin-1"))
            await send(message)

        return watching

    def enter_as_nobody(self, session_id: str | None) -> None:
        """Let a request without a token continue a session.

        Raises:
            MissingToken: Somebody has signed in within it, so it is theirs now.
        """
        if session_id is not None and self._owners.get(session_id) is not None:
            raise MissingToken(reason="the session has an owner by now")

    def enter(self, session_id: str | None, principal: Principal) -> bool:
        """Let a caller continue a session.

        Returns:
            Whether it is one that began as nobody's; every other one is the SDK's to judge.

        Raises:
            UnknownSession: Somebody else has signed in within it.
        """
        if session_id is None or session_id not in self._owners:
            return False
        caller: Owner = (principal.issuer, principal.subject, principal.client_id)
        owner = self._owners[session_id]
        if owner is not None and owner != caller:
            raise UnknownSession(reason=f"the session of another caller, asked for by {principal.digest}")
        self._owners[session_id] = caller
        self._owners.move_to_end(session_id)
        return True

    def _remember(self, session_id: str) -> None:
        # Every answer within a session names it; only the first one makes it known.
        if session_id not in self._owners:
            self._owners[session_id] = None
            if len(self._owners) > self._max:
                self._owners.popitem(last=False)
