"""Thousands of calls that wait on Redis: whether all of them wake, and what they cost while they wait.

    uv run python benchmarks/waiters.py

As many users as there are calls, each with a flow of their own, wait in one process; then another process finishes all
of these flows. Printed are the calls that were lost, the connections to Redis and the commands it gets while nothing
happens, the Python memory of one waiting call (its task, its frames and what the store keeps for it; no HTTP request is
part of this), and the time from a flow's finish to the credential in its call's hand, while twenty at a time are being
finished. The exit status is 1 when an aim is missed, 2 when there is no redis-server.
"""

from __future__ import annotations

import asyncio
import gc
import sys
import time
import tracemalloc
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from forge import a_broker, await_credential, open_flow
from measuring import Aim, Spread, machine, report
from redis.asyncio import Redis
from redis_server import redis_server
from replica import Callback, Replica, replica

from mcpauthkit import RedisStore
from mcpauthkit.connections.broker import Broker
from mcpauthkit.core.flow_state import Flow

# The first crowd warms everything up.
COUNTS = (100, 1_000, 5_000)
AT_ONCE = 20
IDLE_SECONDS = 5.0
GIVE_UP_SECONDS = 240.0
REPLACED_LOSES = 300


@dataclass(frozen=True, slots=True)
class Waited:
    """What one crowd of waiting calls showed.

    Args:
        lost: How many got no credential.
        connections: How many connections Redis had while they waited.
        commands_per_second: How many commands it got then, of all of them together.
        bytes_each: What one of them took in this process.
        delays: Milliseconds from a flow's finish to its call's credential.
        last_seconds: From the first finish to the last call's credential.
    """

    lost: int
    connections: int
    commands_per_second: float
    bytes_each: float
    delays: Spread
    last_seconds: float


class Server:
    """What Redis says of itself.

    Args:
        redis: A connection that belongs to nobody else.
    """

    def __init__(self, redis: Redis) -> None:
        self._redis = redis

    async def connections(self) -> int:
        """How many there are, but for the one that asks."""
        return len(await self._redis.client_list()) - 1

    async def commands(self) -> int:
        """How many it has had, but for those that ask."""
        stats = await self._redis.info("commandstats")
        return sum(one["calls"] for name, one in stats.items() if name not in {"cmdstat_info", "cmdstat_client|list"})

    async def until_idle(self) -> None:
        """Return when a tenth of a second passed without a command."""
        seen = -1
        while seen != (seen := await self.commands()):  # noqa: ASYNC110  # Redis has no event of ours to set
            await asyncio.sleep(0.1)


async def opened(broker: Broker, numbers: Sequence[int]) -> dict[int, Flow]:
    """A flow for each user."""
    turns = asyncio.Semaphore(AT_ONCE)

    async def one(number: int) -> Flow:
        async with turns:
            return await open_flow(broker, number)

    return dict(zip(numbers, await asyncio.gather(*(one(number) for number in numbers)), strict=True))


async def begun(broker: Broker, flows: Mapping[int, Flow]) -> list[asyncio.Task[int | None]]:
    """The waiting calls, begun as fast as Redis answers: calls that all come in one moment would time out in line."""
    calls: list[asyncio.Task[int | None]] = []
    for number, flow in flows.items():
        calls.append(asyncio.create_task(await_credential(broker, number, flow, timeout_seconds=GIVE_UP_SECONDS)))
        if len(calls) % AT_ONCE == 0:
            await broker.ledger.get(flow.flow_id)
    return calls


async def waited(broker: Broker, server: Server, other: Replica, numbers: Sequence[int]) -> Waited:
    """Let one crowd wait, look at it, and finish all of its flows."""
    flows = await opened(broker, numbers)
    gc.collect()
    tracemalloc.start()
    calls = await begun(broker, flows)
    await server.until_idle()
    gc.collect()
    bytes_each = tracemalloc.get_traced_memory()[0] / len(calls)
    tracemalloc.stop()
    connections, commands = await server.connections(), await server.commands()
    await asyncio.sleep(IDLE_SECONDS)
    idle = (await server.commands() - commands) / IDLE_SECONDS
    other.begin([Callback(number, flow, is_whole=False) for number, flow in flows.items()])
    ended = await asyncio.gather(*calls)
    began = other.moments()
    delays = [(end - start) / 1e6 for end, start in zip(ended, began, strict=True) if end is not None]
    last = (max(filter(None, ended), default=time.monotonic_ns()) - min(began)) / 1e9
    lost = len(calls) - len(delays)
    return Waited(lost, connections, idle, bytes_each, Spread.of(delays or [0.0, 0.0]), last)


async def measure(url: str) -> dict[int, Waited]:
    """What each crowd showed."""
    redis, store, crowds = Redis.from_url(url), RedisStore(url), dict[int, Waited]()
    with replica(url) as other:
        first = 0
        for count in COUNTS:
            # A new broker and other users: nothing of one crowd helps the next.
            crowds[count] = await waited(a_broker(store), Server(redis), other, range(first, first + count))
            first += count
    await store.aclose()
    await redis.aclose()
    return crowds


def main() -> int:
    """Print the table and how the aims stand; gives the exit status."""
    print(f"{machine()}; all wait in one process, all are finished by another\n")
    with redis_server() as url:
        crowds = asyncio.run(measure(url))
    print("calls   lost   connections   idle commands/s   bytes each   median ms   p95 ms   worst ms   all done s")
    for count, one in crowds.items():
        print(
            f"{count:>5}{one.lost:>7}{one.connections:>14}{one.commands_per_second:>18.2f}{one.bytes_each:>13.0f}"
            f"{one.delays.median:>12.1f}{one.delays.p95:>9.1f}{one.delays.worst:>11.1f}{one.last_seconds:>13.2f}"
        )
    print(f"(the system that this replaces loses {REPLACED_LOSES} of 1,000)")
    many, most = crowds[COUNTS[-2]], crowds[COUNTS[-1]]
    idle = max(one.commands_per_second / count for count, one in crowds.items())
    return report(
        [
            Aim("calls that were lost", sum(one.lost for one in crowds.values()), 0),
            Aim(f"connections more for {COUNTS[-1]} than for {COUNTS[-2]}", most.connections - many.connections, 0),
            # Two a second is what looking every half second would take.
            Aim("idle commands a second of one waiting call", idle, 0.01),
            Aim("kilobytes of one waiting call", most.bytes_each / 1000, 8.0),
        ]
    )


if __name__ == "__main__":
    sys.exit(main())
