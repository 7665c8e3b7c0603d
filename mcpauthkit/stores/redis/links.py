"""The links of one store, one for each event loop that uses it."""

from __future__ import annotations

import asyncio
import threading
from contextlib import suppress

from mcpauthkit.core.clock import Clock
from mcpauthkit.core.secret import Secret
from mcpauthkit.errors import ConfigurationError, StoreUnavailable
from mcpauthkit.stores.redis.address import parse_address
from mcpauthkit.stores.redis.advice import hint_for, is_wrong
from mcpauthkit.stores.redis.clients import make_servers, take_servers
from mcpauthkit.stores.redis.link import Link
from mcpauthkit.stores.redis.scripts import Order

_CLOSE_SECONDS = 2.0


class Links:
    """A `Link` for each event loop, since connections belong to the loop they were made in; a given client serves one.

    Args:
        target: A URL, or a client of redis-py.
        max_connections: How many connections carry calls, in each loop.
        timeout_seconds: How long a call may take.
        clock: Time, the monotonic one.

    Attributes:
        shown: What it is, without user, password and options.
        is_in_clear: Whether passwords and records cross a network unencrypted; not known of a client.
        signs_in: Whether there is a password; None for a client.

    Raises:
        ConfigurationError: The URL or the client cannot be used.
    """

    def __init__(self, target: object, *, max_connections: int, timeout_seconds: float, clock: Clock) -> None:
        self._target = target
        self._max_connections, self._timeout_seconds, self._clock = max_connections, timeout_seconds, clock
        self._links: dict[asyncio.AbstractEventLoop, Link] = {}
        self._is_closed = False
        # Loops live in threads of their own.
        self._lock = threading.Lock()
        self._address = parse_address(target.reveal()) if isinstance(target, Secret) else None
        self.shown = self._address.shown if self._address else f"a given {type(target).__name__}"
        self.is_in_clear = self._address is not None and self._address.is_in_clear
        self.signs_in = None if self._address is None else bool(self._address.options.get("password"))
        # Made here once to see that it can be; the first loop takes it.
        self._spare: Link | None = self._make()

    def mine(self) -> Link:
        """The link of the running loop.

        Raises:
            StoreUnavailable: The store was closed.
            ConfigurationError: A given client serves another loop.
        """
        loop = asyncio.get_running_loop()
        link = self._links.get(loop)
        if link is not None:
            return link
        with self._lock:
            return self._new(loop)

    async def check(self, *orders: Order) -> None:
        """Carry out orders only to see whether that can be done; the errors are for operators.

        Raises:
            ConfigurationError: Redis answers and refuses, until somebody changes something.
            StoreUnavailable: It cannot be used at the moment.
        """
        link = self.mine()
        for order in orders:
            error = await link.fault(order)
            if error is not None:
                raise self._explained(error)

    def _explained(self, error: BaseException) -> ConfigurationError | StoreUnavailable:
        kind = type(error).__name__
        where = f"Redis at {self.shown}" if self._address else f"Redis, as {self.shown},"
        text = f"{where} cannot be used ({kind})."
        hint = hint_for(error) or "Check its address (REDIS_URL), and that this machine reaches it."
        if is_wrong(error):
            return ConfigurationError(text, hint=hint)
        return StoreUnavailable(text, hint=hint, reason=f"redis: {kind}")

    def _new(self, loop: asyncio.AbstractEventLoop) -> Link:
        if self._is_closed:
            raise StoreUnavailable(reason="redis: the store was closed")
        if self._address is None and self._links:
            raise ConfigurationError(
                "This RedisStore was given a client, and is used in a second event loop.",
                hint="Give it a URL: it makes connections for each loop then. A client's belong to one.",
            )
        # What belonged to a loop that is gone went with it.
        self._links = {other: one for other, one in self._links.items() if not other.is_closed()}
        link, self._spare = self._spare or self._make(), None
        self._links[loop] = link
        return link

    def _make(self) -> Link:
        if self._address is not None:
            servers = make_servers(self._address, max_connections=self._max_connections, clock=self._clock)
        else:
            servers = take_servers(self._target, clock=self._clock)
        return Link(
            servers, clock=self._clock, max_connections=self._max_connections, timeout_seconds=self._timeout_seconds
        )

    async def aclose(self) -> None:
        """Close all of them, those of other running loops in their loops."""
        self._is_closed = True
        links, self._links = self._links, {}
        for loop, link in links.items():
            if loop is asyncio.get_running_loop():
                await link.aclose()
            elif loop.is_running():
                closing = asyncio.wrap_future(asyncio.run_coroutine_threadsafe(link.aclose(), loop))
                with suppress(TimeoutError):
                    await asyncio.wait_for(closing, _CLOSE_SECONDS)
