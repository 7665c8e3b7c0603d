"""`mcpauthkit audit`: what can be read from the record of what happened."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict
from pathlib import Path

from cyclopts import App

from mcpauthkit.access.audit.lives import Life, lives
from mcpauthkit.access.audit.schema import json_schema
from mcpauthkit.access.audit.verifying import ChainReport, verify_files
from mcpauthkit.cli.output import Switch, counted, print_json
from mcpauthkit.core.keyring import KeyRing
from mcpauthkit.errors import ConfigurationError
from mcpauthkit.principal import identity_digest
from mcpauthkit.stores.environment import key_ring_from_environment
from mcpauthkit.stores.key_file import KeyFile

_DIGITS = 12


def group() -> App:
    """The commands about the audit log."""
    app = App(name="audit", help="Check the audit log, and read from it what became of credentials.")
    app.command(verify)
    app.command(lives_of, name="lives")
    app.command(schema)
    return app


def verify(
    files: tuple[Path, ...],
    /,
    *,
    key_file: Path | None = None,
    key_from_environment: Switch = False,
    expect: str | None = None,
    follows: str = "",
    json: Switch = False,
) -> int:
    """Check that no record of a chained log was changed, removed, moved or put in.

    It ends with 0 when the chain is whole, with 1 when it is not, and with 2 when it could not be read. An end that was
    cut off shows only against what was noted elsewhere: keep what this prints, and give it to the next check as
    --expect.

    Args:
        files: The log, oldest file first, as one chain.
        key_file: The key file of the trail's key ring, where it has one.
        key_from_environment: Take the keys from STORAGE_ENCRYPTION_KEY and the variables around it.
        expect: The hash of a record that must be there, or how many records there must be.
        follows: The hash of the record before the first one here, where older files are gone; * for whatever it is.
        json: Print what was found as JSON.
    """
    ring = _ring(key_file, from_environment=key_from_environment)
    expected = int(expect) if expect is not None and expect.isdecimal() and len(expect) < _DIGITS else expect
    _check_readable(files)
    report = verify_files(files, key_ring=ring, follows=follows, expect=expected)
    if json:
        print_json(_as_json(report))
    else:
        print(*_told(report, is_keyed=ring is not None), sep="\n")
    return 0 if report.is_whole else 1


def lives_of(
    files: tuple[Path, ...],
    /,
    *,
    issuer: str | None = None,
    subject: str | None = None,
    service: str | None = None,
    credential: str | None = None,
    alive: Switch = False,
    json: Switch = False,
) -> int:
    """Say what became of each credential: when it began, how it was used and renewed, how it ended.

    Args:
        files: Logs of all replicas, in any order.
        issuer: Only those of the user of this issuer ...
        subject: ... and this subject.
        service: Only those for this service.
        credential: Only this one, step by step.
        alive: Only those that have not ended.
        json: Print them as JSON.
    """
    if (issuer is None) is not (subject is None):
        raise ConfigurationError("A user is issuer and subject together.", hint="Give --issuer and --subject.")
    whose = identity_digest(issuer, subject) if issuer is not None and subject is not None else ""
    _check_readable(files)
    found = [
        one
        for one in lives(_lines(files)).values()
        if one.principal.startswith(whose)
        and service in {None, one.service}
        and credential in {None, one.credential}
        and (one.is_alive or not alive)
    ]
    if json:
        print_json([asdict(one) for one in found])
    else:
        print(*_lived(found, with_steps=credential is not None), sep="\n")
    return 0


def schema() -> int:
    """Print the JSON Schema of a record."""
    print_json(json_schema())
    return 0


def _ring(key_file: Path | None, *, from_environment: bool) -> KeyRing | None:
    if key_file is not None and from_environment:
        raise ConfigurationError("Keys come from one place.", hint="Give --key-file or --key-from-environment.")
    if key_file is not None:
        return KeyFile(key_file).read()
    if not from_environment:
        return None
    ring = key_ring_from_environment()
    if ring.is_ephemeral:
        raise ConfigurationError("The environment has no key.", hint="Set STORAGE_ENCRYPTION_KEY as the server has it.")
    return ring


def _check_readable(files: Iterable[Path]) -> None:
    for path in files:
        try:
            path.open("rb").close()
        except OSError as error:
            raise ConfigurationError(
                f"{path} cannot be read ({error.strerror}).", hint="Name the log's files."
            ) from None


def _lines(files: Sequence[Path]) -> Iterator[bytes]:
    for path in files:
        with path.open("rb") as file:
            yield from file


def _told(report: ChainReport, *, is_keyed: bool) -> Iterator[str]:
    count = counted(report.records, "record")
    for place in report.crashes:
        yield f"{place}: half a line, left by a crash; the next record says so"
    if report.broken is not None:
        yield str(report.broken)
        yield f"{count} before it {'is' if report.records == 1 else 'are'} in order."
        return
    yield f"{count} in order."
    if report.records:
        yield f"Note for the next check: --expect {report.last_hash}"
    if not is_keyed:
        yield "Without a key: whoever can write the whole file can make such a chain anew."


def _as_json(report: ChainReport) -> dict[str, object]:
    broken = report.broken
    return {
        "whole": report.is_whole,
        "records": report.records,
        "last_hash": report.last_hash,
        "last_sequence": report.last_sequence,
        "broken": broken and {"place": str(broken.place), "kind": broken.kind, "text": broken.text},
        "crashes": [str(place) for place in report.crashes],
    }


def _lived(found: Sequence[Life], *, with_steps: bool) -> Iterator[str]:
    for one in found:
        yield f"{one.credential}  {one.service}  of {one.principal[:_DIGITS]}{', default' if one.is_default else ''}"
        yield f"    {_began(one)}; {_use(one)}; {_ended(one)}"
        if with_steps:
            yield from (f"    {step.time}  {step.event}  {step.outcome or step.reason}".rstrip() for step in one.steps)
    yield f"{counted(len(found), 'credential')}, {sum(one.is_alive for one in found):,} alive"


def _began(one: Life) -> str:
    return f"since {one.created}" if one.created else "begun before this log"


def _use(one: Life) -> str:
    failed = f" ({one.failed_renewals} failed)" if one.failed_renewals else ""
    used = f"used {one.uses:,} times, last {one.last_used}" if one.uses else "never used"
    return f"{used}; renewed {one.renewals:,} times{failed}"


def _ended(one: Life) -> str:
    if one.is_alive:
        return "alive, or gone: the log cannot tell" if one.is_uncertain else "alive"
    return f"ended {one.ended}{f': {one.end_reason}' if one.end_reason else ''}"
