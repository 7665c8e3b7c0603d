"""The real clock and the real source of randomness."""

from __future__ import annotations

import time

from mcpauthkit.core.clock import SystemClock
from mcpauthkit.core.entropy import SystemEntropy


def test_the_system_clock_tells_both_times() -> None:
    clock = SystemClock()
    assert abs(clock.wall() - time.time()) < 60
    assert clock.monotonic() <= clock.monotonic()


def test_random_values_have_the_size_asked_for_and_differ() -> None:
    entropy = SystemEntropy()
    assert len(entropy.random_bytes(12)) == 12
    assert len(entropy.token()) == 43
    assert len({entropy.token(16) for _ in range(100)}) == 100
