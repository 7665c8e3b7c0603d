"""What every store has to do. A store's tests inherit this and give the factory."""

from __future__ import annotations

import abc

import anyio
import pytest

from mcpauthkit import Store
from mcpauthkit.stores.port import Conditional, Listable, Watchable
from mcpauthkit.testing import FakeClock


class StoreContract(abc.ABC):
    """The contract of `Store`, and of `Watchable` for the stores that are.

    `pass_time` lets the stores of one test grow older; a store with a clock of its own overrides it.
    """

    clock: FakeClock

    @pytest.fixture(autouse=True)
    def _new_clock(self) -> None:
        self.clock = FakeClock()

    @abc.abstractmethod
    def make(self) -> Store:
        """A new, empty store that lives by `self.clock`."""

    async def pass_time(self, seconds: float) -> None:
        self.clock.advance(seconds)

    async def test_an_absent_key_has_no_value(self) -> None:
        store = self.make()
        assert await store.get("k") is None
        assert await store.take("k") is None
        await store.delete("k")

    @pytest.mark.parametrize("value", ["v", "", "é\n\x00\U0001f600", "x" * 100_000])
    async def test_what_was_put_is_got_until_it_is_deleted(self, value: str) -> None:
        store = self.make()
        await store.put("k", value, ttl_seconds=None)
        assert await store.get("k") == value
        assert await store.get("k") == value
        await store.delete("k")
        assert await store.get("k") is None

    async def test_a_later_put_replaces_value_and_lifetime(self) -> None:
        store = self.make()
        await store.put("k", "1", ttl_seconds=10)
        await store.put("k", "2", ttl_seconds=100)
        await self.pass_time(50)
        assert await store.get("k") == "2"
        await store.put("k", "3", ttl_seconds=10)
        await self.pass_time(10)
        assert await store.get("k") is None

    async def test_keys_do_not_touch_each_other(self) -> None:
        store = self.make()
        await store.put("k", "1", ttl_seconds=None)
        await store.put("k:2", "2", ttl_seconds=None)
        assert await store.take("k:2") == "2"
        assert await store.get("k") == "1"
        assert await store.get("K") is None

    async def test_an_entry_dies_at_the_end_of_its_lifetime(self) -> None:
        store = self.make()
        await store.put("k", "v", ttl_seconds=10)
        await self.pass_time(9)
        assert await store.get("k") == "v"
        await self.pass_time(1)
        assert await store.get("k") is None
        assert await store.take("k") is None

    async def test_an_entry_without_a_lifetime_stays(self) -> None:
        store = self.make()
        await store.put("k", "v", ttl_seconds=None)
        await self.pass_time(10_000_000)
        assert await store.get("k") == "v"

    async def test_add_sets_only_what_is_absent(self) -> None:
        store = self.make()
        assert await store.add("k", "1", ttl_seconds=10)
        assert not await store.add("k", "2", ttl_seconds=10)
        assert await store.get("k") == "1"
        await self.pass_time(10)
        assert await store.add("k", "3", ttl_seconds=10)
        assert await store.get("k") == "3"

    async def test_take_gives_a_value_once(self) -> None:
        store = self.make()
        await store.put("k", "v", ttl_seconds=10)
        assert await store.take("k") == "v"
        assert await store.take("k") is None
        assert await store.get("k") is None
        assert await store.add("k", "again", ttl_seconds=10)

    async def test_of_fifty_concurrent_takes_one_wins(self) -> None:
        # S4
        store = self.make()
        await store.put("k", "v", ttl_seconds=10)
        taken: list[str | None] = []

        async def take() -> None:
            taken.append(await store.take("k"))

        async with anyio.create_task_group() as tasks:
            for _ in range(50):
                tasks.start_soon(take)
        assert sorted(taken, key=str) == [None] * 49 + ["v"]

    async def test_of_fifty_concurrent_adds_one_wins(self) -> None:
        store = self.make()
        won: list[int] = []

        async def add(number: int) -> None:
            if await store.add("k", str(number), ttl_seconds=10):
                won.append(number)

        async with anyio.create_task_group() as tasks:
            for number in range(50):
                tasks.start_soon(add, number)
        assert len(won) == 1
        assert await store.get("k") == str(won[0])

    async def test_put_if_changes_only_what_is_as_it_was_seen(self) -> None:
        store = self.make()
        conditional = self._conditional(store)
        assert not await conditional.put_if("k", "2", seen="1", ttl_seconds=10)
        assert await store.get("k") is None
        await store.put("k", "1", ttl_seconds=10)
        assert not await conditional.put_if("k", "3", seen="2", ttl_seconds=10)
        assert await conditional.put_if("k", "2", seen="1", ttl_seconds=100)
        await self.pass_time(50)
        assert await store.get("k") == "2"
        assert await conditional.put_if("k", "2", seen="2", ttl_seconds=10)
        await self.pass_time(10)
        assert await store.get("k") is None
        assert not await conditional.put_if("k", "3", seen="2", ttl_seconds=10)

    async def test_delete_if_removes_only_what_is_as_it_was_seen(self) -> None:
        store = self.make()
        conditional = self._conditional(store)
        assert not await conditional.delete_if("k", seen="1")
        await store.put("k", "1", ttl_seconds=10)
        assert not await conditional.delete_if("k", seen="2")
        assert await store.get("k") == "1"
        assert await conditional.delete_if("k", seen="1")
        assert not await conditional.delete_if("k", seen="1")
        assert await store.get("k") is None

    async def test_of_fifty_who_saw_the_same_one_changes_it(self) -> None:
        store = self.make()
        conditional = self._conditional(store)
        await store.put("k", "seen", ttl_seconds=10)
        won: list[int] = []

        async def change(number: int) -> None:
            if await conditional.put_if("k", str(number), seen="seen", ttl_seconds=10):
                won.append(number)

        async with anyio.create_task_group() as tasks:
            for number in range(50):
                tasks.start_soon(change, number)
        assert len(won) == 1
        assert await store.get("k") == str(won[0])

    async def test_a_store_tells_which_keys_are_alive(self) -> None:
        store = self.make()
        if not isinstance(store, Listable):
            pytest.skip("this store cannot tell what it holds, and need not")
        await store.put("dead", "v", ttl_seconds=10)
        await store.put("gone", "v", ttl_seconds=None)
        await self.pass_time(10)
        await store.delete("gone")
        await store.put("app:credential:forge:a*[b]?", "v", ttl_seconds=100)
        await store.put("other", "v", ttl_seconds=None)
        assert {key async for key in store.list_keys()} == {"app:credential:forge:a*[b]?", "other"}

    @pytest.mark.parametrize("change", ["put", "take", "delete", "add", "put_if", "delete_if"])
    async def test_a_change_wakes_every_waiter(self, change: str) -> None:
        store = self.make()
        watchable = self._watchable(store)
        conditional = self._conditional(store) if change.endswith("_if") else None
        seen = None if change == "add" else "1"
        if seen is not None:
            await store.put("k", seen, ttl_seconds=100)

        with anyio.fail_after(5):
            async with anyio.create_task_group() as tasks:
                for _ in range(3):
                    tasks.start_soon(self._wait, watchable, seen)
                await anyio.wait_all_tasks_blocked()
                match change:
                    case "put":
                        await store.put("k", "2", ttl_seconds=100)
                    case "add":
                        await store.add("k", "2", ttl_seconds=100)
                    case "take":
                        await store.take("k")
                    case "put_if":
                        assert conditional is not None
                        assert await conditional.put_if("k", "2", seen="1", ttl_seconds=100)
                    case "delete_if":
                        assert conditional is not None
                        assert await conditional.delete_if("k", seen="1")
                    case _:
                        await store.delete("k")

    @staticmethod
    async def _wait(watchable: Watchable, seen: str | None) -> None:
        await watchable.wait_for_change("k", seen, timeout_seconds=60)

    async def test_waiting_ends_at_once_when_the_value_is_another_already(self) -> None:
        store = self.make()
        watchable = self._watchable(store)
        await store.put("k", "2", ttl_seconds=100)
        with anyio.fail_after(5):
            await watchable.wait_for_change("k", "1", timeout_seconds=60)
            await watchable.wait_for_change("k", None, timeout_seconds=60)
            await watchable.wait_for_change("absent", "1", timeout_seconds=60)

    async def test_waiting_ends_when_the_time_is_over(self) -> None:
        store = self.make()
        watchable = self._watchable(store)
        await store.put("other", "v", ttl_seconds=100)
        with anyio.fail_after(5):
            await watchable.wait_for_change("k", None, timeout_seconds=0.01)

    async def test_a_cancelled_waiter_does_not_keep_the_others_asleep(self) -> None:
        store = self.make()
        watchable = self._watchable(store)
        with anyio.fail_after(5):
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(self._wait, watchable, None)
                await anyio.wait_all_tasks_blocked()
                with anyio.move_on_after(0.01):
                    await watchable.wait_for_change("k", None, timeout_seconds=60)
                await store.put("k", "v", ttl_seconds=100)

    @staticmethod
    def _conditional(store: Store) -> Conditional:
        if not isinstance(store, Conditional):
            pytest.skip("this store cannot compare before it changes, and need not")
        return store

    @staticmethod
    def _watchable(store: Store) -> Watchable:
        if not isinstance(store, Watchable):
            pytest.skip("this store cannot wake waiters, and need not")
        return store
