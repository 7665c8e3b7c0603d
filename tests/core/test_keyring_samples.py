"""Secrets that somebody copied are told apart from random ones, and random ones never from themselves."""

from __future__ import annotations

import base64
import random
from collections.abc import Callable

import pytest

from mcpauthkit import KeyRing

SAMPLES = [
    "change-me-change-me-change-me-change-me",
    "CHANGE_ME_TO_SOMETHING_LONG_AND_RANDOM_PLEASE",
    "changeme0000000000000000000000000000000000",
    "your-32-byte-encryption-key-goes-in-here",
    "<your-key-here-with-at-least-32-characters>",
    "this-is-an-example-do-not-use-it-anywhere",
    "my-super-secret-key-that-nobody-will-guess",
    "MySecretKeyMySecretKey1MySecretKey2MySecret",
    "Password1234567890Password1234567890!",
    "test-key-of-at-least-32-bytes-length",
    "first-key-of-at-least-32-bytes-length",
    "a-strangers-key-of-at-least-32-bytes",
    "k" * 32,
    "é" * 16,
    "0123456789abcdef" * 2,
    "0123456789abcdef0123456789abcdef0",
    "abababababababababababababababab",
    "abcdefghijklmnopqrstuvwxyzABCDEF",
    "aaaaaaaaaaaaaaaabbbbbbbbbbbbbbbbcccc",
    "dev dev dev key for the local stack!!",
]

FORMS: dict[str, Callable[[bytes], str]] = {
    "base64url": lambda data: base64.urlsafe_b64encode(data).decode(),
    "base64": lambda data: base64.b64encode(data).decode(),
    "hexadecimal": lambda data: data.hex(),
    "half as long": lambda data: data[:16].hex(),
    "base32": lambda data: base64.b32encode(data).decode(),
    "decimal": lambda data: str(int.from_bytes(data, "big")),
}


@pytest.mark.parametrize("secret", SAMPLES)
def test_a_placeholder_is_named_and_not_shown(secret: str) -> None:
    ring = KeyRing({"good": "Pk3vY0sN7e2rJmQw8xT1uLzCa5bHdF6gi9oVnXWq", "bad": secret}, minting="good")
    assert ring.looks_like_a_sample() == ("bad",)


@pytest.mark.parametrize("form", FORMS)
def test_of_ten_thousand_random_secrets_none_looks_like_a_placeholder(form: str) -> None:
    chance = random.Random(20261121)  # noqa: S311  # the same secrets in every run: a rare one must not end a build
    secrets = {f"k{number}": FORMS[form](chance.randbytes(48)) for number in range(10_000)}
    assert KeyRing(secrets, minting="k0").looks_like_a_sample() == ()


def test_a_ring_that_was_just_made_is_no_sample() -> None:
    assert KeyRing.ephemeral().looks_like_a_sample() == ()


def test_a_passphrase_of_real_words_is_no_sample() -> None:
    ring = KeyRing({"a": "walrus-ember-quantum-lattice-birch-oxide-fjord"}, minting="a")
    assert ring.looks_like_a_sample() == ()
