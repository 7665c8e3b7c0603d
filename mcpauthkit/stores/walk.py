"""Walking over all that a store holds, a few records at once, and what their keys say of them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import NamedTuple

import anyio

from mcpauthkit.errors import AuthKitError
from mcpauthkit.stores.outage import OutageTranslated

# What stands behind the namespace in the keys of records. Those of the second kind end soon.
LASTING = frozenset({"credential", "accounts", "note"})
SHORT_LIVED = frozenset(
    {"flow", "outcome", "visit", "claim", "current", "ended", "lease", "reminded", "userless"},
)


class RecordName(NamedTuple):
    """What the key of a record says of it.

    Args:
        kind: What of ours it is, such as `credential` or `flow`; empty for what is nothing of ours.
        rest: The parts of the key behind the kind: for most kinds the service and digests.
    """

    kind: str
    rest: tuple[str, ...] = ()

    @property
    def is_short_lived(self) -> bool:
        """Whether such a record soon ends by itself, and nobody has to connect again for it."""
        return self.kind in SHORT_LIVED


def record_name(key: str, namespace: str) -> RecordName:
    """What a key of ours is for.

    Args:
        key: The key.
        namespace: What stands in front, where it is known; one that has a colon in it is only known where it is given.
    """
    below = key.removeprefix(f"{namespace}:") if namespace else key.partition(":")[2]
    kind, colon, rest = below.partition(":")
    if not colon or kind not in LASTING | SHORT_LIVED:
        return RecordName("")
    return RecordName(kind, tuple(rest.split(":")))


async def keys_below(namespace: str, keys: AsyncIterator[str]) -> AsyncIterator[str]:
    """The keys of one application, each once.

    Args:
        namespace: What stands in front; empty for all keys.
        keys: What the store holds; it may tell a key twice.
    """
    seen: set[str] = set()
    async for key in keys:
        if key not in seen and (not namespace or key.startswith(f"{namespace}:")):
            seen.add(key)
            yield key


async def for_each(keys: AsyncIterator[str], act: Callable[[str], Awaitable[None]], concurrency: int) -> None:
    """Do something with every key, a few at once; the first failure ends it.

    Args:
        keys: The keys.
        act: What to do.
        concurrency: How many are in work at once.

    Raises:
        StoreUnavailable: The store failed to tell its keys; and whatever `act` raises of ours.
    """
    turn = anyio.Lock()
    failures: list[AuthKitError] = []

    async def work() -> None:
        try:
            while True:
                async with turn:
                    with OutageTranslated():
                        key = await anext(keys, None)
                if key is None:
                    return
                await act(key)
        except AuthKitError as error:
            failures.append(error)
            tasks.cancel_scope.cancel()

    async with anyio.create_task_group() as tasks:
        for _ in range(concurrency):
            tasks.start_soon(work)
    if failures:
        raise failures[0]
