"""What one event loop has of Redis."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from functools import partial
from typing import Any

from redis.backoff import AbstractBackoff, EqualJitterBackoff
from redis.exceptions import NoPermissionError, ResponseError
from redis.exceptions import TimeoutError as RedisTimeoutError

from mcpauthkit.core.clock import Clock
from mcpauthkit.errors import StoreUnavailable
from mcpauthkit.stores.redis.advice import FAILURES, Adviser, is_foreign, is_passing
from mcpauthkit.stores.redis.circuit import Circuit, Passage
from mcpauthkit.stores.redis.scripts import Order
from mcpauthkit.stores.redis.servers import Attempt, Servers
from mcpauthkit.stores.redis.wakes import Wakes

_TRY_SECONDS = 2.0
_OUT_OF_TIME = (TimeoutError, RedisTimeoutError)
_FOREIGN = b""
_Ask = Callable[[Attempt], Awaitable[Any]]


class Link:
    """Has orders carried out: a bounded number at a time, tried again within a time limit, behind a circuit.

    Args:
        servers: Who answers for a key.
        clock: Time, the monotonic one.
        max_connections: How many orders are under way at a time at most.
        timeout_seconds: How long an order may take, its queueing and all its tries included.
    """

    def __init__(self, servers: Servers, *, clock: Clock, max_connections: int, timeout_seconds: float) -> None:
        self.servers = servers
        self._timeout_seconds = timeout_seconds
        self._gate = asyncio.Semaphore(min(max_connections, servers.limit))
        self._circuit = Circuit(clock)
        self._backoff: AbstractBackoff = EqualJitterBackoff(cap=1.0, base=0.02)
        self._adviser = Adviser(clock)
        self.wakes = Wakes(servers, adviser=self._adviser)
        # Many who wait look at once when something went wrong; the other calls are not to stand in line behind them.
        self._looks = asyncio.Semaphore(max(1, max_connections // 2))

    async def carry_out(self, order: Order, *, is_once: bool = False) -> Any:
        """Redis's answer to an order.

        Args:
            order: What is asked.
            is_once: Whether it must not be sent again when it may have been carried out.

        Returns:
            The answer; for what is not text at all, which another program has put there, an empty one.

        Raises:
            StoreUnavailable: There is no answer; whether the order was carried out is not known.
        """
        return self._told(await self._run(partial(self.servers.carry_out, order), is_once=is_once))

    async def fault(self, order: Order) -> BaseException | None:
        """Carry an order out only to see whether that can be done; what went wrong, as redis-py says it."""
        with self._circuit.passage() as passage:
            error, answer = await self._try(partial(self.servers.carry_out, order), is_once=False, is_probe=False)
            if passage is not None:
                _count(passage, error)
        if error is None:
            self._told(answer)
        return error

    def _told(self, answer: Any) -> Any:
        if isinstance(answer, list):
            answer, word = answer
            # Else it is done, and nobody could be told of it: who waits finds it by looking.
            foreign = ResponseError(word.decode(errors="replace"))
            self._adviser.advise(foreign if is_foreign(foreign) else NoPermissionError())
        return answer

    async def look(self, order: Order) -> Any:
        """As `carry_out`, for those who wait."""
        async with self._looks:
            return await self.carry_out(order)

    async def scan(self, pattern: bytes) -> AsyncIterator[bytes]:
        """Every key that matches, at least once.

        Raises:
            StoreUnavailable: There is no answer.
        """
        for part in await self._run(lambda _: self.servers.parts()):
            cursor, is_begun = b"0", False
            while cursor != b"0" or not is_begun:
                cursor, keys = await self._run(partial(self._page, part, cursor, pattern))
                is_begun = True
                for key in keys:
                    yield key

    async def settings(self, names: Sequence[str]) -> dict[str, str]:
        """Settings of a server; without those that it keeps to itself, as managed ones do."""
        parts, found = await self._run(lambda _: self.servers.parts()), {}
        for name in names if parts else ():
            ask = partial(self._setting, parts[0], name)
            error, answer = await self._try(ask, is_once=True, is_probe=True)
            if error is None and answer:
                found[name] = answer[1].decode(errors="replace")
        return found

    async def _setting(self, part: Any, name: str, _: Attempt) -> list[bytes]:
        return await self.servers.setting(part, name)

    async def _page(self, part: Any, cursor: bytes, pattern: bytes, _: Attempt) -> tuple[bytes, list[bytes]]:
        return await self.servers.scan(part, cursor, pattern)

    async def _run(self, ask: _Ask, *, is_once: bool = False) -> Any:
        with self._circuit.passage() as passage:
            if passage is None:
                raise StoreUnavailable(reason="redis: not tried, as it did not answer just now")
            error, answer = await self._try(ask, is_once=is_once, is_probe=passage.is_probe)
            _count(passage, error)
        if error is None:
            return answer
        self._adviser.advise(error)
        if is_foreign(error):
            # An outage would keep the user waiting for ever; what does not open is asked for again.
            return _FOREIGN
        # What redis-py says holds addresses, so the error is not kept as the context either.
        raise StoreUnavailable(reason=f"redis: {type(error).__name__}")

    async def _try(self, ask: _Ask, *, is_once: bool, is_probe: bool) -> tuple[BaseException | None, Any]:
        loop = asyncio.get_running_loop()
        deadline = loop.time() + self._timeout_seconds
        failures, is_again, error = 0, False, None
        while True:
            attempt = Attempt(is_again=is_again)
            try:
                return None, await self._try_once(ask, attempt, deadline)
            except FAILURES as failure:
                # A try that time cuts short says nothing; what an earlier one said may name the cause.
                error = error if error is not None and isinstance(failure, _OUT_OF_TIME) else failure
            if is_passing(error):
                self.servers.doubt()
            failures += 1
            is_again = is_again or attempt.may_have_run
            pause = self._backoff.compute(failures)
            is_in_time = loop.time() + pause < deadline
            if is_probe or not is_passing(error) or not is_in_time or (is_once and attempt.may_have_run):
                return error, None
            await asyncio.sleep(pause)

    async def _try_once(self, ask: _Ask, attempt: Attempt, deadline: float) -> Any:
        if self._gate.locked():
            async with asyncio.timeout_at(deadline):
                await self._gate.acquire()
        else:
            await self._gate.acquire()
        try:
            now = asyncio.get_running_loop().time()
            async with asyncio.timeout_at(min(deadline, now + _TRY_SECONDS)):
                return await ask(attempt)
        finally:
            self._gate.release()

    async def aclose(self) -> None:
        """Close the connections."""
        await self.wakes.aclose()
        await self.servers.aclose()


def _count(passage: Passage, error: BaseException | None) -> None:
    if error is None or not is_passing(error):
        passage.succeeded()
    else:
        passage.failed(type(error).__name__)
