"""The store moves while people connect: another server leads under Sentinel, or a cluster's slots change hands."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path

import anyio

from tests.services.redis_servers import RedisCluster, RedisSentinels
from tests.services.replica_people import TOOLS, Person, busy
from tests.services.replicas import Replicas, replicas


async def connect_and_renew(alice: Person) -> None:
    """Both legs with both services, and a renewal."""
    for tool in TOOLS:
        assert (await alice.obtain(tool)).account == "octo-alice"
        await alice.between(f"{tool} connected")
    alice.here.service.expire_tokens("octo-alice")
    assert (await alice.call("forge")).account == "octo-alice"
    await alice.between("renewed")


async def assert_everybody_has_one_of_each(here: Replicas, *people: Person) -> None:
    """Each has what they connected, and nobody saw anything of somebody else."""
    await here.wait_for_store(people[0].sub)
    for person in people:
        connected = await here.connections(person.sub)
        assert {name: len(found) for name, found in connected.items()} == dict.fromkeys(TOOLS, 1)
        assert {told.account for told in person.told} <= {"", f"octo-{person.sub}"}
        assert (await person.call("forge")).account == f"octo-{person.sub}"


async def test_a_flow_goes_on_at_the_server_that_sentinel_makes_the_master(tmp_path: Path) -> None:
    with RedisSentinels(tmp_path) as redis, replicas(redis.url, tmp_path) as here:

        async def between(step: str) -> None:
            if step == "sent to the service":
                await anyio.to_thread.run_sync(fail_over)

        def fail_over() -> None:
            leading = redis.master()
            # Redis acknowledges before its replicas have it: what is lost in that moment is lost to everybody.
            redis.wait_until_replicated()
            leading.kill()
            redis.wait_for_master(leading)

        alice, bob = Person(here, "alice", between=between), Person(here, "bob")
        async with busy(bob):
            await connect_and_renew(alice)
        assert len(alice.questions) == len(TOOLS)
        for tool in TOOLS:
            await bob.obtain(tool)
        await assert_everybody_has_one_of_each(here, alice, bob)


async def test_a_flow_goes_on_while_every_slot_that_holds_something_moves_to_another_node(tmp_path: Path) -> None:
    # No node is to die here, and none shall be given up because a busy machine lets it stand still for a second.
    cluster = RedisCluster(tmp_path, patience_seconds=5)
    with cluster as redis, replicas(redis.url, tmp_path) as here, ExitStack() as halfway:
        moved = 0

        def finish_and_begin() -> None:
            # What the last step left half moved arrives; what there is now is half moved in the next step.
            nonlocal moved
            halfway.close()
            for slot in slots_in_use(redis):
                holder = redis.holder_of(slot)
                target = redis.masters[(redis.masters.index(holder) + 1) % len(redis.masters)]
                halfway.enter_context(redis.moving(slot, target))
                moved += 1

        async def between(step: str) -> None:
            if step in {"asked", "sent back", "forge connected"}:
                await anyio.to_thread.run_sync(finish_and_begin)

        alice, bob = Person(here, "alice", between=between), Person(here, "bob")
        async with busy(bob):
            await connect_and_renew(alice)
        await anyio.to_thread.run_sync(halfway.close)
        assert moved > len(TOOLS)
        assert len(alice.questions) == len(TOOLS)
        for tool in TOOLS:
            await bob.obtain(tool)
        await assert_everybody_has_one_of_each(here, alice, bob)


def slots_in_use(redis: RedisCluster) -> set[int]:
    """The slots that hold a key."""
    found: set[int] = set()
    for node in redis.masters:
        with node.client() as client:
            found |= {redis.slot_of(key) for key in client.scan_iter()}
    return found
