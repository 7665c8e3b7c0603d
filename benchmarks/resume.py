"""From a callback to the call that waits for it: what our waiting adds to the bare means of waking somebody.

    uv run python benchmarks/resume.py

Measured is the time from the moment a callback finishes a flow, the credential being kept, to the moment the held call
has the credential in hand: giving the flow its outcome, waking the call, and its looking the credential up. On memory
all of this is one process; on Redis the callback is in another process than the call. Beside each stands the bare
means: an `asyncio.Event`, and a PUBLISH to a SUBSCRIBE by redis-py alone. For information, the same from the moment the
callback has the service's token answer, so with the keeping and all it takes to be sure; and from that answer to the
result in the hands of an MCP client over HTTP, who has been asked in the modern way. The rounds are interleaved; the
exit status is 1 when an aim is missed, 2 when there is no redis-server.
"""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Awaitable, Callable

from forge import a_broker, a_vault, await_credential, finish, open_flow, settle
from held_call import held_calls
from measuring import Aim, Spread, machine, report
from redis.asyncio import Redis
from redis.asyncio.client import PubSub
from redis_server import redis_server
from replica import Callback, Publication, Replica, replica

from mcpauthkit import MemoryStore, RedisStore

ROUNDS = 300
HELD_ROUNDS = 30
WARMING_ROUNDS = 5
# So long a call waits before its callback comes: it has subscribed, and the event loop is idle.
PAUSE_SECONDS = 0.01
GIVE_UP_SECONDS = 30.0
REPLACED_MILLISECONDS = 260
CHANNEL = "bare"
EVENT, MEMORY = "bare asyncio.Event", "ours on memory"
PUBLICATION, REDIS = "bare PUBLISH, two processes", "ours on Redis, two processes"

Measured = Callable[[int], Awaitable[float]]
"""One round by its number; gives the milliseconds it took."""


def by_event() -> Measured:
    """A bare event in one process."""

    async def measured(_number: int) -> float:
        event = asyncio.Event()

        async def wait() -> int:
            await event.wait()
            return time.monotonic_ns()

        waiting = asyncio.create_task(wait())
        await asyncio.sleep(PAUSE_SECONDS)
        began_ns = time.monotonic_ns()
        event.set()
        return (await waiting - began_ns) / 1e6

    return measured


def on_memory(*, is_whole: bool) -> Measured:
    """Ours in one process."""
    store = MemoryStore()
    broker, vault = a_broker(store), a_vault(store)

    async def measured(number: int) -> float:
        flow = await open_flow(broker, number)
        waiting = asyncio.create_task(await_credential(broker, number, flow, timeout_seconds=GIVE_UP_SECONDS))
        await asyncio.sleep(PAUSE_SECONDS)
        began_ns = await (settle(broker, number, flow) if is_whole else finish(broker, vault, number, flow))
        return _milliseconds(began_ns, await waiting)

    return measured


def by_publication(redis: Redis, other: Replica) -> Measured:
    """A bare message from the other process."""

    async def measured(_number: int) -> float:
        async with redis.pubsub(ignore_subscribe_messages=True) as channels:
            await channels.subscribe(CHANNEL)
            waiting = asyncio.create_task(_next_message(channels))
            await asyncio.sleep(PAUSE_SECONDS)
            other.begin([Publication(CHANNEL)])
            ended_ns = await waiting
            return _milliseconds(other.moments()[0], ended_ns)

    return measured


def on_redis(store: RedisStore, other: Replica, *, is_whole: bool) -> Measured:
    """Ours, with the callback in the other process."""
    broker = a_broker(store)

    async def measured(number: int) -> float:
        flow = await open_flow(broker, number)
        waiting = asyncio.create_task(await_credential(broker, number, flow, timeout_seconds=GIVE_UP_SECONDS))
        await asyncio.sleep(PAUSE_SECONDS)
        other.begin([Callback(number, flow, is_whole=is_whole)])
        ended_ns = await waiting
        return _milliseconds(other.moments()[0], ended_ns)

    return measured


async def _next_message(channels: PubSub) -> int:
    async for _ in channels.listen():
        return time.monotonic_ns()
    sys.exit("Redis closed the subscription.")


def _milliseconds(began_ns: int, ended_ns: int | None) -> float:
    if ended_ns is None:
        sys.exit("A call was lost: its credential is there, and it did not wake.")
    return (ended_ns - began_ns) / 1e6


async def measure(url: str) -> dict[str, Spread]:
    """Milliseconds by the way of waking."""
    redis, store = Redis.from_url(url), RedisStore(url)
    async with held_calls(url) as held:
        with replica(url) as other:
            ways = {
                EVENT: by_event(),
                MEMORY: on_memory(is_whole=False),
                PUBLICATION: by_publication(redis, other),
                REDIS: on_redis(store, other, is_whole=False),
                "from the service's answer, memory": on_memory(is_whole=True),
                "from the service's answer, Redis": on_redis(store, other, is_whole=True),
            }
            spreads = await spreads_of(ways, rounds=ROUNDS)
        spreads |= await spreads_of(held, rounds=HELD_ROUNDS)
    await store.aclose()
    await redis.aclose()
    return spreads


async def spreads_of(ways: dict[str, Measured], *, rounds: int) -> dict[str, Spread]:
    """Milliseconds of each, in turns."""
    samples: dict[str, list[float]] = {name: [] for name in ways}
    for number in range(WARMING_ROUNDS + rounds):
        for name, way in ways.items():
            # Every way has users of its own: none finds what another has connected.
            took = await way(number * len(ways) + list(ways).index(name))
            if number >= WARMING_ROUNDS:
                samples[name].append(took)
    return {name: Spread.of(some) for name, some in samples.items()}


def main() -> int:
    """Print the table and how the aims stand; gives the exit status."""
    print(f"{machine()}; {ROUNDS} interleaved rounds, {HELD_ROUNDS} over HTTP\n")
    with redis_server() as url:
        spreads = asyncio.run(measure(url))
    print(f"{'from the callback to the resumed call':<40}{'median ms':>10}{'p95 ms':>10}{'worst ms':>10}")
    for name, spread in spreads.items():
        print(f"{name:<40}{spread.median:>10.3f}{spread.p95:>10.3f}{spread.worst:>10.3f}")
    print(f"{'(the system that this replaces)':<40}{REPLACED_MILLISECONDS:>10}")
    return report(
        [
            Aim("median on memory, milliseconds", spreads[MEMORY].median, 2.0),
            Aim("median on Redis across processes, milliseconds", spreads[REDIS].median, 5.0),
        ]
    )


if __name__ == "__main__":
    sys.exit(main())
