"""Failing at once while Redis does not answer anyway."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

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
        self._ordinary = Passage(self)

    @property
    def is_open(self) -> bool:
        """Whether calls fail at once, but for the one that tries."""
        return self._failed >= self._limit

    def passage(self) -> Passage:
        """What a call enters; it is let through, or gets None. One that says nothing in the end has not happened."""
        if not self.is_open:
            return self._ordinary
        if self._is_trying or self._clock.monotonic() < self._rests_until:
            return Passage(self, is_shut=True)
        return Passage(self, is_probe=True)

    def try_out(self, *, is_over: bool) -> None:
        """One call begins to try, or is over.

        Args:
            is_over: Whether it is, however it ended.
        """
        self._is_trying = not is_over

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
    """A call at the circuit. A plain object and no generator, since every call goes through one.

    Attributes:
        is_probe: Whether it is the one that tries; it is not to keep others waiting with tries of its own.
        is_shut: Whether it is not let through.
    """

    _circuit: Circuit
    is_probe: bool = False
    is_shut: bool = False

    def __enter__(self) -> Self | None:
        if self.is_probe:
            self._circuit.try_out(is_over=False)
        return None if self.is_shut else self

    def __exit__(self, *_: object) -> None:
        if self.is_probe:
            self._circuit.try_out(is_over=True)

    def succeeded(self) -> None:
        """Redis has answered."""
        self._circuit.close()

    def failed(self, error: str) -> None:
        """Redis has not answered.

        Args:
            error: The name of the error's type.
        """
        self._circuit.count(error)
