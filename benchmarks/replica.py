"""Another process on the same Redis: the replica to which the browsers of a benchmark come back."""

from __future__ import annotations

import asyncio
import multiprocessing
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.connection import Connection

from forge import a_broker, a_vault, finish, settle
from redis.asyncio import Redis

from mcpauthkit import RedisStore
from mcpauthkit.core.flow_state import Flow

_AT_ONCE = 20
_END_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class Callback:
    """A browser that comes back.

    Args:
        number: Of which user.
        flow: For which flow.
        is_whole: Whether the service's answer comes only now; otherwise only the flow is left to be finished.
    """

    number: int
    flow: Flow
    is_whole: bool


@dataclass(frozen=True, slots=True)
class Publication:
    """A message by redis-py alone.

    Args:
        channel: Where it is published.
    """

    channel: str


class Replica:
    """A handle on the other process.

    Args:
        pipe: Our end of the pipe.
    """

    def __init__(self, pipe: Connection[object, list[int]]) -> None:
        self._pipe = pipe

    def begin(self, jobs: Sequence[Callback | Publication]) -> None:
        """Let it do some jobs, and return at once."""
        self._pipe.send(list(jobs))

    def moments(self) -> list[int]:
        """When each of the jobs began by the monotonic clock, in nanoseconds; waits until all are done."""
        return self._pipe.recv()


@contextmanager
def replica(url: str) -> Iterator[Replica]:
    """Run one while the block runs.

    Args:
        url: Its Redis.
    """
    spawning = multiprocessing.get_context("spawn")
    ours, theirs = spawning.Pipe()
    process = spawning.Process(target=_run, args=(url, theirs), daemon=True)
    process.start()
    handle = Replica(ours)
    handle.begin([])
    handle.moments()
    try:
        yield handle
    finally:
        ours.send(None)
        process.join(_END_SECONDS)
        process.kill()


def _run(url: str, pipe: Connection[list[int], list[Callback | Publication] | None]) -> None:
    asyncio.run(_serve(url, pipe))


async def _serve(url: str, pipe: Connection[list[int], list[Callback | Publication] | None]) -> None:
    store, bare = RedisStore(url), Redis.from_url(url)
    broker, vault, turns = a_broker(store), a_vault(store), asyncio.Semaphore(_AT_ONCE)

    async def done(job: Callback | Publication) -> int:
        async with turns:
            if isinstance(job, Callback):
                if job.is_whole:
                    return await settle(broker, job.number, job.flow)
                return await finish(broker, vault, job.number, job.flow)
            began_ns = time.monotonic_ns()
            await bare.publish(job.channel, b"done")
            return began_ns

    while (jobs := await asyncio.to_thread(pipe.recv)) is not None:
        pipe.send(await asyncio.gather(*(done(job) for job in jobs)))
    await store.aclose()
    await bare.aclose()
