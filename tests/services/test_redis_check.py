"""What is wrong with a real Redis is told at the start and in the log, with the way out."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from mcpauthkit import RedisStore
from mcpauthkit.errors import AuthKitError, ConfigurationError, StoreUnavailable
from mcpauthkit.stores.port import Checkable
from tests.services.redis_servers import MASTER_NAME, RedisCluster, RedisSentinels, RedisServer

USER = ("--user", "app", "on", ">canary", "~mcp:auth:*", "&mcp:auth:*", "+@all")


async def refusal(url: str, caplog: pytest.LogCaptureFixture) -> AuthKitError:
    """What the check says, once it is seen that the log has it too when there is no check."""
    store = RedisStore(url, timeout_seconds=0.5)
    assert isinstance(store, Checkable)
    with pytest.raises(AuthKitError) as refused:
        await store.check_access()
    assert caplog.text == ""
    with pytest.raises(StoreUnavailable):
        await changes(store)
    await store.aclose()
    assert refused.value.hint
    assert refused.value.hint in caplog.text
    assert "canary" not in f"{refused.value} {refused.value.for_log()} {caplog.text}"
    return refused.value


async def changes(store: RedisStore) -> None:
    await store.put("k", "v", ttl_seconds=10)
    await store.delete("k")


async def test_a_redis_that_can_be_used_passes_and_nothing_stays(tmp_path: Path) -> None:
    with RedisServer(tmp_path / "one") as server, RedisCluster(tmp_path / "cluster") as cluster:
        for url in (server.url, cluster.url):
            store = RedisStore(url)
            await store.check_access()
            await store.put("k", "v", ttl_seconds=10)
            assert [key async for key in store.list_keys()] == ["k"]
            await store.aclose()


@pytest.mark.parametrize(
    ("login", "path", "rights", "told"),
    [
        ("app:wrong-canary@", "", (), "password"),
        ("", "", ("--requirepass", "canary"), "password"),
        ("app:canary@", "/99", (), "number"),
        ("app:canary@", "", ("-set",), "needs the keys"),
        ("app:canary@", "", ("-del",), "needs the keys"),
        ("app:canary@", "", ("-evalsha",), "needs the keys"),
        ("app:canary@", "/1", ("-select",), "select"),
    ],
)
async def test_what_stays_wrong_until_somebody_changes_it_is_a_fault_of_the_configuration(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, login: str, path: str, rights: tuple[str, ...], told: str
) -> None:
    with RedisServer(tmp_path, *USER, *rights, password="canary" if "--requirepass" in rights else None) as server:
        error = await refusal(f"redis://{login}127.0.0.1:{server.port}{path}", caplog)
    assert isinstance(error, ConfigurationError)
    assert told in error.hint
    assert f"127.0.0.1:{server.port}" in error.public


async def test_a_replica_is_told_from_a_primary(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with (
        RedisServer(tmp_path / "primary") as primary,
        RedisServer(tmp_path / "replica", "--replicaof", "127.0.0.1", str(primary.port)) as replica,
    ):
        error = await refusal(replica.url, caplog)
    assert isinstance(error, StoreUnavailable)
    assert "replica" in error.hint


@contextmanager
def a_sentinel_taken_for_a_server(work: Path) -> Iterator[str]:
    with RedisSentinels(work, replicas=0) as sentinels:
        yield f"redis://127.0.0.1:{sentinels.sentinels[0].port}"


@contextmanager
def a_server_taken_for_a_sentinel(work: Path) -> Iterator[str]:
    with RedisServer(work) as server:
        yield f"redis-sentinel://127.0.0.1:{server.port}#{MASTER_NAME}"


@contextmanager
def a_server_taken_for_a_cluster(work: Path) -> Iterator[str]:
    with RedisServer(work) as server:
        yield f"redis-cluster://127.0.0.1:{server.port}"


@contextmanager
def a_name_that_no_sentinel_knows(work: Path) -> Iterator[str]:
    with RedisSentinels(work, replicas=0) as sentinels:
        yield sentinels.url.replace(MASTER_NAME, "another")


@pytest.mark.parametrize(
    ("taken", "kind", "told"),
    [
        (a_sentinel_taken_for_a_server, ConfigurationError, "redis-sentinel://"),
        (a_server_taken_for_a_sentinel, ConfigurationError, "redis://"),
        (a_server_taken_for_a_cluster, StoreUnavailable, "redis://"),
        (a_name_that_no_sentinel_knows, StoreUnavailable, "sentinel_password"),
    ],
)
async def test_what_is_taken_for_something_else_is_told(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, taken: Any, kind: type[AuthKitError], told: str
) -> None:
    with taken(tmp_path) as url:
        error = await refusal(url, caplog)
    assert isinstance(error, kind)
    assert told in error.hint
