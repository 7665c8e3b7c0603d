"""TLS and passwords together with sentinels and clusters, as operators have them."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, closing, contextmanager
from functools import partial
from pathlib import Path
from urllib.parse import quote

import anyio
import pytest

from mcpauthkit import RedisStore
from mcpauthkit.errors import StoreUnavailable
from tests.services.documents import Authority, make_authority
from tests.services.held_port import HeldPort
from tests.services.redis_servers import MASTER_NAME, SLOTS, RedisCluster, RedisServer, wait_for
from tests.services.test_redis_access import PASSWORD, USER

OF_CLUSTERS = ("+cluster|slots", "+command", "+asking")
ROOT, GATE = "canary-of-the-servers", "canary-of-the-sentinels"


def tls(authority: Authority, port: int) -> dict[str, str]:
    """Options of a server that speaks TLS to everybody, other servers too; it has a plain port for us besides."""
    return {
        "tls-port": str(port),
        "tls-cert-file": str(authority.certificate),
        "tls-key-file": str(authority.key),
        "tls-ca-cert-file": str(authority.certificate),
        "tls-auth-clients": "no",
        "tls-replication": "yes",
    }


def arguments(options: dict[str, str]) -> list[str]:
    return [word for name, value in options.items() for word in (f"--{name}", value)]


def url_of(scheme: str, ports: list[int], authority: Authority | None, *, tail: str = "", **options: str) -> str:
    if authority is not None:
        options["ssl_ca_certs"] = str(authority.certificate)
    query = "&".join(f"{name}={quote(value, safe='')}" for name, value in options.items())
    hosts = ",".join(f"127.0.0.1:{port}" for port in ports)
    return f"{scheme}://app:{quote(PASSWORD, safe='')}@{hosts}{'?' if query else ''}{query}{tail}"


@contextmanager
def cluster(work: Path, authority: Authority | None) -> Iterator[str]:
    """Two nodes that share the slots; the URL of a user with few rights."""
    with ExitStack() as stack:
        ports, buses = ([stack.enter_context(closing(HeldPort())).number for _ in range(2)] for _ in range(2))
        nodes = []
        for number, (port, bus) in enumerate(zip(ports, buses, strict=True)):
            options = {"cluster-enabled": "yes", "cluster-port": str(bus)}
            if authority is not None:
                options |= {**tls(authority, port), "tls-cluster": "yes"}
            words = (*arguments(options), *USER, *OF_CLUSTERS)
            nodes.append(stack.enter_context(RedisServer(work / f"node-{number}", *words)))
        if authority is None:
            ports = [node.port for node in nodes]
        RedisCluster.ask(nodes[0], "CLUSTER", "ADDSLOTSRANGE", 0, SLOTS // 2)
        RedisCluster.ask(nodes[1], "CLUSTER", "ADDSLOTSRANGE", SLOTS // 2 + 1, SLOTS - 1)
        RedisCluster.ask(nodes[0], "CLUSTER", "MEET", "127.0.0.1", ports[1], buses[1])
        for node in nodes:
            wait_for(partial(is_whole, node), "a cluster in order")
        yield url_of("redis-cluster" if authority is None else "rediss-cluster", ports, authority)


def is_whole(node: RedisServer) -> bool:
    return "cluster_state:ok" in RedisCluster.ask(node, "CLUSTER", "INFO")


@contextmanager
def sentinel(work: Path, authority: Authority | None, *, gate: str = GATE) -> Iterator[str]:
    """A master that asks for passwords, and a sentinel with one of its own; the URL of a user with few rights."""
    with ExitStack() as stack:
        ports = [stack.enter_context(closing(HeldPort())).number for _ in range(2)]
        secure = [{} if authority is None else tls(authority, port) for port in ports]
        words = (*arguments(secure[0]), "--requirepass", ROOT, *USER)
        master = stack.enter_context(RedisServer(work / "data", *words, password=ROOT))
        watching = RedisServer(work / "sentinel", mode="sentinel", password=GATE)
        port = master.port if authority is None else ports[0]
        lines = [
            *(f"{name} {value}" for name, value in secure[1].items()),
            f"requirepass {GATE}",
            f"sentinel monitor {MASTER_NAME} 127.0.0.1 {port} 1",
            f"sentinel auth-pass {MASTER_NAME} {ROOT}",
        ]
        (work / "sentinel/sentinel.conf").write_text("\n".join(lines) + "\n")
        stack.enter_context(watching)
        scheme = "redis-sentinel" if authority is None else "rediss-sentinel"
        reached = [watching.port if authority is None else ports[1]]
        yield url_of(scheme, reached, authority, tail=f"#{MASTER_NAME}", sentinel_password=gate)


KINDS: dict[str, Callable[[Path, Authority | None], AbstractContextManager[str]]] = {
    "cluster": cluster,
    "sentinel": sentinel,
}


@pytest.mark.parametrize("is_tls", [False, True], ids=["plain", "TLS"])
@pytest.mark.parametrize("kind", KINDS)
async def test_a_user_with_few_rights_can_do_everything(
    tmp_path: Path, kind: str, *, is_tls: bool, caplog: pytest.LogCaptureFixture
) -> None:
    with KINDS[kind](tmp_path, make_authority(tmp_path) if is_tls else None) as url:
        store = RedisStore(url)
        await does_everything(store)
        assert "canary" not in repr(store)
        await store.aclose()
    assert [one for one in caplog.records if one.levelno >= logging.ERROR] == []


async def does_everything(store: RedisStore) -> None:
    """The core of the contract, with enough keys that every node has some."""
    keys = [f"k{number}" for number in range(12)]
    for key in keys:
        assert await store.get(key) is None
        assert await store.add(key, "1", ttl_seconds=100)
        assert not await store.add(key, "2", ttl_seconds=100)
        assert await store.put_if(key, "2", seen="1", ttl_seconds=None)
        await store.put(key, "3", ttl_seconds=100)
        assert await store.get(key) == "3"
    assert {key async for key in store.list_keys()} == set(keys)
    with anyio.fail_after(5):
        async with anyio.create_task_group() as tasks:
            for key in keys:
                tasks.start_soon(partial(store.wait_for_change, key, "3", timeout_seconds=60))
            await anyio.wait_all_tasks_blocked()
            for key in keys[:4]:
                await store.delete(key)
            for key in keys[4:8]:
                assert await store.take(key) == "3"
            for key in keys[8:]:
                assert await store.delete_if(key, seen="3")
    assert [key async for key in store.list_keys()] == []


async def test_a_wrong_password_of_the_sentinels_is_told_and_not_shown(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with sentinel(tmp_path, None, gate="wrong-canary") as url:
        store = RedisStore(url, timeout_seconds=0.5)
        with pytest.raises(StoreUnavailable):
            await store.get("k")
        await store.aclose()
    assert [one for one in caplog.records if one.levelno >= logging.ERROR]
    assert "canary" not in caplog.text


@pytest.mark.parametrize("kind", KINDS)
async def test_certificates_that_nobody_known_vouches_for_are_refused(tmp_path: Path, kind: str) -> None:
    (tmp_path / "unknown").mkdir()
    theirs, ours = make_authority(tmp_path), make_authority(tmp_path / "unknown")
    with KINDS[kind](tmp_path, theirs) as url:
        store = RedisStore(url.replace(quoted(theirs), quoted(ours)), timeout_seconds=0.5)
        with pytest.raises(StoreUnavailable):
            await store.get("k")
        await store.aclose()


def quoted(authority: Authority) -> str:
    return quote(str(authority.certificate), safe="")
