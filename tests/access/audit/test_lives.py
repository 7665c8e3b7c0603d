"""The life of each credential, read from the log alone."""

from __future__ import annotations

import random
from typing import Any

import pytest

from mcpauthkit.audit import Actor, AuditTrail, Event, EventName, lives
from mcpauthkit.testing import FakeClock
from tests.access.audit.kept import ALICE, FULL, Kept

BOB = Actor(digest="b2" * 32)
E = EventName


class Day:
    """A day at a server: each event an hour after the one before."""

    def __init__(self) -> None:
        self._clock = FakeClock()
        self._kept = Kept()
        self._trail = AuditTrail(self._kept, clock=self._clock)
        self.lines = self._kept.lines

    def happens(self, event: EventName, credential: str, *, actor: Actor | None = ALICE, **more: Any) -> None:
        self._trail.record(Event(event=event, credential=credential, actor=actor, service="github", **more))
        self._trail.record(FULL)
        self._clock.advance(3600)


@pytest.fixture
def day() -> Day:
    return Day()


def test_a_life_has_a_beginning_and_an_end(day: Day) -> None:
    day.happens(E.CREDENTIAL_CREATED, "c")
    day.happens(E.CREDENTIAL_USED, "c")
    day.happens(E.CREDENTIAL_RENEWED, "c")
    day.happens(E.CREDENTIAL_RENEWAL_FAILED, "c", reason="service_unavailable")
    day.happens(E.CREDENTIAL_USED, "c")
    day.happens(E.CREDENTIAL_REVOKED, "c", outcome="revoked")
    day.happens(E.CREDENTIAL_REMOVED, "c", outcome="disconnected")
    life = lives(day.lines)["c"]
    assert (life.credential, life.principal, life.service) == ("c", ALICE.digest, "github")
    assert (life.created, life.ended) == ("2026-01-01T00:00:00.000000Z", "2026-01-01T06:00:00.000000Z")
    assert (life.end_reason, life.is_alive) == ("disconnected", False)
    assert (life.uses, life.last_used) == (2, "2026-01-01T04:00:00.000000Z")
    assert (life.renewals, life.failed_renewals) == (1, 1)
    assert [one.event for one in life.steps] == [
        "credential.created",
        "credential.renewed",
        "credential.renewal_failed",
        "credential.revoked",
        "credential.removed",
    ]
    assert life.steps[2].reason == "service_unavailable"


def test_what_has_not_ended_is_alive(day: Day) -> None:
    day.happens(E.CREDENTIAL_CREATED, "c")
    day.happens(E.CREDENTIAL_REPLACED, "c")
    life = lives(day.lines)["c"]
    assert life.is_alive
    assert [one.event for one in life.steps] == ["credential.created", "credential.replaced"]


def test_what_began_before_the_log_has_no_beginning(day: Day) -> None:
    day.happens(E.CREDENTIAL_USED, "c")
    assert not lives(day.lines)["c"].created


def test_one_connection_of_a_user_and_service_is_the_default(day: Day) -> None:
    for name in ("one", "two"):
        day.happens(E.CREDENTIAL_CREATED, name)
    day.happens(E.CREDENTIAL_CREATED, "bobs", actor=BOB)
    for name, actor in (("one", ALICE), ("bobs", BOB), ("two", ALICE)):
        day.happens(E.CREDENTIAL_MADE_DEFAULT, name, actor=actor)
    assert {name: life.is_default for name, life in lives(day.lines).items()} == {
        "one": False,
        "two": True,
        "bobs": True,
    }


def test_a_connection_that_takes_the_place_of_another_ends_it(day: Day) -> None:
    day.happens(E.CREDENTIAL_CREATED, "old")
    day.happens(E.CREDENTIAL_CREATED, "new", metadata={"instead_of": "old"})
    found = lives(day.lines)
    assert (found["old"].ended, found["old"].end_reason) == (found["new"].created, "replaced")
    assert found["new"].is_alive


def test_an_end_without_an_id_is_that_of_all_that_a_user_has_at_a_service(day: Day) -> None:
    for name, actor in (("one", ALICE), ("two", ALICE), ("bobs", BOB)):
        day.happens(E.CREDENTIAL_CREATED, name, actor=actor)
    day.happens(E.CREDENTIAL_REMOVED, "", reason="ended by an administrator")
    assert {name: life.end_reason for name, life in lives(day.lines).items()} == {
        "one": "ended by an administrator",
        "two": "ended by an administrator",
        "bobs": "",
    }


@pytest.mark.parametrize("credential", ["c", ""])
def test_what_nobody_knows_is_uncertain_until_it_shows(day: Day, credential: str) -> None:
    day.happens(E.CREDENTIAL_CREATED, "c")
    day.happens(E.CREDENTIAL_REMOVED, "c", reason="disconnected")
    day.happens(E.CREDENTIAL_UNKNOWN, "c", reason="interrupted")
    life = lives(day.lines)["c"]
    assert life.is_uncertain
    assert not life.is_alive
    day.happens(E.CREDENTIAL_USED, "c")
    life = lives(day.lines)["c"]
    assert not life.is_uncertain
    assert life.is_alive
    day.happens(E.CREDENTIAL_UNKNOWN, credential, reason="interrupted")
    assert lives(day.lines)["c"].is_uncertain


def test_an_end_of_all_that_was_interrupted_leaves_all_uncertain(day: Day) -> None:
    for name in ("one", "two", "gone"):
        day.happens(E.CREDENTIAL_CREATED, name)
    day.happens(E.CREDENTIAL_REMOVED, "gone")
    day.happens(E.CREDENTIAL_REMOVED, "")
    day.happens(E.CREDENTIAL_UNKNOWN, "", reason="interrupted")
    assert {name: life.is_uncertain for name, life in lives(day.lines).items()} == {
        "one": True,
        "two": True,
        "gone": False,
    }


def test_a_record_that_could_not_be_read_and_was_written_over_may_have_been_any_but_the_new_one(day: Day) -> None:
    for name in ("gone", "one", "two", "new"):
        day.happens(E.CREDENTIAL_CREATED, name)
    day.happens(E.CREDENTIAL_CREATED, "bobs", actor=BOB)
    day.happens(E.CREDENTIAL_REMOVED, "gone")
    day.happens(E.RECORD_REMOVED, "", reason="written over", metadata={"written_over_by": "new"})
    found = lives(day.lines)
    assert {name for name, life in found.items() if life.is_uncertain} == {"one", "two"}
    assert [step.reason for step in found["one"].steps] == ["", "written over"]
    day.happens(E.CREDENTIAL_USED, "one")
    assert {name for name, life in lives(day.lines).items() if life.is_uncertain} == {"two"}


def test_a_record_that_an_operator_removed_by_its_key_belongs_to_nobodys_life(day: Day) -> None:
    day.happens(E.CREDENTIAL_CREATED, "c", actor=None)
    day.happens(E.RECORD_REMOVED, "", actor=None, kind="key", target="mcpauthkit:credential:x", reason="unreadable")
    assert not lives(day.lines)["c"].is_uncertain


def test_a_life_says_until_when_the_store_keeps_it(day: Day) -> None:
    day.happens(E.CREDENTIAL_CREATED, "c", metadata={"kept_until": "2026-02-01T00:00:00Z"})
    day.happens(E.CREDENTIAL_RENEWED, "c", metadata={"kept_until": "2026-03-01T00:00:00Z"})
    day.happens(E.CREDENTIAL_USED, "c")
    assert lives(day.lines)["c"].kept_until == "2026-03-01T00:00:00Z"
    day.happens(E.CREDENTIAL_REPLACED, "c", metadata={"kept_until": None})
    assert not lives(day.lines)["c"].kept_until


def test_logs_of_several_replicas_may_be_put_together_in_any_order(day: Day) -> None:
    for number in range(5):
        day.happens(E.CREDENTIAL_CREATED, f"c-{number}")
        day.happens(E.CREDENTIAL_REMOVED, f"c-{number}")
    mixed = day.lines.copy()
    random.Random(1).shuffle(mixed)  # noqa: S311  # an order
    assert lives(mixed) == lives(day.lines)
    assert list(lives(mixed)) == [f"c-{number}" for number in range(5)]


def test_what_is_no_record_is_passed_over(day: Day) -> None:
    day.happens(E.CREDENTIAL_CREATED, "c")
    rubbish: list[bytes | str] = [
        b"",
        b"\xff",
        b'{"event":"credential.',
        '{"event":"credential.used","credential":5}',
        "[]",
        "x",
    ]
    deep = b'{"event":"credential.used","x":' + b"[" * 100_000
    assert lives([*rubbish, deep, *day.lines]) == lives(day.lines)
