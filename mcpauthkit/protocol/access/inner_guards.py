"""Guards on functions of mounted servers, for the outer server that filters lists.

Only the server that has a function sees the guards on it, and a list passes other middleware on its way out. FastMCP's
response cache may be among these and give one list to several callers, so what depends on the caller has to be decided
at the outer end. Marks on components would not come so far: caches and mounts leave them out.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, NamedTuple
from weakref import WeakKeyDictionary

from fastmcp import FastMCP

from mcpauthkit.access.guard import GuardLike
from mcpauthkit.access.request import Kind

Versioned = tuple[str, str | None]
"""A name or an address, and a version."""


class Guarded(NamedTuple):
    """A component with guards.

    Args:
        outside: What it is called by clients of the outer server; several where it is mounted more than once.
        guards: Its guards.
    """

    outside: Collection[Versioned]
    guards: tuple[GuardLike, ...]


class InnerGuards:
    """Remembers what mounted servers listed last, as one list may be shown long after it was made."""

    def __init__(self) -> None:
        self._seen: WeakKeyDictionary[FastMCP[Any], dict[tuple[Kind, str], dict[Versioned, Guarded]]] = (
            WeakKeyDictionary()
        )

    def remember(
        self, server: FastMCP[Any], kind: Kind, transport: str, listed: Mapping[Versioned, Guarded | None]
    ) -> None:
        """Take over what a mounted server lists; what it does not list to this caller stays as it was.

        Args:
            server: The mounted server.
            kind: What is listed.
            transport: How; it tells which guards count.
            listed: By what they are called in it, components with their guards, or None for those that have none.
        """
        known = self._seen.setdefault(server, {}).setdefault((kind, transport), {})
        for inside, guarded in listed.items():
            if guarded is None:
                known.pop(inside, None)
            else:
                known[inside] = guarded

    def of(self, kind: Kind, transport: str) -> dict[Versioned, tuple[GuardLike, ...]]:
        """All guards, by what components are called outside; where two servers give one name, those of both."""
        found: dict[Versioned, tuple[GuardLike, ...]] = {}
        for seen in self._seen.values():
            for guarded in seen.get((kind, transport), {}).values():
                for outside in guarded.outside:
                    found[outside] = (*found.get(outside, ()), *guarded.guards)
        return found
