"""What real Redis servers hold is counted by the command, beside an application that writes."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import anyio
import pytest

from mcpauthkit import KeyRing, RedisStore
from mcpauthkit.stores.sealed import SealedStore
from mcpauthkit.stores.statistics import statistics_of
from tests.cli.commands import run
from tests.services.redis_servers import RedisCluster, RedisServer

SECRET = "8xT1uLzCa5bHdF6gi9Pk3vY0sN7e2rJmQw"
RING = KeyRing.of_secrets(SECRET)
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


@pytest.mark.parametrize("kind", ["redis_server", "cluster"])
def test_the_command_counts_what_the_environment_names(
    request: pytest.FixtureRequest,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    kind: str,
) -> None:
    url = str(request.getfixturevalue(kind).url)
    monkeypatch.chdir(tmp_path)
    for name, value in {
        "TOKEN_STORAGE_MODE": "redis",
        "REDIS_URL": url,
        "REDIS_KEY_PREFIX": "stats:",
        "STORAGE_ENCRYPTION_KEY": SECRET,
    }.items():
        monkeypatch.setenv(name, value)

    async def fill() -> None:
        store, others = (RedisStore(url, key_prefix=prefix) for prefix in ("stats:", "others:"))
        for user in range(USERS):
            await SealedStore(store, RING).put(f"app:credential:github:{user}", {}, ttl_seconds=YEAR)
        await store.put("planted", "{}", ttl_seconds=None)
        await others.put("app:credential:github:1", "{}", ttl_seconds=None)
        for one in (store, others):
            await one.aclose()

    anyio.run(fill)
    assert run("store", "stats", "--json") == 1
    found = json.loads(capsys.readouterr().out)
    assert (found["records"], found["users"], found["damaged"]) == (USERS + 1, USERS, 1)
    assert run("store", "stats", "--namespace", "app") == 0
    assert f"{USERS} records, credentials of {USERS} users" in capsys.readouterr().out


async def test_what_comes_and_goes_meanwhile_disturbs_nothing(redis_server: RedisServer) -> None:
    counted, used = (RedisStore(redis_server.url, key_prefix="busy:") for _ in range(2))
    app = SealedStore(used, RING)
    for user in range(USERS):
        await app.put(f"app:credential:github:{user}", {}, ttl_seconds=YEAR)

    async def come_and_go() -> None:
        for number in range(USERS):
            await app.put(f"app:flow:{number}", {}, ttl_seconds=600)
            await app.take(f"app:flow:{number}")

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(come_and_go)
        found = await statistics_of(counted, RING)
    assert (found.users, found.missed, found.damaged) == (USERS, 0, 0)
    for store in (counted, used):
        await store.aclose()
