"""A clock that only moves when told to."""

from __future__ import annotations

import threading


class FakeClock:
    """Wall and monotonic time under the control of a test; may be shared between threads.

    Args:
        wall: Seconds since the Unix epoch; the default is 2026-01-01 00:00 UTC.
        monotonic: Where the monotonic clock starts, in seconds.
    """

    def __init__(self, wall: float = 1_767_225_600.0, monotonic: float = 0.0) -> None:
        self._wall = wall
        self._monotonic = monotonic
        self._lock = threading.Lock()

    def wall(self) -> float:
        """Seconds since the Unix epoch."""
        with self._lock:
            return self._wall

    def monotonic(self) -> float:
        """Seconds on a clock that never goes back."""
        with self._lock:
            return self._monotonic

    def advance(self, seconds: float) -> None:
        """Move both clocks forward.

        Raises:
            ValueError: `seconds` is negative; a monotonic clock cannot go back.
        """
        if not seconds >= 0:
            raise ValueError("a clock is advanced by zero or more seconds")
        with self._lock:
            self._wall += seconds
            self._monotonic += seconds

    def set_wall(self, wall: float) -> None:
        """Put the wall clock elsewhere, as an operator or NTP may; monotonic time stays."""
        with self._lock:
            self._wall = wall
