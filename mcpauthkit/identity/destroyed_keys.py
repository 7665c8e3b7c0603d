"""Destroying the files of a key folder, and nothing else."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from mcpauthkit.core.encoding import parse_json_object
from mcpauthkit.errors import ConfigurationError
from mcpauthkit.identity.decryption_keys import DecryptionKeys
from mcpauthkit.identity.development_key import SIGNING_NAME, VERIFYING_NAME
from mcpauthkit.identity.key_folder import IGNORE_NAME, IGNORE_TEXT, PRIVATE_NAME, PUBLIC_NAME, KeyFolder

_MAX_FILE_BYTES: Final = 256 * 1024
_UNFINISHED: Final = ".new"
# No JSON begins with it: what does was being destroyed when somebody pulled the plug.
_ZERO: Final = b"\0"
_NO_FOLLOW: Final = getattr(os, "O_NOFOLLOW", 0)


def destroy_keys(folder: KeyFolder) -> list[Path]:
    """Overwrite the key files of a folder and remove them.

    The folder goes too, if it was made for them and holds nothing else. Everything is looked at before anything is
    touched. Overwriting reaches the place where a file lies; on flash and on file systems that copy when they write,
    older copies may stay until these are reused.

    Args:
        folder: The folder; one without key files is left as it is.

    Returns:
        The files that are gone.

    Raises:
        ConfigurationError: A file is a link, has a second name, or is none of ours; or one could not be destroyed.
    """
    found = list(_files(folder))
    for path in found:
        _check(path)
    for path in found:
        _destroy(path)
    _remove_folder(folder.path)
    return found


def _files(folder: KeyFolder) -> Iterator[Path]:
    if folder.path.is_symlink():
        raise ConfigurationError(f"{folder.path} is a link.", hint="Name the folder that it leads to.")
    for name in (PRIVATE_NAME, PUBLIC_NAME, SIGNING_NAME, VERIFYING_NAME):
        # The second is what is left of a change that was broken off.
        for path in (folder.path / name, folder.path / f"{name}{_UNFINISHED}"):
            if os.path.lexists(path):
                yield path


def _check(path: Path) -> None:
    found = path.lstat()
    if not stat.S_ISREG(found.st_mode):
        kind = "a link" if stat.S_ISLNK(found.st_mode) else "no file"
        raise _refused(path, f"is {kind}")
    if found.st_nlink != 1:
        raise _refused(path, "has a second name, whose content would be overwritten too")
    try:
        with path.open("rb") as file:
            data = file.read(_MAX_FILE_BYTES + 1)
    except OSError as error:
        raise _failed(path, error) from error
    if not _is_ours(path.name, data):
        raise _refused(path, "holds no keys of ours")


def _is_ours(name: str, data: bytes) -> bool:
    if not data or data.startswith(_ZERO):
        return True
    if name.endswith(_UNFINISHED):
        return data.startswith(b"{")
    try:
        document = parse_json_object(data, max_bytes=_MAX_FILE_BYTES)
        if name == PRIVATE_NAME:
            DecryptionKeys.from_jwks(document)
            return True
    except (ValueError, ConfigurationError):
        return False
    if name == PUBLIC_NAME:
        return _is_public(document.get("keys"))
    return document.get("kty") == "EC" and document.get("use") == "sig"


def _is_public(entries: Any) -> bool:
    return isinstance(entries, list) and all(
        isinstance(one, dict) and "kty" in one and "d" not in one for one in entries
    )


def _destroy(path: Path) -> None:
    try:
        # Not through a link that was put there meanwhile; and not truncated first, which would free the old place.
        descriptor = os.open(path, os.O_WRONLY | _NO_FOLLOW)
        try:
            os.write(descriptor, _ZERO * os.fstat(descriptor).st_size)
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        path.unlink()
    except OSError as error:
        raise _failed(path, error) from error


def _remove_folder(folder: Path) -> None:
    mark = folder / IGNORE_NAME
    try:
        if [one.name for one in folder.iterdir()] == [IGNORE_NAME] and mark.read_text("utf-8") == IGNORE_TEXT:
            mark.unlink()
            folder.rmdir()
    except (OSError, UnicodeDecodeError):
        # The keys are gone, which is what was asked for.
        return


def _refused(path: Path, reason: str) -> ConfigurationError:
    return ConfigurationError(
        f"{path} {reason}. Nothing was destroyed.", hint="Look what it is, and remove it yourself if it may go."
    )


def _failed(path: Path, error: OSError) -> ConfigurationError:
    return ConfigurationError(f"{path} could not be destroyed ({error.strerror}).", hint="Do it as its owner.")
