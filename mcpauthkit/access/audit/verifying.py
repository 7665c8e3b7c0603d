"""Whether a chained audit log is whole, and where it is not."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Generator, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from mcpauthkit.access.audit.chain import GENESIS, ChainReader, Link, link_of
from mcpauthkit.core.audit import EventName
from mcpauthkit.core.keyring import KeyRing
from mcpauthkit.errors import ConfigurationError

_LINE_END = b"\n"


class BreakKind(StrEnum):
    """What is wrong with a chain."""

    CHANGED = "changed"
    """The hash of a record is not that of its line."""
    UNREADABLE = "unreadable"
    """A line is no record of a chain."""
    TORN = "torn"
    """The last line has no end: the writer is just at it, or crashed, or somebody cut it."""
    HEAD = "head"
    """The log does not begin with the beginning of its chain: files before it are not here."""
    MISSING = "missing"
    """Records are not there."""
    OUT_OF_ORDER = "out_of_order"
    """A record stands where it does not belong: moved, copied, or put in."""
    RESTARTED = "restarted"
    """A new chain begins in the middle: nothing ties it to the one before."""
    UNKEYED = "unkeyed"
    """A record was hashed without a key, and keys were given: anybody can make those."""
    UNKNOWN_KEY = "unknown_key"
    """A record was hashed under a key that was not given."""
    CUT = "cut"
    """What is expected to be there is not: the end is missing."""


@dataclass(frozen=True, slots=True)
class Place:
    """A line of a log.

    Args:
        source: The file, or what else it came from.
        line: The line, from 1.
    """

    source: str
    line: int

    def __str__(self) -> str:
        return f"{self.source}:{self.line}" if self.source else f"line {self.line}"


@dataclass(frozen=True, slots=True)
class Break:
    """Where a chain is broken first.

    Args:
        place: The line at which it shows.
        kind: What is wrong.
        text: The same in a sentence.
    """

    place: Place
    kind: BreakKind
    text: str

    def __str__(self) -> str:
        return f"{self.place}: {self.kind}: {self.text}"


@dataclass(frozen=True, slots=True)
class ChainReport:
    """What a check of a chain found.

    Args:
        records: How many records are in order, from the beginning to the first break.
        last_hash: The hash of the last of them; note it elsewhere, and the next check can expect it.
        last_sequence: Its number; 0 where there is none.
        broken: The first break; None where the chain is whole.
        crashes: Where half a line was left by a crash, and the next record says so.
    """

    records: int
    last_hash: str
    last_sequence: int
    broken: Break | None
    crashes: tuple[Place, ...]

    @property
    def is_whole(self) -> bool:
        """Whether every record is there, unchanged and in its place."""
        return self.broken is None


def verify_chain(
    lines: Iterable[bytes | str],
    *,
    key_ring: KeyRing | None = None,
    follows: str = "",
    expect: str | int | None = None,
    source: str = "",
) -> ChainReport:
    """Check that no record of a chained log was changed, removed, moved or put in.

    A log whose end was cut off is a shorter log that is whole; only what was noted elsewhere tells: `expect`. Without
    `key_ring` the chain is taken for one of plain hashes, which whoever can write the whole file can make anew.

    Args:
        lines: The log, with or without line ends.
        key_ring: The trail's key ring, with its older keys; needed where the trail had one.
        follows: The hash of the record before the first one here, where older files are gone; `*` for whatever it says.
        expect: The hash of a record, or a number of records, that must be there; as an earlier check told it.
        source: What the lines came from, for the places that are told.

    Raises:
        ConfigurationError: `expect` or `follows` is no hash, or the number is negative.
    """
    numbered = ((Place(source, number), line) for number, line in enumerate(lines, 1))
    return _verify(numbered, key_ring, follows, expect)


def verify_files(
    paths: Sequence[Path | str],
    *,
    key_ring: KeyRing | None = None,
    follows: str = "",
    expect: str | int | None = None,
) -> ChainReport:
    """Check a chain that goes on from file to file, as after rotations.

    Args:
        paths: The files, oldest first.
        key_ring: As for `verify_chain`.
        follows: As for `verify_chain`.
        expect: As for `verify_chain`.

    Raises:
        ConfigurationError: As for `verify_chain`.
        OSError: A file cannot be read.
    """
    with closing(_lines_of(paths)) as numbered:
        return _verify(numbered, key_ring, follows, expect)


def _lines_of(paths: Sequence[Path | str]) -> Generator[tuple[Place, bytes]]:
    for path in paths:
        with Path(path).open("rb") as file:
            for number, line in enumerate(file, 1):
                yield Place(str(path), number), line


def _verify(
    numbered: Iterator[tuple[Place, bytes | str]], key_ring: KeyRing | None, follows: str, expect: str | int | None
) -> ChainReport:
    _check_hash("follows", follows if follows != "*" else "")
    if isinstance(expect, str):
        _check_hash("expect", expect)
    elif expect is not None and expect < 0:
        raise ConfigurationError(f"expect is {expect}.", hint="Give a number of records, or the hash of one.")
    walk = _Walk(ChainReader(key_ring), is_keyed=key_ring is not None, follows=follows, expect=expect)
    for place, line in numbered:
        walk.read(place, line if isinstance(line, bytes) else line.encode("utf-8", "surrogateescape"))
        if walk.broken is not None:
            break
    else:
        walk.end()
    return walk.report()


def _check_hash(name: str, given: str) -> None:
    if given and (len(given) != len(GENESIS) or set(given) - set("0123456789abcdef")):
        raise ConfigurationError(f"{name} is no hash of a record.", hint="It has 64 hexadecimal digits, a to f small.")


class _Walk:
    """One walk along a chain, up to its first break."""

    def __init__(self, reader: ChainReader, *, is_keyed: bool, follows: str, expect: str | int | None) -> None:
        self.broken: Break | None = None
        self._reader = reader
        self._is_keyed = is_keyed
        self._previous = follows or GENESIS
        self._sequence: int | None = None if follows else 0
        self._expect = expect
        self._is_expected_seen = expect is None
        self._records = 0
        self._crashes: list[Place] = []
        # A line that is no record, until the next one says whether a crash left it.
        self._odd: tuple[Place, bytes] | None = None
        self._had_line_end = False
        self._at = Place("", 0)

    def read(self, place: Place, line: bytes) -> None:
        content = line.removesuffix(_LINE_END)
        self._at, is_ended = place, content != line
        if self._had_line_end and not is_ended:
            self._break(place, BreakKind.TORN, "The last line has no end: it was cut, or is just being written.")
            return
        self._had_line_end = self._had_line_end or is_ended
        link = link_of(content)
        if link is None:
            self._not_a_record(place, content)
        elif self._explains_odd_line(content) and self._is_right(place, content, link):
            self._accept(link)

    def end(self) -> None:
        if self._odd is not None:
            self._unreadable(*self._odd)
        elif isinstance(self._expect, int) and self._records < self._expect:
            gone = self._expect - self._records
            self._break(self._at, BreakKind.CUT, f"{gone} more records were expected after this.")
        elif isinstance(self._expect, str) and self._expect and not self._is_expected_seen:
            self._break(self._at, BreakKind.CUT, "The record that was expected is not there.")

    def report(self) -> ChainReport:
        return ChainReport(
            records=self._records,
            last_hash=self._previous if self._records else "",
            last_sequence=self._sequence or 0,
            broken=self.broken,
            crashes=tuple(self._crashes),
        )

    def _break(self, place: Place, kind: BreakKind, text: str) -> None:
        self.broken = Break(place, kind, text)

    def _not_a_record(self, place: Place, content: bytes) -> None:
        if self._odd is None:
            self._odd = (place, content)
        else:
            self._unreadable(*self._odd)

    def _unreadable(self, place: Place, content: bytes) -> None:
        is_plain = content.startswith(b'{"schema":') and content.endswith(b"}") and b'"hash":' not in content
        why = "This is a record without a hash: its trail had no chain=True." if is_plain else "This is no record."
        self._break(place, BreakKind.UNREADABLE, why)

    def _is_right(self, place: Place, content: bytes, link: Link) -> bool:
        if self._is_keyed and not link.key:
            self._break(place, BreakKind.UNKEYED, "The record was hashed without a key, as anybody can.")
        elif link.key and not self._reader.knows(link.key):
            self._break(place, BreakKind.UNKNOWN_KEY, f"The record was hashed under {link.key}, which was not given.")
        elif not self._reader.is_intact(content, link):
            self._break(place, BreakKind.CHANGED, "The record was changed after it had been written.")
        elif self._previous not in {link.previous, "*"} or self._sequence not in {link.sequence - 1, None}:
            self._break(place, *self._displaced(link))
        return self.broken is None

    def _displaced(self, link: Link) -> tuple[BreakKind, str]:
        before = self._sequence
        if before is None or not self._records:
            return BreakKind.HEAD, f"The log begins with record {link.sequence}, and what it follows was not given."
        if link.previous == GENESIS:
            return BreakKind.RESTARTED, f"A new chain begins here, after record {before}."
        if link.sequence > before + 1:
            gone = link.sequence - before - 1
            return BreakKind.MISSING, f"{gone} record{'s are' if gone > 1 else ' is'} missing before this."
        if link.sequence <= before:
            return BreakKind.OUT_OF_ORDER, f"Record {link.sequence} stands behind record {before}."
        return BreakKind.OUT_OF_ORDER, "The record follows another one than the one before it."

    def _explains_odd_line(self, content: bytes) -> bool:
        if self._odd is None:
            return True
        place, odd = self._odd
        if _torn_digest(content) == hashlib.sha256(odd).hexdigest():
            return True
        self._unreadable(place, odd)
        return False

    def _accept(self, link: Link) -> None:
        if self._odd is not None:
            self._crashes.append(self._odd[0])
            self._odd = None
        self._previous, self._sequence = link.hash, link.sequence
        self._records += 1
        self._is_expected_seen = self._is_expected_seen or link.hash == self._expect


def _torn_digest(content: bytes) -> str:
    """The digest of the half line that a record tells of; empty for any other record."""
    try:
        record = json.loads(content)
    except ValueError:
        return ""
    if not isinstance(record, dict) or record.get("event") != EventName.AUDIT_RESUMED:
        return ""
    metadata = record.get("metadata")
    return str(metadata.get("torn", "")) if isinstance(metadata, dict) else ""
