"""Writing new files so that no old one is lost."""

from __future__ import annotations

import itertools
import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from mcpauthkit.errors import ConfigurationError
from mcpauthkit.stores.replaced_file import replace_file


@dataclass(frozen=True, slots=True)
class NewFile:
    """A file that is to be.

    Args:
        name: Its name.
        text: Its content, which may hold secrets.
    """

    name: str
    text: str = field(repr=False)


def write_files(files: Sequence[NewFile], folder: Path, *, force: bool) -> tuple[list[Path], list[Path]]:
    """Write all of them, for their owner alone, or none where one is in the way.

    Args:
        files: The files.
        folder: Where they go; it is made if it is not there.
        force: Whether one that is there may be replaced. It is kept under another name.

    Returns:
        What was written, and under which names former files are kept.

    Raises:
        ConfigurationError: One is there already, or cannot be written.
    """
    places = [(folder / one.name, one) for one in files]
    in_the_way = [path for path, _ in places if os.path.lexists(path)]
    if in_the_way and not force:
        raise ConfigurationError(
            f"There is {' and '.join(map(str, in_the_way))} already, and nothing was written.",
            hint="Choose another folder (--output), or keep the former ones under another name (--force).",
        )
    try:
        folder.mkdir(parents=True, exist_ok=True)
        kept = [_moved_away(path) for path in in_the_way]
    except OSError as error:
        raise ConfigurationError(
            f"The folder {folder} cannot be written to ({error.strerror}).", hint="Choose another one: --output"
        ) from error
    for path, one in places:
        _write_new(path, one.text)
    return [path for path, _ in places], kept


def _write_new(path: Path, text: str) -> None:
    def begin() -> str:
        # Somebody may have made it since.
        if os.path.lexists(path):
            raise ConfigurationError(f"There is {path} already.", hint="Choose another folder: --output")
        return text

    replace_file(path, begin)


def _moved_away(path: Path) -> Path:
    for number in itertools.count(1):
        former = path.with_name(f"{path.name}.former-{number}")
        if not os.path.lexists(former):
            return path.rename(former)
    raise AssertionError  # numbers do not end
