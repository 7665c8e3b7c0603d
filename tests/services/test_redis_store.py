"""The store contract on real Redis servers of every kind."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import pytest

from mcpauthkit import RedisStore
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
