"""One address for several servers: each request goes to the next one that lives, as behind a balancer.

A request that has reached a server is never sent again: if the server dies, its client's connection ends.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
import socket
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from types import TracebackType

_HOST = "127.0.0.1"
_START_SECONDS = 10.0
_END_OF_HEAD = b"\r\n\r\n"
_CONNECTION = re.compile(rb"\r\nconnection:[^\r\n]*", re.IGNORECASE)
_MAX_HEAD = 64 * 1024
_CHUNK = 64 * 1024
_NOBODY = b"HTTP/1.1 503 Service Unavailable\r\ncontent-length: 0\r\nretry-after: 1\r\nconnection: close\r\n\r\n"


@dataclass(frozen=True)
class Served:
    """A request that reached a server.

    Attributes:
        server: Which of them, counted from 0.
        method: The method.
        path: The path, without the query.
    """

    server: int
    method: str
    path: str


class RoundRobin:
    """A context manager that takes connections in a thread of its own.

    Args:
        ports: Where the servers listen.

    Attributes:
        served: What reached a server, oldest first.
        steered: The server that gets what begins with a path, while it lives; the rest goes to each in turn.
    """

    def __init__(self, ports: Sequence[int]) -> None:
        self._ports = tuple(ports)
        self._socket = socket.create_server((_HOST, 0))
        self.port: int = self._socket.getsockname()[1]
        self.served: list[Served] = []
        self.steered: dict[str, int] = {}
        self._turn = 0
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._run, name="round-robin", daemon=True)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._end: asyncio.Event | None = None

    @property
    def base_url(self) -> str:
        """`http://127.0.0.1:PORT`."""
        return f"http://{_HOST}:{self.port}"

    def __enter__(self) -> Self:
        self._thread.start()
        if not self._ready.wait(_START_SECONDS):
            raise RuntimeError("the round robin did not start")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._loop is not None
        assert self._end is not None
        self._loop.call_soon_threadsafe(self._end.set)
        self._thread.join(_START_SECONDS)

    def _run(self) -> None:
        asyncio.run(self._serve())

    async def _serve(self) -> None:
        self._loop, self._end = asyncio.get_running_loop(), asyncio.Event()
        server = await asyncio.start_server(self._connected, sock=self._socket, limit=_MAX_HEAD)
        self._ready.set()
        await self._end.wait()
        # Not `async with`: that waits for connections which clients may keep open.
        server.close()

    async def _connected(self, client: asyncio.StreamReader, answer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            head = await client.readuntil(_END_OF_HEAD)
            await self._forward(head, client, answer)
        answer.close()

    async def _forward(self, head: bytes, client: asyncio.StreamReader, answer: asyncio.StreamWriter) -> None:
        method, target = head.decode("latin-1").split(" ", 2)[:2]
        path = target.partition("?")[0]
        for server in self._order(path):
            try:
                there, request = await asyncio.open_connection(_HOST, self._ports[server])
            except OSError:
                continue
            self.served.append(Served(server, method, path))
            # One request for each connection, else every client would stay with one server.
            request.write(_CONNECTION.sub(b"", head[: -len(_END_OF_HEAD)]) + b"\r\nconnection: close" + _END_OF_HEAD)
            ways = {asyncio.create_task(_pump(client, request)), asyncio.create_task(_pump(there, answer))}
            try:
                await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for way in ways:
                    way.cancel()
                request.close()
            return
        answer.write(_NOBODY)
        await answer.drain()

    def _order(self, path: str) -> list[int]:
        """The servers, the one whose turn it is first."""
        count = len(self._ports)
        self._turn = (self._turn + 1) % count
        first = next((server for begin, server in self.steered.items() if path.startswith(begin)), self._turn)
        return [(first + number) % count for number in range(count)]


async def _pump(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while data := await source.read(_CHUNK):
            target.write(data)
            await target.drain()
