"""A chain of records: whatever is done to it shows, and where."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcpauthkit import KeyRing
from mcpauthkit.audit import (
    AuditTrail,
    BreakKind,
    ChainReport,
    Event,
    EventName,
    JsonFile,
    verify_chain,
    verify_files,
)
from mcpauthkit.errors import ConfigurationError
from tests.access.audit.kept import FULL, RING, Kept, write_chain

OTHER = KeyRing({"2027": "other-key-of-at-least-32-bytes-length"}, minting="2027")
BOTH = KeyRing(
    {"2026": "kept-key-of-at-least-32-bytes-length", "2027": "other-key-of-at-least-32-bytes-length"}, minting="2027"
)
COUNT = 6


def sample(key_ring: KeyRing | None, count: int = COUNT) -> list[bytes]:
    """Lines of a chain, with texts of other people that look like parts of one."""
    kept = Kept()
    trail = AuditTrail(kept, chain=True, key_ring=key_ring)
    for number in range(count):
        text = f'","sequence":9,"previous":"{"0" * 64}","hash":"{"0" * 64}"}} {number}\n'
        trail.record(Event(event=EventName.TOKEN_VERIFIED, target=text, metadata={text: text}))
    return [line.encode() + b"\n" for line in kept.lines]


PLAIN, KEYED = sample(None), sample(RING)
CHAINS = [pytest.param(PLAIN, None, id="plain"), pytest.param(KEYED, RING, id="keyed")]


def found(report: ChainReport) -> tuple[int, BreakKind]:
    assert report.broken is not None
    assert not report.is_whole
    return report.broken.place.line, report.broken.kind


@pytest.mark.parametrize(("lines", "ring"), CHAINS)
def test_a_chain_that_nobody_touched_is_whole(lines: list[bytes], ring: KeyRing | None) -> None:
    report = verify_chain(lines, key_ring=ring)
    assert report.is_whole
    assert (report.records, report.last_sequence, report.crashes) == (COUNT, COUNT, ())
    assert verify_chain([line.decode().strip() for line in lines], key_ring=ring) == report


@pytest.mark.parametrize("flip", [0x01, 0x20, 0x80])
@pytest.mark.parametrize(("lines", "ring"), CHAINS)
def test_every_single_flipped_byte_is_found(
    tmp_path: Path, lines: list[bytes], ring: KeyRing | None, flip: int
) -> None:
    path, whole = tmp_path / "audit.jsonl", b"".join(lines[:3])
    spoilt = bytearray(whole)
    for place in range(len(whole)):
        spoilt[place] ^= flip
        path.write_bytes(spoilt)
        report = verify_files([path], key_ring=ring)
        spoilt[place] ^= flip
        line = whole.count(b"\n", 0, place) + 1
        assert report.broken is not None, place
        # Where an end of a line goes, it shows at that line; a made-up one, at the piece before it.
        assert report.broken.place.line == line, place


@given(data=st.data())
@pytest.mark.parametrize(("lines", "ring"), CHAINS)
def test_any_other_bytes_are_found(lines: list[bytes], ring: KeyRing | None, data: st.DataObject) -> None:
    whole = b"".join(lines)
    start = data.draw(st.integers(0, len(whole) - 1))
    end = data.draw(st.integers(start, min(len(whole), start + 40)))
    spoilt = whole[:start] + data.draw(st.binary(max_size=40)) + whole[end:]
    pieces = spoilt.splitlines(keepends=True) if b"\r" not in spoilt else spoilt.split(b"\n")
    report = verify_chain(pieces, key_ring=ring, expect=COUNT)
    assert report.is_whole == (spoilt == whole)


@pytest.mark.parametrize("place", range(COUNT - 1))
@pytest.mark.parametrize(("lines", "ring"), CHAINS)
def test_a_removed_line_is_found_where_it_stood(lines: list[bytes], ring: KeyRing | None, place: int) -> None:
    report = verify_chain(lines[:place] + lines[place + 1 :], key_ring=ring)
    assert found(report) == (place + 1, BreakKind.MISSING if place else BreakKind.HEAD)


@pytest.mark.parametrize("place", range(COUNT - 1))
@pytest.mark.parametrize(("lines", "ring"), CHAINS)
def test_swapped_lines_are_found(lines: list[bytes], ring: KeyRing | None, place: int) -> None:
    swapped = [*lines[:place], lines[place + 1], lines[place], *lines[place + 2 :]]
    report = verify_chain(swapped, key_ring=ring)
    assert found(report) == (place + 1, BreakKind.MISSING if place else BreakKind.HEAD)


@pytest.mark.parametrize("place", range(1, COUNT))
@pytest.mark.parametrize(("lines", "ring"), CHAINS)
def test_a_copied_line_is_found(lines: list[bytes], ring: KeyRing | None, place: int) -> None:
    for copied in lines[1 : place + 1]:
        report = verify_chain([*lines[:place], copied, *lines[place:]], key_ring=ring)
        assert found(report)[0] in {place + 1, place + 2}
    report = verify_chain([*lines[:place], lines[0], *lines[place:]], key_ring=ring)
    assert found(report) == (place + 1, BreakKind.RESTARTED)


@pytest.mark.parametrize("place", range(COUNT))
def test_a_line_that_somebody_made_is_found(place: int) -> None:
    kept = Kept()
    AuditTrail(kept, chain=True).record(FULL)
    forged = kept.lines[0].encode() + b"\n"
    assert found(verify_chain([*KEYED[:place], forged, *KEYED[place:]], key_ring=RING)) == (
        place + 1,
        BreakKind.UNKEYED,
    )
    assert found(verify_chain([*PLAIN[:place], forged, *PLAIN[place:]]))[0] in {place + 1, place + 2}
    assert found(verify_chain([*PLAIN[:place], b"{}\n", *PLAIN[place:]])) == (place + 1, BreakKind.UNREADABLE)
    assert found(verify_chain([*PLAIN[:place], b"\n", *PLAIN[place:]])) == (place + 1, BreakKind.UNREADABLE)


@given(order=st.permutations(range(COUNT)))
def test_lines_in_any_other_order_are_found(order: list[int]) -> None:
    assert verify_chain([KEYED[number] for number in order], key_ring=RING).is_whole == (order == sorted(order))


@pytest.mark.parametrize("kept", range(COUNT))
def test_a_cut_end_is_found_by_what_was_noted_before(kept: int) -> None:
    noted = verify_chain(KEYED, key_ring=RING)
    cut = KEYED[:kept]
    assert verify_chain(cut, key_ring=RING).is_whole
    for expect in (noted.records, noted.last_hash):
        assert found(verify_chain(cut, key_ring=RING, expect=expect)) == (kept, BreakKind.CUT)
        assert verify_chain(KEYED, key_ring=RING, expect=expect).is_whole


def test_a_log_that_has_grown_since_still_has_what_was_noted() -> None:
    noted = verify_chain(KEYED[:3], key_ring=RING)
    assert verify_chain(KEYED, key_ring=RING, expect=noted.last_hash).is_whole
    assert verify_chain(KEYED, key_ring=RING, expect=noted.records).is_whole


def test_half_a_line_at_the_end_is_told() -> None:
    cut = [*KEYED[:-1], KEYED[-1][:-20]]
    assert found(verify_chain(cut, key_ring=RING)) == (COUNT, BreakKind.TORN)


def test_without_its_key_a_chain_cannot_be_checked() -> None:
    assert found(verify_chain(KEYED)) == (1, BreakKind.UNKNOWN_KEY)
    assert found(verify_chain(KEYED, key_ring=OTHER)) == (1, BreakKind.UNKNOWN_KEY)
    changed = KeyRing({"2026": "third-key-of-at-least-32-bytes-length"}, minting="2026")
    assert found(verify_chain(KEYED, key_ring=changed)) == (1, BreakKind.UNKNOWN_KEY)


def test_a_chain_goes_on_under_the_next_key(tmp_path: Path) -> None:
    path = tmp_path / "audit.jsonl"
    write_chain(path, 2, key_ring=RING)
    write_chain(path, 2, key_ring=BOTH)
    assert verify_files([path], key_ring=BOTH).records == 4
    report = verify_files([path], key_ring=RING)
    assert found(report) == (3, BreakKind.UNKNOWN_KEY)
    assert report.records == 2


def test_whoever_has_no_key_cannot_go_on_with_a_chain(tmp_path: Path) -> None:
    path = tmp_path / "audit.jsonl"
    write_chain(path, 2, key_ring=RING)
    write_chain(path, 1, key_ring=None)
    assert found(verify_files([path], key_ring=RING)) == (3, BreakKind.UNKEYED)


def test_a_log_without_hashes_is_told_to_be_one(tmp_path: Path) -> None:
    path = tmp_path / "audit.jsonl"
    AuditTrail(JsonFile(path)).record(FULL)
    report = verify_files([path])
    assert found(report) == (1, BreakKind.UNREADABLE)
    assert "chain=True" in str(report.broken)


def test_a_break_says_the_file_and_the_line(tmp_path: Path) -> None:
    path, old = tmp_path / "audit.jsonl", tmp_path / "audit.jsonl.1"
    trail = AuditTrail(JsonFile(path), chain=True)
    for _ in range(2):
        trail.record(FULL)
    path.rename(old)
    for _ in range(3):
        trail.record(FULL)
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(lines[0] + lines[1].replace(b"deny", b"allo") + lines[2])
    report = verify_files([old, path])
    assert str(report.broken).startswith(f"{path}:2: changed: ")
    assert report.records == 3


def test_files_in_the_wrong_order_are_found(tmp_path: Path) -> None:
    one, two = tmp_path / "1", tmp_path / "2"
    one.write_bytes(b"".join(PLAIN[:3]))
    two.write_bytes(b"".join(PLAIN[3:]))
    assert verify_files([one, two]).is_whole
    assert found(verify_files([two, one])) == (1, BreakKind.HEAD)


def test_where_older_files_are_gone_a_chain_is_checked_from_what_is_there() -> None:
    noted = verify_chain(PLAIN[:2]).last_hash
    assert verify_chain(PLAIN[2:], follows=noted).records == COUNT - 2
    assert verify_chain(PLAIN[2:], follows="*").records == COUNT - 2
    assert found(verify_chain(PLAIN[3:], follows=noted)) == (1, BreakKind.HEAD)
    assert found(verify_chain(PLAIN[2:])) == (1, BreakKind.HEAD)


def test_a_file_that_was_rotated_while_nothing_ran_is_gone_on_with_where_its_new_name_is_known(tmp_path: Path) -> None:
    path, old = tmp_path / "audit.jsonl", tmp_path / "audit.jsonl.1"
    for _ in range(3):
        trail = AuditTrail(JsonFile(path, former=old), chain=True)
        trail.record(FULL)
        if not old.exists():
            path.rename(old)
    assert verify_files([old, path]).records == 3
    unknown = tmp_path / "unknown.jsonl"
    AuditTrail(JsonFile(unknown), chain=True).record(FULL)
    assert found(verify_files([old, unknown])) == (1, BreakKind.RESTARTED)


def test_half_a_line_of_a_crash_is_told_and_breaks_nothing(tmp_path: Path) -> None:
    path = tmp_path / "audit.jsonl"
    lines = write_chain(path, 3, key_ring=RING)
    for length in (1, 30, len(lines[2]) - 2):
        path.write_bytes(b"".join(lines[:2]) + lines[2][:length])
        AuditTrail(JsonFile(path), chain=True, key_ring=RING).record(FULL)
        report = verify_files([path], key_ring=RING)
        assert report.is_whole
        assert [str(one) for one in report.crashes] == [f"{path}:3"]
        # Two whole ones, one that tells of the crash, and the next.
        assert report.records == 4
        rest = path.read_bytes().splitlines(keepends=True)
        rest[2] = rest[2].replace(rest[2][:1], b"x")
        assert found(verify_chain(rest, key_ring=RING)) == (3, BreakKind.UNREADABLE)


def test_a_line_whose_end_alone_is_missing_is_whole_after_the_restart(tmp_path: Path) -> None:
    path = tmp_path / "audit.jsonl"
    lines = write_chain(path, 2)
    path.write_bytes(b"".join(lines)[:-1])
    assert found(verify_files([path])) == (2, BreakKind.TORN)
    write_chain(path, 1)
    assert verify_files([path]).records == 3


def test_half_a_first_line_is_told_too(tmp_path: Path) -> None:
    path = tmp_path / "audit.jsonl"
    path.write_bytes(b'{"schema"')
    path.chmod(0o600)
    write_chain(path, 1)
    report = verify_files([path])
    assert report.is_whole
    assert len(report.crashes) == 1


def test_what_was_cut_off_while_the_server_ran_is_found(tmp_path: Path) -> None:
    path = tmp_path / "audit.jsonl"
    trail = AuditTrail(JsonFile(path), chain=True)
    for _ in range(3):
        trail.record(FULL)
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join(lines[:1]))
    trail.record(FULL)
    assert found(verify_files([path])) == (2, BreakKind.MISSING)


def test_a_stream_begins_a_new_chain_with_each_start() -> None:
    both = sample(RING, 2) + sample(RING, 2)
    assert found(verify_chain(both, key_ring=RING)) == (3, BreakKind.RESTARTED)


@pytest.mark.parametrize("length", [0, 1, 7])
def test_an_empty_log_is_whole_unless_something_is_expected(length: int) -> None:
    assert verify_chain([]).is_whole
    assert verify_chain([], expect=0).is_whole
    assert not verify_chain([], expect=length + 1).is_whole


def test_parts_of_two_chains_do_not_make_one() -> None:
    other = sample(None)
    assert found(verify_chain(PLAIN[:3] + other[3:])) == (4, BreakKind.OUT_OF_ORDER)
    assert found(verify_chain(sample(RING)[:3] + KEYED[3:], key_ring=RING)) == (4, BreakKind.OUT_OF_ORDER)


def test_what_only_ends_like_a_record_explains_no_crash() -> None:
    ends_like_one = b"{no JSON" + PLAIN[1][PLAIN[1].rindex(b',"sequence"') :]
    for explains in (ends_like_one, PLAIN[1], b'{"event":"audit.resumed"' + ends_like_one[8:]):
        assert found(verify_chain([PLAIN[0], b"half a li\n", explains])) == (2, BreakKind.UNREADABLE)


def test_rubbish_of_all_kinds_is_no_chain_and_no_crash() -> None:
    chance = random.Random(1)  # noqa: S311  # rubbish
    for _ in range(200):
        rubbish = chance.randbytes(chance.randrange(1, 400))
        assert not verify_chain([rubbish + b"\n", *PLAIN]).is_whole


@pytest.mark.parametrize("options", [{"expect": "abc"}, {"expect": -1}, {"follows": "A" * 64}, {"expect": "A" * 64}])
def test_what_is_no_hash_is_refused_with_the_fix(options: dict[str, str | int]) -> None:
    with pytest.raises(ConfigurationError) as caught:
        verify_chain(PLAIN, **options)  # type: ignore[arg-type]
    assert caught.value.hint
