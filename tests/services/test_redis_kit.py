"""What `AuthKit` makes of the settings for Redis: healthy, and gone with the application."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import anyio
import pytest
from redis.asyncio import Redis

from mcpauthkit import RedisStore
from tests.asgi import lifespan
from tests.doctor.healthy import Mode, assemble_with_kit, healthy
from tests.kit.kit_world import small_kit, small_server
from tests.services.redis_servers import RedisServer

KEY = "k7Qw2xVb9LzR4tYn6MfHs3JdPc8GaUeXo1"
PASSWORD = "of-this-redis"


@pytest.fixture
def redis(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The address of a Redis that the settings name."""
    monkeypatch.chdir(tmp_path)
    with RedisServer(tmp_path / "one", "--requirepass", PASSWORD, password=PASSWORD) as server:
        url = server.url.replace("redis://", f"redis://:{PASSWORD}@")
        for name, value in {"TOKEN_STORAGE_MODE": "redis", "REDIS_URL": url, "STORAGE_ENCRYPTION_KEY": KEY}.items():
            monkeypatch.setenv(name, value)
        yield url


async def test_the_kits_own_connections_end_with_the_application(redis: str) -> None:
    async with Redis.from_url(redis) as looking:

        async def others() -> int:
            clients: list[Any] = await looking.client_list()
            return len(clients) - 1

        kit = small_kit()
        async with lifespan(kit.app(small_server())):
            await kit.storage.store.get("something")
            assert await others() >= 1
        with anyio.fail_after(5):
            while await others():  # noqa: ASYNC110  # only the Redis knows
                await anyio.sleep(0.02)


@pytest.mark.parametrize("mode", ["direct", "proxy"])
async def test_a_kit_over_redis_has_no_finding(redis: str, mode: Mode) -> None:
    store = RedisStore(redis)
    with healthy(mode=mode, build=assemble_with_kit, store=store) as world:
        assert await world.codes(token=world.token()) == []
