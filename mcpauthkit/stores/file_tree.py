"""A folder in which each record is a file, for one server on one machine."""

from __future__ import annotations

import json
import os
from collections import deque
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, SupportsFloat

from anyio import to_thread
from key_value.aio.errors import DeserializationError
from key_value.aio.protocols.key_value import AsyncEnumerateKeysProtocol
from key_value.aio.stores.filetree import FileTreeStore

from mcpauthkit.core.clock import Clock, SystemClock
from mcpauthkit.core.log import RequestLog
from mcpauthkit.errors import ConfigurationError

_log = RequestLog("stores")
_OTHERS_WRITE = 0o022
_OTHERS_READ = 0o055
_LOOKS = 8
# What a process that was killed had begun to write.
_HALF_WRITTEN_SECONDS = 3600.0
# What a file that holds something else makes of the attempt to read a date in it.
_NO_RECORD = (ValueError, TypeError, AttributeError, RecursionError, OverflowError)


class FileTree(FileTreeStore, AsyncEnumerateKeysProtocol):
    """py-key-value's file tree, in a folder that is closed to other users of the machine.

    Files are written beside their place, flushed to the disk and renamed, so a crash leaves the old record or the new
    one. Besides what it inherits, it says what it holds; it removes dead records, a few with each that is written, so
    that abandoned flows do not pile up; and the folder may be moved between two runs.

    Args:
        folder: Where the files go; it is made with mode 700 if it is not there.
        collection: The folder in it that records are in.
        clock: Time; the wall clock decides which records are dead.

    Raises:
        ConfigurationError: The folder cannot be used, belongs to another user, or others can write to it.
    """

    lists_all_keys = True
    """Asked for by `KeyValueStore`: py-key-value's own stores list ten thousand keys at most, and this one all."""

    def __init__(self, folder: Path, *, collection: str = "mcpauthkit", clock: Clock | None = None) -> None:
        self._records = _prepare(folder, collection)
        self._time = clock or SystemClock()
        self._unseen: deque[Path] = deque()
        super().__init__(data_directory=folder, default_collection=collection)

    async def get(self, key: str, *, collection: str | None = None) -> dict[str, Any] | None:
        """The record, or None when absent or expired.

        Raises:
            DeserializationError: The file holds something else, such as half a record.
        """
        try:
            record: dict[str, Any] | None = await super().get(key, collection=collection)
        except (ValueError, TypeError, RecursionError) as error:
            # The library tells of a file that is no JSON, and not of one that is other JSON, or no text at all.
            raise DeserializationError(type(error).__name__) from None
        return record

    async def put(
        self, key: str, value: Mapping[str, Any], *, collection: str | None = None, ttl: SupportsFloat | None = None
    ) -> None:
        """Write a record, and remove some that are dead."""
        await super().put(key, value, collection=collection, ttl=ttl)
        if not self._unseen:
            self._unseen.extend(await to_thread.run_sync(self._files))
        some = [self._unseen.popleft() for _ in range(min(_LOOKS, len(self._unseen)))]
        await to_thread.run_sync(_remove_dead, some, self._time.wall())

    async def keys(self, collection: str | None = None, *, limit: int | None = None) -> list[str]:
        """The names of all records, dead ones included.

        Raises:
            ValueError: The records of another collection were asked for.
        """
        if collection not in {None, self.default_collection}:
            raise ValueError("only the records of its own collection are known")
        files = await to_thread.run_sync(self._files)
        return [file.stem for file in files if file.suffix == ".json"][:limit]

    def _files(self) -> list[Path]:
        return list(self._records.iterdir())


def _prepare(folder: Path, collection: str) -> Path:
    records = folder / collection
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        _check_folder(folder)
        records.mkdir(mode=0o700, exist_ok=True)
        _check_folder(records)
    except OSError as error:
        raise _unusable(folder, error.strerror or type(error).__name__) from None
    if not os.access(records, os.R_OK | os.W_OK | os.X_OK):
        raise _unusable(folder, "this process may not write there")
    _forget_former_place(folder, collection)
    return records.resolve()


def _unusable(folder: Path, reason: str) -> ConfigurationError:
    return ConfigurationError(
        f"The folder {folder} cannot keep anything ({reason}).",
        hint="Name a folder that this process may write to, or one that does not exist yet and may be made.",
    )


def _check_folder(folder: Path) -> None:
    # Windows keeps owners and rights elsewhere, and shows every folder as open.
    if os.name != "posix":
        return
    found = folder.stat()
    mode, ours = found.st_mode & 0o777, os.geteuid()
    if found.st_uid != ours:
        # Its owner could put old records back; and what root writes there, the owner's server cannot read.
        raise ConfigurationError(
            f"The folder {folder} belongs to user {found.st_uid}, and this process runs as user {ours}.",
            hint=f"Run this as the server's user (sudo -u '#{found.st_uid}' ...), or chown the folder to that user.",
        )
    if mode & _OTHERS_WRITE:
        # Nobody can forge a record, but whoever can write here can take them away, or bring old ones back.
        raise ConfigurationError(
            f"Others can write to the folder {folder} (mode {mode:o}).",
            hint="Name one in it that does not exist yet: it is then made for this user alone. Or chmod 700 this one.",
        )
    if mode & _OTHERS_READ:
        _log.warning("storage folder open to others path=%s mode=%o hint=%r", folder, mode, "chmod 700 it")


def _forget_former_place(folder: Path, collection: str) -> None:
    """Let the library write anew where the collection is, if the folder has been moved since it did.

    It notes an absolute path, and refuses to use any other.
    """
    note = folder / f"{collection}-info.json"
    try:
        is_here = json.loads(note.read_bytes())["directory"] == str((folder / collection).resolve())
    except FileNotFoundError:
        return
    except (ValueError, TypeError, KeyError):
        is_here = False
    if not is_here:
        note.unlink(missing_ok=True)


def _remove_dead(files: Sequence[Path], now: float) -> None:
    for file in files:
        try:
            before = file.stat()
            is_dead = before.st_mtime < now - _HALF_WRITTEN_SECONDS if file.suffix == ".tmp" else _is_over(file, now)
            # Another process may have written the record anew since it was read.
            if is_dead and _same_file(before, file.stat()):
                file.unlink()
        except (FileNotFoundError, *_NO_RECORD):
            # Gone by itself; or none that we could judge, which is left for people to look at.
            continue
        except OSError as error:
            # The record that this is done beside has been written.
            _log.warning("file not looked at name=%s error=%s", ascii(file.name)[1:-1], type(error).__name__)


def _is_over(file: Path, now: float) -> bool:
    expires_at = json.loads(file.read_bytes()).get("expires_at")
    return expires_at is not None and datetime.fromisoformat(expires_at).timestamp() <= now


def _same_file(one: os.stat_result, other: os.stat_result) -> bool:
    return (one.st_ino, one.st_mtime_ns) == (other.st_ino, other.st_mtime_ns)
