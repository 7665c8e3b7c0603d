"""The store of many processes."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Mapping
from typing import Any

import anyio

from mcpauthkit.core.clock import Clock, SystemClock
from mcpauthkit.core.secret import Secret, as_secret
from mcpauthkit.errors import ConfigurationError, StoreUnavailable
from mcpauthkit.stores.redis.scripts import ADD, DELETE, DELETE_IF, PUT, PUT_IF, TAKE, Order, Script, lifetime

_NOBODYS_KEY = "mcpauthkit:check"
_CHECK_SECONDS = 1.0


class RedisStore:
    """Keeps everything in Redis, for any number of processes; changes wake who waits for them in all of them.

    No call hangs: each is tried again while that may help and then fails with `StoreUnavailable`, at once while Redis
    is known not to answer. `take` and `delete_if` are never sent twice, so a value is handed out once at most.
    A list or anything else that is no text, put under a key of ours by another program, is read as an empty text, which
    no seal fits: a record that does not open, and what is written next takes its place.
    Needs Redis 6.2 or newer, or a server that speaks like it, such as Valkey; docs/state.md lists the rights that its
    user has to have.

    Args:
        url_or_client: `redis://`, `rediss://` (TLS) or `unix://` as redis-py reads them,
            `redis-sentinel://host1,host2/0#name` or `redis-cluster://host1,host2` (with TLS: `rediss-...`); or a client
            of `redis.asyncio`: a `Redis`, a `RedisCluster`, or what `Sentinel(...).master_for(...)` gives. A client
            stays open, and serves one event loop.
        key_prefix: What all keys and channels begin with.
        max_connections: How many connections carry calls at most, in each event loop; one more listens for changes
            while somebody waits for them.
        timeout_seconds: How long a call may take, its queueing and all its tries included.
        clock: Time, the monotonic one.

    Raises:
        ConfigurationError: redis-py is not installed, or the URL or the client cannot be used.
    """

    is_shared = True

    def __init__(
        self,
        url_or_client: str | Secret | Any,
        *,
        key_prefix: str = "mcp:auth:",
        max_connections: int = 16,
        timeout_seconds: float = 5.0,
        clock: Clock | None = None,
    ) -> None:
        if max_connections < 1 or not timeout_seconds > 0:
            raise ConfigurationError("max_connections and timeout_seconds have to be greater than zero.")
        try:
            from mcpauthkit.stores.redis.links import Links  # noqa: PLC0415  # redis-py is an extra
        except ModuleNotFoundError as error:
            if (error.name or "").partition(".")[0] != "redis":
                raise
            raise ConfigurationError(
                "RedisStore needs redis-py, which is not installed.", hint='Write: pip install "mcpauthkit[redis]".'
            ) from None
        self._prefix = key_prefix
        target = as_secret(url_or_client) if isinstance(url_or_client, str | Secret) else url_or_client
        self._links = Links(
            target, max_connections=max_connections, timeout_seconds=timeout_seconds, clock=clock or SystemClock()
        )

    @property
    def is_in_clear(self) -> bool:
        """Whether passwords and records cross a network unencrypted; not known of a client that was given."""
        return self._links.is_in_clear

    @property
    def signs_in(self) -> bool | None:
        """Whether its URL has a password; None for a client that was given."""
        return self._links.signs_in

    def __repr__(self) -> str:
        return f"RedisStore({self._links.shown}, key_prefix={self._prefix!r})"

    async def get(self, key: str) -> str | None:
        """The value, or None when absent or expired."""
        return _text(await self._links.mine().carry_out(self._order(key)))

    async def put(self, key: str, value: str, *, ttl_seconds: float | None) -> None:
        """Set the value."""
        await self._links.mine().carry_out(self._order(key, PUT, _bytes(value), lifetime(ttl_seconds)))

    async def add(self, key: str, value: str, *, ttl_seconds: float | None) -> bool:
        """Set the value only if the key is absent."""
        return bool(await self._links.mine().carry_out(self._order(key, ADD, _bytes(value), lifetime(ttl_seconds))))

    async def take(self, key: str) -> str | None:
        """Get and delete in one step."""
        return _text(await self._links.mine().carry_out(self._order(key, TAKE), is_once=True))

    async def delete(self, key: str) -> None:
        """Remove the key."""
        await self._links.mine().carry_out(self._order(key, DELETE))

    async def put_if(self, key: str, value: str, *, seen: str, ttl_seconds: float | None) -> bool:
        """Set the value if the one there is `seen`."""
        order = self._order(key, PUT_IF, _bytes(value), lifetime(ttl_seconds), _bytes(seen))
        return bool(await self._links.mine().carry_out(order))

    async def delete_if(self, key: str, *, seen: str) -> bool:
        """Remove the key if its value is `seen`."""
        order = self._order(key, DELETE_IF, _bytes(seen))
        return bool(await self._links.mine().carry_out(order, is_once=True))

    async def list_keys(self) -> AsyncIterator[str]:
        """Every key that is alive; in a cluster, those of a slot that moves meanwhile may be missing."""
        before, after = _bytes(f"{self._prefix}{{"), b"}"
        pattern = re.sub(rb"([*?\[\]\\^])", rb"\\\1", before) + b"*" + after
        async for name in self._links.mine().scan(pattern):
            yield name[len(before) : -len(after)].decode(errors="surrogateescape")

    async def wait_for_change(self, key: str, seen: str | None, *, timeout_seconds: float) -> None:
        """Return when the value is no longer `seen`, or after the time; an outage of Redis is waited through."""
        link, order = self._links.mine(), self._order(key)
        # Not asyncio's timeout, which cancels once: redis-py may lose that on Python 3.11, in asyncio.wait_for.
        with anyio.move_on_after(timeout_seconds), link.wakes.waiting(order.key) as waiter:
            while True:
                await waiter.wait()
                try:
                    value = _text(await link.look(order))
                except StoreUnavailable:
                    waiter.is_blind = True
                    continue
                if value != seen:
                    return
                waiter.is_blind = False

    async def check_access(self) -> None:
        """Put an empty text under a key that nobody uses and delete it, to see whether that can be done.

        The errors are for operators: they say where Redis is, without user, password and options.

        Raises:
            ConfigurationError: Redis answers and refuses, until somebody changes something: the password, the user's
                rights, the number of the database, or what kind of server the URL says it is.
            StoreUnavailable: It cannot be used at the moment.
        """
        key = _NOBODYS_KEY
        await self._links.check(self._order(key, PUT, b"", lifetime(_CHECK_SECONDS)), self._order(key, DELETE))

    async def server_settings(self, *names: str) -> Mapping[str, str]:
        """Settings of the Redis server, or of one node of the cluster, as `CONFIG GET` tells them.

        Args:
            names: Which, such as `maxmemory-policy`.

        Returns:
            Those that it tells: many a user may not ask, and managed servers tell nobody.

        Raises:
            StoreUnavailable: It cannot be asked at the moment.
        """
        return await self._links.mine().settings(names)

    async def aclose(self) -> None:
        """Close all connections; a client that was given stays open."""
        await self._links.aclose()

    def _order(self, key: str, script: Script | None = None, *arguments: bytes) -> Order:
        # The braces make a cluster choose the slot by our key alone, so that whatever else is ever kept beside it,
        # under a name that holds the same braces, is on the same node and can be changed in the same step.
        return Order(_bytes(f"{self._prefix}{{{key}}}"), script, arguments)


def _bytes(text: str) -> bytes:
    return text.encode(errors="surrogateescape")


def _text(value: Any) -> str | None:
    # Bytes that no text of ours has are somebody else's; they pass through as they are, and no seal fits them.
    return None if value is None else bytes(value).decode(errors="surrogateescape")
