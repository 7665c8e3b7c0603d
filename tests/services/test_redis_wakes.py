"""Who waits is woken: from other processes, over one connection, and whatever happens to it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import anyio
import pytest
from anyio.abc import TaskGroup
from redis.asyncio import RedisCluster as ClusterClient

from mcpauthkit import RedisStore
from tests.services.redis_proxy import lossy_network
from tests.services.redis_servers import RedisCluster, RedisServer, wait_for

OpenStore = Callable[[str], RedisStore]


@pytest.fixture
def server(tmp_path: Path) -> Iterator[RedisServer]:
    with RedisServer(tmp_path) as running:
        yield running


@pytest.fixture
async def open_store() -> AsyncIterator[OpenStore]:
    opened: list[RedisStore] = []

    def open_one(url: str) -> RedisStore:
        opened.append(RedisStore(url))
        return opened[-1]

    yield open_one
    for one in opened:
        await one.aclose()


class Crowd:
    """Many who wait for keys of their own, `key 0` to `key N`, until these have a value."""

    def __init__(self, store: RedisStore, tasks: TaskGroup, count: int) -> None:
        self.woken: set[str] = set()
        self._store = store
        self.keys = [f"key {number}" for number in range(count)]
        for key in self.keys:
            tasks.start_soon(self._wait, key)

    async def _wait(self, key: str) -> None:
        await self._store.wait_for_change(key, None, timeout_seconds=120)
        self.woken.add(key)

    async def until_subscribed(self, server: RedisServer) -> None:
        await anyio.to_thread.run_sync(wait_for, lambda: subscriptions(server) == len(self.keys), "all subscribed")


def subscriptions(server: RedisServer) -> int:
    with server.client() as client:
        return len(client.pubsub_channels())


def is_another(server: RedisServer, old: str) -> bool:
    return any(one["id"] != old for one in listeners(server))


def listeners(server: RedisServer) -> list[dict[str, Any]]:
    with server.client() as client:
        return list(client.client_list(_type="pubsub"))


async def test_a_change_in_one_process_wakes_who_waits_in_another(server: RedisServer, open_store: OpenStore) -> None:
    here, there = open_store(server.url), open_store(server.url)
    with anyio.fail_after(20):
        async with anyio.create_task_group() as tasks:
            crowd = Crowd(here, tasks, 300)
            await crowd.until_subscribed(server)
            assert len(listeners(server)) == 1
            for key in crowd.keys:
                await there.put(key, "v", ttl_seconds=60)
    assert crowd.woken == set(crowd.keys)


async def test_nothing_is_left_of_those_who_gave_up(server: RedisServer, open_store: OpenStore) -> None:
    store = open_store(server.url)
    async with anyio.create_task_group() as tasks:
        crowd = Crowd(store, tasks, 50)
        await crowd.until_subscribed(server)
        tasks.cancel_scope.cancel()
    await anyio.to_thread.run_sync(wait_for, lambda: subscriptions(server) == 0, "no subscription")
    await store.aclose()
    await anyio.to_thread.run_sync(wait_for, lambda: listeners(server) == [], "no connection")


async def test_a_thousand_waiters_outlive_a_crash_of_redis(server: RedisServer, open_store: OpenStore) -> None:
    here, there = open_store(server.url), open_store(server.url)
    with anyio.fail_after(60):
        async with anyio.create_task_group() as tasks:
            crowd = Crowd(here, tasks, 1000)
            await crowd.until_subscribed(server)
            for key in crowd.keys[:300]:
                await there.put(key, "v", ttl_seconds=60)
            server.kill()
            await anyio.to_thread.run_sync(server.start)
            # Nobody hears of these, but for a look after the connection was made anew.
            with server.client() as client:
                for key in crowd.keys[300:500]:
                    client.set(f"mcp:auth:{{{key}}}", "v")
            for key in crowd.keys[500:]:
                await there.put(key, "v", ttl_seconds=60)
    assert crowd.woken == set(crowd.keys)


async def test_a_change_while_the_connection_is_lost_is_not(server: RedisServer, open_store: OpenStore) -> None:
    store = open_store(server.url)
    with anyio.fail_after(10):
        async with anyio.create_task_group() as tasks:
            crowd = Crowd(store, tasks, 100)
            await crowd.until_subscribed(server)
            with server.client() as client, client.pipeline() as pipeline:
                # In one step, so that no connection can be there in between.
                pipeline.client_kill_filter(_type="pubsub")
                for key in crowd.keys:
                    pipeline.set(f"mcp:auth:{{{key}}}", "v")
                    pipeline.publish(f"mcp:auth:{{{key}}}", "")
                pipeline.execute()
    assert crowd.woken == set(crowd.keys)


async def test_a_connection_that_nobody_answers_on_is_made_anew(server: RedisServer, open_store: OpenStore) -> None:
    async with lossy_network(server) as network:
        store = open_store(network.url)
        with anyio.fail_after(30):
            async with anyio.create_task_group() as tasks:
                crowd = Crowd(store, tasks, 3)
                await crowd.until_subscribed(server)
                old = listeners(server)[0]["id"]
                network.forget()
                await anyio.to_thread.run_sync(wait_for, lambda: is_another(server, old), "another connection")
                with server.client() as client:
                    for key in crowd.keys:
                        client.set(f"mcp:auth:{{{key}}}", "v")
                        client.publish(f"mcp:auth:{{{key}}}", "")
        await store.aclose()


async def test_who_may_not_subscribe_looks_by_himself_and_the_operator_is_told(
    tmp_path: Path, open_store: OpenStore, caplog: pytest.LogCaptureFixture
) -> None:
    user = ("--user", "app", "on", ">secret", "~*", "&*", "+@all", "-subscribe")
    with RedisServer(tmp_path, *user) as server:
        store = open_store(f"redis://app:secret@127.0.0.1:{server.port}")
        with anyio.fail_after(10):
            async with anyio.create_task_group() as tasks:
                crowd = Crowd(store, tasks, 20)
                await anyio.wait_all_tasks_blocked()
                for key in crowd.keys:
                    await store.put(key, "v", ttl_seconds=60)
    assert crowd.woken == set(crowd.keys)
    assert "subscribe" in caplog.text


async def test_in_a_cluster_any_node_may_be_lost(tmp_path: Path, open_store: OpenStore) -> None:
    with RedisCluster(tmp_path, replicas=1) as cluster:
        store = open_store(cluster.url)
        with anyio.fail_after(60):
            async with anyio.create_task_group() as tasks:
                crowd = Crowd(store, tasks, 60)
                await anyio.to_thread.run_sync(
                    wait_for, lambda: sum(map(subscriptions, cluster.nodes)) == 60, "all subscribed"
                )
                (heard_at,) = [node for node in cluster.nodes if listeners(node)]
                heard_at.kill()
                await anyio.to_thread.run_sync(
                    wait_for,
                    lambda: sum(subscriptions(node) for node in cluster.nodes if node.is_running) == 60,
                    "anew",
                )
                await anyio.to_thread.run_sync(cluster.wait_until_whole)
                async with ClusterClient(host="127.0.0.1", port=cluster.replicas[0].port) as client:
                    for key in crowd.keys:
                        await client.set(f"mcp:auth:{{{key}}}", "v")
                        await client.publish(f"mcp:auth:{{{key}}}", "")
        assert crowd.woken == set(crowd.keys)
