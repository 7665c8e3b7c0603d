"""A healthy world over a real Redis that does not keep what it is given: exactly that is named."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from mcpauthkit import RedisStore
from tests.doctor.healthy import Healthy, healthy
from tests.services.redis_servers import RedisCluster, RedisSentinels, RedisServer

PASSWORD = "canary-of-this-redis"
NEEDS_PASSWORD = ("--requirepass", PASSWORD)


def signed_in(server: RedisServer) -> str:
    return server.url.replace("redis://", f"redis://:{PASSWORD}@")


@contextmanager
def world_over(url: str) -> Iterator[Healthy]:
    with healthy(store=RedisStore(url, timeout_seconds=1.0)) as world:
        yield world


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working directory: a `.env` file would be read where the tests run."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


async def test_a_redis_that_keeps_everything_has_no_finding(tmp_path: Path) -> None:
    with (
        RedisServer(tmp_path / "one", *NEEDS_PASSWORD, password=PASSWORD) as server,
        world_over(signed_in(server)) as world,
    ):
        assert await world.codes(token=world.token()) == []


@pytest.mark.parametrize(
    ("options", "code"),
    [
        pytest.param(("--maxmemory", "64mb", "--maxmemory-policy", "allkeys-lru"), "redis-evicts", id="evicting"),
        pytest.param(("--appendonly", "no", "--save", ""), "redis-not-persistent", id="in memory only"),
    ],
)
async def test_a_redis_that_forgets_is_named(tmp_path: Path, options: tuple[str, ...], code: str) -> None:
    with (
        RedisServer(tmp_path / "one", *NEEDS_PASSWORD, *options, password=PASSWORD) as server,
        world_over(signed_in(server)) as world,
    ):
        report = await world.report()
    assert [one.code for one in report.findings] == [code]
    assert "canary" not in repr(report.findings)


async def test_a_redis_that_is_full_and_evicts_nothing_is_as_it_should_be(tmp_path: Path) -> None:
    options = ("--maxmemory", "64mb", "--maxmemory-policy", "noeviction")
    with (
        RedisServer(tmp_path / "one", *NEEDS_PASSWORD, *options, password=PASSWORD) as server,
        world_over(signed_in(server)) as world,
    ):
        assert await world.codes() == []


async def test_a_redis_without_a_password_is_named(tmp_path: Path) -> None:
    with RedisServer(tmp_path / "one") as server, world_over(server.url) as world:
        assert await world.codes() == ["redis-without-password"]


async def test_a_redis_that_refuses_our_password_is_named_without_it(tmp_path: Path) -> None:
    with (
        RedisServer(tmp_path / "one", *NEEDS_PASSWORD, password=PASSWORD) as server,
        world_over(signed_in(server).replace(PASSWORD, "canary-of-another")) as world,
    ):
        report = await world.report()
    assert [one.code for one in report.findings] == ["store-refuses"]
    assert "canary" not in repr(report.findings)


async def test_a_redis_that_is_gone_is_named_in_time(tmp_path: Path) -> None:
    with (
        RedisServer(tmp_path / "one", *NEEDS_PASSWORD, password=PASSWORD) as server,
        world_over(signed_in(server)) as world,
    ):
        server.kill()
        report = await world.report()
    assert [one.code for one in report.findings] == ["store-unreachable"]
    assert report.seconds < 10


async def test_a_user_who_may_not_ask_for_settings_is_no_finding(tmp_path: Path) -> None:
    user = ("--user", "app", "on", f">{PASSWORD}", "~mcp:auth:*", "&mcp:auth:*", "+@all", "-config")
    with (
        RedisServer(tmp_path / "one", *user, "--maxmemory", "64mb", "--maxmemory-policy", "allkeys-lru") as server,
        world_over(server.url.replace("redis://", f"redis://app:{PASSWORD}@")) as world,
    ):
        assert await world.codes() == []


async def test_clusters_and_masters_of_sentinels_are_asked_as_well(tmp_path: Path) -> None:
    with RedisCluster(tmp_path / "cluster") as cluster, world_over(cluster.url) as world:
        assert await world.codes() == ["redis-without-password"]
    with RedisSentinels(tmp_path / "sentinels") as sentinels, world_over(sentinels.url) as world:
        assert await world.codes() == ["redis-without-password"]
