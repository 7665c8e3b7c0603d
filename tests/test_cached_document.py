"""One remote document: single flight, bounded staleness, cooldown and rest."""

from __future__ import annotations

import anyio
import pytest

from mcpauthkit.errors import RemoteError, RemoteMisbehaved, RemoteUnavailable
from mcpauthkit.fetch import CachedDocument
from mcpauthkit.testing import FakeClock


class Source:
    """A remote document under the control of a test."""

    def __init__(self) -> None:
        self.loads = 0
        self.failure: Exception | None = None
        self.gate: anyio.Event | None = None

    async def load(self) -> str:
        self.loads += 1
        number = self.loads
        if self.gate is not None:
            await self.gate.wait()
        if self.failure is not None:
            raise self.failure
        return f"value {number}"


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def source() -> Source:
    return Source()


@pytest.fixture
def document(source: Source, clock: FakeClock) -> CachedDocument[str]:
    return CachedDocument(
        source.load, clock=clock, max_age_seconds=600, max_stale_seconds=3600, cooldown_seconds=30, retry_seconds=5
    )


async def test_a_value_is_loaded_once_and_kept_for_its_age(
    document: CachedDocument[str], source: Source, clock: FakeClock
) -> None:
    assert document.version == 0
    assert source.loads == 0
    assert await document.get() == "value 1"
    clock.advance(599)
    assert await document.get() == "value 1"
    clock.advance(1)
    assert await document.get() == "value 2"
    assert document.version == 2


async def test_a_hundred_waiters_share_one_flight(document: CachedDocument[str], source: Source) -> None:
    # K5a'
    source.gate = anyio.Event()
    got: list[str] = []

    async def wait() -> None:
        got.append(await document.get())

    async with anyio.create_task_group() as tasks:
        for _ in range(100):
            tasks.start_soon(wait)
        await anyio.wait_all_tasks_blocked()
        source.gate.set()
    assert got == ["value 1"] * 100
    assert source.loads == 1


async def test_a_hundred_waiters_share_one_failure(document: CachedDocument[str], source: Source) -> None:
    source.gate = anyio.Event()
    source.failure = RemoteUnavailable("public", hint="hint", reason="reason")
    caught: list[RemoteError] = []

    async def wait() -> None:
        with pytest.raises(RemoteUnavailable) as error:
            await document.get()
        caught.append(error.value)

    async with anyio.create_task_group() as tasks:
        for _ in range(100):
            tasks.start_soon(wait)
        await anyio.wait_all_tasks_blocked()
        source.gate.set()
    assert source.loads == 1
    # One object raised from a hundred tasks would grow a hundred tracebacks.
    assert len({id(error) for error in caught}) == 100
    assert {(error.public, error.hint, error.reason) for error in caught} == {("public", "hint", "reason")}


async def test_a_failing_source_is_left_alone_for_a_while(
    document: CachedDocument[str], source: Source, clock: FakeClock
) -> None:
    # K5c: 50 requests during an outage made 50 upstream calls.
    source.failure = RemoteMisbehaved()
    for _ in range(50):
        with pytest.raises(RemoteMisbehaved):
            await document.get()
    assert source.loads == 1
    assert document.cooling_down_seconds == 5
    clock.advance(5)
    source.failure = None
    assert await document.get() == "value 2"
    assert document.cooling_down_seconds == 0


async def test_the_last_good_value_serves_an_outage_for_a_bounded_time(
    document: CachedDocument[str], source: Source, clock: FakeClock
) -> None:
    await document.get()
    source.failure = RemoteUnavailable()
    clock.advance(600)
    assert await document.get() == "value 1"
    clock.advance(3599)
    assert await document.get() == "value 1"
    clock.advance(1)
    with pytest.raises(RemoteUnavailable):
        await document.get()
    clock.advance(5)
    source.failure = None
    assert await document.get() == f"value {source.loads}"


async def test_while_one_refreshes_the_others_get_the_old_value_at_once(
    document: CachedDocument[str], source: Source, clock: FakeClock
) -> None:
    await document.get()
    clock.advance(600)
    source.gate = anyio.Event()
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(document.get)
        await anyio.wait_all_tasks_blocked()
        with anyio.fail_after(1):
            assert await document.get() == "value 1"
        source.gate.set()
    assert await document.get() == "value 2"
    assert source.loads == 2


async def test_a_refetch_happens_at_most_once_per_cooldown(
    document: CachedDocument[str], source: Source, clock: FakeClock
) -> None:
    await document.get()
    for _ in range(1000):
        await document.refetch(document.version)
    assert source.loads == 2
    assert document.cooling_down_seconds == 30
    clock.advance(30)
    assert await document.refetch(document.version) == "value 3"


async def test_a_refetch_that_somebody_else_made_meanwhile_is_enough(
    document: CachedDocument[str], source: Source
) -> None:
    await document.get()
    source.gate = anyio.Event()
    got: list[str] = []

    async def refetch() -> None:
        got.append(await document.refetch(1))

    async with anyio.create_task_group() as tasks:
        for _ in range(100):
            tasks.start_soon(refetch)
        await anyio.wait_all_tasks_blocked()
        source.gate.set()
    assert got == ["value 2"] * 100
    assert source.loads == 2


async def test_a_failed_refetch_gives_the_old_value_and_the_old_version(
    document: CachedDocument[str], source: Source
) -> None:
    await document.get()
    source.failure = RemoteUnavailable()
    assert await document.refetch(1) == "value 1"
    assert document.version == 1


async def test_a_refetch_without_any_value_fails(document: CachedDocument[str], source: Source) -> None:
    source.failure = RemoteUnavailable()
    with pytest.raises(RemoteUnavailable):
        await document.refetch(0)
    with pytest.raises(RemoteUnavailable):
        await document.refetch(7)


async def test_a_refetch_for_a_version_that_never_was_fails_without_asking(
    document: CachedDocument[str], source: Source
) -> None:
    with pytest.raises(RemoteUnavailable):
        await document.refetch(7)
    assert source.loads == 0


async def test_when_the_leader_is_cancelled_the_next_in_line_loads(
    document: CachedDocument[str], source: Source
) -> None:
    # A client that disconnects during the first fetch must not take the others down with it.
    source.gate = anyio.Event()
    got: list[str] = []

    async def wait() -> None:
        got.append(await document.get())

    async with anyio.create_task_group() as followers:
        async with anyio.create_task_group() as leader:
            leader.start_soon(document.get)
            await anyio.wait_all_tasks_blocked()
            for _ in range(10):
                followers.start_soon(wait)
            await anyio.wait_all_tasks_blocked()
            leader.cancel_scope.cancel()
        await anyio.wait_all_tasks_blocked()
        source.gate.set()
    assert got == ["value 2"] * 10
    assert source.loads == 2


async def test_an_unexpected_error_passes_and_leaves_no_lock_behind(
    document: CachedDocument[str], source: Source
) -> None:
    source.failure = ZeroDivisionError()
    with pytest.raises(ZeroDivisionError):
        await document.get()
    source.failure = None
    with anyio.fail_after(1):
        assert await document.get() == "value 2"


async def test_the_time_of_asking_is_remembered_not_that_of_the_answer(
    document: CachedDocument[str], source: Source, clock: FakeClock
) -> None:
    # What changed at the source while the answer was under way is not in the answer.
    assert document.loaded_wall_time == float("-inf")
    asked_at = clock.wall()
    source.gate = anyio.Event()
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(document.get)
        await anyio.wait_all_tasks_blocked()
        clock.advance(3)
        source.gate.set()
    assert document.loaded_wall_time == asked_at
    assert document.age_seconds == 0
    clock.set_wall(0)
    assert document.age_seconds == 0
