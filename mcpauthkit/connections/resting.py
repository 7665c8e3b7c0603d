"""A short rest after a failure, so that a server which is down is not asked by every call."""

from __future__ import annotations

from mcpauthkit.core.clock import Clock
from mcpauthkit.errors import RemoteError

_MOST_KEYS = 1_000


class Resting:
    """What failed a moment ago, and how.

    Args:
        clock: Time.
        seconds: How long one rests.
    """

    def __init__(self, clock: Clock, seconds: float = 5.0) -> None:
        self._clock = clock
        self._seconds = seconds
        self._failures: dict[str, tuple[float, RemoteError]] = {}

    def check(self, key: str) -> None:
        """Fail as the last attempt did, if that was a moment ago.

        Args:
            key: What is about to be tried.

        Raises:
            RemoteError: A copy of the failure.
        """
        until, error = self._failures.get(key, (0.0, None))
        if error is None:
            return
        if self._clock.monotonic() < until:
            raise error.copy()
        del self._failures[key]

    def rest(self, key: str, error: RemoteError) -> None:
        """Remember a failure.

        Args:
            key: What was tried.
            error: How it failed; kept as a copy, without the frames it was raised through and what they hold.
        """
        # To the end, so that the first key is always the oldest.
        self._failures.pop(key, None)
        if len(self._failures) >= _MOST_KEYS:
            del self._failures[next(iter(self._failures))]
        self._failures[key] = (self._clock.monotonic() + self._seconds, error.copy())
