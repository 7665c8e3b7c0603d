"""One lock for all connections of a principal with one service."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from weakref import WeakValueDictionary

import anyio

from mcpauthkit.principal import Principal


class _Holder:
    """A lock, alive while somebody holds or awaits it."""

    __slots__ = ("__weakref__", "lock")

    def __init__(self) -> None:
        self.lock = anyio.Lock()


class Locks:
    """The locks of one service's users, in this process."""

    def __init__(self) -> None:
        self._holders: WeakValueDictionary[tuple[str, str], _Holder] = WeakValueDictionary()

    def __len__(self) -> int:
        """How many are held or awaited."""
        return len(self._holders)

    @asynccontextmanager
    async def exclusive(self, principal: Principal) -> AsyncIterator[None]:
        """Be the only one who changes this principal's connections."""
        holder = self._holders.setdefault(principal.key, _Holder())
        async with holder.lock:
            yield
