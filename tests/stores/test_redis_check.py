"""A Redis that nobody can reach: what the operator is told, in the log and by the check at the start."""

from __future__ import annotations

import logging

import pytest

from mcpauthkit import RedisStore
from mcpauthkit.errors import StoreUnavailable
from mcpauthkit.stores.port import Checkable
from mcpauthkit.testing import FakeClock

NOBODY_LISTENS = "redis://user:canary@127.0.0.1:1/3?client_name=canary"


def errors(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [one.getMessage() for one in caplog.records if one.levelno >= logging.ERROR]


async def test_an_outage_is_in_the_log_from_the_first_failure_on_and_once_a_minute(
    caplog: pytest.LogCaptureFixture,
) -> None:
    clock = FakeClock()
    store = RedisStore(NOBODY_LISTENS, timeout_seconds=0.05, clock=clock)
    for told in (1, 1):
        with pytest.raises(StoreUnavailable):
            await store.get("k")
        assert len(errors(caplog)) == told
    assert "ConnectionError" in errors(caplog)[0]
    caplog.clear()
    clock.advance(60)
    with pytest.raises(StoreUnavailable):
        await store.get("k")
    assert [one for one in errors(caplog) if "cannot be used error=ConnectionError" in one]
    assert "canary" not in caplog.text
    await store.aclose()


async def test_the_check_of_a_redis_that_does_not_answer_says_where_it_is_and_no_secret() -> None:
    store = RedisStore(NOBODY_LISTENS, timeout_seconds=0.05)
    assert isinstance(store, Checkable)
    with pytest.raises(StoreUnavailable) as failed:
        await store.check_access()
    assert "redis://127.0.0.1:1/3" in failed.value.public
    assert "ConnectionError" in failed.value.public
    assert failed.value.hint
    assert "canary" not in f"{failed.value} {failed.value.for_log()}"
    assert failed.value.__context__ is None
    await store.aclose()
