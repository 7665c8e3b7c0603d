"""Masters change and slots move, and callers do not notice, or are told in time."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from pathlib import Path

import anyio
import pytest

from mcpauthkit import RedisStore
from mcpauthkit.errors import StoreUnavailable
from tests.services.redis_servers import MASTER_NAME, RedisCluster, RedisSentinels, RedisServer, wait_for

OpenStore = Callable[[str], RedisStore]


@pytest.fixture
async def open_store() -> AsyncIterator[OpenStore]:
    opened: list[RedisStore] = []

    def open_one(url: str) -> RedisStore:
        opened.append(RedisStore(url))
        return opened[-1]

    yield open_one
    for one in opened:
        await one.aclose()


async def until_it_is_put(store: RedisStore, key: str, value: str) -> None:
    with anyio.fail_after(30):
        while True:
            try:
                await store.put(key, value, ttl_seconds=100)
            except StoreUnavailable:
                await anyio.sleep(0.05)
            else:
                return


def until_replicated(server: RedisServer, count: int) -> None:
    with server.client() as client:
        wait_for(lambda: int(client.wait(count, 1000)) >= count, "replicas in step")


async def test_when_the_master_dies_the_next_one_has_everything(tmp_path: Path, open_store: OpenStore) -> None:
    with RedisSentinels(tmp_path) as sentinels:
        store = open_store(sentinels.url)
        for number in range(20):
            await store.put(f"k{number}", str(number), ttl_seconds=100)
        old = sentinels.master()
        await anyio.to_thread.run_sync(until_replicated, old, 2)
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(is_woken, store)
            old.kill()
            await until_it_is_put(store, "after", "1")
            await anyio.to_thread.run_sync(sentinels.wait_for_master, old)
            await store.put("awaited", "v", ttl_seconds=100)
        assert [await store.get(f"k{number}") for number in range(20)] == [str(number) for number in range(20)]
        assert await store.take("after") == "1"


async def is_woken(store: RedisStore) -> None:
    with anyio.fail_after(60):
        await store.wait_for_change("awaited", None, timeout_seconds=100)


async def test_when_the_master_becomes_a_replica_while_it_lives_calls_go_to_the_new_one(
    tmp_path: Path, open_store: OpenStore
) -> None:
    with RedisSentinels(tmp_path) as sentinels:
        store = open_store(sentinels.url)
        await store.put("k", "1", ttl_seconds=100)
        old = sentinels.master()
        await anyio.to_thread.run_sync(until_replicated, old, 2)
        with sentinels.sentinels[0].client() as client:
            client.execute_command("SENTINEL", "FAILOVER", MASTER_NAME)
        new = await anyio.to_thread.run_sync(sentinels.wait_for_master, old)
        # Until it follows, the old one takes writes that nobody will ever see, from everybody.
        await anyio.to_thread.run_sync(wait_for, lambda: role_of(old) == "slave", "the old master following")
        await until_it_is_put(store, "k", "2")
        with new.client() as client:
            assert client.get("mcp:auth:{k}") == "2"


def role_of(server: RedisServer) -> str:
    with server.client() as client:
        return str(client.info("replication")["role"])


async def test_sentinels_that_are_all_gone_make_calls_fail_in_time(tmp_path: Path, open_store: OpenStore) -> None:
    with RedisSentinels(tmp_path, replicas=1) as sentinels:
        for one in sentinels.sentinels:
            one.pause(20)
        store = open_store(sentinels.url)
        with anyio.fail_after(6), pytest.raises(StoreUnavailable):
            await store.get("k")
        for one in sentinels.sentinels:
            one.kill()


@pytest.mark.parametrize("target", ["a node with slots", "a new node"])
async def test_a_slot_that_moves_while_it_is_used_is_not_noticed(
    tmp_path: Path, open_store: OpenStore, target: str
) -> None:
    with RedisCluster(tmp_path, spares=1) as cluster:
        store = open_store(cluster.url)
        slot = cluster.slot_of("tag")
        # All of one slot: our own keys have braces of their own, and the first pair counts.
        keys = [f"tag}}{number}" for number in range(200)]
        for key in keys[:100]:
            await store.put(key, key, ttl_seconds=None)
        source = cluster.holder_of(slot)
        goal = cluster.spares[0] if target == "a new node" else next(one for one in cluster.masters if one != source)
        is_over = anyio.Event()

        async def use(own: list[str]) -> None:
            while not is_over.is_set():
                for key in own:
                    await store.put(key, key, ttl_seconds=None)
                    assert await store.get(key) == key
                    assert await store.take(key) == key
                    assert await store.add(key, key, ttl_seconds=None)

        async with anyio.create_task_group() as tasks:
            for number in range(20):
                tasks.start_soon(use, keys[number::20])
            await anyio.to_thread.run_sync(move, cluster, slot, goal)
            is_over.set()
        assert cluster.holder_of(slot) == goal
        for key in keys:
            assert await store.get(key) == key
        with goal.client() as client:
            assert client.dbsize() >= len(keys)


def move(cluster: RedisCluster, slot: int, goal: RedisServer) -> None:
    with goal.client() as client:
        before = client.dbsize()
        with cluster.moving(slot, goal):
            # Keys that are made meanwhile are made over there; wait until some are.
            wait_for(lambda: client.dbsize() >= before + 100, "keys at the new node")


async def test_when_a_node_of_a_cluster_dies_its_replica_takes_over(tmp_path: Path, open_store: OpenStore) -> None:
    with RedisCluster(tmp_path, replicas=1) as cluster:
        store = open_store(cluster.url)
        keys = [f"k{number}" for number in range(60)]
        for key in keys:
            await store.put(key, key, ttl_seconds=None)
        victim = cluster.masters[1]
        await anyio.to_thread.run_sync(until_replicated, victim, 1)
        victim.kill()
        for key in keys:
            await until_it_is_put(store, f"again {key}", key)
        assert [await store.get(key) for key in keys] == keys


async def test_when_a_node_of_a_cluster_comes_back_its_keys_do(tmp_path: Path, open_store: OpenStore) -> None:
    with RedisCluster(tmp_path) as cluster:
        store = open_store(cluster.url)
        keys = [f"k{number}" for number in range(60)]
        for key in keys:
            await store.put(key, key, ttl_seconds=None)
        cluster.masters[0].kill()
        await anyio.to_thread.run_sync(cluster.masters[0].start)
        for key in keys:
            await until_it_is_put(store, f"again {key}", key)
        assert [await store.get(key) for key in keys] == keys
        assert {key async for key in store.list_keys()} == {*keys, *(f"again {key}" for key in keys)}


async def test_many_first_calls_at_a_time_and_a_lost_node_fail_none_that_others_answer(
    tmp_path: Path, open_store: OpenStore
) -> None:
    # Patient, so that the lost node does not take the whole cluster with it.
    with RedisCluster(tmp_path, patience_seconds=20) as cluster:
        first, *others = cluster.masters
        keys = [f"k{number}" for number in range(300)]
        store = open_store(cluster.url)

        async def use(key: str) -> None:
            await store.put(key, key, ttl_seconds=None)

        async with anyio.create_task_group() as tasks:
            for key in keys:
                tasks.start_soon(use, key)
        elsewhere = [key for key in keys if cluster.holder_of(cluster.slot_of(f"mcp:auth:{{{key}}}")) in others]
        assert 100 < len(elsewhere) < len(keys)
        with first.paused():

            async def fails(key: str) -> None:
                with anyio.fail_after(6), pytest.raises(StoreUnavailable):
                    await store.get(key)

            async with anyio.create_task_group() as tasks:
                for key in sorted(set(keys) - set(elsewhere))[:2]:
                    tasks.start_soon(fails, key)
                for key in elsewhere:
                    assert await store.get(key) == key
