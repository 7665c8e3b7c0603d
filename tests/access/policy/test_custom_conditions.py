"""Conditions of the application's own."""

from __future__ import annotations

import functools
import logging
from typing import Any

import pytest

from mcpauthkit.errors import ConfigurationError
from mcpauthkit.errors.access import PolicyInvalid
from mcpauthkit.guards import AccessRequest
from tests.access.policy.asking import engine_of, is_allowed, request_for

CANARY = "canary-7f3a"
OWN = {"conditions": [{"custom": "own"}]}
NOT_OWN = {"conditions": [{"custom": "own", "value": False}]}


def raises(_request: AccessRequest) -> bool:
    raise RuntimeError(CANARY)


@pytest.mark.parametrize(
    ("function", "allow", "allow_opposite", "deny"),
    [
        (lambda _: True, True, False, False),
        (lambda _: False, False, True, True),
        (raises, False, False, False),
        (lambda _: 1, False, False, False),
        (lambda _: None, False, False, False),
    ],
)
def test_true_and_false_count_and_everything_else_opens_nothing(
    function: Any, *, allow: bool, allow_opposite: bool, deny: bool
) -> None:
    known = {"own": function}
    assert is_allowed(engine_of(OWN, conditions=known)) is allow
    assert is_allowed(engine_of(NOT_OWN, conditions=known)) is allow_opposite
    assert is_allowed(engine_of({}, {"effect": "deny", **OWN}, conditions=known)) is deny


def test_it_sees_the_request_and_is_asked_every_time() -> None:
    seen: list[AccessRequest] = []

    def every_other_time(request: AccessRequest) -> bool:
        seen.append(request)
        return len(seen) % 2 == 1

    engine = engine_of(OWN, conditions={"own": every_other_time})
    request = request_for(arguments={"x": 1})
    assert [engine.decide(request).allowed for _ in range(3)] == [True, False, True]
    assert seen == [request] * 3


def test_what_it_raises_is_logged_by_its_type_alone(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        engine_of(OWN, conditions={"own": raises}).decide(request_for())
    assert "RuntimeError" in caplog.text
    assert CANARY not in caplog.text
    assert not any(one.exc_info for one in caplog.records)


async def asynchronous(_request: AccessRequest) -> bool:
    return True


class Asynchronous:
    async def __call__(self, _request: AccessRequest) -> bool:
        return True


@pytest.mark.parametrize(
    "function", [asynchronous, functools.partial(asynchronous), Asynchronous(), Asynchronous, "own", None]
)
def test_what_cannot_be_asked_during_a_decision_is_refused(function: Any) -> None:
    with pytest.raises(ConfigurationError, match="own"):
        engine_of({}, conditions={"own": function})


def test_a_condition_that_is_not_registered_is_refused_by_name() -> None:
    with pytest.raises(PolicyInvalid) as caught:
        engine_of(OWN, conditions={"other": lambda _: True})
    assert "'own'" in caught.value.faults[0].text
    assert "other" in caught.value.faults[0].text
