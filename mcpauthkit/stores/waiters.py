"""Those of this process who wait for a key to change."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import anyio


class Waiters:
    """Wakes everybody who waits for a key, as the store that owns this learns of a change.

    What is kept ends with the last of them, so that waiting for keys that never come leaves nothing behind.
    """

    def __init__(self) -> None:
        self._events: dict[str, set[anyio.Event]] = {}

    def __len__(self) -> int:
        """How many keys somebody waits for."""
        return len(self._events)

    @contextmanager
    def waiting(self, key: str) -> Iterator[anyio.Event]:
        """Wait while the block runs: the event is set once the key has changed.

        Whoever looks at the value inside of the block misses no change between the look and the wait.

        Args:
            key: What is waited for.
        """
        changed = anyio.Event()
        self._events.setdefault(key, set()).add(changed)
        try:
            yield changed
        finally:
            waiting = self._events.get(key, set())
            waiting.discard(changed)
            if not waiting:
                self._events.pop(key, None)

    def wake(self, key: str) -> None:
        """Tell everybody who waits for a key that it has changed."""
        for event in self._events.pop(key, ()):
            event.set()
