"""Two server processes over one Redis: something is killed between every two steps, and nobody is asked twice."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import anyio
import httpx
import pytest

from tests.services.redis_servers import RedisServer
from tests.services.replica_people import TOOLS, Between, Person, busy
from tests.services.replicas import Replicas, replicas
from tests.world import Era

Victim = Literal["the replica that served last", "the other replica", "Redis"]
STRIKES: dict[Era, int] = {"modern": 20, "legacy": 22}


@dataclass
class Stage:
    """Replicas, what they keep their state in, and how both die.

    Attributes:
        here: The replicas.
        redis: Their store.
        strikes: After which steps somebody was killed.
    """

    here: Replicas
    redis: RedisServer
    strikes: list[str]

    async def strike(self, victim: Victim, step: str) -> None:
        """Kill a process and start it again; `kill -9`, so nothing is put in order before."""
        await anyio.to_thread.run_sync(self._kill, victim)
        self.strikes.append(step)

    def _kill(self, victim: Victim) -> None:
        if victim == "Redis":
            self.redis.kill()
            self.redis.start()
            return
        last = self.here.last_served
        replica = last if victim == "the replica that served last" else self.here.other_than(last)
        replica.kill()
        replica.start()


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Replicas, RedisServer]]:
    work = tmp_path_factory.mktemp("replicas")
    with RedisServer(work / "redis") as redis, replicas(redis.url, work) as here:
        yield here, redis


@pytest.fixture
def stage(running: tuple[Replicas, RedisServer]) -> Stage:
    here, redis = running
    with redis.client() as client:
        client.flushall()
    here.service.revoke_grants()
    return Stage(here, redis, [])


@pytest.mark.parametrize("victim", ["the replica that served last", "the other replica", "Redis"])
@pytest.mark.parametrize("era", ["modern", "legacy"])
async def test_whatever_is_killed_between_two_steps_a_user_is_asked_once_and_keeps_what_they_have(
    stage: Stage, era: Era, victim: Victim
) -> None:
    here, service = stage.here, stage.here.service
    renewals = service.requests.count("token", grant_type="refresh_token")

    async def strike(step: str) -> None:
        await stage.strike(victim, step)

    alice, bob = Person(here, "alice", era, between=strike), Person(here, "bob")
    alice.auth = alice.signing_in_by_itself()
    async with busy(bob):
        for tool in TOOLS:
            await alice.obtain(tool)
            await strike(f"{tool} connected")
            await alice.call(tool)
            await strike(f"{tool} used")
        service.expire_tokens("octo-alice")
        await strike("tokens expired")
        await alice.call("forge")
        await strike("renewed")
        await alice.call("forge")
        connected = await here.connections("alice")
    assert [told.account for told in alice.told if not told.link] == ["octo-alice"] * 6
    assert len(alice.questions) == len(TOOLS)
    assert {name: len(found) for name, found in connected.items()} == dict.fromkeys(TOOLS, 1)
    # One more than Alice's own calls know of would be a connection that nobody here can end.
    assert len(service.live_tokens("octo-alice")) == 1
    assert service.requests.count("token", grant_type="refresh_token") == renewals + 1
    await assert_each_has_their_own(stage, alice, bob, strike)
    # A step that nobody is told of any more would be one that nothing is killed after.
    assert len(stage.strikes) == STRIKES[era]


async def assert_each_has_their_own(stage: Stage, alice: Person, bob: Person, strike: Between) -> None:
    """Alice ends one connection and keeps the other; nobody has anything of somebody else."""
    here = stage.here
    assert await here.disconnect("alice", "forge") == httpx.codes.OK
    await strike("disconnected")
    assert {name: len(found) for name, found in (await here.connections("alice")).items()} == {"forge": 0, "wiki": 1}
    alice.has_url_mode = bob.has_url_mode = False
    assert (await alice.call("forge")).link
    for tool in TOOLS:
        await here.disconnect("bob", tool)
        assert (await bob.call(tool)).link
    for person in (alice, bob):
        assert {told.account for told in person.told} == {"", f"octo-{person.sub}"}
        assert {told.subject for told in person.told} == {"", person.sub}
