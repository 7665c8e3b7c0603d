"""A network that loses answers, between a store and a real Redis."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from tests.services.redis_servers import RedisServer


class LossyNetwork:
    """Passes everything on in both directions, until it is told to lose answers.

    Attributes:
        url: Where it is.
        losses: How many answers it loses, with their connections, from now on.
        forgotten: Connections that are open and carry nothing any more, as where a firewall has forgotten them.
    """

    def __init__(self, server: RedisServer) -> None:
        self._server = server
        self.url = ""
        self.losses = 0
        self.forgotten: set[asyncio.StreamWriter] = set()
        self._open: set[asyncio.StreamWriter] = set()

    def forget(self) -> None:
        """Carry nothing any more over the connections that there are; new ones work."""
        self.forgotten |= self._open

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Pass one connection on."""
        there, back = await asyncio.open_connection("127.0.0.1", self._server.port)
        self._open.add(writer)
        asking = asyncio.create_task(self._pass(reader, back))
        try:
            while chunk := await there.read(65536):
                if self.losses:
                    self.losses -= 1
                    break
                if writer not in self.forgotten:
                    writer.write(chunk)
        finally:
            self._open.discard(writer)
            asking.cancel()
            for stream in (writer, back):
                stream.close()
                with suppress(OSError):
                    await stream.wait_closed()

    @staticmethod
    async def _pass(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while chunk := await reader.read(65536):
                writer.write(chunk)
        writer.close()


@asynccontextmanager
async def lossy_network(server: RedisServer) -> AsyncIterator[LossyNetwork]:
    """A network before a server."""
    network = LossyNetwork(server)
    listening = await asyncio.start_server(network.serve, "127.0.0.1")
    network.url = f"redis://127.0.0.1:{listening.sockets[0].getsockname()[1]}"
    try:
        yield network
    finally:
        listening.close()
