"""Ways to reach one server: a user with few rights, TLS, a socket file, and clients that the application made."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from urllib.parse import quote

import pytest
from redis.asyncio import Redis, RedisCluster
from redis.asyncio.sentinel import Sentinel

from mcpauthkit import RedisStore
from mcpauthkit.errors import StoreUnavailable
from tests.services.documents import Authority, make_authority
from tests.services.held_port import HeldPort
from tests.services.redis_servers import MASTER_NAME, SLOTS, RedisSentinels, RedisServer
from tests.services.redis_servers import RedisCluster as ClusterServers
from tests.services.test_redis_store import RedisContract

PASSWORD = "canary/#?@,%"
COMMANDS = ("get", "set", "del", "publish", "eval", "evalsha", "scan", "subscribe", "unsubscribe", "ping")
USER = ("--user", "app", "on", f">{PASSWORD}", "~mcp:auth:*", "&mcp:auth:*", *(f"+{one}" for one in COMMANDS))

WITHOUT_CHANNELS = tuple(one for one in USER if not one.startswith("&"))


class TestAUserWithFewRights(RedisContract):
    @pytest.fixture(autouse=True, scope="class")
    @classmethod
    def _server(cls, tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
        with RedisServer(tmp_path_factory.mktemp("redis"), *USER) as server:
            cls.servers = [server]
            cls.url = f"redis://app:{quote(PASSWORD, safe='')}@127.0.0.1:{server.port}"
            yield

    async def test_its_password_is_not_shown(self) -> None:
        assert "canary" not in repr(self.make())
        assert str(self.servers[0].port) in repr(self.make())


class TestAUserWithoutChannels(RedisContract):
    @pytest.fixture(autouse=True, scope="class")
    @classmethod
    def _server(cls, tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
        with RedisServer(tmp_path_factory.mktemp("redis"), *WITHOUT_CHANNELS) as server:
            cls.servers = [server]
            cls.url = f"redis://app:{quote(PASSWORD, safe='')}@127.0.0.1:{server.port}"
            yield


@pytest.mark.parametrize("missing", ["channels", "publish"])
async def test_who_may_tell_nobody_of_changes_makes_them_and_the_operator_is_told_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, missing: str
) -> None:
    user = WITHOUT_CHANNELS if missing == "channels" else (*USER, "-publish")
    with RedisServer(tmp_path, *user) as server:
        store = RedisStore(f"redis://app:{quote(PASSWORD, safe='')}@127.0.0.1:{server.port}")
        await store.put("k", "1", ttl_seconds=10)
        assert await store.put_if("k", "2", seen="1", ttl_seconds=10)
        assert await store.take("k") == "2"
        assert await store.add("k", "3", ttl_seconds=10)
        assert await store.delete_if("k", seen="3")
        await store.put("k", "", ttl_seconds=10)
        assert await store.take("k") == ""
        await store.delete("k")
        await store.aclose()
    (told,) = [one for one in caplog.records if one.levelno >= logging.ERROR]
    assert "channels" in told.getMessage()
    assert "canary" not in caplog.text


class TestTls(RedisContract):
    @pytest.fixture(autouse=True, scope="class")
    @classmethod
    def _server(cls, tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
        authority = make_authority(tmp_path_factory.mktemp("authority"))
        with tls_server(tmp_path_factory.mktemp("redis"), authority) as (server, url):
            cls.servers, cls.url = [server], f"{url}?ssl_ca_certs={authority.certificate}"
            yield


@contextmanager
def tls_server(work: Path, authority: Authority) -> Iterator[tuple[RedisServer, str]]:
    held = HeldPort()
    files = ("--tls-cert-file", str(authority.certificate), "--tls-key-file", str(authority.key))
    options = ("--tls-port", str(held.number), *files, "--tls-auth-clients", "no")
    with closing(held), RedisServer(work, *options) as server:
        yield server, f"rediss://localhost:{held.number}"


class TestASocketFile(RedisContract):
    @pytest.fixture(autouse=True, scope="class")
    @classmethod
    def _server(cls, tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
        file = tmp_path_factory.mktemp("socket") / "redis.sock"
        with RedisServer(tmp_path_factory.mktemp("redis"), "--unixsocket", str(file)) as server:
            cls.servers, cls.url = [server], f"unix://{file}?db=0"
            yield


async def test_a_certificate_that_nobody_known_vouches_for_is_refused(tmp_path: Path) -> None:
    with tls_server(tmp_path / "redis", make_authority(tmp_path)) as (_, url):
        store = RedisStore(url, timeout_seconds=0.5)
        with pytest.raises(StoreUnavailable):
            await store.get("k")
        await store.aclose()


async def test_a_wrong_password_is_told_to_the_operator_once_and_to_nobody_else(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with RedisServer(tmp_path, *USER) as server:
        store = RedisStore(f"redis://app:wrong-canary@127.0.0.1:{server.port}")
        for _ in range(3):
            with pytest.raises(StoreUnavailable) as refused:
                await store.get("k")
            assert "AuthenticationError" in refused.value.reason
            assert refused.value.__cause__ is None
            assert refused.value.__context__ is None
        await store.aclose()
    (told,) = [one for one in caplog.records if one.levelno >= logging.ERROR]
    assert "password" in told.getMessage()
    assert "canary" not in caplog.text
    assert str(server.port) not in caplog.text


@pytest.mark.parametrize(
    ("option", "word"),
    [
        (("--maxmemory", "1"), "full"),
        (("--user", "default", "on", "nopass", "+@all", "~other:*", "&*"), "needs the keys"),
        (("--user", "default", "on", "nopass", "+@all", "-set", "~*", "&*"), "needs the keys"),
        (("--user", "default", "on", "nopass", "+@all", "-get", "~*", "&*"), "needs the keys"),
        (("--min-replicas-to-write", "1"), "replicas"),
    ],
)
async def test_a_refusal_is_told_with_the_way_out(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, option: tuple[str, ...], word: str
) -> None:
    with RedisServer(tmp_path, *option) as server:
        store = RedisStore(server.url)
        with pytest.raises(StoreUnavailable):
            await store.add("k", "v", ttl_seconds=10)
        await store.aclose()
    assert word in caplog.text


async def test_a_node_of_a_cluster_taken_for_a_single_server_is_told(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with ClusterServers(tmp_path) as cluster:
        store = RedisStore(cluster.nodes[0].url)
        # A third of the slots is here.
        elsewhere = next(key for key in "abcdefgh" if cluster.slot_of(key) > SLOTS / 2)
        with pytest.raises(StoreUnavailable):
            await store.get(elsewhere)
        await store.aclose()
    assert "redis-cluster://" in caplog.text


async def test_a_single_server_taken_for_a_cluster_is_told(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with RedisServer(tmp_path) as server:
        store = RedisStore(f"redis-cluster://127.0.0.1:{server.port}", timeout_seconds=0.5)
        with pytest.raises(StoreUnavailable):
            await store.get("k")
        await store.aclose()
    assert "redis://" in caplog.text


async def test_a_last_try_that_time_runs_out_on_does_not_hide_what_was_told_before(
    caplog: pytest.LogCaptureFixture,
) -> None:
    answers = iter([b"-ERR This instance has cluster support disabled\r\n"])

    async def answer_once(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with closing(writer):
            while await reader.read(1000):
                writer.write(next(answers, b""))

    async with await asyncio.start_server(answer_once, "127.0.0.1", 0) as server:
        store = RedisStore(f"redis-cluster://127.0.0.1:{server.sockets[0].getsockname()[1]}", timeout_seconds=0.5)
        with pytest.raises(StoreUnavailable):
            await store.get("k")
        await store.aclose()
    assert "redis://" in caplog.text


async def test_a_name_that_no_sentinel_knows_is_told(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with RedisSentinels(tmp_path) as sentinels:
        store = RedisStore(sentinels.url.replace(MASTER_NAME, "another"), timeout_seconds=0.5)
        with pytest.raises(StoreUnavailable):
            await store.get("k")
        await store.aclose()
    assert "sentinel" in caplog.text


class TestAGivenClient(RedisContract):
    @pytest.fixture(autouse=True, scope="class")
    @classmethod
    def _server(cls, tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
        with RedisServer(tmp_path_factory.mktemp("redis")) as server:
            cls.servers, cls.url = [server], server.url
            yield

    @pytest.fixture(autouse=True, params=[{}, {"decode_responses": True}, {"protocol": 2}, {"max_connections": 2}])
    def _options(self, request: pytest.FixtureRequest) -> None:
        self.options = request.param

    def make(self) -> RedisStore:
        client = Redis(port=self.servers[0].port, **self.options)
        self.clients.append(client)
        store = RedisStore(client)
        self.stores.append(store)
        return store

    @pytest.fixture(autouse=True)
    async def _clients(self) -> AsyncIterator[None]:
        self.clients: list[Redis] = []
        yield
        for client in self.clients:
            await client.aclose()


async def test_a_given_client_stays_open(tmp_path: Path) -> None:
    with RedisServer(tmp_path) as server:
        async with Redis(port=server.port) as client:
            store = RedisStore(client)
            await store.put("k", "v", ttl_seconds=None)
            await store.aclose()
            assert await client.get("mcp:auth:{k}") == b"v"
            assert client.connection_pool.get_connection_count()


async def test_given_clients_of_sentinels_and_of_clusters_do(tmp_path: Path) -> None:
    with RedisSentinels(tmp_path / "sentinels", replicas=1) as sentinels:
        hosts = [("127.0.0.1", one.port) for one in sentinels.sentinels]
        sentinel = Sentinel(hosts)  # type: ignore[no-untyped-call]  # redis-py has no types
        async with sentinel, sentinel.master_for(MASTER_NAME) as client:
            await shows_that_it_works(RedisStore(client))
    with ClusterServers(tmp_path / "cluster") as cluster:
        async with RedisCluster(port=cluster.nodes[0].port, host="127.0.0.1") as client:
            await shows_that_it_works(RedisStore(client))


async def shows_that_it_works(store: RedisStore) -> None:
    for number in range(20):
        await store.put(f"k{number}", str(number), ttl_seconds=10)
    assert [await store.take(f"k{number}") for number in range(20)] == [str(number) for number in range(20)]
    await store.aclose()
