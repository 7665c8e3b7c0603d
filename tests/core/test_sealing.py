"""Sealed values open only for whom, where and as long as they were meant to."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from hypothesis import given
from hypothesis import strategies as st

from mcpauthkit import KeyRing
from mcpauthkit.core.encoding import base64url_decode, base64url_encode
from mcpauthkit.core.sealing import Sealer
from mcpauthkit.errors import SealedElsewhere, SealError

OLD = KeyRing({"old": "old-key-of-at-least-32-bytes-length"}, minting="old")
ROTATED = KeyRing(
    {"new": "new-key-of-at-least-32-bytes-length", "old": "old-key-of-at-least-32-bytes-length"}, minting="new"
)
DROPPED = KeyRing({"new": "new-key-of-at-least-32-bytes-length"}, minting="new")
NOW = 1_767_225_600.0

sealer = Sealer(OLD, "session")
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=10,
)


def is_refused(sealed: str, *, by: Sealer = sealer, context: str = "alice", now: float = NOW) -> bool:
    """Whether it does not open; every refusal looks the same."""
    try:
        by.open(sealed, context=context, now=now)
    except SealError as error:
        return (error.public, error.hint) == (SealError.default_public, "")
    return False


@given(st.dictionaries(st.text(), values, max_size=4), st.text())
def test_what_was_sealed_opens_with_its_context(claims: dict[str, Any], context: str) -> None:
    sealed = sealer.seal(claims, context=context, expires_at=NOW + 1)
    assert sealer.open(sealed, context=context, now=NOW) == claims


@given(st.text(max_size=20), st.text(max_size=20))
def test_another_context_does_not_open_it(one: str, other: str) -> None:
    sealed = sealer.seal({"a": 1}, context=one, expires_at=None)
    assert is_refused(sealed, context=other) == (one != other)


def test_every_single_bit_change_is_refused() -> None:
    sealed = sealer.seal({"sub": "alice"}, context="alice", expires_at=NOW + 60)
    head, _, body = sealed.rpartition(".")
    data = base64url_decode(body)
    for position in range(len(data) * 8):
        changed = bytearray(data)
        changed[position // 8] ^= 1 << position % 8
        assert is_refused(f"{head}.{base64url_encode(bytes(changed))}"), position


def test_every_change_of_one_character_is_refused() -> None:
    sealed = sealer.seal({"sub": "alice"}, context="alice", expires_at=NOW + 60)
    for position, character in enumerate(sealed):
        for bit in range(7):
            other = chr(ord(character) ^ (1 << bit))
            assert is_refused(sealed[:position] + other + sealed[position + 1 :]), (position, other)


def test_every_truncation_and_extension_is_refused() -> None:
    sealed = sealer.seal({"sub": "alice"}, context="alice", expires_at=NOW + 60)
    assert all(is_refused(sealed[:length]) for length in range(len(sealed)))
    assert all(is_refused(sealed + more) for more in ("A", "AA", "AAAA", ".", "=", "\n", ".AAAA"))


@given(st.text())
def test_no_made_up_text_opens_or_raises_anything_else(text: str) -> None:
    assert is_refused(text)
    assert is_refused(f"mk1.{text}")
    assert is_refused(f"mk1.old.{text}")
    assert is_refused(f"mk1.old.{OLD.fingerprint('old')}.{text}")


def test_another_purpose_cannot_open_it() -> None:
    sealed = sealer.seal({"a": 1}, context="alice", expires_at=None)
    assert is_refused(sealed, by=Sealer(OLD, "store"))


def test_another_key_of_the_same_name_cannot_open_it() -> None:
    stranger = KeyRing({"old": "a-strangers-key-of-at-least-32-bytes"}, minting="old")
    sealed = sealer.seal({"a": 1}, context="alice", expires_at=None)
    assert is_refused(sealed, by=Sealer(stranger, "session"))


def test_a_rotated_ring_opens_what_the_old_key_sealed_and_seals_with_the_new_one() -> None:
    rotated = Sealer(ROTATED, "session")
    before = sealer.seal({"a": 1}, context="alice", expires_at=None)
    after = rotated.seal({"a": 2}, context="alice", expires_at=None)
    assert rotated.open(before, context="alice", now=NOW) == {"a": 1}
    assert after.split(".")[1] == "new"
    assert is_refused(after)
    assert is_refused(before, by=Sealer(DROPPED, "session"))


def test_a_value_moved_under_the_other_keys_name_is_refused() -> None:
    same = KeyRing(
        {"a": "one-secret-of-at-least-32-bytes-len", "b": "one-secret-of-at-least-32-bytes-len"}, minting="a"
    )
    sealed = Sealer(same, "session").seal({"a": 1}, context="alice", expires_at=None)
    assert is_refused(sealed.replace("mk1.a.", "mk1.b."), by=Sealer(same, "session"))


def test_what_another_secret_of_the_same_name_has_sealed_is_told_apart_from_what_was_changed() -> None:
    namesake = KeyRing({"old": "another-key-of-at-least-32-bytes-len"}, minting="old")
    sealed = Sealer(namesake, "session").seal({"a": 1}, context="alice", expires_at=None)
    with pytest.raises(SealedElsewhere) as caught:
        sealer.open(sealed, context="alice", now=NOW)
    assert caught.value.sealed_under == f"old.{namesake.fingerprint('old')}"
    assert caught.value.public == SealError.default_public


def test_a_value_that_says_it_is_of_another_secret_than_it_is_does_not_open_there_either() -> None:
    namesake = KeyRing({"old": "another-key-of-at-least-32-bytes-len"}, minting="old")
    version, name, _, body = sealer.seal({"a": 1}, context="alice", expires_at=None).split(".")
    respelt = f"{version}.{name}.{namesake.fingerprint(name)}.{body}"
    assert is_refused(respelt)
    assert is_refused(respelt, by=Sealer(namesake, "session"))


@pytest.mark.parametrize(("now", "refused"), [(NOW - 0.1, False), (NOW, True), (NOW + 1, True), (math.nan, True)])
def test_it_opens_until_its_expiry_and_not_at_it(now: float, *, refused: bool) -> None:
    sealed = sealer.seal({"a": 1}, context="alice", expires_at=NOW)
    assert is_refused(sealed, now=now) == refused


@pytest.mark.parametrize("plain", [{"a": 1}, {"c": {"a": 1}, "x": None}])
def test_plaintext_is_refused(plain: dict[str, Any]) -> None:
    text = json.dumps(plain)
    body = base64url_encode(text.encode())
    assert is_refused(text)
    assert is_refused(body)
    assert is_refused(f"mk1.old.{body}")
    assert is_refused(f"mk1.old.{OLD.fingerprint('old')}.{body}")


@pytest.mark.parametrize(
    "plain",
    [
        b"not json",
        b"\xff",
        b"[]",
        b'{"c":[],"x":null}',
        b'{"c":{},"x":"later"}',
        b'{"c":{},"x":NaN}',
        b"{}",
        b'{"x":1}',
        b'{"c":{"a":' + b"[" * 100_000,
    ],
    ids=lambda plain: plain[:24].decode(errors="replace"),
)
def test_what_another_program_sealed_with_our_key_is_refused(plain: bytes) -> None:
    key = OLD.derive("old", "session")
    assert key is not None
    nonce = b"n" * 12
    label = f"old.{OLD.fingerprint('old')}"
    sealed = AESGCM(key).encrypt(nonce, plain, f"mk1|{label}|session|alice".encode())
    with pytest.raises(SealError) as caught:
        sealer.open(f"mk1.{label}.{base64url_encode(nonce + sealed)}", context="alice", now=NOW)
    # It was decrypted: what is refused is what it says.
    assert "changed" not in caught.value.reason


def test_the_same_value_never_looks_the_same_twice() -> None:
    seen = {sealer.seal({"a": 1}, context="alice", expires_at=None) for _ in range(100)}
    assert len(seen) == 100


def test_a_sealed_value_tells_nothing_of_its_content_or_context() -> None:
    sealed = sealer.seal({"secret": "canary"}, context="alice", expires_at=None)
    body = base64url_decode(sealed.rpartition(".")[2])
    assert b"canary" not in body
    assert b"alice" not in body
    assert b"secret" not in body


@pytest.mark.parametrize(
    "claims",
    [{"a": math.nan}, {"a": math.inf}, {"a": "\ud800"}, {"a": "x" * 300_000}],
    ids=["NaN", "infinity", "half a surrogate pair", "larger than we open"],
)
def test_what_would_not_open_again_is_not_sealed(claims: dict[str, Any]) -> None:
    with pytest.raises(ValueError):  # noqa: PT011  # the type is the contract
        sealer.seal(claims, context="alice", expires_at=None)
