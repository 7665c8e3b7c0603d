"""The rest after a failure: how long, for whom, and what is told meanwhile."""

from __future__ import annotations

import pytest

from mcpauthkit.connections.resting import Resting
from mcpauthkit.errors import GrantRefused, RemoteError, RemoteUnavailable
from mcpauthkit.testing import FakeClock


def failure(resting: Resting, key: str) -> RemoteError | None:
    try:
        resting.check(key)
    except RemoteError as error:
        return error
    return None


def test_what_has_just_failed_fails_again_for_some_seconds_and_nothing_else_does() -> None:
    clock = FakeClock()
    resting = Resting(clock, seconds=5.0)
    resting.rest("down", GrantRefused("invalid_client", reason="a wrong secret"))
    clock.advance(4.9)
    told = failure(resting, "down")
    assert isinstance(told, GrantRefused)
    assert (told.error, told.reason) == ("invalid_client", "a wrong secret")
    assert failure(resting, "up") is None
    clock.advance(0.2)
    assert failure(resting, "down") is None


def test_every_caller_gets_an_error_of_their_own_that_holds_no_frames() -> None:
    resting = Resting(FakeClock())
    original = RemoteUnavailable()
    with pytest.raises(RemoteUnavailable):
        raise original
    resting.rest("down", original)
    first, second = failure(resting, "down"), failure(resting, "down")
    assert first is not None
    assert second is not None
    assert len({id(one) for one in (original, first, second)}) == 3
    assert first.__traceback__ is not None
    assert first.__traceback__.tb_next is not None
    assert second.__traceback__ is not None
    assert second.__traceback__.tb_next is not None
    assert second.__traceback__.tb_next.tb_next is None


def test_a_later_failure_begins_a_new_rest() -> None:
    clock = FakeClock()
    resting = Resting(clock)
    resting.rest("down", RemoteUnavailable(reason="first"))
    clock.advance(4)
    resting.rest("down", RemoteUnavailable(reason="second"))
    clock.advance(4)
    told = failure(resting, "down")
    assert told is not None
    assert told.reason == "second"


def test_however_much_fails_only_the_latest_failures_are_remembered() -> None:
    resting = Resting(FakeClock())
    for number in range(1_500):
        resting.rest(str(number), RemoteUnavailable())
    remembered = [number for number in range(1_500) if failure(resting, str(number)) is not None]
    assert remembered == list(range(500, 1_500))
