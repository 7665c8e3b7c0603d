"""The store contract on real Redis servers of every kind."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from mcpauthkit import KeyRing, RedisStore, reseal_all
from tests.contracts.store import StoreContract
from tests.services.redis_servers import RedisCluster, RedisSentinels, RedisServer


class RedisContract(StoreContract):
    """Redis has a clock of its own: to let time pass, the test shortens the life that every key has left."""

    servers: list[RedisServer]
    url: str

    @pytest.fixture(autouse=True)
    async def _stores(self) -> AsyncIterator[None]:
        self.stores: list[RedisStore] = []
        for server in self.servers:
            with server.client() as client:
                client.flushall()
        yield
        for store in self.stores:
            await store.aclose()

    def make(self) -> RedisStore:
        store = RedisStore(self.url)
        self.stores.append(store)
        return store

    async def pass_time(self, seconds: float) -> None:
        for server in self.servers:
            with server.client() as client:
                for key in client.scan_iter():
                    left = client.pttl(key)
                    if left > 0:
                        client.pexpire(key, int(left - seconds * 1000))


class TestOneServer(RedisContract):
    @pytest.fixture(autouse=True, scope="class")
    @classmethod
    def _server(cls, tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
        with RedisServer(tmp_path_factory.mktemp("redis")) as server:
            cls.servers, cls.url = [server], server.url
            yield


class TestCluster(RedisContract):
    @pytest.fixture(autouse=True, scope="class")
    @classmethod
    def _cluster(cls, tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
        with RedisCluster(tmp_path_factory.mktemp("redis")) as cluster:
            cls.servers, cls.url = cluster.nodes, cluster.url
            yield


class TestSentinel(RedisContract):
    @pytest.fixture(autouse=True, scope="class")
    @classmethod
    def _sentinels(cls, tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
        with RedisSentinels(tmp_path_factory.mktemp("redis")) as sentinels:
            cls.servers, cls.url = sentinels.servers[:1], sentinels.url
            yield


async def test_stores_with_different_prefixes_see_nothing_of_each_other(tmp_path: Path) -> None:
    # One begins like another, one is a pattern that fits them all, and one is empty.
    prefixes = ["mcp:auth:", "mcp:auth:other:", "mcp:*", ""]
    ring = KeyRing.of_secrets("Pk3vY0sN7e2rJmQw8xT1uLzCa5bHdF6gi9")
    async with AsyncExitStack() as stack:
        server = stack.enter_context(RedisServer(tmp_path))
        stores = [RedisStore(server.url, key_prefix=prefix) for prefix in prefixes]
        for store in stores:
            stack.push_async_callback(store.aclose)
        for number, store in enumerate(stores):
            assert await store.get("k") is None
            assert await store.take("k") is None
            assert await store.add("k", str(number), ttl_seconds=None)
        for number, store in enumerate(stores):
            assert {key async for key in store.list_keys()} == {"k"}
            assert not await store.put_if("k", "v", seen=str(number + 1), ttl_seconds=None)
            assert not await store.delete_if("k", seen=str(number + 1))
            # Not sealed, so each walk finds one record that does not open.
            assert (await reseal_all(store, ring)).walked == 1
            assert await store.take("k") == str(number)
            assert [key async for key in store.list_keys()] == []
