"""A Redis cluster."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any

from redis.asyncio import RedisCluster
from redis.asyncio.cluster import ClusterNode
from redis.asyncio.connection import AbstractConnection
from redis.exceptions import AskError, ClusterError, MovedError, RedisClusterException, RedisError

from mcpauthkit.core.clock import Clock
from mcpauthkit.stores.redis.scripts import Order
from mcpauthkit.stores.redis.servers import Attempt, exchange, scan, setting

_MAX_REDIRECTS = 5
_LOOK_AGAIN_SECONDS = 1.0


class Cluster:
    """Keys are spread over nodes.

    redis-py keeps the map; the way there is ours. Its own sends ASKING and the command over two connections when
    several are open, and does not find a node without slots yet, so a slot on the move could not be used.

    Args:
        client: The client, whose map and nodes we use.
        clock: Time, the monotonic one.
        is_ours: Whether we close it.
    """

    def __init__(self, client: RedisCluster, *, clock: Clock, is_ours: bool) -> None:
        self._client, self._clock, self._is_ours = client, clock, is_ours
        self._is_doubtful = False
        self._looked_at = -_LOOK_AGAIN_SECONDS
        # Nodes that hold no slot yet are in nobody's map.
        self._strangers: dict[str, ClusterNode] = {}
        self.limit: int = client.connection_kwargs.get("max_connections") or 100

    async def carry_out(self, order: Order, attempt: Attempt) -> Any:
        """Send the order to the node that holds the key's slot, also while that changes."""
        await self._look()
        node, is_asking = self._client.get_node_from_key(order.key), False  # type: ignore[arg-type]  # bytes are fine
        for _ in range(_MAX_REDIRECTS):
            assert node is not None
            try:
                async with _connection(node) as connection:
                    return await exchange(connection, order, attempt, is_asking=is_asking)
            except MovedError as error:
                await self._client.nodes_manager.move_slot(error)
                node, is_asking = self._client.get_node_from_key(order.key), False  # type: ignore[arg-type]  # as above
            except AskError as error:
                node, is_asking = self._node_at(error.host, error.port), True
        raise ClusterError("sent from node to node")

    async def _look(self) -> None:
        """Have a map, and a new one where the old one is doubtful, but not with every call of many."""
        await self._client.initialize()
        now = self._clock.monotonic()
        if self._is_doubtful and now - self._looked_at >= _LOOK_AGAIN_SECONDS:
            self._is_doubtful, self._looked_at = False, now
            await self._client.nodes_manager.initialize()

    def _node_at(self, host: str, port: int) -> ClusterNode:
        known = self._client.get_node(host, port)
        if known is not None:
            return known
        name = f"{host}:{port}"
        if name not in self._strangers:
            self._strangers[name] = ClusterNode(host, port, **self._client.connection_kwargs)
        return self._strangers[name]

    async def new_connection(self) -> AbstractConnection:
        """A connection to any node, not connected yet: what is published at one node is heard at all of them."""
        await self._look()
        node = self._client.get_random_primary_node()
        return node.connection_class(**node.connection_kwargs)

    async def parts(self) -> list[Any]:
        """The nodes that hold slots."""
        await self._look()
        return list(self._client.get_primaries())

    async def scan(self, part: Any, cursor: bytes, pattern: bytes) -> tuple[bytes, list[bytes]]:
        """Some keys of a node that match, and where to go on."""
        async with _connection(part) as connection:
            return await scan(connection, cursor, pattern)

    async def setting(self, part: Any, name: str) -> list[bytes]:
        """Name and value of a setting of a node."""
        async with _connection(part) as connection:
            return await setting(connection, name)

    def doubt(self) -> None:
        """Ask for a new map before the next call."""
        self._is_doubtful = True

    async def aclose(self) -> None:
        """Close what is ours."""
        closers: list[Callable[[], Any]] = [node.disconnect for node in self._strangers.values()]
        if self._is_ours:
            closers.append(self._client.aclose)
        for close in closers:
            with suppress(RedisError, RedisClusterException, OSError):
                await close()


@asynccontextmanager
async def _connection(node: ClusterNode) -> AsyncIterator[AbstractConnection]:
    connection = node.acquire_connection()
    try:
        await node.disconnect_if_needed(connection)
        yield connection
    finally:
        try:
            await node.disconnect_if_needed(connection)
        finally:
            node.release(connection)
