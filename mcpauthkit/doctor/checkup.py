"""One examination: everything is asked side by side, each within its bound, and what follows from the rest is left out.

A fault usually shows in several places. The catalogue says which faults explain which, so that each report names the
cause and not its ten consequences.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import anyio

from mcpauthkit.doctor.catalogue import CATALOGUE
from mcpauthkit.doctor.check import Check
from mcpauthkit.doctor.examination import Examination, Need
from mcpauthkit.doctor.finding import LEVELS, Fault, Finding
from mcpauthkit.doctor.general import CHECK_CRASHED, CHECK_UNFINISHED, DOES_NOT_START
from mcpauthkit.doctor.inside.table import INSIDE_CHECKS
from mcpauthkit.doctor.outside.table import OUTSIDE_CHECKS
from mcpauthkit.doctor.redaction import Redaction

ALL_CHECKS: tuple[Check, ...] = (*OUTSIDE_CHECKS, *INSIDE_CHECKS)
"""Everything the doctor looks at."""

_log = logging.getLogger("mcpauthkit.doctor")


@dataclass(frozen=True, slots=True)
class Outcome:
    """What an examination found.

    Args:
        findings: The worst first.
        done: Names of the checks that were made.
        skipped: Names of those that were not, and what they would have needed.
    """

    findings: tuple[Finding, ...] = ()
    done: tuple[str, ...] = ()
    skipped: Mapping[str, Need] = field(default_factory=dict)


async def run_checks(
    examination: Examination, *, checks: Sequence[Check] = ALL_CHECKS, only: Collection[str] = ()
) -> Outcome:
    """Make an examination.

    Args:
        examination: What is examined.
        checks: What to look at.
        only: Codes to tell; all unless given.
    """
    skipped = {check.name: need for check in checks for need in _missing(examination, check)}
    possible = [check for check in checks if check.name not in skipped]
    found: dict[str, list[Finding]] = {check.name: [] for check in possible}
    async with anyio.create_task_group() as tasks:
        for check in possible:
            tasks.start_soon(_run, examination, check, found[check.name])
    everything = [*_of_the_start(examination), *(one for findings in found.values() for one in findings)]
    secrets = () if examination.token is None else (examination.token,)
    told = map(Redaction(secrets).finding, _causes(everything))
    wanted = {one: None for one in told if not only or one.code in only}
    return Outcome(tuple(sorted(wanted, key=_severity)), tuple(found), skipped)


def _missing(examination: Examination, check: Check) -> Iterator[Need]:
    yield from (need for need in sorted(check.needs) if not examination.has(need))


async def _run(examination: Examination, check: Check, found: list[Finding]) -> None:
    seconds = examination.limits.check_seconds
    with anyio.move_on_after(seconds) as bound:
        try:
            async for finding in check.run(examination):
                found.append(finding)  # noqa: PERF401  # what was found before the bound or a crash is kept
        except Exception as error:  # noqa: BLE001  # an answer nobody thought of must not hide what others found
            # The text may quote what it stumbled over, and that may be a secret.
            _log.debug("a check crashed check=%r", check.name, exc_info=error)
            found.append(CHECK_CRASHED.found(evidence=type(error).__name__, place=check.name))
    if bound.cancelled_caught:
        found.append(CHECK_UNFINISHED.found(evidence=f"stopped after {seconds:g} s", place=check.name))


def _of_the_start(examination: Examination) -> Iterator[Finding]:
    if examination.start.outcome == "failed":
        yield DOES_NOT_START.found(evidence=examination.start.failure or "it gave no reason", place="start")


def _causes(findings: Iterable[Finding]) -> Iterator[Finding]:
    findings = list(findings)
    by_code: Mapping[str, Fault] = {fault.code: fault for fault in CATALOGUE}
    codes = {one.code for one in findings if one.code in by_code}
    explained = {other for code in codes for other in by_code[code].explains}
    is_explained = any(one.level == "error" and not _is_last_resort(by_code, one.code) for one in findings)
    for one in findings:
        if one.code not in explained and not (is_explained and _is_last_resort(by_code, one.code)):
            yield one


def _is_last_resort(by_code: Mapping[str, Fault], code: str) -> bool:
    return code in by_code and by_code[code].is_last_resort


def _severity(finding: Finding) -> int:
    return LEVELS.index(finding.level)
