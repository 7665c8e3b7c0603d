"""One Redis server, or the master that sentinels name."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any, Protocol

from redis.asyncio import Redis
from redis.asyncio.connection import AbstractConnection
from redis.asyncio.sentinel import Sentinel
from redis.exceptions import BusyLoadingError, NoScriptError, ReadOnlyError, RedisError, ResponseError
from redis.exceptions import ConnectionError as RedisConnectionError

from mcpauthkit.stores.redis.scripts import Order, Words

_SCAN_COUNT = 500


class Attempt:
    """One try to have an order carried out.

    Attributes:
        is_again: Whether an earlier try may have been carried out, with its answer lost.
        may_have_run: Whether this one may have been: it was sent, and the answer is not in yet.
    """

    __slots__ = ("is_again", "may_have_run")

    def __init__(self, *, is_again: bool = False) -> None:
        self.is_again = is_again
        self.may_have_run = False


class Servers(Protocol):
    """Who answers for a key; raises redis-py's errors."""

    limit: int
    """How many connections there may be at a time."""

    async def carry_out(self, order: Order, attempt: Attempt) -> Any:
        """Send the order to who answers for its key; its answer."""
        ...

    async def new_connection(self) -> AbstractConnection:
        """A connection of its own, not connected yet, on which every change is heard of."""
        ...

    async def parts(self) -> list[Any]:
        """The servers that share the keys."""
        ...

    async def scan(self, part: Any, cursor: bytes, pattern: bytes) -> tuple[bytes, list[bytes]]:
        """Some keys of one of them that match, and where to go on; `b"0"` at the end."""
        ...

    async def setting(self, part: Any, name: str) -> list[bytes]:
        """Name and value of one of their settings; nothing where there is none of that name."""
        ...

    def doubt(self) -> None:
        """Somebody has not answered: look again who answers for what."""
        ...

    async def aclose(self) -> None:
        """Close what was opened here."""
        ...


class OneServer:
    """Every key is on one server.

    Args:
        client: The client, whose pool we take connections from.
        sentinel: Whom the pool asks, if it was made for us.
        is_ours: Whether we close them.
    """

    def __init__(self, client: Redis, *, sentinel: Sentinel | None = None, is_ours: bool) -> None:
        self._client, self._sentinel, self._is_ours = client, sentinel, is_ours
        self.limit: int = client.connection_pool.max_connections
        # A pool with sentinels behind it drops what is idle when there is another master, so it has to have that.
        self._keeps_idle = is_ours and sentinel is None
        self._idle: list[AbstractConnection] = []

    async def carry_out(self, order: Order, attempt: Attempt) -> Any:
        """Send the order; its answer."""
        connection = await self._lent()
        try:
            return await exchange(connection, order, attempt)
        finally:
            await self._give_back(connection)

    async def new_connection(self) -> AbstractConnection:
        """A connection of its own, not connected yet."""
        pool = self._client.connection_pool
        connection: AbstractConnection = pool.make_connection()  # type: ignore[no-untyped-call]  # redis-py has no type
        return connection

    @asynccontextmanager
    async def _connection(self) -> AsyncIterator[AbstractConnection]:
        connection = await self._lent()
        try:
            yield connection
        finally:
            await self._give_back(connection)

    async def _lent(self) -> AbstractConnection:
        pool = self._client.connection_pool
        if not self._idle:
            new: AbstractConnection = await pool.get_connection()  # type: ignore[no-untyped-call]  # redis-py has no type
            return new
        connection, is_good = self._idle.pop(), False
        try:
            await pool.ensure_connection(connection)
            is_good = True
        finally:
            if not is_good:
                self._idle.append(connection)
        return connection

    async def _give_back(self, connection: AbstractConnection) -> None:
        if not self._keeps_idle:
            await self._client.connection_pool.release(connection)
            return
        # Kept, as nobody else uses this pool: its bookkeeping of every loan would take a fifth of a call's time.
        if connection.should_reconnect():  # type: ignore[no-untyped-call]  # redis-py has no type
            await connection.disconnect()
        self._idle.append(connection)

    async def parts(self) -> list[Any]:
        """It has all the keys."""
        return [None]

    async def scan(self, part: Any, cursor: bytes, pattern: bytes) -> tuple[bytes, list[bytes]]:  # noqa: ARG002  # one part
        """Some keys that match, and where to go on."""
        async with self._connection() as connection:
            return await scan(connection, cursor, pattern)

    async def setting(self, part: Any, name: str) -> list[bytes]:  # noqa: ARG002  # one part
        """Name and value of a setting."""
        async with self._connection() as connection:
            return await setting(connection, name)

    def doubt(self) -> None:
        """Nothing to look up: sentinels are asked whenever a connection is made."""

    async def aclose(self) -> None:
        """Close the client if it is ours."""
        if self._is_ours:
            with suppress(RedisError, OSError):
                await self._client.aclose()
            if self._sentinel is not None:
                with suppress(RedisError, OSError):
                    await self._sentinel.aclose()


async def exchange(connection: AbstractConnection, order: Order, attempt: Attempt, *, is_asking: bool = False) -> Any:
    """Send the order over a connection and read its answer; a script the server does not know is sent whole.

    Not through the client's own commands: those are sent again after errors, where `take` would lose what it took.

    Args:
        connection: To whom.
        order: What is asked.
        attempt: Learns whether the order may have been carried out.
        is_asking: Whether the key's slot is only about to be there, which is said before each command.
    """
    attempt.may_have_run = True
    try:
        for is_whole in (False, True):
            if is_asking:
                await ask(connection, ("ASKING",))
            try:
                return await ask(connection, order.words(is_again=attempt.is_again, is_whole=is_whole))
            except NoScriptError:
                if is_whole:
                    raise
    except (ResponseError, BusyLoadingError) as error:
        # A refusal: nothing was carried out.
        attempt.may_have_run = False
        if isinstance(error, ReadOnlyError):
            # What was the master is a replica now; the next connection finds the one that is.
            await connection.disconnect()
        raise


async def scan(connection: AbstractConnection, cursor: bytes, pattern: bytes) -> tuple[bytes, list[bytes]]:
    """Some keys of a server that match, and where to go on."""
    after, keys = await ask(connection, ("SCAN", cursor, "MATCH", pattern, "COUNT", _SCAN_COUNT))
    return after, keys


async def setting(connection: AbstractConnection, name: str) -> list[bytes]:
    """Name and value of a setting of a server."""
    found: list[bytes] = await ask(connection, ("CONFIG", "GET", name))
    return found


async def ask(connection: AbstractConnection, words: Words) -> Any:
    """Send a command and read its answer. Interrupted in between, the connection is closed by redis-py."""
    try:
        await connection.send_command(*words)
        return await connection.read_response(disable_decoding=True)
    except AttributeError:
        # A new map of a cluster makes redis-py close connections under those who have just taken them.
        raise RedisConnectionError("closed meanwhile") from None
