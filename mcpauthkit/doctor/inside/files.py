"""Modes of files, where a file system has them."""

from __future__ import annotations

import sys
from pathlib import Path

# A group may read: container platforms mount secrets that way.
_GROUP_WRITES_OR_OTHERS_READ = 0o027
_OTHERS_READ = 0o044
_OTHERS_WRITE = 0o022


def is_open_to_others(path: Path) -> bool:
    """Whether others can read a secret there, or a group can put another one in its place.

    Args:
        path: A file or a folder.
    """
    return _has(path, _GROUP_WRITES_OR_OTHERS_READ)


def is_readable_by_others(path: Path) -> bool:
    """Whether somebody else than the owner can read it.

    Args:
        path: A file.
    """
    return _has(path, _OTHERS_READ)


def is_writable_by_others(path: Path) -> bool:
    """Whether somebody else than the owner can change it.

    Args:
        path: A file or a folder.
    """
    return _has(path, _OTHERS_WRITE)


def mode_of(path: Path) -> str:
    """Its mode, as `chmod` writes it, for a finding.

    Args:
        path: A file or a folder that is there.
    """
    return f"mode {path.stat().st_mode & 0o777:o}"


def _has(path: Path, bits: int) -> bool:
    if sys.platform == "win32":
        return False
    try:
        return bool(path.stat().st_mode & bits)
    except OSError:
        return False
