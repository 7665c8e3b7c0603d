"""Redis stands still for ten seconds in the middle of things: nothing hangs, nothing is lost, and then all goes on."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import anyio
import pytest

from mcpauthkit.testing import RobotError
from tests.services.redis_servers import RedisServer
from tests.services.replica_people import Person, Tool, nothing
from tests.services.replicas import Replicas, replicas

OUTAGE_SECONDS = 10.0
BOUND_SECONDS = 9.0
"""Whoever asks for something in an outage has an answer by then, while it still lasts."""

_log = logging.getLogger(__name__)


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Replicas, RedisServer]]:
    work = tmp_path_factory.mktemp("replicas")
    with RedisServer(work / "redis") as redis, replicas(redis.url, work, hold_seconds=30.0) as here:
        yield here, redis


@pytest.fixture
def redis(running: tuple[Replicas, RedisServer]) -> RedisServer:
    return running[1]


@pytest.fixture
def here(running: tuple[Replicas, RedisServer]) -> Iterator[Replicas]:
    here, redis = running
    with redis.client() as client:
        client.flushall()
    yield here
    here.service.behave()
    here.service.revoke_grants()


async def assert_connected_once(person: Person) -> None:
    assert (await person.call("forge")).account == f"octo-{person.sub}"
    assert len((await person.here.connections(person.sub))["forge"]) == 1


async def test_a_waiting_call_outlasts_a_standstill_of_redis_and_others_are_told_in_time(
    here: Replicas, redis: RedisServer
) -> None:
    bob = Person(here, "bob")
    await bob.obtain("forge")

    async def between(step: str) -> None:
        if step == "page seen":
            with redis.paused():
                began = anyio.current_time()
                with anyio.fail_after(BOUND_SECONDS):
                    told = await bob.call("forge")
                _log.info("a call was answered after %.1f s of the outage: %s", anyio.current_time() - began, told.text)
                assert (told.account, told.link) == ("", "")
                # The standstill itself is what is waited for here.
                await anyio.sleep(OUTAGE_SECONDS - (anyio.current_time() - began))

    alice = Person(here, "alice", between=between)
    async with anyio.create_task_group() as tasks:
        alice.meanwhile = tasks
        told = await alice.call("forge")
    assert told.account == "octo-alice"
    assert len(alice.questions) == 1
    await assert_connected_once(alice)
    await assert_connected_once(bob)


async def test_a_callback_during_a_standstill_of_redis_has_an_end_and_the_waiting_call_wakes_after_it(
    here: Replicas, redis: RedisServer
) -> None:
    async def between(step: str) -> None:
        if step == "sent back":
            redis.pause(OUTAGE_SECONDS)

    async def begin_again(tool: Tool, link: str) -> None:
        began = anyio.current_time()
        try:
            with anyio.fail_after(BOUND_SECONDS):
                await alice.visit(tool, link)
        except RobotError as error:
            _log.info("the callback was answered after %.1f s: %s", anyio.current_time() - began, error)
            alice.between = nothing
            await alice.insist(tool, link)

    alice = Person(here, "alice", between=between, go_through=begin_again)
    async with anyio.create_task_group() as tasks:
        alice.meanwhile = tasks
        told = await alice.call("forge")
    assert told.account == "octo-alice"
    assert len(alice.questions) == 1
    await assert_connected_once(alice)


@pytest.mark.parametrize("what", ["consent", "renewal"])
async def test_what_the_service_gave_during_a_standstill_of_redis_is_kept_when_it_is_over(
    here: Replicas, redis: RedisServer, what: str
) -> None:
    """Codes and refresh tokens are good once: what is not kept now, only the user could give again."""
    service = here.service

    async def pause_while_the_service_answers() -> None:
        await anyio.to_thread.run_sync(service.faults.wait_for_held)
        redis.pause(OUTAGE_SECONDS)
        service.faults.clear()

    async def between(step: str) -> None:
        if step == "sent back" and what == "consent":
            service.faults.hang("token")
            tasks.start_soon(pause_while_the_service_answers)

    alice = Person(here, "alice", between=between)
    async with anyio.create_task_group() as tasks:
        assert (await alice.obtain("forge")).account == "octo-alice"
        if what == "renewal":
            service.expire_tokens("octo-alice")
            service.faults.hang("token")
            tasks.start_soon(pause_while_the_service_answers)
            told = await alice.call("forge")
            _log.info("the call that renewed was told: %s", told.text)
            assert not told.link
    await assert_connected_once(alice)
    assert len(alice.questions) == 1
    assert len(service.live_tokens("octo-alice")) == 1
