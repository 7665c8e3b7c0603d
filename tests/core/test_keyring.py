"""The key ring and what it derives."""

from __future__ import annotations

import pytest

from mcpauthkit import KeyRing, Secret
from mcpauthkit.errors import ConfigurationError

OLD = "old-key-of-at-least-32-bytes-length"
NEW = "new-key-of-at-least-32-bytes-length"


@pytest.mark.parametrize(
    ("secrets", "minting"),
    [
        ({"a": OLD}, "b"),
        ({}, ""),
        ({"a": "x" * 31}, "a"),
        ({"a": OLD, "b": "short"}, "a"),
        ({"a": ""}, "a"),
        ({"a.b": OLD}, "a.b"),
        ({"": OLD}, ""),
        ({"-": OLD}, "-"),
        ({"a b": OLD}, "a b"),
        ({"é": OLD}, "é"),
    ],
    ids=[
        "no such minting key",
        "no key at all",
        "a short secret",
        "a short secret beside the minting key",
        "an empty secret",
        "a dot in a name",
        "an empty name",
        "a name of hyphens",
        "a space in a name",
        "a name that is not ascii",
    ],
)
def test_a_ring_that_would_be_unsafe_is_refused_at_construction(secrets: dict[str, str], minting: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        KeyRing(secrets, minting=minting)
    assert caught.value.hint


def test_length_is_counted_in_bytes() -> None:
    assert KeyRing({"a": "é" * 16}, minting="a").derive("a", "x")


def test_a_fingerprint_tells_secrets_apart_is_none_for_an_unknown_name_and_no_part_of_any_key() -> None:
    ring = KeyRing({"a": OLD, "b": OLD, "c": NEW}, minting="a")
    assert ring.fingerprint("a") == ring.fingerprint("b") == KeyRing({"x": OLD}, minting="x").fingerprint("x")
    assert ring.fingerprint("a") != ring.fingerprint("c")
    assert ring.fingerprint("d") is None
    fingerprint = ring.fingerprint("a")
    assert fingerprint is not None
    assert len(fingerprint) == 8
    for purpose in ("", "fingerprint", "-fingerprint", "/fingerprint", "store"):
        key = ring.derive("a", purpose)
        assert key is not None
        assert fingerprint not in key.hex()


def test_keys_differ_by_name_secret_and_purpose_and_are_256_bits() -> None:
    ring = KeyRing({"a": OLD, "b": Secret(OLD), "c": NEW}, minting="a")
    key = ring.derive("a", "session")
    assert key is not None
    assert len(key) == 32
    assert key == ring.derive("a", "session")
    assert key != ring.derive("a", "store")
    assert key != ring.derive("c", "session")
    # The name stands beside the key, not in it: the same secret under another name is the same key.
    assert key == ring.derive("b", "session")


def test_an_unknown_name_has_no_key() -> None:
    assert KeyRing({"a": OLD}, minting="a").derive("b", "session") is None


def test_two_processes_with_one_secret_derive_one_key() -> None:
    assert KeyRing({"a": OLD}, minting="a").derive("a", "p") == KeyRing({"a": OLD}, minting="a").derive("a", "p")


def test_an_ephemeral_ring_is_new_each_time() -> None:
    first, second = KeyRing.ephemeral(), KeyRing.ephemeral()
    assert first.derive(first.minting, "p") != second.derive(second.minting, "p")


def test_a_ring_prints_names_and_no_secret() -> None:
    text = repr(KeyRing({"a": OLD, "b": NEW}, minting="a"))
    assert "'a'" in text
    assert "'b'" in text
    assert OLD not in text
    assert NEW not in text


def test_a_ring_tells_its_names_and_whether_it_dies_with_the_process() -> None:
    ring = KeyRing({"b": NEW, "a": OLD}, minting="b")
    assert ring.names == ("a", "b")
    assert not ring.is_ephemeral
    assert KeyRing.ephemeral().is_ephemeral


def test_a_name_that_would_not_fit_into_a_log_line_is_refused() -> None:
    with pytest.raises(ConfigurationError) as caught:
        KeyRing({"n" * 65: OLD}, minting="n" * 65)
    assert len(caught.value.public) < 120


def test_a_secret_without_a_name_has_the_same_one_wherever_it_stands() -> None:
    first, second = KeyRing.of_secrets(OLD), KeyRing.of_secrets(Secret(NEW), [OLD])
    assert set(first.names) < set(second.names)
    assert second.minting not in first.names
    assert second.derive(first.minting, "p") == first.derive(first.minting, "p")
    assert KeyRing.of_secrets(OLD, [OLD, NEW]).minting == first.minting
    assert not any(part in first.minting for part in (OLD, "old"))


def test_unnamed_secrets_are_checked_as_named_ones_are() -> None:
    for minting, accepted in ((("short"), ()), (NEW, ("short",)), (None, ()), (NEW, (b"bytes" * 8,))):
        with pytest.raises(ConfigurationError):
            KeyRing.of_secrets(minting, accepted)  # type: ignore[arg-type]  # as people write it
