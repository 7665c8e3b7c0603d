"""Files of an operator's that are changed in one step, by one process at a time."""

from __future__ import annotations

import os
import stat
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Final

from mcpauthkit.errors import ConfigurationError

_OWNER_ALONE: Final = 0o600
_OWNER_AND_GROUPS_READERS: Final = 0o640


def replace_file(path: Path, change: Callable[[], str]) -> None:
    """Put another file in the place of one, so that whoever reads sees the old one or the new one, whole.

    Args:
        path: The file; what a link points at is replaced, not the link. It need not be there yet.
        change: Makes the new content, while nobody else changes the file; what it raises leaves everything as it was.

    Raises:
        ConfigurationError: It cannot be written, or somebody else is changing it.
    """
    place = path.resolve()
    beside = place.with_name(f"{place.name}.new")
    try:
        # Whoever creates it changes the file alone, so that of two changes at once none is lost.
        descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _OWNER_ALONE)
    except FileExistsError as error:
        raise ConfigurationError(
            f"The file {path} is being changed by somebody else.",
            hint=f"Wait until they are done. If nobody is, a change was broken off: remove {beside}.",
        ) from error
    except OSError as error:
        raise _unwritable(path, error) from error
    is_done = False
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(change())
            file.flush()
            os.fsync(file.fileno())
        _keep_readers(place, beside)
        beside.replace(place)
        is_done = True
        _settle(place.parent)
    except OSError as error:
        raise _unwritable(path, error) from error
    finally:
        if not is_done:
            beside.unlink(missing_ok=True)


def _keep_readers(path: Path, beside: Path) -> None:
    """Let the new file be read by whom the old one could, as far as that is safe: a server may run as another user."""
    if sys.platform == "win32" or not path.exists():
        return
    was = path.stat()
    made = beside.stat()
    if (was.st_uid, was.st_gid) != (made.st_uid, made.st_gid):
        os.chown(beside, was.st_uid, was.st_gid)
    beside.chmod(stat.S_IMODE(was.st_mode) & _OWNER_AND_GROUPS_READERS)


def _settle(folder: Path) -> None:
    """Have the folder's entry on the disk too: after a power cut there is the old file or the new one."""
    if sys.platform == "win32":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _unwritable(path: Path, error: OSError) -> ConfigurationError:
    return ConfigurationError(
        f"The file {path} cannot be written ({error.strerror}).",
        hint="Do it as the owner of the file, where its folder may be written.",
    )
