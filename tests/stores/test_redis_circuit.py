"""When calls to Redis fail at once."""

from __future__ import annotations

import logging

import pytest

from mcpauthkit.stores.redis.circuit import Circuit
from mcpauthkit.testing import FakeClock


def call(circuit: Circuit, *, works: bool) -> bool:
    """Whether the call was let through."""
    with circuit.passage() as passage:
        if passage is None:
            return False
        if works:
            passage.succeeded()
        else:
            passage.failed("TimeoutError")
        return True


def test_it_opens_after_three_failures_in_a_row() -> None:
    circuit = Circuit(FakeClock())
    for works in (False, False, True, False, False, False):
        assert call(circuit, works=works)
    assert circuit.is_open
    assert not call(circuit, works=True)


def test_after_a_second_one_call_tries_while_the_others_fail() -> None:
    clock = FakeClock()
    circuit = Circuit(clock)
    for _ in range(3):
        call(circuit, works=False)
    clock.advance(0.9)
    assert not call(circuit, works=True)
    clock.advance(0.1)
    with circuit.passage() as probe:
        assert probe is not None
        assert probe.is_probe
        assert not call(circuit, works=True)
        probe.failed("TimeoutError")
    assert not call(circuit, works=True)
    clock.advance(1)
    assert call(circuit, works=True)
    assert call(circuit, works=True)
    assert not circuit.is_open


def test_a_try_that_is_given_up_lets_the_next_one_try() -> None:
    clock = FakeClock()
    circuit = Circuit(clock)
    for _ in range(3):
        call(circuit, works=False)
    clock.advance(1)
    with pytest.raises(KeyboardInterrupt), circuit.passage():
        raise KeyboardInterrupt
    assert circuit.is_open
    assert call(circuit, works=True)


def test_it_is_told_once_when_it_opens_and_once_when_it_closes(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING)
    clock = FakeClock()
    circuit = Circuit(clock)
    for _ in range(9):
        call(circuit, works=False)
        clock.advance(1)
    for _ in range(3):
        call(circuit, works=True)
    assert [one.levelname for one in caplog.records] == ["ERROR", "WARNING"]
    assert "TimeoutError" in caplog.text
