"""Waking who waits for a change, over one connection however many they are.

Theory of operation. A waiter names a channel and looks at the value whenever it is told to. One task holds the
connection: it subscribes to the channels somebody waits on, in batches, and leaves those that nobody does. Messages can
be lost while no subscription stands, so it tells the waiters of a channel to look not only when a message comes, but
each time Redis confirms the subscription: the first time, when a connection was lost and another one made, and when a
channel was left and taken up again in between. While the subscription is not confirmed a waiter looks by itself every
second or so, and otherwise every quarter of a minute, in case something was lost all the same.
"""

from __future__ import annotations

import asyncio
import contextvars
import math
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

from redis.asyncio.connection import AbstractConnection
from redis.backoff import AbstractBackoff, EqualJitterBackoff

from mcpauthkit.stores.redis.advice import FAILURES, Adviser, is_passing
from mcpauthkit.stores.redis.servers import Servers

# redis-py stumbles, too, over a connection that was closed while somebody reads from it.
_BROKEN = (*FAILURES, AttributeError, RuntimeError)
_BATCH = 500
_PING_SECONDS = 10.0
_ANSWER_SECONDS = 2.0
_IDLE_SECONDS = 60.0
_REFUSED_SECONDS = 60.0
# How long a waiter sleeps, and how many of them may look in a second: with more of them each sleeps longer.
_POLL_SECONDS, _POLLS_A_SECOND = 1.0, 500
_SAFETY_SECONDS, _SAFETY_LOOKS_A_SECOND = 15.0, 20


class Waiter:
    """Somebody who waits for a change.

    Args:
        room: Those who wait for the same.
        spread: Between 1 and 2; so many who begin together do not look together for ever.

    Attributes:
        is_blind: Whether the last look did not succeed.
    """

    # No asyncio.Event: the queue in it takes a tenth of what a whole waiting call does.
    __slots__ = ("_is_told", "_room", "_spread", "_waking", "is_blind")

    def __init__(self, room: Room, *, spread: float) -> None:
        self._room = room
        self._spread = spread
        self._is_told = False
        self._waking: asyncio.Future[None] | None = None
        self.is_blind = False

    async def wait(self) -> None:
        """Return when it is time to look; a wake-up that came since the last one counts."""
        if not self._is_told:
            self._waking = asyncio.get_running_loop().create_future()
            try:
                with suppress(TimeoutError):
                    async with asyncio.timeout(self._room.pause(is_blind=self.is_blind) * self._spread):
                        await self._waking
            finally:
                self._waking = None
        self._is_told = False

    def wake(self) -> None:
        """It may have changed."""
        self._is_told = True
        if self._waking is not None and not self._waking.done():
            self._waking.set_result(None)


class Room:
    """Those who wait on one channel.

    Args:
        rooms: All of them.
    """

    __slots__ = ("_rooms", "is_subscribed", "waiters")

    def __init__(self, rooms: dict[bytes, Room]) -> None:
        self._rooms = rooms
        self.is_subscribed = False
        self.waiters: set[Waiter] = set()

    def pause(self, *, is_blind: bool) -> float:
        """How many seconds a waiter sleeps unless it is woken."""
        if self.is_subscribed and not is_blind:
            return max(_SAFETY_SECONDS, len(self._rooms) / _SAFETY_LOOKS_A_SECOND)
        return max(_POLL_SECONDS, len(self._rooms) / _POLLS_A_SECOND)

    def tell(self, *, is_subscribed: bool) -> None:
        """Tell them to look."""
        self.is_subscribed = is_subscribed
        for waiter in self.waiters:
            waiter.wake()


class Wakes:
    """One connection for all who wait, open while somebody does and for a minute after.

    Args:
        servers: Who has the keys.
        adviser: Tells the operator what is wrong.
    """

    def __init__(self, servers: Servers, *, adviser: Adviser) -> None:
        self._servers = servers
        self._adviser = adviser
        self._rooms: dict[bytes, Room] = {}
        # Channels whose subscription may not be as it should.
        self._changed: dict[bytes, None] = {}
        self._work = asyncio.Event()
        self._heard = asyncio.Event()
        self._backoff: AbstractBackoff = EqualJitterBackoff(cap=1.0, base=0.05)
        self._task: asyncio.Task[None] | None = None

    @contextmanager
    def waiting(self, channel: bytes) -> Iterator[Waiter]:
        """Be told when to look; nothing is left behind afterwards."""
        room = self._rooms.setdefault(channel, Room(self._rooms))
        waiter = Waiter(room, spread=1 + zlib.crc32(channel) % 1000 / 3000)
        if room.is_subscribed:
            waiter.wake()
        if not room.waiters:
            self._check(channel)
        room.waiters.add(waiter)
        if self._task is None:
            # In a context of its own: it outlives the request of whoever waits first, and must not act in their name.
            self._task = asyncio.create_task(self._run(), context=contextvars.Context())
        try:
            yield waiter
        finally:
            room.waiters.discard(waiter)
            if not room.waiters and self._rooms.get(channel) is room:
                del self._rooms[channel]
                self._check(channel)

    def _check(self, channel: bytes) -> None:
        self._changed[channel] = None
        self._work.set()

    async def aclose(self) -> None:
        """Close the connection; who still waits looks every second or so."""
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            await asyncio.wait([task])

    async def _run(self) -> None:
        failures = 0
        try:
            while self._rooms:
                error: BaseException | None = None
                self._heard.clear()
                try:
                    await self._serve()
                except* _BROKEN as group:
                    error = group.exceptions[0]
                for room in self._rooms.values():
                    room.tell(is_subscribed=False)
                if error is None:
                    continue
                self._servers.doubt()
                failures = 0 if self._heard.is_set() else failures + 1
                is_refused = isinstance(error, FAILURES) and not is_passing(error)
                # A connection that stood may well end: it is only made anew, and nobody fails meanwhile.
                if failures or is_refused:
                    self._adviser.advise(error)
                await asyncio.sleep(_REFUSED_SECONDS if is_refused else self._backoff.compute(failures))
        finally:
            if self._task is asyncio.current_task():
                self._task = None

    async def _serve(self) -> None:
        """Serve over one connection; return when nobody has waited for a while."""
        async with asyncio.timeout(_ANSWER_SECONDS):
            connection = await self._servers.new_connection()
        # A limit of its own for each command makes redis-py lose cancellations on Python 3.11, in asyncio.wait_for.
        connection.socket_timeout = None
        try:
            async with asyncio.timeout(_ANSWER_SECONDS):
                await connection.connect()  # type: ignore[no-untyped-call]  # redis-py has no type
            async with asyncio.TaskGroup() as tasks:
                reader = tasks.create_task(self._read(connection))
                await self._subscribe(connection)
                reader.cancel()
        finally:
            with suppress(*FAILURES):
                await connection.disconnect(nowait=True)

    async def _read(self, connection: AbstractConnection) -> None:
        while True:
            told: Any = await connection.read_response(
                disable_decoding=True, timeout=math.inf, disconnect_on_error=False, push_request=True
            )
            self._heard.set()
            match told:
                case [b"message" | b"subscribe", bytes(channel), *_] if channel in self._rooms:
                    self._rooms[channel].tell(is_subscribed=True)

    async def _subscribe(self, connection: AbstractConnection) -> None:
        subscribed: set[bytes] = set()
        self._changed = dict.fromkeys(self._rooms)
        while True:
            changed, self._changed = self._changed, {}
            self._work.clear()
            joined = [channel for channel in changed if channel in self._rooms and channel not in subscribed]
            left = [channel for channel in changed if channel not in self._rooms and channel in subscribed]
            for word, channels in (("SUBSCRIBE", joined), ("UNSUBSCRIBE", left)):
                for start in range(0, len(channels), _BATCH):
                    await connection.send_command(word, *channels[start : start + _BATCH], check_health=False)
            subscribed = (subscribed | set(joined)) - set(left)
            if not await self._has_work(connection):
                return

    async def _has_work(self, connection: AbstractConnection) -> bool:
        """Wait until a subscription has to change; make sure meanwhile that somebody is at the other end."""
        idle_seconds = 0.0
        while self._rooms or idle_seconds < _IDLE_SECONDS:
            with suppress(TimeoutError):
                async with asyncio.timeout(_PING_SECONDS):
                    await self._work.wait()
                return True
            idle_seconds = 0.0 if self._rooms else idle_seconds + _PING_SECONDS
            self._heard.clear()
            await connection.send_command("PING", check_health=False)
            async with asyncio.timeout(_ANSWER_SECONDS):
                await self._heard.wait()
        return False
