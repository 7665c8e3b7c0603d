"""Running an application in this process, the way a server does, and asking it without a network."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import anyio
import httpx

from mcpauthkit.doctor.examination import Limits, Start
from mcpauthkit.errors import AuthKitError
from mcpauthkit.fetch import HttpFetch

# Starlette sends one where the start raises.
_TRACEBACK = "Traceback (most recent call last)"


@asynccontextmanager
async def started(app: Any, limits: Limits) -> AsyncIterator[Start]:
    """Start an application, and end it again.

    Args:
        app: An ASGI application.
        limits: Bounds on the start and the end.
    """
    life = _Life(app)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(life.run)
        with anyio.move_on_after(limits.start_seconds) as waiting:
            await life.decided.wait()
        start = life.start
        if waiting.cancelled_caught:
            start = Start("failed", f"The start took longer than {limits.start_seconds:g} s.")
        try:
            yield start
        finally:
            life.stop.set()
            with anyio.CancelScope(shield=True), anyio.move_on_after(limits.stop_seconds):
                await life.ended.wait()
            tasks.cancel_scope.cancel()


def asking_in_process(app: Any, limits: Limits) -> tuple[HttpFetch, httpx.AsyncClient]:
    """The wire to an application in this process, and the client to close at the end.

    Args:
        app: An ASGI application.
        limits: Bound on one exchange.
    """
    # An application that crashes answers 500, as under a server.
    client = httpx.AsyncClient(transport=httpx.ASGITransport(app, raise_app_exceptions=False))
    return HttpFetch(client, timeout_seconds=limits.request_seconds, shows_redirects=True), client


class _Life:
    """One run of the lifespan protocol."""

    def __init__(self, app: Any) -> None:
        self._app = app
        self._is_asked = False
        self.start = Start()
        self.decided, self.stop, self.ended = anyio.Event(), anyio.Event(), anyio.Event()

    async def run(self) -> None:
        scope = {"type": "lifespan", "asgi": {"version": "3.0", "spec_version": "2.0"}, "state": {}}
        try:
            await self._app(scope, self._receive, self._send)
        except AuthKitError as error:
            self._decide(Start("failed", str(error)))
        except Exception as error:  # noqa: BLE001  # whatever an application raises here, a server takes for its end
            # Its text may hold an address with a password.
            self._decide(Start("failed", f"It ended with {type(error).__name__}."))
        finally:
            # An application without a lifespan returns at once, and serves all the same.
            self._decide(Start("started"))
            self.ended.set()

    def _decide(self, start: Start) -> None:
        if not self.decided.is_set():
            self.start = start
            self.decided.set()

    async def _receive(self) -> dict[str, Any]:
        if not self._is_asked:
            self._is_asked = True
            return {"type": "lifespan.startup"}
        await self.stop.wait()
        return {"type": "lifespan.shutdown"}

    async def _send(self, message: Any) -> None:
        if message["type"] == "lifespan.startup.complete":
            self._decide(Start("started"))
        elif message["type"] == "lifespan.startup.failed":
            self._decide(Start("failed", _words(str(message.get("message", "")))))


def _words(message: str) -> str:
    """What may be told of a failed start: our own words, and of others, which may quote a password, the type alone."""
    if not message.startswith(_TRACEBACK):
        return message
    last = re.split(r"\n(?=\S)", message.strip())[-1]
    kind, _, text = last.partition(": ")
    return text if kind.startswith(f"{AuthKitError.__module__.partition('.')[0]}.") else f"It ended with {kind:.80}."
