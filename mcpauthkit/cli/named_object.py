"""Objects that somebody names as `package.module:name`."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from mcpauthkit.errors import ConfigurationError

NOT_THERE = "there is nothing of that name"
"""The private reason of what `imported` refuses itself; the rest comes out of the module."""

_AS_IN = "Name it as in `package.module:name`."


def imported(source: str) -> Any:
    """Import a module, from the working directory first, and take something out of it.

    Args:
        source: `package.module:name`; the name may have dots.

    Raises:
        ConfigurationError: There is no such module, or nothing of that name in it.
    """
    module, _, name = source.partition(":")
    if not module or not name:
        raise ConfigurationError(f"{source!r} names nothing.", hint=_AS_IN, reason=NOT_THERE)
    with _here_first():
        try:
            found: Any = importlib.import_module(module)
        except ModuleNotFoundError as error:
            raise ConfigurationError(
                f"{source}: there is no module {error.name!r}.",
                hint=f"{_AS_IN} Run the command where it can be imported.",
                reason=NOT_THERE,
            ) from None
    for part in name.split("."):
        if not hasattr(found, part):
            raise ConfigurationError(f"{source}: {module} has no {name!r}.", hint=_AS_IN, reason=NOT_THERE)
        found = getattr(found, part)
    return found


@contextmanager
def _here_first() -> Iterator[None]:
    """Import as `python -m` does: from the working directory first."""
    here = str(Path.cwd())
    sys.path.insert(0, here)
    try:
        yield
    finally:
        sys.path.remove(here)
