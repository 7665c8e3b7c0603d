"""Policy files on a disk: which there are, how they look, and what they say; all of them, or nothing."""

from __future__ import annotations

import math
import os
import stat
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from mcpauthkit.access.policy.document import Policy
from mcpauthkit.access.policy.reading import Document, read_bytes, read_document
from mcpauthkit.errors.access import Fault, PolicyInvalid

_ENDINGS: Final = frozenset({".yaml", ".yml"})
_TESTS: Final = (".test.yaml", ".test.yml")


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """How files looked at one moment.

    Args:
        files: Path, device, inode, size and times of change of each, or why one could not be looked at.
        changed_at: When the last of them changed, in seconds since the epoch; without end where that is not known, as
            of a file that is gone.
    """

    files: tuple[tuple[str, ...] | tuple[str, int, int, int, int, int], ...]
    changed_at: float = field(compare=False)


def look_at(sources: Iterable[Path]) -> Look:
    """How files look, without reading them.

    Args:
        sources: Files, and folders of them.
    """
    files: list[tuple[str, ...] | tuple[str, int, int, int, int, int]] = []
    changed_at: float = 0
    for source in sources:
        try:
            # Of a folder too, where a file may just be gone.
            changed_at = max(changed_at, _changed_at(source.stat()))
            for path in files_in(source):
                seen = path.stat()
                changed_at = max(changed_at, _changed_at(seen))
                # The inode's own time too: it tells a change that kept size and time, as some ways of copying do.
                files.append((str(path), seen.st_dev, seen.st_ino, seen.st_size, seen.st_mtime_ns, seen.st_ctime_ns))
        except PolicyInvalid as error:
            files.append((str(source), *(one.text for one in error.faults)))
            changed_at = math.inf
        except OSError as error:
            files.append((str(source), type(error).__name__))
            changed_at = math.inf
    return Look(files=tuple(files), changed_at=changed_at)


def _changed_at(seen: os.stat_result) -> float:
    return max(seen.st_mtime, seen.st_ctime)


def read_all(sources: Iterable[Path]) -> list[Document[Policy]]:
    """Read all policies of files and folders.

    Args:
        sources: Files, and folders of them.

    Raises:
        PolicyInvalid: One of them cannot be read, or something is wrong with it; has the faults of all.
    """
    documents: list[Document[Policy]] = []
    faults: list[Fault] = []
    for path in _each_file(sources, faults):
        try:
            documents.append(read_document(read_bytes(path), str(path), Policy))
        except PolicyInvalid as error:
            faults.extend(error.faults)
    if faults:
        raise PolicyInvalid(faults)
    return documents


def _each_file(sources: Iterable[Path], faults: list[Fault]) -> Iterator[Path]:
    for source in sources:
        try:
            yield from files_in(source)
        except PolicyInvalid as error:
            faults.extend(error.faults)


def files_in(source: Path) -> list[Path]:
    """A file itself, or the policy files of a folder: `*.yaml` and `*.yml`, without tests, hidden files and subfolders.

    Args:
        source: A file or a folder; links are followed.

    Raises:
        PolicyInvalid: It is not there, is neither, cannot be looked into, or is a folder without policies.
    """
    try:
        mode = source.stat().st_mode
        if stat.S_ISREG(mode):
            return [source]
        if not stat.S_ISDIR(mode):
            raise _fault(source, "This is neither a file nor a folder.")
        # What is a policy by its name and cannot be read as one is a fault, as it might be what denies.
        found = sorted(one for one in source.iterdir() if _is_policy_file(one))
    except FileNotFoundError as error:
        raise _fault(source, "There is no such file or folder.") from error
    except OSError as error:
        raise _fault(source, f"It cannot be looked at ({error.strerror}).") from error
    if not found:
        raise _fault(source, "There is no policy in this folder: they are called *.yaml or *.yml.")
    return found


def _is_policy_file(path: Path) -> bool:
    """Whether a file in a folder is a policy, by its name.

    Args:
        path: The file.
    """
    name = path.name.lower()
    return path.suffix.lower() in _ENDINGS and not name.startswith(".") and not is_tests(path)


def is_tests(path: Path) -> bool:
    """Whether a file holds tests of policies, by its name.

    Args:
        path: The file.
    """
    return path.name.lower().endswith(_TESTS)


def _fault(source: Path, text: str) -> PolicyInvalid:
    return PolicyInvalid([Fault(str(source), 0, 0, text)])
