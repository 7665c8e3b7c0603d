"""Scopes as configured (RFC 6749 section 3.3)."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterable

from mcpauthkit.errors import ConfigurationError

_SEVERAL = re.compile(r"[\w.:/-]*(?:,[\w.:/-]*)+")


def missing_scopes(wanted: Iterable[str], granted: Collection[str]) -> tuple[str, ...]:
    """The wanted scopes that were not granted; names are compared as they are (RFC 6749 section 3.3)."""
    return tuple(one for one in wanted if one not in granted)


def check_scopes(scopes: object, argument: str = "scopes") -> tuple[str, ...]:
    """Scopes as given by a caller, each once, in order.

    Args:
        scopes: The scopes.
        argument: The argument's name, for the message.

    Raises:
        ConfigurationError: It is one text, whose letters would become scopes, or one of them is empty, holds several or
            is no text.
    """
    given = tuple(scopes) if isinstance(scopes, Iterable) and not isinstance(scopes, str) else (scopes,)
    names = [one for one in given if isinstance(one, str) and _words(one) == [one]]
    if isinstance(scopes, str) or len(names) != len(given):
        meant = _words_of(given) or ["openid", "profile"]
        raise ConfigurationError(
            f"{argument}={scopes!r} is not a list of scopes.", hint=f"Write {argument}={json.dumps(meant)}."
        )
    return tuple(dict.fromkeys(names))


def check_scope_text(scope: object, argument: str = "scope") -> tuple[str, ...]:
    """Scopes as given by a caller in one text, separated by spaces; each once, in order.

    Args:
        scope: The text.
        argument: The argument's name, for the message.

    Raises:
        ConfigurationError: It is no text, or separates them by commas.
    """
    if isinstance(scope, str) and all(_words(one) == [one] for one in scope.split()):
        return tuple(dict.fromkeys(scope.split()))
    given = (scope,) if isinstance(scope, str) or not isinstance(scope, Iterable) else scope
    meant = _words_of(given) or ["repo", "user"]
    raise ConfigurationError(
        f"{argument}={scope!r} is not one text of scopes with spaces in between.",
        hint=f'Write {argument}="{" ".join(meant)}".',
    )


def _words_of(given: Iterable[object]) -> list[str]:
    return [word for one in given if isinstance(one, str) for word in _words(one)]


def _words(text: str) -> list[str]:
    # A comma may be part of a scope, and is none between two plain names.
    return [word for one in text.split() for word in (one.split(",") if _SEVERAL.fullmatch(one) else [one]) if word]
