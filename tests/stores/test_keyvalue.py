"""Stores of py-key-value behind our port."""

from __future__ import annotations

import contextlib
import logging
import shutil
import stat
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import anyio
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from key_value.aio.stores.filetree import FileTreeStore
from key_value.aio.stores.memory import MemoryStore as TheirMemory

from mcpauthkit import KeyRing, KeyValueStore, Listable
from mcpauthkit.errors import ConfigurationError, SealError, StoreUnavailable
from mcpauthkit.stores.file_tree import FileTree
from mcpauthkit.stores.port import is_shared
from mcpauthkit.stores.rotation import reseal_all
from mcpauthkit.stores.sealed import SealedStore
from mcpauthkit.testing import FakeClock
from tests.contracts.store import StoreContract

RING = KeyRing({"a": "first-key-of-at-least-32-bytes-length"}, minting="a")
COLLECTION = "mcpauthkit"
A_MOMENT = 1e-6


async def grow_older(store: Any, seconds: float) -> None:
    """Their clock is the machine's: what is left of each lifetime grows shorter, and that it then ends is theirs."""
    for name in await store.keys(collection=COLLECTION):
        value, left = await store.ttl(name, collection=COLLECTION)
        if left is not None:
            await store.put(name, value, collection=COLLECTION, ttl=max(left - seconds, A_MOMENT))


class KeyValueContract(StoreContract):
    @pytest.fixture(autouse=True)
    def _a_place_for_each(self, tmp_path: Path) -> None:
        self.place = tmp_path
        self.theirs: list[Any] = []

    def their_store(self) -> Any:
        raise NotImplementedError

    def make(self) -> KeyValueStore:
        self.theirs.append(self.their_store())
        return KeyValueStore(self.theirs[-1])

    async def pass_time(self, seconds: float) -> None:
        for one in self.theirs:
            await grow_older(one, seconds)


class TestInTheirMemory(KeyValueContract):
    def their_store(self) -> TheirMemory:
        return TheirMemory()


class TestInFiles(KeyValueContract):
    def their_store(self) -> FileTree:
        return FileTree(self.place / str(len(self.theirs)))


def files_in(folder: Path) -> list[Path]:
    return sorted((folder / COLLECTION).iterdir())


def modes_of(folder: Path) -> list[int]:
    return [stat.S_IMODE(one.stat().st_mode) for one in (folder, *folder.rglob("*"))]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "state"


async def test_what_is_in_files_survives_the_process_and_nobody_else_reads_it(folder: Path) -> None:
    # L10a: files 0644, folders 0755.
    await KeyValueStore(FileTree(folder)).put("app:credential:forge:abc", "v", ttl_seconds=None)
    assert await KeyValueStore(FileTree(folder)).get("app:credential:forge:abc") == "v"
    modes = modes_of(folder)
    assert len(modes) == 4
    assert {mode & 0o077 for mode in modes} == {0}


async def test_no_name_of_a_file_tells_a_key(folder: Path) -> None:
    await KeyValueStore(FileTree(folder)).put("../../etc/passwd\x00" + "x" * 500, "v", ttl_seconds=None)
    [file] = files_in(folder)
    assert len(file.stem) == 64
    assert await KeyValueStore(FileTree(folder)).get("../../etc/passwd\x00" + "x" * 500) == "v"


async def test_a_folder_may_be_moved_between_two_runs(folder: Path, tmp_path: Path) -> None:
    await KeyValueStore(FileTree(folder)).put("k", "v", ttl_seconds=None)
    shutil.move(folder, tmp_path / "elsewhere")
    assert await KeyValueStore(FileTree(tmp_path / "elsewhere")).get("k") == "v"


@pytest.mark.parametrize("note", ["", "[]", "{}", '{"directory": 5}', '{"direct'])
async def test_a_note_of_the_librarys_that_is_spoilt_is_written_anew(folder: Path, note: str) -> None:
    await KeyValueStore(FileTree(folder)).put("k", "v", ttl_seconds=None)
    (folder / f"{COLLECTION}-info.json").write_text(note)
    assert await KeyValueStore(FileTree(folder)).get("k") == "v"


@pytest.mark.parametrize("mode", [0o777, 0o770, 0o722])
def test_a_folder_that_others_can_write_to_is_refused(folder: Path, mode: int) -> None:
    folder.mkdir()
    folder.chmod(mode)
    with pytest.raises(ConfigurationError) as refused:
        FileTree(folder)
    assert f"{mode:o}" in refused.value.public
    assert FileTree(folder / "in-it") is not None


def test_a_folder_that_others_can_read_is_warned_of(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    folder.mkdir(mode=0o755)
    FileTree(folder)
    assert "chmod 700" in caplog.text


def test_a_file_in_the_place_of_the_folder_is_refused(folder: Path) -> None:
    folder.write_text("")
    with pytest.raises(ConfigurationError):
        FileTree(folder)


async def test_half_a_file_is_a_text_that_opens_nowhere_and_no_outage(folder: Path) -> None:
    sealed = SealedStore(KeyValueStore(FileTree(folder)), RING)
    await sealed.put("k", {"token": "t"}, ttl_seconds=600)
    [file] = files_in(folder)
    whole = file.read_bytes()
    for length in range(0, len(whole), 7):
        file.write_bytes(whole[:length])
        with pytest.raises(SealError):
            await sealed.get("k")
    await sealed.put("k", {"token": "again"}, ttl_seconds=600)
    assert await sealed.take("k") == {"token": "again"}


@pytest.mark.parametrize(
    "content",
    [
        b"[]",
        b'{"value": 5}',
        b'{"value": {}}',
        b'{"value": {"key": "k", "text": 5}}',
        b'{"value": {"key": "other", "text": "v"}}',
        b'{"value": {"key": "k", "text": "v"}, "expires_at": 5}',
        b'{"value": {"key": "k", "text": "v"}, "expires_at": "2026-01-01"}',
        b"\xff",
        b"[" * 100_000,
        b'{"value": {"key": ' + b"9" * 5000 + b"}}",
    ],
)
async def test_what_is_not_ours_is_a_text_that_opens_nowhere(folder: Path, content: bytes) -> None:
    store = KeyValueStore(FileTree(folder))
    await store.put("k", "v", ttl_seconds=None)
    [file] = files_in(folder)
    file.write_bytes(content)
    with pytest.raises(SealError):
        await SealedStore(store, RING).get("k")
    assert not await store.add("k", "2", ttl_seconds=10)
    assert isinstance(store, Listable)
    assert [key async for key in store.list_keys()] == []


async def test_a_value_copied_under_another_key_is_refused(folder: Path) -> None:
    store = KeyValueStore(FileTree(folder))
    await store.put("alice", "hers", ttl_seconds=None)
    [hers] = files_in(folder)
    await store.put("bob", "his", ttl_seconds=None)
    [his] = set(files_in(folder)) - {hers}
    his.write_bytes(hers.read_bytes())
    assert await store.get("alice") == "hers"
    assert await store.get("bob") not in {"hers", "his"}


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(place=st.integers(0, 10_000), bit=st.integers(0, 7))
async def test_a_flipped_bit_opens_as_it_was_or_not_at_all(folder: Path, place: int, bit: int) -> None:
    sealed = SealedStore(KeyValueStore(FileTree(folder)), RING)
    await sealed.put("k", {"token": "t"}, ttl_seconds=600)
    [file] = files_in(folder)
    content = bytearray(file.read_bytes())
    content[place % len(content)] ^= 1 << bit
    file.write_bytes(content)
    with contextlib.suppress(SealError):
        assert await sealed.get("k") in ({"token": "t"}, None)


async def test_the_files_of_abandoned_flows_are_removed_as_others_come(folder: Path) -> None:
    # L11: entries of abandoned flows were never reclaimed.
    clock = FakeClock()
    clock.set_wall(time.time())
    store = KeyValueStore(FileTree(folder, clock=clock))
    for number in range(40):
        await store.put(f"flow-{number}", "v", ttl_seconds=60)
    await store.put("credential", "v", ttl_seconds=None)
    (folder / COLLECTION / "by-hand.json").write_text("half of somet")
    (folder / COLLECTION / "half.tmp").write_text("of a process that was kil")
    assert len(files_in(folder)) == 43
    clock.advance(4000)
    for number in range(20):
        await store.put(f"later-{number}", "v", ttl_seconds=7200)
    assert len(files_in(folder)) == 22
    assert await store.get("credential") == "v"


async def test_what_cannot_be_looked_at_keeps_no_record_from_being_written(
    folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    store = KeyValueStore(FileTree(folder))
    await store.put("k", "v", ttl_seconds=600)
    records = folder / COLLECTION
    (records / "a-folder.json").mkdir()
    (records / "round-and-round.json").symlink_to("round-and-round.json")
    (records / "nested.json").write_bytes(b"[" * 100_000)
    (records / "long-ago.json").write_text('{"expires_at": "0001-01-01T00:00:00"}')
    (records / "nobody-reads-it.json").touch(mode=0o000)
    for number in range(20):
        await store.put(f"other-{number}", "v", ttl_seconds=600)
    assert await store.get("other-19") == "v"
    for name, kind in (("a-folder.json", "IsADirectoryError"), ("round-and-round.json", "OSError")):
        assert f"{name} error={kind}" in caplog.text


WRITER = """
import asyncio, sys
from pathlib import Path
from mcpauthkit import KeyValueStore
from mcpauthkit.stores.file_tree import FileTree

async def write():
    store = KeyValueStore(FileTree(Path(sys.argv[1])))
    while True:
        for letter in "ab":
            await store.put("k", letter * 100_000, ttl_seconds=600)
            print(letter, flush=True)

asyncio.run(write())
"""


async def test_a_process_that_is_killed_while_it_writes_leaves_a_whole_record(folder: Path) -> None:
    for writes in (1, 4):
        with subprocess.Popen(  # noqa: ASYNC220, S603  # our own interpreter and program
            [sys.executable, "-c", WRITER, str(folder)], stdout=subprocess.PIPE, text=True
        ) as writer:
            assert writer.stdout is not None
            for _ in range(writes):
                assert writer.stdout.readline()
            writer.kill()
        assert await KeyValueStore(FileTree(folder)).get("k") in {"a" * 100_000, "b" * 100_000}


class Slow(TheirMemory):
    """Takes its time over everything, so that whoever can come between does."""

    async def get(self, *args: Any, **options: Any) -> dict[str, Any] | None:
        await anyio.lowlevel.checkpoint()
        value: dict[str, Any] | None = await super().get(*args, **options)
        await anyio.lowlevel.checkpoint()
        return value

    async def put(self, *args: Any, **options: Any) -> None:
        await anyio.lowlevel.checkpoint()
        await super().put(*args, **options)


class TestOverSlowStore(KeyValueContract):
    def their_store(self) -> Slow:
        return Slow()


class Gone(TheirMemory):
    """Cannot be reached, and says where it was looked for."""

    async def get(self, *_args: Any, **_options: Any) -> dict[str, Any] | None:
        raise ConnectionError("postgresql://user:canary@db")


class Hung(TheirMemory):
    """Never answers."""

    async def get(self, *_args: Any, **_options: Any) -> dict[str, Any] | None:
        await anyio.sleep_forever()
        return None


async def test_a_store_that_cannot_be_reached_is_an_outage_without_its_address() -> None:
    sealed = SealedStore(KeyValueStore(Gone()), RING)
    with pytest.raises(StoreUnavailable) as unavailable:
        await sealed.get("k")
    assert "canary" not in repr(vars(unavailable.value))


async def test_waiting_for_a_store_that_hangs_ends_when_the_time_is_over() -> None:
    with anyio.fail_after(5):
        await KeyValueStore(Hung()).wait_for_change("k", None, timeout_seconds=0.01)


async def test_a_change_made_elsewhere_is_found_by_looking() -> None:
    theirs = TheirMemory()
    here, elsewhere = KeyValueStore(theirs), KeyValueStore(theirs)
    with anyio.fail_after(5):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(lambda: here.wait_for_change("k", None, timeout_seconds=60))
            await anyio.wait_all_tasks_blocked()
            await elsewhere.put("k", "v", ttl_seconds=60)


async def test_of_two_processes_that_take_one_value_one_gets_it() -> None:
    theirs = Slow()
    stores = [KeyValueStore(theirs) for _ in range(20)]
    await stores[0].put("k", "v", ttl_seconds=60)
    taken: list[str | None] = []

    async def take(store: KeyValueStore) -> None:
        taken.append(await store.take("k"))

    async with anyio.create_task_group() as tasks:
        for one in stores:
            tasks.start_soon(take, one)
    assert sorted(taken, key=str) == [None] * 19 + ["v"]


async def test_reading_writes_nothing_as_it_might_bring_back_what_another_process_ends_at_that_moment() -> None:
    theirs = TheirMemory()
    later = KeyRing({"a": "first-key-of-at-least-32-bytes-length", "b": "later-" * 8}, minting="b")
    old, new = SealedStore(KeyValueStore(theirs), RING), SealedStore(KeyValueStore(theirs), later)
    await old.put("k", {"n": 1}, ttl_seconds=365 * 86_400)
    assert await new.get("k") == {"n": 1}
    assert await old.get("k") == {"n": 1}
    assert (await reseal_all(KeyValueStore(theirs), later)).resealed == 1
    with pytest.raises(SealError):
        await old.get("k")


async def test_a_lifetime_that_is_over_already_removes_the_key() -> None:
    store = KeyValueStore(TheirMemory())
    await store.put("k", "v", ttl_seconds=None)
    await store.put("k", "2", ttl_seconds=0)
    assert await store.get("k") is None


class Lister(TheirMemory):
    """Lists as many as the library's stores do at most, as if there were more."""

    async def keys(self, *_args: Any, **_options: Any) -> list[str]:
        return ["name"] * 10_000


async def test_a_listing_that_may_be_cut_off_is_refused() -> None:
    store = KeyValueStore(Lister())
    assert isinstance(store, Listable)
    with pytest.raises(ConfigurationError):
        await anext(aiter(store.list_keys()))


def test_only_a_store_that_tells_what_it_holds_is_listable(tmp_path: Path) -> None:
    assert isinstance(KeyValueStore(TheirMemory()), Listable)
    assert isinstance(KeyValueStore(FileTree(tmp_path / "ours")), Listable)
    assert not isinstance(KeyValueStore(FileTreeStore(data_directory=tmp_path / "theirs")), Listable)


def test_it_says_without_alarm_that_it_is_for_one_process_unless_it_is_in_memory(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "mcpauthkit")
    assert not is_shared(KeyValueStore(TheirMemory()))
    assert caplog.records == []
    assert is_shared(KeyValueStore(FileTree(tmp_path / "state")))
    assert [one.levelname for one in caplog.records] == ["INFO"]


@pytest.mark.parametrize("wrong", [None, "redis://localhost", TheirMemory, {}, KeyValueStore(TheirMemory())])
def test_what_is_no_store_of_py_key_value_is_refused(wrong: Any) -> None:
    with pytest.raises(ConfigurationError):
        KeyValueStore(wrong)
