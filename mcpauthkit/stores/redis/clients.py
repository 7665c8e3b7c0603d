"""Clients of redis-py, made from an address or taken as they are given."""

from __future__ import annotations

from typing import Any

from redis.asyncio import Redis, RedisCluster
from redis.asyncio.cluster import ClusterNode
from redis.asyncio.connection import Connection, ConnectionPool, SSLConnection, UnixDomainSocketConnection
from redis.asyncio.retry import Retry
from redis.asyncio.sentinel import Sentinel
from redis.backoff import NoBackoff
from redis.exceptions import RedisClusterException, RedisError

from mcpauthkit.core.clock import Clock
from mcpauthkit.errors import ConfigurationError
from mcpauthkit.stores.redis.address import Address
from mcpauthkit.stores.redis.cluster import Cluster
from mcpauthkit.stores.redis.servers import OneServer, Servers

_CONNECT_SECONDS = 2.0
# Several are asked in turn, within the time of one try.
_SENTINEL_SECONDS = 0.5
_MAP_SECONDS = 1.0


def make_servers(address: Address, *, max_connections: int, clock: Clock) -> Servers:
    """Clients for an address; nothing is connected yet.

    Raises:
        ConfigurationError: An option of the URL is none, or a file it names cannot be read.
    """
    made: Servers | None = None
    name = ""
    try:
        made = _make(address, max_connections, clock)
        _try_out(address)
    except (TypeError, ValueError, AttributeError, OSError, RedisError, RedisClusterException) as error:
        made, name = None, type(error).__name__
    # Raised out here, so that the other error, which may quote the URL, is not its context.
    if made is None:
        raise ConfigurationError(
            f"The options of the Redis URL cannot be used ({name}).",
            hint="Check their names and values, and that the files they name exist: see redis-py's options of a URL.",
        )
    return made


def _make(address: Address, max_connections: int, clock: Clock) -> Servers:
    options = {
        # No answer is waited for longer than a try may take, which its own time limit says: see link.py.
        "socket_timeout": None,
        "socket_connect_timeout": _CONNECT_SECONDS,
        "max_connections": max_connections,
        "retry": Retry(NoBackoff(), 0),
        # The older protocol needs no greeting, and the user's permission for none.
        "protocol": 2,
        "driver_info": None,
        **address.options,
    }
    match address.kind:
        case "single":
            return OneServer(Redis.from_pool(_pool(address, options)), is_ours=True)
        case "sentinel":
            return _sentinel(address, options)
        case "cluster":
            return _cluster(address, options, clock)


def _pool(address: Address, options: dict[str, Any]) -> ConnectionPool:
    if not address.hosts:
        return ConnectionPool(connection_class=UnixDomainSocketConnection, **options)
    ((host, port),) = address.hosts
    connection_class: dict[str, Any] = {"connection_class": SSLConnection} if address.is_tls else {}
    return ConnectionPool(host=host, port=port, **connection_class, **options)


def _sentinel(address: Address, options: dict[str, Any]) -> Servers:
    tls = {name: value for name, value in options.items() if name.startswith("ssl_")}
    sentinel = Sentinel(  # type: ignore[no-untyped-call]  # redis-py has no types
        list(address.hosts),
        sentinel_kwargs={
            "username": options.pop("sentinel_username", None),
            "password": options.pop("sentinel_password", None),
            "socket_timeout": _SENTINEL_SECONDS,
            "socket_connect_timeout": _SENTINEL_SECONDS,
            "retry": Retry(NoBackoff(), 0),
            "protocol": 2,
            "driver_info": None,
            "ssl": address.is_tls,
            **tls,
        },
        ssl=address.is_tls,
        **options,
    )
    return OneServer(sentinel.master_for(address.service), sentinel=sentinel, is_ours=True)


def _cluster(address: Address, options: dict[str, Any], clock: Clock) -> Servers:
    client = RedisCluster(
        startup_nodes=[ClusterNode(host, port) for host, port in address.hosts],
        ssl=address.is_tls,
        **{
            **options,
            # Of several nodes the map is asked from, one may hang.
            "socket_timeout": _MAP_SECONDS,
            "socket_connect_timeout": _MAP_SECONDS,
            # Otherwise every fifth redirection closes all connections, with what is under way on them.
            "reinitialize_steps": 0,
        },
    )
    return Cluster(client, clock=clock, is_ours=True)


def _try_out(address: Address) -> None:
    """Connections take the options without a look at them until the first is made."""
    options = {name: value for name, value in address.options.items() if not name.startswith("sentinel_")}
    options.pop("max_connections", None)
    if not address.hosts:
        UnixDomainSocketConnection(**options)
    elif address.is_tls:
        SSLConnection(**options).ssl_context.get()
    else:
        Connection(**options)


def take_servers(client: object, *, clock: Clock) -> Servers:
    """A client that was given to us; it stays open.

    Raises:
        ConfigurationError: It is none of redis-py's asynchronous ones.
    """
    if isinstance(client, RedisCluster):
        return Cluster(client, clock=clock, is_ours=False)
    if isinstance(client, Redis):
        return OneServer(client, is_ours=False)
    raise ConfigurationError(
        f"RedisStore got a {type(client).__name__}, which is no asynchronous client of redis-py.",
        hint="Give a URL, or a redis.asyncio.Redis, a redis.asyncio.RedisCluster or a Sentinel(...).master_for(...).",
    )
