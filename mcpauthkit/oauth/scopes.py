"""Scopes as configured (RFC 6749 section 3.3)."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

from mcpauthkit.errors import ConfigurationError


def missing_scopes(wanted: Iterable[str], granted: Collection[str]) -> tuple[str, ...]:
    """The wanted scopes that were not granted.

    Some issuers take a scope with the address of its API in front (`api://reports/write`) and put only its own name
    into the token (`write`; Entra ID, seen November 2026). The token's audience says which API is meant, and that has
    been checked, so the short name counts for the long one, never the other way round.

    Args:
        wanted: Scopes as clients ask for them.
        granted: Scopes of a token that is for us.
    """
    return tuple(one for one in wanted if one not in granted and not _has_short_name(one, granted))


def _has_short_name(scope: str, granted: Collection[str]) -> bool:
    address, slash, name = scope.rpartition("/")
    return bool(slash and name) and "://" in address and name in granted


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
