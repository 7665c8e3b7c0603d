"""Records in a file: who may read it, rotation, half a line, and several processes."""

from __future__ import annotations

import fcntl
import json
import os
import resource
import threading
import traceback
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from mcpauthkit.audit import AuditTrail, BreakKind, Event, EventName, JsonFile, verify_files
from mcpauthkit.errors import AuditUnavailable, ConfigurationError
from tests.access.audit.kept import FULL, RING, write_chain

SHORT = Event(event=EventName.POLICY_LOADED)
# Forked and not started anew, as servers with several workers do; and starting one takes a second of imports.
FORKS = pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")


def sequences(path: Path) -> list[int]:
    return [json.loads(line)["sequence"] for line in path.read_bytes().splitlines()]


def test_a_new_file_and_its_folder_are_for_their_owner_alone(tmp_path: Path) -> None:
    old = os.umask(0)
    try:
        AuditTrail(JsonFile(tmp_path / "new" / "audit.jsonl")).record(FULL)
    finally:
        os.umask(old)
    assert (tmp_path / "new" / "audit.jsonl").stat().st_mode & 0o777 == 0o600
    assert (tmp_path / "new").stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize("mode", [0o622, 0o620, 0o602])
def test_a_file_that_others_can_write_to_is_refused(tmp_path: Path, mode: int) -> None:
    path = tmp_path / "audit.jsonl"
    path.touch()
    path.chmod(mode)
    with pytest.raises(ConfigurationError) as caught:
        JsonFile(path)
    assert "chmod 600" in caught.value.hint


@pytest.mark.parametrize("mode", [0o777, 0o1777, 0o770])
def test_a_folder_that_others_can_write_to_is_refused(tmp_path: Path, mode: int) -> None:
    folder = tmp_path / "open"
    folder.mkdir()
    folder.chmod(mode)
    with pytest.raises(ConfigurationError) as caught:
        JsonFile(folder / "audit.jsonl")
    assert "chmod 700" in caught.value.hint
    assert not (folder / "audit.jsonl").exists()


def test_a_file_that_others_can_read_is_told(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = tmp_path / "audit.jsonl"
    path.touch(mode=0o644)
    path.chmod(0o644)
    JsonFile(path)
    assert "audit file open to others" in caplog.text


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")
def test_a_file_or_folder_of_another_user_is_refused(tmp_path: Path) -> None:
    path, folder = tmp_path / "audit.jsonl", tmp_path / "theirs"
    path.touch(mode=0o600)
    folder.mkdir(mode=0o700)
    for one in (path, folder):
        os.chown(one, 12345, 12345)
    for one in (path, folder / "audit.jsonl"):
        with pytest.raises(ConfigurationError) as caught:
            JsonFile(one)
        assert "12345" in str(caught.value)


def test_what_is_no_file_is_refused(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe", 0o600)
    (tmp_path / "file").touch()
    for path in (tmp_path / "pipe", tmp_path / "file" / "audit.jsonl", Path("/dev/null")):
        with pytest.raises(ConfigurationError):
            JsonFile(path)
    with pytest.raises(ConfigurationError):
        JsonFile(tmp_path)


def test_a_file_is_added_to(tmp_path: Path) -> None:
    path = tmp_path / "audit.jsonl"
    for _ in range(2):
        AuditTrail(JsonFile(path, fsync=True)).record(FULL)
    assert sequences(path) == [1, 1]
    assert len({json.loads(line)["writer"] for line in path.read_bytes().splitlines()}) == 2


@pytest.mark.parametrize("chain", [False, True])
def test_a_file_that_was_moved_away_is_followed_by_a_new_one(tmp_path: Path, *, chain: bool) -> None:
    path, old = tmp_path / "audit.jsonl", tmp_path / "audit.jsonl.1"
    trail = AuditTrail(JsonFile(path), chain=chain)
    trail.record(FULL)
    path.rename(old)
    trail.record(FULL)
    trail.record(FULL)
    assert (sequences(old), sequences(path)) == ([1], [2, 3])
    assert path.stat().st_mode & 0o777 == 0o600
    if chain:
        assert verify_files([old, path]).is_whole
        broken = verify_files([path]).broken
        assert broken is not None
        assert broken.kind is BreakKind.HEAD
        assert verify_files([path], follows=verify_files([old]).last_hash).is_whole


@pytest.mark.parametrize("chain", [False, True])
def test_a_file_that_was_removed_or_emptied_is_gone_on_with(tmp_path: Path, *, chain: bool) -> None:
    path = tmp_path / "audit.jsonl"
    sink = JsonFile(path)
    trail = AuditTrail(sink, chain=chain)
    trail.record(FULL)
    path.unlink()
    trail.record(FULL)
    os.truncate(path, 0)
    trail.record(FULL)
    sink.close()
    trail.record(FULL)
    assert sequences(path) == [3, 4]


def test_a_new_file_that_others_can_write_to_is_not_written_to(tmp_path: Path) -> None:
    path = tmp_path / "audit.jsonl"
    trail = AuditTrail(JsonFile(path), on_failure="closed")
    trail.record(FULL)
    path.unlink()
    path.touch()
    path.chmod(0o666)
    with pytest.raises(AuditUnavailable):
        trail.record(FULL)
    assert path.read_bytes() == b""


def test_half_a_line_that_a_crash_left_does_not_spoil_the_next_one(tmp_path: Path) -> None:
    path = tmp_path / "audit.jsonl"
    path.touch(mode=0o600)
    path.write_bytes(b'{"schema":1,"ti')
    AuditTrail(JsonFile(path)).record(FULL)
    first, second = path.read_bytes().splitlines()
    assert first == b'{"schema":1,"ti'
    assert json.loads(second)["target"] == "delete_repo"


def in_child(work: Callable[[], object]) -> int:
    """Do something in a process of its own, a fork of this one; gives the id of the process."""
    child = os.fork()
    if child:
        return child
    try:
        work()
        os._exit(0)
    except BaseException:  # noqa: BLE001  # a test that fails in a child must not go on as a second test run
        traceback.print_exc()
        os._exit(1)


def wait_for(child: int) -> None:
    _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) == 0


@FORKS
@pytest.mark.parametrize("chain", [False, True])
def test_a_disk_that_takes_half_a_line_spoils_no_other(tmp_path: Path, *, chain: bool) -> None:
    path = tmp_path / "audit.jsonl"

    def fill() -> None:
        trail = AuditTrail(JsonFile(path), chain=chain)
        trail.record(SHORT)
        room = path.stat().st_size + 40
        resource.setrlimit(resource.RLIMIT_FSIZE, (room, resource.RLIM_INFINITY))
        trail.record(SHORT)
        assert path.stat().st_size == room
        resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        trail.record(SHORT)

    wait_for(in_child(fill))
    lines = path.read_bytes().splitlines()
    whole = [json.loads(line)["event"] for line in lines if line.endswith(b"}")]
    assert whole == ["policy.loaded", *(["audit.resumed"] if chain else []), "audit.lost", "policy.loaded"]
    assert len(lines) == len(whole) + 1
    if chain:
        report = verify_files([path])
        assert report.is_whole
        assert [str(one) for one in report.crashes] == [f"{path}:2"]


def test_threads_share_a_file(tmp_path: Path) -> None:
    path = tmp_path / "audit.jsonl"
    trail = AuditTrail(JsonFile(path), chain=True)

    def write() -> None:
        for _ in range(50):
            trail.record(SHORT)

    threads = [threading.Thread(target=write) for _ in range(4)]
    for one in threads:
        one.start()
    for one in threads:
        one.join(timeout=60)
    assert verify_files([path]).records == 200


@FORKS
def test_processes_share_a_chain_while_it_is_rotated(tmp_path: Path) -> None:
    path, old = tmp_path / "audit.jsonl", tmp_path / "audit.jsonl.1"
    AuditTrail(JsonFile(path), chain=True, key_ring=RING).record(SHORT)

    def write() -> None:
        trail = AuditTrail(JsonFile(path), chain=True, key_ring=RING, on_failure="closed")
        for _ in range(200):
            trail.record(SHORT)

    def rotate() -> None:
        while path.stat().st_size < 20_000:
            os.sched_yield()
        path.rename(old)

    for one in [in_child(work) for work in (write, write, write, rotate)]:
        wait_for(one)
    # The one that wrote last may have been done before the file was moved away.
    report = verify_files([one for one in (old, path) if one.exists()], key_ring=RING)
    assert report.broken is None
    assert report.records == 601


@FORKS
def test_a_forked_process_goes_on_with_the_same_chain(tmp_path: Path) -> None:
    path = tmp_path / "audit.jsonl"
    trail = AuditTrail(JsonFile(path), chain=True)
    trail.record(FULL)
    child = in_child(partial(trail.record, FULL))
    trail.record(FULL)
    wait_for(child)
    trail.record(FULL)
    assert verify_files([path]).records == 4


def test_a_process_that_holds_the_file_for_good_is_a_failure_and_no_hanging(tmp_path: Path) -> None:
    path = tmp_path / "audit.jsonl"
    trail = AuditTrail(JsonFile(path), chain=True, on_failure="closed")
    trail.record(FULL)
    with path.open("rb") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        with pytest.raises(AuditUnavailable):
            trail.record(FULL)
    trail.record(FULL)
    assert verify_files([path]).records == 3


def test_a_file_that_holds_something_else_is_not_made_a_chain(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = tmp_path / "audit.jsonl"
    AuditTrail(JsonFile(path)).record(FULL)
    before = path.read_bytes()
    with pytest.raises(AuditUnavailable):
        AuditTrail(JsonFile(path), chain=True, on_failure="closed").record(FULL)
    assert path.read_bytes() == before
    assert "move the file away" in caplog.text


def test_a_chain_goes_on_after_a_restart(tmp_path: Path) -> None:
    path = tmp_path / "audit.jsonl"
    write_chain(path, 3)
    write_chain(path, 2)
    AuditTrail(JsonFile(path), chain=True).record(SHORT)
    assert sequences(path) == [1, 2, 3, 4, 5, 6]
    assert verify_files([path]).is_whole
