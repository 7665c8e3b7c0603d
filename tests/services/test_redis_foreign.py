"""What another program has put under our keys, of a type that no text is of, is a record that does not open."""

from __future__ import annotations

import json
import logging
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import anyio
import pytest

from mcpauthkit import KeyRing, RedisStore, reseal_all
from mcpauthkit.errors import SealError
from mcpauthkit.stores.sealed import SealedStore
from tests.services.redis_servers import RedisServer
from tests.services.test_redis_rotation import FIRST, rotate

RING = KeyRing.of_secrets(FIRST)
TYPES = {
    "list": ("LPUSH", "1"),
    "set": ("SADD", "1"),
    "hash": ("HSET", "field", "1"),
    "sorted set": ("ZADD", "1", "member"),
    "stream": ("XADD", "*", "field", "1"),
}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    with RedisServer(tmp_path_factory.mktemp("redis")) as running:
        yield running


@pytest.fixture
async def store(server: RedisServer) -> AsyncIterator[RedisStore]:
    with server.client() as client:
        client.flushall()
    opened = RedisStore(server.url)
    yield opened
    await opened.aclose()


def plant(server: RedisServer, key: str, kind: str = "list") -> None:
    command, *arguments = TYPES[kind]
    with server.client() as client:
        client.execute_command(command, f"mcp:auth:{{{key}}}", *arguments)


@pytest.mark.parametrize("kind", TYPES)
async def test_it_is_read_as_a_text_that_does_not_open_and_a_record_takes_its_place(
    server: RedisServer, store: RedisStore, kind: str, caplog: pytest.LogCaptureFixture
) -> None:
    sealed = SealedStore(store, RING)
    plant(server, "k", kind)
    for _ in range(3):
        with pytest.raises(SealError):
            await sealed.get("k")
        with pytest.raises(SealError):
            await sealed.take("k")
    assert not await sealed.add("k", {"is": "ours"}, ttl_seconds=10)
    await sealed.put("k", {"is": "ours"}, ttl_seconds=10)
    assert await sealed.get("k") == {"is": "ours"}
    audited = [one for one in caplog.records if one.name == "mcpauthkit.audit"]
    assert [one.levelno for one in audited] == [logging.WARNING]


async def test_each_operation_of_the_store_treats_it_alike(server: RedisServer, store: RedisStore) -> None:
    for key in ("put", "add", "take", "delete", "put_if", "delete_if"):
        plant(server, key)
    await store.put("put", "v", ttl_seconds=10)
    assert not await store.add("add", "v", ttl_seconds=10)
    seen = await store.get("put_if")
    assert seen is not None
    assert await store.take("take") == seen
    await store.delete("delete")
    for _ in range(2):
        assert not await store.put_if("put_if", "v", seen="else", ttl_seconds=10)
        assert not await store.delete_if("delete_if", seen="else")
    assert await store.put_if("put_if", "v", seen=seen, ttl_seconds=10)
    assert await store.delete_if("delete_if", seen=seen)
    assert {key: await store.get(key) for key in ("put", "add", "take", "delete", "put_if", "delete_if")} == {
        "put": "v",
        "add": seen,
        "take": None,
        "delete": None,
        "put_if": "v",
        "delete_if": None,
    }


async def test_who_waits_for_a_change_of_it_is_woken(server: RedisServer, store: RedisStore) -> None:
    plant(server, "k")
    with anyio.fail_after(5):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(lambda: store.wait_for_change("k", "", timeout_seconds=60))
            await anyio.wait_all_tasks_blocked()
            await store.put("k", "v", ttl_seconds=10)
    assert await store.get("k") == "v"


@pytest.mark.parametrize("method", ["get", "add"])
async def test_the_operator_is_told_once_that_there_is_another_program(
    server: RedisServer, store: RedisStore, method: str, caplog: pytest.LogCaptureFixture
) -> None:
    plant(server, "k")
    for _ in range(3):
        if method == "get":
            await store.get("k")
        else:
            await store.add("k", "v", ttl_seconds=10)
    (told,) = [one for one in caplog.records if one.levelno >= logging.ERROR]
    assert "REDIS_KEY_PREFIX" in told.getMessage()


async def test_a_walk_counts_it_among_what_does_not_open_and_removes_it_if_told_to(
    server: RedisServer, store: RedisStore
) -> None:
    for user in range(3):
        await SealedStore(store, RING).put(f"user-{user}", {}, ttl_seconds=None)
    for kind in TYPES:
        plant(server, kind, kind)
    done = await reseal_all(store, RING)
    assert (done.walked, done.current) == (3 + len(TYPES), 3)
    assert {one.key for one in done.unreadable} == set(TYPES)
    assert (await reseal_all(store, RING, forget_damaged=True)).forgotten == len(TYPES)
    assert (await reseal_all(store, RING)).walked == 3


def test_the_command_names_it(
    server: RedisServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    with server.client() as client:
        client.flushall()
    plant(server, "planted")
    for name, value in {
        "TOKEN_STORAGE_MODE": "redis",
        "REDIS_URL": server.url,
        "STORAGE_ENCRYPTION_KEY": FIRST,
    }.items():
        monkeypatch.setenv(name, value)
    assert rotate("--json") == 1
    assert [one["key"] for one in json.loads(capsys.readouterr().out)["unreadable"]] == ["planted"]
