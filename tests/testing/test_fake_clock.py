from __future__ import annotations

import threading

import pytest

from mcpauthkit.testing import FakeClock


def test_time_stands_still_until_it_is_advanced() -> None:
    clock = FakeClock(wall=1000.0, monotonic=5.0)
    assert (clock.wall(), clock.monotonic()) == (1000.0, 5.0)
    clock.advance(2.5)
    assert (clock.wall(), clock.monotonic()) == (1002.5, 7.5)


def test_setting_the_wall_clock_leaves_monotonic_time_alone() -> None:
    clock = FakeClock(wall=1000.0)
    clock.set_wall(10.0)
    assert (clock.wall(), clock.monotonic()) == (10.0, 0.0)


@pytest.mark.parametrize("seconds", [-1.0, float("nan")])
def test_time_does_not_go_back(seconds: float) -> None:
    with pytest.raises(ValueError, match="zero or more"):
        FakeClock().advance(seconds)


def test_advances_of_many_threads_add_up() -> None:
    clock = FakeClock(wall=0.0)

    def tick() -> None:
        for _ in range(500):
            clock.advance(1)

    threads = [threading.Thread(target=tick) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert clock.wall() == 2000.0
