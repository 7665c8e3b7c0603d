"""A hundred calls on two server processes need one renewal: the service sees one, whoever dies in the middle of it."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from functools import partial
from typing import Literal

import anyio
import pytest

from mcpauthkit.testing import DevService
from tests.services.redis_servers import RedisServer
from tests.services.replica_people import BROKEN, Person, Told
from tests.services.replicas import Replicas, replicas

CLIENTS = 10
CALLS_EACH = 10
CALLS = CLIENTS * CALLS_EACH
LIFETIME_SECONDS = 3600.0

Ending = Literal["known here", "found out there"]
"""How a call learns that the token has ended: by the clock before it is sent, or by the service's 401."""

_log = logging.getLogger(__name__)


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Replicas, RedisServer]]:
    work = tmp_path_factory.mktemp("replicas")
    with RedisServer(work / "redis") as redis, replicas(redis.url, work) as here:
        yield here, redis


@pytest.fixture
def here(running: tuple[Replicas, RedisServer]) -> Iterator[Replicas]:
    here, redis = running
    with redis.client() as client:
        client.flushall()
    yield here
    here.service.behave()
    here.service.revoke_grants()


def refreshes(service: DevService) -> int:
    return service.requests.count("token", grant_type="refresh_token")


async def call_all(person: Person, clients: int = CLIENTS) -> list[Told]:
    """Calls of many clients at once; the balancer gives each replica half of them."""
    before = len(person.told)
    async with anyio.create_task_group() as tasks:
        for _ in range(clients):
            tasks.start_soon(person.calls, "forge", CALLS_EACH)
    return person.told[before:]


@pytest.mark.parametrize("ending", ["known here", "found out there"])
async def test_a_hundred_calls_on_two_replicas_renew_once(here: Replicas, ending: Ending) -> None:
    alice = Person(here, "alice")
    await alice.obtain("forge")
    before = refreshes(here.service)
    here.service.expire_tokens("octo-alice")
    ahead = LIFETIME_SECONDS if ending == "known here" else 0.0
    await anyio.to_thread.run_sync(partial(here.start, clock_ahead_seconds=ahead))
    # Slow enough for calls on both replicas to need it before the answer is there.
    here.service.faults.delay("token", seconds=1)
    told = await call_all(alice)
    assert [one.account for one in told] == ["octo-alice"] * CALLS
    per_replica = {one.name: sum(each.replica == one.name for each in told) for one in here.all}
    assert all(count > CALLS // 4 for count in per_replica.values()), per_replica
    assert refreshes(here.service) == before + 1
    assert len(here.service.live_tokens("octo-alice")) == 1
    assert len(alice.questions) == 1


@pytest.mark.parametrize("carried_out", [False, True])
async def test_when_the_replica_that_renews_dies_another_takes_over_and_nothing_is_lost_or_doubled(
    here: Replicas, carried_out: bool
) -> None:
    """The service had taken the dead one's request, or it had not; in between is nothing that anybody could tell."""
    alice, service = Person(here, "alice"), here.service
    await alice.obtain("forge")
    alice.has_url_mode = False
    service.expire_tokens("octo-alice")
    await anyio.to_thread.run_sync(partial(here.start, clock_ahead_seconds=0.0))
    service.faults.delay("token", seconds=2)
    if not carried_out:
        service.faults.respond("token", status=503, times=1)
    here.front.steered["/mcp"] = 0
    before = len(alice.told)

    async def lose() -> None:
        with pytest.raises(BROKEN):
            await alice.call("forge")

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(lose)
        await anyio.to_thread.run_sync(service.faults.wait_for_held)
        service.faults.delay("token", seconds=0)
        here.front.steered["/mcp"] = 1
        tasks.start_soon(call_all, alice, 2)
        await anyio.to_thread.run_sync(here.all[0].kill)
        died = anyio.current_time()
    ended = alice.told[before:]
    _log.info("taken over %.1f s after the death of the replica that renewed", anyio.current_time() - died)
    await anyio.to_thread.run_sync(here.all[0].start)
    here.front.steered.clear()
    connected = (await here.connections("alice"))["forge"]
    if carried_out:
        # The new refresh token died with the replica, so only the user can help; every call says so, with one link.
        assert {one.account for one in ended} == {""}
        assert len({one.link for one in ended}) == 1
        assert [one["health"] for one in connected] == ["lost"]
        assert (await alice.obtain("forge")).account == "octo-alice"
    else:
        assert {one.account for one in ended} == {"octo-alice"}
        assert [one["health"] for one in connected] == ["good"]
    assert len((await here.connections("alice"))["forge"]) == 1
    assert len(service.live_tokens("octo-alice")) == 1
