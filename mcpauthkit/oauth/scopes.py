"""Scopes as configured (RFC 6749 section 3.3)."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

from mcpauthkit.errors import ConfigurationError


def missing_scopes(wanted: Iterable[str], granted: Collection[str]) -> tuple[str, ...]:
    """The wanted scopes that were not granted; names are compared as they are (RFC 6749 section 3.3)."""
    return tuple(one for one in wanted if one not in granted)


def check_scopes(scopes: Sequence[object]) -> tuple[str, ...]:
    """Scopes as given by a caller, each once, in order.

    Raises:
        ConfigurationError: It is one text, whose letters would become scopes, or one of them is empty, holds spaces or
            is no text.
    """
    names = [one for one in scopes if isinstance(one, str) and one.split() == [one]]
    if isinstance(scopes, str) or len(names) != len(scopes):
        raise ConfigurationError(f"scopes={scopes!r} is not a list of scopes.", hint='Write ["openid", "profile"].')
    return tuple(dict.fromkeys(names))
