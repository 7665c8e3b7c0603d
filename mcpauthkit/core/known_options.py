"""Keyword arguments that a constructor passes on: unknown ones are refused by name instead of being lost."""

from __future__ import annotations

import difflib
import inspect
from collections.abc import Callable, Mapping
from typing import Any

from mcpauthkit.errors import ConfigurationError

_KEEPING = "What is kept goes to one place: write store=, together with key_ring=."
# Applications written for mcp-authkit pass these.
_FORMER = {"creds_store": _KEEPING, "pending_store": _KEEPING}


def check_options(options: Mapping[str, Any], kind: type[Any], constructor: Callable[..., Any]) -> None:
    """Refuse keyword arguments that mean nothing: a typo would switch off what it was to switch on.

    Args:
        options: What was given besides the constructor's own arguments.
        kind: The TypedDict of what may be given.
        constructor: What it was given to.

    Raises:
        ConfigurationError: There is one that `kind` does not know; the hint names the nearest one.
    """
    known = kind.__required_keys__ | kind.__optional_keys__
    unknown = next((name for name in options if name not in known), None)
    if unknown is not None:
        raise ConfigurationError(
            f"{constructor.__qualname__} has no argument {unknown!r}.", hint=_hint(unknown, known | _own(constructor))
        )


def _own(constructor: Callable[..., Any]) -> set[str]:
    parameters = inspect.signature(constructor).parameters.values()
    return {one.name for one in parameters if one.kind is not inspect.Parameter.VAR_KEYWORD}


def _hint(unknown: str, known: frozenset[str]) -> str:
    if unknown in _FORMER and "store" in known:
        return _FORMER[unknown]
    nearest = difflib.get_close_matches(unknown, sorted(known), n=1)
    return f"Perhaps `{nearest[0]}` is meant." if nearest else f"Known are {', '.join(sorted(known))}."
