"""Failing at once while Redis does not answer anyway."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from mcpauthkit.core.clock import Clock
from mcpauthkit.core.log import RequestLog

_log = RequestLog("stores.redis")


class Circuit:
    """Open after several calls have failed one after the other; then one call at a time tries whether it works again.

    A call counts when it has failed in the end, all its tries included: a server that restarts quickly is waited for.

    Args:
        clock: Time, the monotonic one.
        failures: How many calls have to fail in a row.
        rest_seconds: How long nobody tries, after each failure.
    """

    def __init__(self, clock: Clock, *, failures: int = 3, rest_seconds: float = 1.0) -> None:
        self._clock = clock
        self._limit = failures
        self._rest_seconds = rest_seconds
        self._failed = 0
        self._rests_until = 0.0
        self._is_trying = False

    @property
    def is_open(self) -> bool:
        """Whether calls fail at once, but for the one that tries."""
        return self._failed >= self._limit

    @contextmanager
    def passage(self) -> Iterator[Passage | None]:
        """Let a call through, or give None; a call that does not say how it went in the end says nothing."""
        if not self.is_open:
            yield Passage(self, is_probe=False)
        elif self._is_trying or self._clock.monotonic() < self._rests_until:
            yield None
        else:
            self._is_trying = True
            try:
                yield Passage(self, is_probe=True)
            finally:
                self._is_trying = False

    def close(self) -> None:
        """Redis has answered."""
        if self.is_open:
            _log.warning("redis answers again")
        self._failed = 0

    def count(self, error: str) -> None:
        """Redis has not answered.

        Args:
            error: The name of the error's type.
        """
        self._failed += 1
        self._rests_until = self._clock.monotonic() + self._rest_seconds
        if self._failed == self._limit:
            _log.error("redis does not answer; calls fail at once until it does error=%s", error)


@dataclass(frozen=True, slots=True)
class Passage:
    """A call that was let through.

    Attributes:
        is_probe: Whether it is the one that tries; it is not to keep others waiting with tries of its own.
    """

    _circuit: Circuit
    is_probe: bool

    def succeeded(self) -> None:
        """Redis has answered."""
        self._circuit.close()

    def failed(self, error: str) -> None:
        """Redis has not answered.

        Args:
            error: The name of the error's type.
        """
        self._circuit.count(error)
