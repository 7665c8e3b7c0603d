"""How an examination goes: bounds, crashes, causes and consequences, and what it keeps to itself."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from typing import Any

import anyio
import pytest
from fastapi import FastAPI

from mcpauthkit.core.secret import Secret
from mcpauthkit.doctor.catalogue import CATALOGUE
from mcpauthkit.doctor.check import Check
from mcpauthkit.doctor.checkup import ALL_CHECKS
from mcpauthkit.doctor.doctor import examine
from mcpauthkit.doctor.examination import Examination, Limits
from mcpauthkit.doctor.finding import Finding
from mcpauthkit.doctor.outside.faults_documents import PRM_MISSING, SEVERAL_ISSUERS
from mcpauthkit.doctor.outside.faults_door import HEADER_LOST, POINTER_ELSEWHERE
from mcpauthkit.doctor.outside.table import OUTSIDE_CHECKS
from mcpauthkit.doctor.redaction import Redaction
from mcpauthkit.errors import ConfigurationError
from mcpauthkit.testing import LoopbackServer
from tests.doctor.healthy import healthy

IMPATIENT = Limits(request_seconds=0.2, start_seconds=0.2, check_seconds=0.5, stop_seconds=0.1)
URL = "http://127.0.0.1:9/mcp"
CANARY = "canary-5up3r-s3cr3t"


def checking(*found: Finding, fails: Exception | None = None) -> Check:
    async def run(_: Examination) -> AsyncIterator[Finding]:
        for one in found:
            yield one
        if fails is not None:
            raise fails

    return Check("something", run)


async def never(*_: Any) -> None:
    await anyio.sleep_forever()


@contextmanager
def silent_server() -> Iterator[str]:
    """A server that takes requests and never answers one."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http":
            await anyio.sleep_forever()
        await receive()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await send({"type": "lifespan.shutdown.complete"})

    with LoopbackServer(app) as server:
        yield f"{server.base_url}/mcp"


def codes(findings: tuple[Finding, ...]) -> list[str]:
    return [one.code for one in findings]


def test_an_examination_in_which_everything_runs_out_of_time_takes_less_than_ten_seconds() -> None:
    limits = Limits()
    assert limits.start_seconds + limits.check_seconds + limits.stop_seconds < 10
    assert limits.request_seconds < limits.check_seconds


async def test_a_server_that_never_answers_is_unreachable_and_holds_nobody() -> None:
    with silent_server() as url, anyio.fail_after(5):
        report = await examine(url=url, token="a-token-for-nobody", limits=IMPATIENT, checks=OUTSIDE_CHECKS)
    assert codes(report.findings) == ["url-unreachable"]


async def test_an_issuer_that_never_answers_is_unreachable_and_holds_nobody() -> None:
    with healthy(served=True) as world:
        world.issuer.faults.hang("discovery")
        with anyio.fail_after(5):
            report = await world.report(app=None, limits=Limits(request_seconds=0.5), checks=OUTSIDE_CHECKS)
        assert codes(report.findings) == ["issuer-unreachable"]


async def test_a_check_that_does_not_end_is_stopped_and_named() -> None:
    async def run(_: Examination) -> AsyncIterator[Finding]:
        yield SEVERAL_ISSUERS.found(evidence="before", place="here")
        await anyio.sleep_forever()

    with anyio.fail_after(5):
        report = await examine(url=URL, limits=IMPATIENT, checks=[Check("for ever", run)])
    assert codes(report.findings) == ["check-unfinished", SEVERAL_ISSUERS.code]
    assert report.findings[0].place == "for ever"


async def test_a_check_that_crashes_is_a_finding_with_nothing_of_what_it_stumbled_over() -> None:
    found = SEVERAL_ISSUERS.found(evidence="before", place="here")
    report = await examine(url=URL, checks=[checking(found, fails=KeyError(CANARY))])
    assert codes(report.findings) == ["check-crashed", SEVERAL_ISSUERS.code]
    assert CANARY not in repr(report)


async def test_consequences_are_not_told_beside_their_cause() -> None:
    cause, consequence = (one.found(evidence="seen", place="here") for one in (POINTER_ELSEWHERE, PRM_MISSING))
    assert PRM_MISSING.code in POINTER_ELSEWHERE.explains
    assert codes((await examine(url=URL, checks=[checking(consequence, cause)])).findings) == [cause.code]
    assert codes((await examine(url=URL, checks=[checking(consequence)])).findings) == [consequence.code]


async def test_a_fault_that_two_checks_see_alike_is_told_once() -> None:
    found = HEADER_LOST.found(evidence="seen", place="here")
    assert codes((await examine(url=URL, checks=[checking(found), checking(found)])).findings) == [found.code]


async def test_the_worst_comes_first_and_only_what_is_asked_for_is_told() -> None:
    found = [one.found(evidence="seen", place="here") for one in (SEVERAL_ISSUERS, HEADER_LOST)]
    checks = [checking(*found)]
    assert codes((await examine(url=URL, checks=checks)).findings) == [HEADER_LOST.code, SEVERAL_ISSUERS.code]
    assert codes((await examine(url=URL, checks=checks, only=[SEVERAL_ISSUERS.code])).findings) == [
        SEVERAL_ISSUERS.code
    ]


async def test_notes_and_warnings_leave_a_set_up_healthy_unless_one_is_strict() -> None:
    report = await examine(url=URL, checks=[checking(SEVERAL_ISSUERS.found(evidence="seen", place="here"))])
    assert report.is_healthy(strict=True)
    unfinished = await examine(url=URL, limits=IMPATIENT, checks=[Check("for ever", _for_ever)])
    assert unfinished.is_healthy()
    assert not unfinished.is_healthy(strict=True)


async def _for_ever(_: Examination) -> AsyncIterator[Finding]:
    await anyio.sleep_forever()
    yield SEVERAL_ISSUERS.found(evidence="never", place="nowhere")


async def test_what_a_check_lacks_is_said_in_the_report() -> None:
    report = await examine(url=URL, checks=[Check("a call", _for_ever, frozenset({"wire", "token"}))])
    assert report.skipped == {"a call": "token"}
    assert report.done == ()


async def test_an_application_that_refuses_to_start_is_quoted() -> None:
    async def app(_scope: Any, receive: Any, send: Any) -> None:
        await receive()
        await send({"type": "lifespan.startup.failed", "message": "Set server_base_url."})

    report = await examine(app, checks=OUTSIDE_CHECKS)
    assert codes(report.findings) == ["app-does-not-start"]
    assert report.findings[0].evidence == "Set server_base_url."


async def test_an_application_that_crashes_at_its_start_is_told_by_the_errors_type() -> None:
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        if _app.title:
            raise RuntimeError(CANARY)
        yield

    report = await examine(FastAPI(lifespan=lifespan), checks=OUTSIDE_CHECKS)  # type: ignore[arg-type]
    assert codes(report.findings) == ["app-does-not-start"]
    assert "RuntimeError" in report.findings[0].evidence
    assert CANARY not in repr(report)


async def test_an_application_that_refuses_its_own_parts_at_the_start_is_quoted() -> None:
    async def app(_scope: Any, _receive: Any, _send: Any) -> None:
        raise ConfigurationError("resource_paths is empty.", hint="Name one.")

    report = await examine(app, checks=OUTSIDE_CHECKS)
    assert report.findings[0].evidence == "resource_paths is empty. Name one."


async def test_an_application_that_never_starts_or_never_ends_is_left() -> None:
    async def endless(_scope: Any, receive: Any, send: Any) -> None:
        await receive()
        await send({"type": "lifespan.startup.complete"})
        await anyio.sleep_forever()

    with anyio.fail_after(5):
        report = await examine(never, limits=IMPATIENT, checks=OUTSIDE_CHECKS)
        assert codes(report.findings) == ["app-does-not-start"]
        assert (await examine(endless, limits=IMPATIENT, checks=OUTSIDE_CHECKS)).findings == ()


async def test_without_anything_to_examine_it_says_so() -> None:
    with pytest.raises(ConfigurationError):
        await examine()
    for url in ("not a url", "ftp://mcp.example.com/mcp", "https://mcp.example.com/mcp?x=1"):
        with pytest.raises(ConfigurationError):
            await examine(url=url)


@pytest.mark.parametrize(
    "text",
    [
        f"Bearer {CANARY}",
        "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJhbGljZSJ9.c2lnbmF0dXJl",
        f"redis://:{CANARY}@cache:6379/0",
        f"https://user:{CANARY}@issuer.example/",
        f"https://user:p@{CANARY}@issuer.example/",
        f"https://app.example/callback?state={CANARY}&code={CANARY}",
        f"client_secret={CANARY}",
    ],
)
def test_secrets_and_what_looks_like_one_are_taken_out(text: str) -> None:
    known = Redaction([Secret(CANARY)] if "Bearer" in text else [])
    finding = known.finding(HEADER_LOST.found(evidence=text, place=text, cause=text, fix=text))
    assert CANARY not in repr(finding)
    assert "eyJzdWIi" not in repr(finding)


def test_what_strangers_write_neither_steers_a_terminal_nor_fills_it() -> None:
    finding = Redaction().finding(HEADER_LOST.found(evidence="\x1b[2J\r\n" + "x" * 5000, place="here"))
    assert finding.evidence.isprintable()
    assert len(finding.evidence) < 1000


def test_every_code_stands_once_in_the_catalogue_and_explains_known_ones() -> None:
    known = [fault.code for fault in CATALOGUE]
    assert sorted(set(known)) == sorted(known)
    assert {other for fault in CATALOGUE for other in fault.explains} <= set(known)
    assert all(text.endswith(".") for fault in CATALOGUE for text in (fault.cause, fault.fix))
    assert not any(fault.title.endswith(".") for fault in CATALOGUE)


def test_every_check_has_a_name_of_its_own() -> None:
    names = [check.name for check in ALL_CHECKS]
    assert sorted(set(names)) == sorted(names)
