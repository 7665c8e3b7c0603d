"""Keys are rotated on real Redis servers while an application writes, and by the command."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import anyio
import pytest

from mcpauthkit import KeyRing, RedisStore, reseal_all
from mcpauthkit.cli.main import main
from mcpauthkit.stores.sealed import SealedStore
from tests.services.redis_servers import RedisCluster, RedisServer

FIRST, SECOND = "Pk3vY0sN7e2rJmQw8xT1uLzCa5bHdF6gi9", "8xT1uLzCa5bHdF6gi9Pk3vY0sN7e2rJmQw"
OLD = KeyRing.of_secrets(FIRST)
BOTH = KeyRing.of_secrets(SECOND, [FIRST])
NEW = KeyRing.of_secrets(SECOND)
YEAR = 365 * 86_400.0
USERS = 300


@pytest.fixture(scope="module")
def redis_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    with RedisServer(tmp_path_factory.mktemp("redis")) as server:
        yield server


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisCluster]:
    with RedisCluster(tmp_path_factory.mktemp("cluster")) as running:
        yield running


@pytest.fixture(params=["one server", "a cluster"])
def url(request: pytest.FixtureRequest) -> str:
    name = "redis_server" if request.param == "one server" else "cluster"
    return str(request.getfixturevalue(name).url)


async def test_a_walk_beside_a_running_application_loses_nothing_and_leaves_nothing_behind(url: str) -> None:
    walked, used = RedisStore(url, key_prefix="walk:"), RedisStore(url, key_prefix="walk:")
    old, app = SealedStore(used, OLD), SealedStore(used, BOTH)
    for user in range(USERS):
        await old.put(f"user-{user}", {"renewals": 0}, ttl_seconds=YEAR)
    renewals = 5

    async def use() -> None:
        for number in range(1, renewals + 1):
            for user in range(0, USERS, 3):
                held = await app.get(f"user-{user}")
                assert held == {"renewals": number - 1}
                await app.put(f"user-{user}", {"renewals": number}, ttl_seconds=YEAR)

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(use)
        done = await reseal_all(walked, BOTH)
    again = await reseal_all(walked, BOTH)
    assert (done.walked, done.older, done.unreadable) == (USERS, 0, ())
    assert (again.walked, again.resealed, again.current) == (USERS, 0, USERS)
    alone = SealedStore(used, NEW)
    for user in range(USERS):
        assert await alone.get(f"user-{user}") == {"renewals": 0 if user % 3 else renewals}
    for store in (walked, used):
        await store.aclose()


async def test_a_record_keeps_its_end(redis_server: RedisServer) -> None:
    store = RedisStore(redis_server.url, key_prefix="end:")
    await SealedStore(store, OLD).put("ends", {}, ttl_seconds=YEAR)
    await SealedStore(store, OLD).put("stays", {}, ttl_seconds=None)
    with redis_server.client() as client:
        (ends,) = client.scan_iter("end:*ends*")
        (stays,) = client.scan_iter("end:*stays*")
        before = client.expiretime(ends)
        assert (await reseal_all(store, BOTH)).resealed == 2
        # Redis counts whole milliseconds from when it is told, so the end may move by the time that takes.
        assert abs(client.expiretime(ends) - before) <= 2
        assert client.ttl(stays) == -1
    await store.aclose()


def test_the_command_rotates_what_the_environment_names(
    redis_server: RedisServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    for name, value in {
        "TOKEN_STORAGE_MODE": "redis",
        "REDIS_URL": redis_server.url,
        "REDIS_KEY_PREFIX": "command:",
        "STORAGE_ENCRYPTION_KEY": SECOND,
        "STORAGE_ENCRYPTION_OLD_KEYS": FIRST,
    }.items():
        monkeypatch.setenv(name, value)

    async def fill() -> None:
        store = RedisStore(redis_server.url, key_prefix="command:")
        for user in range(50):
            await SealedStore(store, OLD).put(f"user-{user}", {}, ttl_seconds=YEAR)
        await store.put("planted", "{}", ttl_seconds=None)
        await store.aclose()

    anyio.run(fill)
    assert rotate("--json") == 1
    done = json.loads(capsys.readouterr().out)
    assert (done["walked"], done["resealed"]) == (51, 50)
    assert [one["key"] for one in done["unreadable"]] == ["planted"]
    assert rotate("--forget-damaged") == 0
    capsys.readouterr()
    assert rotate("--json") == 0
    assert json.loads(capsys.readouterr().out)["current"] == 50


def rotate(*arguments: str) -> object:
    with pytest.raises(SystemExit) as ended:
        main(["store", "rotate", *arguments])
    return ended.value.code
