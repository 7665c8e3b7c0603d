"""Any ASGI app on a real socket of 127.0.0.1, served by a thread with an event loop of its own.

The port is bound when the server is constructed, because an app under test usually has to know its own URL before it
can be built. Starting waits for the server to accept, stopping for open responses and the end of the thread, and
neither takes longer than that: a suite starts and stops thousands of servers.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import socket
import threading
import weakref
from typing import TYPE_CHECKING, Self

import anyio.to_thread

from mcpauthkit.errors import ConfigurationError

try:
    import uvicorn
except ImportError as error:  # pragma: no cover  # the test environment has it
    raise ImportError("mcpauthkit.testing serves over uvicorn: install mcpauthkit[testing]") from error

if TYPE_CHECKING:
    from types import TracebackType

    from starlette.types import ASGIApp, Message, Receive, Scope, Send

_HOST = "127.0.0.1"
_START_SECONDS = 30.0
_STOP_SECONDS = 10.0
# How long uvicorn lets open responses (an SSE stream never ends by itself) finish before it cancels them.
_GRACE_SECONDS = 1
_LOOK_AGAIN_SECONDS = 0.005
_LOGGERS = ("uvicorn.error", "uvicorn.access")


class LoopbackServer:
    """An ASGI app over HTTP on 127.0.0.1, as a sync or async context manager.

    Args:
        app: The app; may be assigned to `.app` later, but before the start.
        port: The port to bind; 0 takes a free one.
        host: The address to bind. In a container it is 0.0.0.0, as nobody outside reaches the container's loopback, and
            the port is published on that of the machine.

    Attributes:
        app: The app to serve.
        port: The port, known from construction on.

    Raises:
        OSError: The port is taken.
    """

    def __init__(self, app: ASGIApp | None = None, *, port: int = 0, host: str = _HOST) -> None:
        self.app = app
        self._host = host
        self._socket: socket.socket | None = _bind(host, port)
        # A server that was built and never started must not leak its socket.
        self._finalizer = weakref.finalize(self, self._socket.close)
        self.port: int = self._socket.getsockname()[1]
        self._running: _Running | None = None

    @property
    def base_url(self) -> str:
        """`http://127.0.0.1:PORT`, without a trailing slash."""
        return f"http://{_HOST}:{self.port}"

    def start(self) -> None:
        """Serve, and return when connections are accepted and the app's lifespan has started.

        A stopped server may be started again and comes back on the same port.

        Raises:
            RuntimeError: Already started, no app given, or the app's start-up failed.
        """
        if self._running is not None:
            raise RuntimeError("the server is already running")
        if self.app is None:
            raise RuntimeError("assign `app` before starting the server")
        listening = self._socket if self._socket is not None else _bind(self._host, self.port)
        self._socket = None
        running = _Running(self.app, listening)
        running.start()
        self._running = running

    def stop(self) -> None:
        """End the server and its thread; streams still open are cut after a second. Idempotent.

        Raises:
            RuntimeError: The thread did not end.
        """
        running, self._running = self._running, None
        if running is not None:
            running.stop()
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    async def __aenter__(self) -> Self:
        await anyio.to_thread.run_sync(self.start)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with anyio.CancelScope(shield=True):
            await anyio.to_thread.run_sync(self.stop)


def _bind(host: str, port: int) -> socket.socket:
    # With its protocol named: only then does asyncio send small writes at once, not up to 40 ms later.
    bound = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        # Lets a stopped server come back on its port. On Windows the option would mean sharing the port.
        if os.name == "posix":  # pragma: no branch
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind((host, port))
    except OSError:
        bound.close()
        raise
    return bound


class _Running:
    """One run of the server: a thread, its loop, and how to end both."""

    def __init__(self, app: ASGIApp, listening: socket.socket) -> None:
        self._witness = _LifespanWitness(app)
        self._socket = listening
        self._ready = threading.Event()
        config = uvicorn.Config(
            self._witness,
            log_config=None,
            proxy_headers=False,
            server_header=False,
            timeout_graceful_shutdown=_GRACE_SECONDS,
            # Longer than clients keep idle connections: the two ends must not give up at the same moment.
            timeout_keep_alive=60,
            ws="websockets-sansio",
        )
        self._server = _Server(config, self._ready)
        self._thread = threading.Thread(target=self._serve, name="mcpauthkit-loopback", daemon=True)

    def start(self) -> None:
        self._thread.start()
        self._ready.wait(_START_SECONDS)
        if not self._server.started:
            self.stop()
            raise RuntimeError(f"the app did not start: {self._witness.failure or 'no reason given'}")

    def stop(self) -> None:
        self._server.end()
        self._thread.join(_STOP_SECONDS)
        if self._thread.is_alive():  # pragma: no cover  # needs an app that blocks for ten seconds
            raise RuntimeError("the server thread did not end; something blocks its event loop")

    def _serve(self) -> None:
        quiet = _OnlyCrashes(threading.get_ident())
        for name in _LOGGERS:
            logging.getLogger(name).addFilter(quiet)
        try:
            self._server.run(sockets=[self._socket])
        except SystemExit:
            pass  # uvicorn's word for a failed start; `start` reports it with the reason
        finally:
            for name in _LOGGERS:
                logging.getLogger(name).removeFilter(quiet)
            self._socket.close()
            self._ready.set()


class _Server(uvicorn.Server):
    """Uvicorn that announces readiness, waits for its end instead of polling for it, and ends as soon as it can."""

    def __init__(self, config: uvicorn.Config, ready: threading.Event) -> None:
        super().__init__(config)
        self._ready = ready
        self._end: asyncio.Event | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        self._loop, self._end = asyncio.get_running_loop(), asyncio.Event()
        await super().startup(sockets=sockets)
        self._ready.set()

    async def main_loop(self) -> None:
        assert self._end is not None
        while not await self.on_tick(0):  # once a second, for the Date header
            try:
                await asyncio.wait_for(self._end.wait(), 1.0)
            except TimeoutError:
                continue

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        # What uvicorn's own does (0.54), but for the tenth of a second that it sleeps at every end, come what may.
        for listening in [*self.servers, *(sockets or ())]:
            listening.close()
        open_ones, tasks = self.server_state.connections, self.server_state.tasks
        for connection in list(open_ones):
            connection.shutdown()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_GRACE_SECONDS):
                await asyncio.sleep(0)  # enough for connections that are idle
                while open_ones or tasks:  # noqa: ASYNC110  # uvicorn's sets tell nobody that they are empty
                    await asyncio.sleep(_LOOK_AGAIN_SECONDS)
        for task in list(tasks):
            task.cancel()
        await self.lifespan.shutdown()

    def end(self) -> None:
        self.should_exit = True
        # Both are missing if the thread died early, and the loop is closed if it died since: then it has ended anyhow.
        if self._loop is not None and self._end is not None:  # pragma: no branch
            with contextlib.suppress(RuntimeError):
                self._loop.call_soon_threadsafe(self._end.set)


class _LifespanWitness:
    """Passes everything to the app and remembers why its start-up failed; uvicorn only logs that."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self.failure = ""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "lifespan":
            await self._app(scope, receive, send)
            return

        async def watched(message: Message) -> None:
            if message["type"] == "lifespan.startup.failed":
                self.failure = str(message.get("message", ""))
            await send(message)

        try:
            await self._app(scope, receive, watched)
        except ConfigurationError as error:
            # Raised where the app is put together; uvicorn would take it for an app that has no start-up, and serve.
            await watched({"type": "lifespan.startup.failed", "message": str(error)})


class _OnlyCrashes(logging.Filter):
    """Silences uvicorn's narration in one thread, and leaves the loggers of a host program alone.

    An app that crashed is still told: a bare 500 in a test would be a riddle.
    """

    def __init__(self, thread_id: int) -> None:
        super().__init__()
        self._thread_id = thread_id

    def filter(self, record: logging.LogRecord) -> bool:
        if record.thread != self._thread_id:
            return True
        crash = record.exc_info[1] if record.exc_info else None
        return isinstance(crash, Exception)
