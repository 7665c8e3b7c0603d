"""A file that lines are added to, by this process and perhaps by others, while it may be rotated away."""

from __future__ import annotations

import errno
import os
import stat
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from mcpauthkit.core.log import RequestLog
from mcpauthkit.errors import ConfigurationError

if sys.platform != "win32":
    import fcntl

_log = RequestLog("audit")
_OTHERS_WRITE = 0o022
_OTHERS_READ = 0o055
# A line has 28,672 characters of other people's, of which each becomes twelve at most.
_LONGEST_LINE = 512 * 1024
# Two seconds together; a line takes microseconds.
_LOCK_TRIES = 2_000
_LOCK_PAUSE_SECONDS = 0.001
# A pipe is opened without waiting for its reader, and then refused.
_FLAGS = os.O_RDWR | os.O_APPEND | os.O_CREAT | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_NONBLOCK", 0)


@dataclass(frozen=True, slots=True)
class End:
    """What stands at the end of a file.

    Args:
        last: The last whole line, without its end; empty where there is none.
        torn: What stands behind it: half a line that somebody could not finish.
    """

    last: bytes = b""
    torn: bytes = b""


class FileBusy(OSError):
    """Another process held the file all the time."""


class AppendedFile:
    """Adds lines to a file that only its owner can write.

    It is made with mode 600. Before each line it is made sure that the path still leads to the open file, so a
    rotation that moves it away or removes it needs no signal. Each line is one write in append mode.

    Args:
        path: The file; its folder is made if it is not there.
        fsync: Whether to wait, after each line, until the disk has it.
        former: Where rotations move it; an empty file goes on with the last line of that one.

    Raises:
        ConfigurationError: The path leads to something else than a file, or others can write there.
    """

    def __init__(self, path: Path, *, fsync: bool = False, former: Path | None = None) -> None:
        self._path = path
        self._former = former
        self._fsync = fsync
        self._file = -1
        self._owner = 0
        self._identity = (0, 0)
        # Whether what this process wrote last was written wholly.
        self._is_clean = False
        # How long the file was after the last line that had to follow another, and that line.
        self._known: tuple[int, End] | None = None
        self._turn = threading.Lock()
        _prepare_folder(path.parent)
        try:
            self._open()
        except OSError as error:
            raise _unusable("file", path, error) from None

    def add(self, line: str) -> None:
        """Add a line.

        Args:
            line: Without its end.

        Raises:
            OSError: It could not be written, or not wholly.
            ConfigurationError: Others can write to the file that stands there now.
        """
        with self._turn:
            self._follow_rotation()
            # Half a line before it would spoil this one too.
            start = b"" if self._is_clean or not _end_of(self._file, self._size()).torn else b"\n"
            self._write(start + line.encode("ascii") + b"\n")

    def add_after(self, make: Callable[[End], str]) -> None:
        """Add lines that depend on those at the end, which no other process can change meanwhile.

        Args:
            make: Gives the lines, with a line end between them, and none behind the last.

        Raises:
            FileBusy: Another process holds the file for more than two seconds.
            OSError: They could not be written, or not wholly.
            ConfigurationError: Others can write to the file that stands there now.
        """
        with self._turn, self._locked() as end:
            lines = make(end).encode("ascii")
            data = (b"\n" if end.torn else b"") + lines + b"\n"
            size = self._size()
            self._known = None
            self._write(data)
            self._known = (size + len(data), End(lines.rpartition(b"\n")[2]))

    def close(self) -> None:
        """Close it; the next line opens it again."""
        with self._turn:
            self._close()

    def _open(self) -> None:
        file = os.open(self._path, _FLAGS, 0o600)
        try:
            found = os.fstat(file)
            _check_file(self._path, found)
        except (OSError, ConfigurationError):
            os.close(file)
            raise
        self._file, self._owner, self._identity = file, os.getpid(), (found.st_dev, found.st_ino)
        self._is_clean, self._known = False, None

    def _close(self) -> None:
        if self._file >= 0:
            file, self._file = self._file, -1
            os.close(file)

    def _reopen(self) -> None:
        self._close()
        self._open()

    def _is_ours(self) -> bool:
        # A forked process shares the open file, and the lock on it, with its parent: it would take the lock although
        # the parent holds it, and give it back for both. So it has to open its own.
        return self._file >= 0 and self._owner == os.getpid()

    def _is_current(self) -> bool:
        if not self._is_ours():
            return False
        try:
            found = os.stat(self._path)  # noqa: PTH116  # for each line, and a Path takes twice the time
        except FileNotFoundError:
            return False
        return (found.st_dev, found.st_ino) == self._identity

    def _follow_rotation(self) -> None:
        if not self._is_current():
            self._reopen()

    @contextmanager
    def _locked(self) -> Iterator[End]:
        """Hold the lock of the file that the path leads to now, and tell what is at its end.

        Where the file has been rotated away, the new one goes on where it ended. Its last line is read under its own
        lock, so no other process adds one to it afterwards.
        """
        carried = End()
        if not self._is_ours():
            self._reopen()
        while True:
            self._lock()
            try:
                if self._is_current():
                    end = self._end()
                    if not end.torn and not end.last:
                        end = carried if carried.last else self._former_end()
                    yield end
                    return
                carried = End(self._end().last)
            finally:
                self._unlock()
            self._reopen()

    def _end(self) -> End:
        size = self._size()
        if self._known is None:
            return _end_of(self._file, size)
        known_size, known = self._known
        if size == known_size:
            return known
        found = _end_of(self._file, size)
        # What stood there is gone. The chain goes on from it all the same, so whoever checks it finds the gap.
        return found if size > known_size else End(known.last, found.torn)

    def _former_end(self) -> End:
        """The last line from before this process, where the file was rotated while none ran."""
        if self._former is None:
            return End()
        try:
            with self._former.open("rb") as file:
                return End(_end_of(file.fileno(), os.fstat(file.fileno()).st_size).last)
        except FileNotFoundError:
            return End()

    def _size(self) -> int:
        return os.fstat(self._file).st_size

    def _write(self, data: bytes) -> None:
        self._is_clean = False
        written = os.write(self._file, data)
        while written < len(data):
            # A disk that is nearly full takes a part. The rest follows, or tells why not.
            written += os.write(self._file, data[written:])
        if self._fsync:
            os.fsync(self._file)
        self._is_clean = True

    def _lock(self) -> None:
        if sys.platform == "win32":
            return
        for _ in range(_LOCK_TRIES):
            try:
                fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                threading.Event().wait(_LOCK_PAUSE_SECONDS)
            else:
                return
        raise FileBusy(errno.EWOULDBLOCK, "another process holds the file")

    def _unlock(self) -> None:
        if sys.platform != "win32" and self._file >= 0:
            fcntl.flock(self._file, fcntl.LOCK_UN)


def _end_of(file: int, size: int) -> End:
    if not size:
        return End()
    length = min(size, 2 * _LONGEST_LINE)
    os.lseek(file, size - length, os.SEEK_SET)
    whole, _, torn = os.read(file, length).rpartition(b"\n")
    return End(whole.rpartition(b"\n")[2], torn)


def _prepare_folder(folder: Path) -> None:
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        found = folder.stat()
    except OSError as error:
        raise _unusable("folder", folder, error) from None
    # Whoever can write to the folder can put another file in the place of this one.
    _refuse_strangers("folder", folder, found)


def _unusable(what: str, path: Path, error: OSError) -> ConfigurationError:
    return ConfigurationError(
        f"The {what} {path} cannot be used ({error.strerror or type(error).__name__}).",
        hint="Name one that this process may write to.",
    )


def _check_file(path: Path, found: os.stat_result) -> None:
    if not stat.S_ISREG(found.st_mode):
        raise ConfigurationError(f"{path} is not a file.", hint="Name a file; `JsonLines()` writes to standard output.")
    _refuse_strangers("file", path, found)
    if found.st_mode & _OTHERS_READ:
        _log.warning("audit file open to others path=%s mode=%o hint=%r", path, found.st_mode & 0o777, "chmod 600 it")


def _refuse_strangers(what: str, path: Path, found: os.stat_result) -> None:
    # Windows keeps owners and rights elsewhere, and shows every file as open.
    if sys.platform == "win32":
        return
    if found.st_uid not in {0, os.geteuid()}:
        raise ConfigurationError(
            f"The {what} {path} belongs to user {found.st_uid}, and this process runs as user {os.geteuid()}.",
            hint="Its owner could change what is recorded. Chown it, or name another one.",
        )
    if found.st_mode & _OTHERS_WRITE:
        raise ConfigurationError(
            f"Others can write to the {what} {path} (mode {found.st_mode & 0o777:o}).",
            hint=f"They could change what is recorded: chmod {'700' if what == 'folder' else '600'} it.",
        )
