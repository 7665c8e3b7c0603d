"""Weather for the development servers: errors, delays and silence, switched on while they run.

Switches are set by the thread of a test and obeyed on the event loop of a server, hence the lock and the hop through
`call_soon_threadsafe`. A delay waits on the event loop and never blocks it; `clear`, which stopping a server calls
too, ends every wait at once.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections import defaultdict, deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from starlette.responses import Response

if TYPE_CHECKING:
    from collections.abc import Mapping

Endpoint = Literal[
    "discovery",
    "jwks",
    "authorize",
    "token",
    "register",
    "userinfo",
    "logout",
    "revoke",
    "user",
    "repos",
]
"""What can be made to fail and is counted; `user` and `repos` are DevService's API, discovery to logout DevIssuer's."""

# Nothing waits for ever, even when a test forgets to clear.
_HANG_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class _Reply:
    status: int
    body: str
    headers: Mapping[str, str]


@dataclass(eq=False, slots=True)
class _Waiter:
    loop: asyncio.AbstractEventLoop
    released: asyncio.Event = field(default_factory=asyncio.Event)


class Faults:
    """Thread-safe switches for the endpoints of one development server."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._changed = threading.Condition(self._lock)
        self._replies: defaultdict[str, deque[_Reply]] = defaultdict(deque)
        self._lasting: dict[str, _Reply] = {}
        self._delays: dict[str, float] = {}
        self._waiters: set[_Waiter] = set()

    def respond(
        self,
        endpoint: Endpoint,
        *,
        status: int = 500,
        times: int | None = None,
        body: str = "",
        headers: Mapping[str, str] | None = None,
    ) -> None:
        """Answer an endpoint with a fixed response; the real handler does not run.

        Args:
            endpoint: Which endpoint.
            status: The HTTP status.
            times: For how many requests; None until `clear`.
            body: The body, sent as `application/json` unless `headers` say otherwise.
            headers: More headers, such as `Retry-After`.
        """
        reply = _Reply(status, body, {"content-type": "application/json", **(headers or {})})
        with self._lock:
            if times is None:
                self._lasting[endpoint] = reply
            else:
                self._replies[endpoint].extend([reply] * times)

    def delay(self, endpoint: Endpoint, *, seconds: float) -> None:
        """Let every request to an endpoint wait, in real seconds, before anything else happens to it."""
        with self._lock:
            self._delays[endpoint] = seconds

    def hang(self, endpoint: Endpoint) -> None:
        """Keep requests to an endpoint unanswered until `clear` (or a minute); then they are served normally."""
        self.delay(endpoint, seconds=_HANG_SECONDS)

    def wait_for_held(self, count: int = 1, *, timeout_seconds: float = 5.0) -> None:
        """Block until at least this many requests are being delayed; in async tests, call it in a thread.

        Raises:
            TimeoutError: They did not come.
        """
        with self._changed:
            if not self._changed.wait_for(lambda: len(self._waiters) >= count, timeout_seconds):
                raise TimeoutError(f"{len(self._waiters)} requests are held, not {count}")

    def clear(self) -> None:
        """Switch all faults off and let everything that waits go on."""
        with self._lock:
            self._replies.clear()
            self._lasting.clear()
            self._delays.clear()
            waiters = list(self._waiters)
        for waiter in waiters:
            # The loop may have closed since: then nobody waits on it any more.
            with contextlib.suppress(RuntimeError):
                waiter.loop.call_soon_threadsafe(waiter.released.set)

    async def apply(self, endpoint: str) -> Response | None:
        """Wait as long as told, then give the response to send instead of the real one, if any."""
        await self._wait(endpoint)
        with self._lock:
            queue = self._replies.get(endpoint)
            reply = queue.popleft() if queue else self._lasting.get(endpoint)
        if reply is None:
            return None
        return Response(reply.body, status_code=reply.status, headers=dict(reply.headers))

    async def _wait(self, endpoint: str) -> None:
        waiter = _Waiter(asyncio.get_running_loop())
        with self._lock:
            seconds = self._delays.get(endpoint, 0.0)
            if seconds <= 0:
                return
            self._waiters.add(waiter)
            self._changed.notify_all()
        try:
            await asyncio.wait_for(waiter.released.wait(), seconds)
        except TimeoutError:
            return
        finally:
            with self._lock:
                self._waiters.discard(waiter)
