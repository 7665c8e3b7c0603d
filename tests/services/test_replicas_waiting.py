"""A call waits on one server process while its user is served by others, and somebody is killed meanwhile."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from functools import partial
from typing import Literal

import anyio
import pytest
from mcp.shared.exceptions import MCPError

from mcpauthkit.testing import RobotError
from tests.services.redis_servers import RedisServer
from tests.services.replica_people import BROKEN, Person, Tool, nothing
from tests.services.replicas import Replicas, replicas
from tests.world import Era

A, B, C = 0, 1, 2
LOGIN, CALLBACK, PAGES, CALLS = "/connect/login", "/connect/forge/callback", "/connect", "/mcp"

_log = logging.getLogger(__name__)


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Replicas, RedisServer]]:
    work = tmp_path_factory.mktemp("replicas")
    with RedisServer(work / "redis") as redis, replicas(redis.url, work, count=3) as here:
        yield here, redis


@pytest.fixture
def redis(running: tuple[Replicas, RedisServer]) -> RedisServer:
    return running[1]


@pytest.fixture
def here(running: tuple[Replicas, RedisServer]) -> Iterator[Replicas]:
    here, redis = running
    with redis.client() as client:
        client.flushall()
    # In this order: the first that a path begins with counts.
    here.front.steered = {CALLS: A, LOGIN: B, CALLBACK: C, PAGES: B}
    yield here
    here.front.steered = {}
    here.service.revoke_grants()


@asynccontextmanager
async def waiting(alice: Person) -> AsyncIterator[None]:
    """Alice's client says that the page is open and goes on with its call; she goes through the pages meanwhile."""
    async with anyio.create_task_group() as tasks:
        alice.meanwhile = tasks
        yield


async def assert_connected_once(alice: Person) -> None:
    """Every later call is answered without a question, wherever it goes."""
    alice.here.front.steered = {}
    questions = list(alice.questions)
    assert [(await alice.call("forge")).account for _ in alice.here.all] == ["octo-alice"] * len(alice.here.all)
    assert alice.questions == questions
    assert len((await alice.here.connections("alice"))["forge"]) == 1
    assert len(alice.here.service.live_tokens("octo-alice")) == 1


@pytest.mark.parametrize("victim", ["nobody", "where the user signed in", "Redis"])
async def test_a_call_that_waits_on_one_replica_wakes_when_its_user_is_called_back_on_another(
    here: Replicas, redis: RedisServer, victim: Literal["nobody", "where the user signed in", "Redis"]
) -> None:
    def kill() -> None:
        if victim == "Redis":
            redis.kill()
            redis.start()
        elif victim == "where the user signed in":
            here.all[B].kill()

    async def between(step: str) -> None:
        if step == "asked":
            await here.wait_for_call(A, after=len(here.front.served))
        elif step == "sent back":
            await anyio.to_thread.run_sync(kill)

    alice = Person(here, "alice", between=between)
    async with waiting(alice):
        told = await alice.call("forge")
    assert (told.account, told.replica) == ("octo-alice", here.all[A].name)
    assert len(alice.questions) == 1
    await anyio.to_thread.run_sync(here.start)
    await assert_connected_once(alice)


@pytest.mark.parametrize("era", ["modern", "legacy"])
async def test_when_the_replica_dies_on_which_a_call_waits_the_next_call_works_without_a_question(
    here: Replicas, era: Era
) -> None:
    """A legacy client's session dies with the process it lived in; a client has to begin a new one."""
    if era == "legacy":
        await anyio.to_thread.run_sync(partial(here.start, has_sessions=True))

    async def between(step: str) -> None:
        if step == "asked" and era == "modern":
            await here.wait_for_call(A, after=len(here.front.served))
        elif step == "page seen":
            await anyio.to_thread.run_sync(here.all[A].kill)

    alice = Person(here, "alice", era, between=between)
    async with waiting(alice):
        with pytest.raises(BROKEN):
            await alice.call("forge")
    assert len(alice.questions) == 1
    await anyio.to_thread.run_sync(here.start)
    await assert_connected_once(alice)


async def test_a_legacy_session_ends_with_its_replica_and_the_client_is_told_to_begin_another(here: Replicas) -> None:
    await anyio.to_thread.run_sync(partial(here.start, has_sessions=True))
    alice = Person(here, "alice", "legacy")
    await alice.obtain("forge")
    async with alice.client("forge") as client:
        await client.call_tool("forge", {})
        await anyio.to_thread.run_sync(here.all[A].kill)
        await anyio.to_thread.run_sync(here.all[A].start)
        with pytest.raises(MCPError):
            await client.call_tool("forge", {})
    await anyio.to_thread.run_sync(here.start)
    await assert_connected_once(alice)


async def test_after_a_restart_of_everything_the_next_call_simply_works(here: Replicas, redis: RedisServer) -> None:
    alice = Person(here, "alice")
    await alice.obtain("forge")
    await anyio.to_thread.run_sync(here.stop)
    await anyio.to_thread.run_sync(redis.kill)
    await anyio.to_thread.run_sync(redis.start)
    await anyio.to_thread.run_sync(here.start)
    await assert_connected_once(alice)


async def test_when_the_replica_dies_in_the_middle_of_a_callback_the_user_begins_again_and_the_call_wakes(
    here: Replicas,
) -> None:
    """The code is used up and its token died with the replica, so the user has to go to the service once more."""
    service = here.service

    async def between(step: str) -> None:
        if step == "asked":
            await here.wait_for_call(A, after=len(here.front.served))
        elif step == "sent back":
            service.faults.delay("token", seconds=2)
            tasks.start_soon(kill_in_the_middle)

    async def kill_in_the_middle() -> None:
        await anyio.to_thread.run_sync(service.faults.wait_for_held)
        service.faults.delay("token", seconds=0)
        await anyio.to_thread.run_sync(here.all[C].kill)

    async def begin_again(tool: Tool, link: str) -> None:
        with pytest.raises(RobotError):
            await alice.visit(tool, link)
        died = anyio.current_time()
        alice.between = nothing
        await alice.visit(tool, link)
        _log.info("connected %.1f s after the death of the replica with the callback", anyio.current_time() - died)

    alice = Person(here, "alice", between=between, go_through=begin_again)
    async with anyio.create_task_group() as tasks:
        alice.meanwhile = tasks
        told = await alice.call("forge")
    assert (told.account, told.replica) == ("octo-alice", here.all[A].name)
    assert len(alice.questions) == 1
    await anyio.to_thread.run_sync(here.start)
    assert len((await here.connections("alice"))["forge"]) == 1
    assert (await alice.call("forge")).account == "octo-alice"
