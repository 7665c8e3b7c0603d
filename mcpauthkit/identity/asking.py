"""Questions about tokens to somebody who may be slow, down, or flooded through us."""

from __future__ import annotations

import copy
import hashlib
import logging
import math
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import anyio

from mcpauthkit.core.clock import Clock
from mcpauthkit.core.log import RequestLog
from mcpauthkit.errors import GrantRefused, IssuerUnavailable, RemoteError, RemoteUnavailable

_log = RequestLog("identity")
_MAX_REMEMBERED = 10_000
_MAX_IN_FLIGHT = 100
_REST_SECONDS = 5.0

Claims = Mapping[str, Any]


class _Flight:
    """One question under way. `answer` is set before `done`; without one its asker was cancelled."""

    def __init__(self) -> None:
        self.done = anyio.Event()
        self.answer: tuple[Claims | None, RemoteError | None] | None = None


class Asking:
    """Asks about tokens so that nobody can make it ask too much.

    However many requests bring one token at a time, it is asked about once. Refusals are remembered for a while, by the
    token's digest. Only so many questions are under way at a time. A failure of the endpoint (`RemoteUnavailable`) or
    a refusal of our own credentials (`GrantRefused`) gives it a rest of a few seconds. Any other failure may be due to
    this one token, which a stranger can choose: it is remembered for that token alone.

    Args:
        ask: Asks about one token: its claims, or None when it is not good; raises a `RemoteError`.
        clock: Time.
        refused_seconds: How long a refusal is remembered.
    """

    def __init__(self, ask: Callable[[str], Awaitable[Claims | None]], *, clock: Clock, refused_seconds: float) -> None:
        self._ask = ask
        self._clock = clock
        self._refused_seconds = refused_seconds
        self._bad: OrderedDict[bytes, tuple[float, RemoteError | None]] = OrderedDict()
        self._flights: dict[bytes, _Flight] = {}
        self._rests_until = -math.inf
        self._quiet_until = -math.inf

    async def about(self, token: str) -> Claims | None:
        """The token's claims, or None when it is not good.

        Raises:
            IssuerUnavailable: Nobody could say.
        """
        key = hashlib.sha256(token.encode()).digest()
        while True:
            until, error = self._bad.get(key, (-math.inf, None))
            if self._clock.monotonic() < until:
                return self._read((None, error))
            flight = self._flights.get(key)
            if flight is None:
                return await self._fly(key, token)
            await flight.done.wait()
            if flight.answer is not None:
                return self._read(flight.answer)

    async def _fly(self, key: bytes, token: str) -> Claims | None:
        resting = self._rests_until - self._clock.monotonic()
        if resting > 0:
            raise IssuerUnavailable(math.ceil(resting), reason="the endpoint failed a moment ago")
        if len(self._flights) >= _MAX_IN_FLIGHT:
            raise IssuerUnavailable(1, reason=f"{_MAX_IN_FLIGHT} tokens are being asked about already")
        flight = self._flights[key] = _Flight()
        try:
            flight.answer = await self._outcome(token)
        finally:
            # Also when the one who asked goes away: somebody who waits asks again then.
            del self._flights[key]
            flight.done.set()
        claims, error = flight.answer
        if claims is None and not isinstance(error, RemoteUnavailable | GrantRefused):
            self._remember(key, error)
        return self._read(flight.answer)

    async def _outcome(self, token: str) -> tuple[Claims | None, RemoteError | None]:
        try:
            return await self._ask(token), None
        except RemoteError as error:
            now = self._clock.monotonic()
            if isinstance(error, RemoteUnavailable | GrantRefused):
                self._rests_until = now + _REST_SECONDS
            # Odd tokens are for anybody to send, and must not fill the log.
            if now >= self._quiet_until:
                self._quiet_until = now + _REST_SECONDS
                level = logging.WARNING if isinstance(error, RemoteUnavailable) else logging.ERROR
                _log.log(level, "a token could not be asked about %s", error.for_log())
            # A copy has no traceback and no cause, whose frames hold the token and the answer.
            return None, copy.copy(error)

    @staticmethod
    def _read(answer: tuple[Claims | None, RemoteError | None]) -> Claims | None:
        claims, error = answer
        if error is not None:
            # A fresh error each time: raising one object from many tasks would mix their tracebacks.
            raise IssuerUnavailable(math.ceil(_REST_SECONDS), hint=error.hint, reason=error.reason) from copy.copy(
                error
            )
        return claims

    def _remember(self, key: bytes, error: RemoteError | None) -> None:
        seconds = self._refused_seconds if error is None else _REST_SECONDS
        self._bad[key] = self._clock.monotonic() + seconds, error
        self._bad.move_to_end(key)
        if len(self._bad) > _MAX_REMEMBERED:
            self._bad.popitem(last=False)
