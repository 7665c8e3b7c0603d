"""What a Redis URL says."""

from __future__ import annotations

import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Literal, NoReturn
from urllib.parse import SplitResult, unquote, urlsplit

from redis.asyncio.connection import SSLConnection, parse_url

from mcpauthkit.core.urls import is_loopback_host
from mcpauthkit.errors import ConfigurationError

Kind = Literal["single", "sentinel", "cluster"]
_KINDS: Mapping[str, tuple[Kind, str]] = MappingProxyType(
    {
        "redis": ("single", "redis"),
        "rediss": ("single", "rediss"),
        "unix": ("single", "unix"),
        "redis-sentinel": ("sentinel", "redis"),
        "rediss-sentinel": ("sentinel", "rediss"),
        "redis-cluster": ("cluster", "redis"),
        "rediss-cluster": ("cluster", "rediss"),
    }
)
_PORTS: Mapping[Kind, int] = MappingProxyType({"single": 6379, "sentinel": 26379, "cluster": 6379})
_EXAMPLES = (
    "redis://HOST:6379/0, rediss://USER:PASSWORD@HOST:6379/0 (TLS), unix:///PATH?db=0, "
    "redis-sentinel://HOST:26379,HOST:26379/0#NAME, redis-cluster://HOST:6379,HOST:6379"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """Where Redis is and how to reach it.

    Attributes:
        kind: One server, one that sentinels name, or a cluster.
        hosts: Names and ports: of the server, the sentinels, or some nodes; empty for a socket file.
        service: What the sentinels call the master.
        is_tls: Whether connections are encrypted.
        options: redis-py's names for the rest, a password among them.
        shown: The address as operators may see it: no user, no password, no options.
    """

    kind: Kind
    hosts: tuple[tuple[str, int], ...]
    service: str
    is_tls: bool
    options: Mapping[str, Any] = field(repr=False)
    shown: str

    @property
    def is_in_clear(self) -> bool:
        """Whether passwords and records cross a network unencrypted."""
        return not self.is_tls and not all(is_loopback_host(name) for name, _ in self.hosts)


def parse_address(url: str) -> Address:
    """Read a Redis URL.

    `redis://`, `rediss://` and `unix://` mean what they mean to redis-py, query options included. For those who have
    but one environment variable, `redis-sentinel://` and `redis-cluster://` (with TLS: `rediss-...`) list several
    hosts; the user and the password are the servers', the sentinels' own stand in the options `sentinel_username` and
    `sentinel_password`, and the fragment names the master.

    Raises:
        ConfigurationError: It is no such URL. Nothing of the URL is repeated: it may hold a password.
    """
    parts = _split(url)
    kind, base = _KINDS[parts.scheme]
    hosts = () if base == "unix" else _hosts(parts, _PORTS[kind])
    _check_parts(kind, base, parts, hosts)
    options = _options(parts, base, hosts)
    if kind == "cluster" and options.get("db"):
        _refuse(
            "A Redis cluster has no numbered databases.", "Leave the number out; `key_prefix` keeps programs apart."
        )
    for name in ("host", "port"):
        options.pop(name, None)
    is_tls = options.pop("connection_class", None) is SSLConnection
    return Address(
        kind=kind,
        hosts=hosts,
        service=parts.fragment,
        is_tls=is_tls,
        options=MappingProxyType(options),
        shown=_shown(parts, kind, hosts),
    )


def _split(url: str) -> SplitResult:
    try:
        parts = urlsplit(url.strip())
    except ValueError:
        parts = SplitResult("", "", "", "", "")
    if parts.scheme not in _KINDS:
        _refuse("The Redis URL has none of the schemes that are known.", f"Write one of: {_EXAMPLES}.")
    return parts


def _hosts(parts: SplitResult, default_port: int) -> tuple[tuple[str, int], ...]:
    found = []
    for one in parts.netloc.rpartition("@")[2].split(","):
        try:
            host = urlsplit(f"//{one}")
            found.append((unquote(host.hostname or ""), default_port if host.port is None else host.port))
        except ValueError:
            found.append(("", 0))
    if not all(name and port for name, port in found):
        _refuse(
            "The Redis URL names a host or a port that cannot be.",
            "A password in it has to be percent-encoded: '/', '#', '?', '@', ',' and '%' end it otherwise.",
        )
    return tuple(found)


def _check_parts(kind: Kind, base: str, parts: SplitResult, hosts: tuple[tuple[str, int], ...]) -> None:
    if kind == "single" and len(hosts) > 1:
        _refuse(
            "A Redis URL with several hosts has to say how they belong together.",
            "Write redis-sentinel:// or redis-cluster:// instead.",
        )
    # Sentinels take no other characters either; whatever else follows a '#' is the rest of a password.
    if kind == "sentinel" and not re.fullmatch(r"[A-Za-z0-9._-]+", parts.fragment):
        _refuse(
            "The Redis URL does not say what the sentinels call the master.",
            "Add its name at the end: #mymaster. A '#' in a password has to be written %23.",
        )
    if kind != "sentinel" and parts.fragment:
        _refuse(
            "The Redis URL has a fragment, which only redis-sentinel:// has.",
            "A '#' in a password has to be written %23.",
        )
    if base == "unix" and not parts.path:
        _refuse("The Redis URL names no socket file.", "Write unix:///run/redis/redis.sock.")
    if base != "unix" and not re.fullmatch(r"/?[0-9]*", parts.path):
        _refuse("The path of the Redis URL is no database number.", "Write /0, or leave it out.")


def _options(parts: SplitResult, base: str, hosts: tuple[tuple[str, int], ...]) -> dict[str, Any]:
    user, at, _ = parts.netloc.rpartition("@")
    host = ""
    if hosts:
        name, port = hosts[0]
        host = f"[{name}]:{port}" if ":" in name else f"{name}:{port}"
    alone = parts._replace(scheme=base, netloc=user + at + host, fragment="").geturl()
    options: dict[str, Any] | None = None
    with suppress(ValueError):
        options = dict(parse_url(alone))
    # Refused out here, so that the other error, which may quote the URL, is not the context of ours.
    if options is None:
        _refuse("An option of the Redis URL has a value that cannot be.", "See redis-py's list of options of a URL.")
    return options


def _shown(parts: SplitResult, kind: Kind, hosts: tuple[tuple[str, int], ...]) -> str:
    listed = ",".join(f"[{name}]:{port}" if ":" in name else f"{name}:{port}" for name, port in hosts)
    return f"{parts.scheme}://{listed}{parts.path}" + (f"#{parts.fragment}" if kind == "sentinel" else "")


def _refuse(public: str, hint: str) -> NoReturn:
    raise ConfigurationError(public, hint=hint)
