"""A whole journey through both legs in spans and metrics: what they tell, in which words, and nothing else."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from mcpauthkit import Patience
from mcpauthkit.testing import BrowserRobot, FakeClock
from tests.flows.canaries import leaks, secrets_of
from tests.flows.test_ladder import eras, link_in, text_of
from tests.observed import Observed, observing
from tests.world import Answer, Era, World, world

PAGE = Path(__file__).parents[2] / "docs" / "telemetry.md"
ARGUMENT = "argument-7be2c40f19d83a56"
WORDS = {
    "mcpauthkit.verifier": {"JwtVerifier"},
    "mcpauthkit.service": {"forge"},
    "mcpauthkit.rung": {"rounds", "blocking", "url_error", "link"},
    "error.type": {"remote_unavailable", "remote_misbehaved"},
}
"""What the attributes of this journey may hold. Outcomes are checked one by one."""


@pytest.fixture
def observed(monkeypatch: pytest.MonkeyPatch) -> Iterator[Observed]:
    with observing(monkeypatch) as one:
        yield one


async def journey(here: World, era: Era, clock: FakeClock, robot: BrowserRobot) -> None:
    """Alice is refused, let in, asked, connected, renewed, let down, and loses her connection."""

    async def person(url: str) -> Answer:
        await here.visit(robot, url)
        return "accept"

    async with here.client(era, human=person) as client:
        assert not (await text_of(client, "list_repos", prefix=""))[0]
        assert not (await text_of(client, "list_repos", prefix=ARGUMENT))[0]
        for status in (None, 503):
            clock.advance(3600)
            here.service.expire_tokens()
            if status is not None:
                here.service.faults.respond("token", status=status)
            await text_of(client, "list_repos")
        here.service.faults.clear()
        clock.advance(60)
        here.service.revoke_grants()
        await text_of(client, "list_repos_fast" if era == "modern" else "list_repos")


def values_of(observed: Observed) -> dict[str, set[Any]]:
    """Everything that our spans and measurements say, by attribute."""
    found: dict[str, set[Any]] = {}
    told = [dict(span.attributes or {}) for span in observed.spans()]
    for attributes in [*told, *(point.attributes for point in observed.points())]:
        for name, value in attributes.items():
            found.setdefault(name, set()).add(value)
    return found


@eras
async def test_a_journey_is_told_in_few_words_and_holds_no_secret(era: Era, observed: Observed) -> None:
    clock = FakeClock(wall=time.time())
    with world(
        provider_options={"clock": clock},
        service_options={"access_token_ttl_seconds": 3600},
        patience=Patience(hold_seconds=8, rounds=1, asking_seconds=5),
    ) as here:
        async with BrowserRobot() as robot:
            await journey(here, era, clock, robot)
            secrets = secrets_of(here, robot)
    told = values_of(observed)
    outcomes = told.pop("mcpauthkit.outcome")
    assert {name: values - WORDS.get(name, set()) for name, values in told.items()} == {name: set() for name in told}
    assert outcomes <= {"ok", "asked", "waiting", "gone", "remote_unavailable", "connection_required"}
    secrets |= {"argument": {ARGUMENT}, "link": {link.partition("flow=")[2] for link in here.links}}
    ours = {"ours": "\n".join(f"{span.to_json()} {span.events}" for span in observed.spans())}
    assert {kind for kind, values in secrets.items() if not values} == set()
    assert leaks(secrets, ours | {"metrics": observed.metrics_told()}) == set()


@eras
async def test_verifications_questions_and_refreshes_are_counted_by_how_they_ended(
    era: Era, observed: Observed
) -> None:
    clock = FakeClock(wall=time.time())
    with world(provider_options={"clock": clock}, service_options={"access_token_ttl_seconds": 3600}) as here:
        async with BrowserRobot() as robot:
            await journey(here, era, clock, robot)
    assert observed.counted("mcpauthkit.verifications") == {"ok": 1}
    assert observed.counted("mcpauthkit.refreshes") == {"ok": 1, "remote_unavailable": 1, "gone": 1}
    asked = observed.counted("mcpauthkit.elicitations")
    # In the modern era the question and its outcome are two requests.
    expected = {"legacy": {"ok": 2}, "modern": {"asked": 1, "ok": 1, "connection_required": 1}}
    assert asked == expected[era]
    for work in ("verify", "elicit", "refresh"):
        numbers = [point.number for point in observed.points(f"mcpauthkit.{work}.duration")]
        assert sum(numbers) == len(observed.spans(f"mcpauthkit.{work}"))


async def test_a_token_that_is_remembered_is_verified_once_and_a_bad_one_each_time(observed: Observed) -> None:
    with world() as here:
        good, bad = here.token(), here.token(audience="https://elsewhere.example")
        async with here.client(token=good) as client:
            await text_of(client, "whoami")
            await text_of(client, "whoami")
        async with httpx.AsyncClient(headers={"authorization": f"Bearer {bad}"}) as http:
            assert [(await http.get(here.resource)).status_code for _ in range(2)] == [401, 401]
    assert observed.outcomes("mcpauthkit.verify") == ["ok", "wrong_audience", "wrong_audience"]


@pytest.mark.parametrize(
    ("answer", "outcome"), [("decline", "connection_declined"), ("cancel", "connection_cancelled")]
)
async def test_what_a_user_says_to_the_question_is_its_outcome(
    answer: Answer, outcome: str, observed: Observed
) -> None:
    async def person(_url: str) -> Answer:
        return answer

    with world() as here:
        async with here.client("legacy", human=person) as client:
            await text_of(client, "list_repos")
    assert observed.outcomes("mcpauthkit.elicit") == [outcome]


async def test_a_question_is_a_part_of_the_call_that_asks(observed: Observed) -> None:
    with world() as here:
        async with here.client("legacy", human=here.person()) as client:
            await text_of(client, "list_repos")
    [asked] = observed.spans("mcpauthkit.elicit")
    by_id = {span.context.span_id: span for span in observed.exporter.get_finished_spans() if span.context}
    assert asked.parent is not None
    assert "list_repos" in by_id[asked.parent.span_id].name


async def test_a_client_that_can_only_be_told_the_link_has_been_told(observed: Observed) -> None:
    with world() as here:
        async with here.client() as client:
            assert link_in((await text_of(client, "list_repos"))[1])
    [span] = observed.spans("mcpauthkit.elicit")
    assert dict(span.attributes or {}) == {
        "mcpauthkit.service": "forge",
        "mcpauthkit.rung": "link",
        "mcpauthkit.outcome": "connection_required",
    }


async def test_the_page_about_telemetry_names_all_that_is_told(observed: Observed) -> None:
    clock = FakeClock(wall=time.time())
    with world(provider_options={"clock": clock}, service_options={"access_token_ttl_seconds": 3600}) as here:
        async with BrowserRobot() as robot:
            await journey(here, "modern", clock, robot)
    documented = set(re.findall(r"`([a-z_.]+)`", PAGE.read_text(encoding="utf-8")))
    names = {span.name for span in observed.spans()} | {point.name for point in observed.points()}
    told = values_of(observed)
    assert (names | set(told) | told["mcpauthkit.outcome"] | told["mcpauthkit.rung"]) - documented == set()
