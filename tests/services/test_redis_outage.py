"""Redis that is slow, gone, or loses answers; and callers that give up."""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import anyio
import pytest
from anyio.from_thread import start_blocking_portal
from redis.asyncio import Redis

from mcpauthkit import RedisStore
from mcpauthkit.errors import ConfigurationError, StoreUnavailable
from mcpauthkit.testing import FakeClock
from tests.services.redis_proxy import LossyNetwork, lossy_network
from tests.services.redis_servers import RedisServer, wait_for

OpenStore = Callable[..., RedisStore]
CALLS: dict[str, Callable[[RedisStore], Awaitable[object]]] = {
    "get": lambda store: store.get("k"),
    "put": lambda store: store.put("k", "2", ttl_seconds=10),
    "add": lambda store: store.add("k", "2", ttl_seconds=10),
    "take": lambda store: store.take("k"),
    "delete": lambda store: store.delete("k"),
    "put_if": lambda store: store.put_if("k", "2", seen="1", ttl_seconds=10),
    "delete_if": lambda store: store.delete_if("k", seen="1"),
    "list_keys": lambda store: anext(store.list_keys(), None),
}


@pytest.fixture
def server(tmp_path: Path) -> Iterator[RedisServer]:
    with RedisServer(tmp_path) as running:
        yield running


@pytest.fixture
async def open_store() -> AsyncIterator[OpenStore]:
    opened: list[RedisStore] = []

    def open_one(*arguments: Any, **options: Any) -> RedisStore:
        opened.append(RedisStore(*arguments, **options))
        return opened[-1]

    yield open_one
    for one in opened:
        await one.aclose()


@pytest.fixture
def store(server: RedisServer, open_store: OpenStore) -> RedisStore:
    return open_store(server.url)


async def until_it_answers(store: RedisStore) -> None:
    with anyio.fail_after(5):
        while True:
            try:
                await store.get("k")
            except StoreUnavailable:
                await asyncio.sleep(0.02)
            else:
                return


async def test_a_quick_restart_is_waited_for(server: RedisServer, store: RedisStore) -> None:
    await store.put("k", "1", ttl_seconds=None)
    server.kill()
    found: list[str | None] = []

    async def get() -> None:
        found.append(await store.get("k"))

    async with anyio.create_task_group() as tasks:
        for _ in range(50):
            tasks.start_soon(get)
        await anyio.wait_all_tasks_blocked()
        await anyio.to_thread.run_sync(server.start)
    assert found == ["1"] * 50


async def test_a_redis_that_hangs_for_ten_seconds_makes_calls_fail_in_time_and_waiters_wait(
    open_store: OpenStore, server: RedisServer, store: RedisStore
) -> None:
    other = open_store(server.url)
    await store.put("k", "1", ttl_seconds=None)
    async with anyio.create_task_group() as tasks:
        for number in range(100):
            tasks.start_soon(is_woken, other, f"awaited {number}")
        await until_subscribed(server, 100)
        server.pause(10)

        async def fails(call: Callable[[RedisStore], Awaitable[object]]) -> None:
            with anyio.fail_after(6), pytest.raises(StoreUnavailable):
                await call(store)

        async with anyio.create_task_group() as failing:
            for call in CALLS.values():
                failing.start_soon(fails, call)
        with anyio.fail_after(15):
            await anyio.to_thread.run_sync(lambda: answers(server))
        await until_it_answers(store)
        with anyio.fail_after(10):
            for number in range(100):
                await store.put(f"awaited {number}", "v", ttl_seconds=10)


def answers(server: RedisServer) -> None:
    with server.client() as client:
        client.client_setname("patient")


async def is_woken(store: RedisStore, key: str) -> None:
    await store.wait_for_change(key, None, timeout_seconds=60)
    assert await store.get(key) is not None


async def until_subscribed(server: RedisServer, count: int) -> None:
    with server.client() as client:
        await anyio.to_thread.run_sync(wait_for, lambda: len(client.pubsub_channels()) == count, "all subscribed")


async def test_while_redis_is_known_to_be_gone_calls_fail_at_once(
    open_store: OpenStore, server: RedisServer, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    clock = FakeClock()
    store = open_store(server.url, timeout_seconds=0.1, clock=clock)
    server.kill()
    for _ in range(3):
        with pytest.raises(StoreUnavailable, match="storage") as failed:
            await store.get("k")
        assert "Error" in failed.value.reason
    server.start()
    for call in CALLS.values():
        if call is not CALLS["list_keys"]:
            with pytest.raises(StoreUnavailable) as failed:
                await call(store)
            assert "not tried" in failed.value.reason
    clock.advance(1)
    assert await store.get("k") is None
    assert await store.add("k", "1", ttl_seconds=10)
    *before, after = [one.levelname for one in caplog.records]
    assert (set(before), after) == ({"ERROR"}, "WARNING")


@pytest.fixture
async def network(server: RedisServer) -> AsyncIterator[LossyNetwork]:
    async with lossy_network(server) as made:
        yield made


@pytest.mark.parametrize(
    ("call", "answer", "left"),
    [("put", None, "2"), ("add", True, "2"), ("put_if", True, "2"), ("delete", None, None), ("get", "1", "1")],
)
async def test_a_call_whose_answer_was_lost_gives_it_all_the_same(
    open_store: OpenStore, server: RedisServer, network: LossyNetwork, call: str, answer: object, left: str | None
) -> None:
    store = open_store(network.url)
    if call == "add":
        await store.add("another", "0", ttl_seconds=10)
    else:
        await store.put("k", "1", ttl_seconds=10)
    await CALLS[call](store)
    await store.delete("k")
    if call != "add":
        await store.put("k", "1", ttl_seconds=10)
    network.losses = 2
    assert await CALLS[call](store) == answer
    assert network.losses == 0
    assert await store.get("k") == left


@pytest.mark.parametrize("call", ["take", "delete_if"])
async def test_what_is_handed_out_once_is_not_asked_for_again_when_the_answer_was_lost(
    open_store: OpenStore, network: LossyNetwork, call: str
) -> None:
    store = open_store(network.url)
    await store.put("k", "1", ttl_seconds=10)
    assert await CALLS[call](store)
    await store.put("k", "1", ttl_seconds=10)
    network.losses = 1
    with pytest.raises(StoreUnavailable):
        await CALLS[call](store)
    assert await store.get("k") is None


async def test_what_is_handed_out_once_is_waited_for_while_nothing_was_sent(
    open_store: OpenStore, server: RedisServer, store: RedisStore
) -> None:
    await store.put("k", "1", ttl_seconds=None)
    server.kill()
    fresh = open_store(server.url)
    taken: list[str | None] = []

    async def take() -> None:
        taken.append(await fresh.take("k"))

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(take)
        await anyio.wait_all_tasks_blocked()
        await anyio.to_thread.run_sync(server.start)
    assert taken == ["1"]


async def test_calls_that_are_given_up_never_make_others_read_the_wrong_answer(
    open_store: OpenStore, server: RedisServer
) -> None:
    store = open_store(server.url, max_connections=2)
    values = {f"k{number}": f"value of k{number}" * (number % 40) for number in range(60)}
    for key, value in values.items():
        await store.put(key, value, ttl_seconds=None)
    chance = random.Random(5)  # noqa: S311  # which ones are given up
    given_up = 0

    async def check(key: str) -> None:
        assert await store.get(key) == values[key]

    for _ in range(300):
        tasks = [asyncio.create_task(check(chance.choice(list(values)))) for _ in range(4)]
        await asyncio.sleep(chance.random() * 0.001)
        for task in chance.sample(tasks, 2):
            given_up += task.cancel()
        for outcome in await asyncio.gather(*tasks, return_exceptions=True):
            assert outcome is None or isinstance(outcome, asyncio.CancelledError)
    assert given_up > 50
    for key, value in values.items():
        assert await store.get(key) == value
    with server.client() as client:
        assert client.info()["connected_clients"] <= 3


async def test_many_calls_at_a_time_share_few_connections(open_store: OpenStore, server: RedisServer) -> None:
    store = open_store(server.url, max_connections=4, timeout_seconds=60)

    async def use(number: int) -> None:
        await store.put(f"k{number}", str(number), ttl_seconds=60)
        assert await store.get(f"k{number}") == str(number)

    async with anyio.create_task_group() as tasks:
        for number in range(2000):
            tasks.start_soon(use, number)
    with server.client() as client:
        assert client.info()["connected_clients"] == 5


async def test_a_store_serves_every_event_loop(server: RedisServer, store: RedisStore) -> None:
    await store.put("k", "1", ttl_seconds=None)
    with start_blocking_portal("asyncio") as elsewhere:
        assert elsewhere.call(store.get, "k") == "1"
        assert await store.get("k") == "1"
        await store.aclose()


async def test_a_store_with_a_given_client_says_that_it_serves_one(open_store: OpenStore, server: RedisServer) -> None:
    async with Redis(port=server.port) as client:
        store = open_store(client)
        await store.put("k", "1", ttl_seconds=None)
        with start_blocking_portal("asyncio") as elsewhere, pytest.raises(ConfigurationError):
            elsewhere.call(store.get, "k")


async def test_a_closed_store_is_of_no_use(open_store: OpenStore, server: RedisServer) -> None:
    store = open_store(server.url)
    await store.put("k", "1", ttl_seconds=None)
    await store.aclose()
    await store.aclose()
    with pytest.raises(StoreUnavailable):
        await store.get("k")
