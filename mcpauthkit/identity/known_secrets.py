"""Shared secrets that everybody knows, and how to tell that one is made of them."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterator

# Keys that are printed in a standard, a manual or a much copied tutorial, where their look gives nothing away.
_PRINTED = (
    # RFC 7515 appendix A.1
    "AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow",
    # the security tutorial of FastAPI
    "09d25e094faa6ca2556c818166b7a9563b93f7099f6f0f4caa6cf63b88e8d3e7",
    # the configuration page of Flask
    "192b9bdd22ab9ed4d12e236c78afcb9a393ec15f71bbf5dc987d54727823bcbf",
    # what people count up to
    "000102030405060708090a0b0c0d0e0f",
    "0102030405060708090a0b0c0d0e0f10",
    "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f",
    "00112233445566778899aabbccddeeff",
    # two tutorials for Spring Boot
    "404E635266556A586E3272357538782F413F4428472B4B6250645367566B5970",
    "3cfa76ef14937c1c0ea519f8fc057a80fcd04a7420f8e8bcd0a7567c272e007b",
)

# What samples are written with: `your-256-bit-secret`, `a-string-secret-at-least-256-bits-long`, `my-secret-key`,
# `dev-secret-change-me`, `production-secret`, `super-secret-jwt-token-with-at-least-32-characters-long` and all the
# others. No word of two letters: those stand in random text by chance.
_WORDS = (
    *(
        "access",
        "admin",
        "api",
        "app",
        "auth",
        "authentication",
        "atleast",
        "base64",
        "bearer",
        "before",
        "bit",
        "bits",
    ),
    *("byte", "bytes", "change", "changeit", "changeme", "characters", "chars", "client", "default", "demo", "deploy"),
    *(
        "dev",
        "development",
        "django",
        "dummy",
        "enough",
        "environment",
        "example",
        "fallback",
        "fastmcp",
        "for",
        "from",
        "generate",
    ),
    *(
        "generated",
        "going",
        "here",
        "hmac",
        "hs256",
        "hs384",
        "hs512",
        "inproduction",
        "insecure",
        "issuer",
        "jwt",
        "jwts",
    ),
    *("key", "keys", "least", "length", "local", "localhost", "long", "longer", "make", "mcp", "minimum", "must"),
    *("mykey", "need", "not", "only", "our", "own", "pass", "password", "phrase", "placeholder", "please", "private"),
    *("prod", "production", "quickstart", "random", "real", "really", "replace", "safe", "sample", "secret", "secrets"),
    *("secure", "security", "server", "service", "set", "shared", "should", "sign", "signature", "signing", "some"),
    *("something", "strong", "string", "super", "symmetric", "temp", "test", "testing", "than", "that", "the", "this"),
    *("todo", "token", "tokens", "top", "unsafe", "use", "used", "using", "value", "very", "with", "you", "your"),
    *("123456", "12345678", "123456789", "1234567890", "0123456789", "0123456789abcdef", "abcdef", "abcdefghijklm"),
    *("abcdefghijklmnopqrstuvwxyz", "qwerty", "qwertyuiop", "deadbeef", "256", "384", "512", "128"),
)

_KNOWN_WORD = re.compile("|".join(sorted(_WORDS, key=len, reverse=True)))
_NOT_ALPHANUMERIC = re.compile("[^0-9a-z]")
_MINIMUM_REST = 16
_MINIMUM_VARIETY = 8
_LONGEST_PATTERN = 16


def _folded(text: str) -> str:
    return _NOT_ALPHANUMERIC.sub("", text.lower())


_KNOWN = frozenset(map(_folded, _PRINTED))


def weakness_of(secret: bytes) -> str | None:
    """What makes a secret easy to guess, in words; None when nothing was found.

    A sample stays one when it is repeated, padded, spelled with other separators, or encoded as base64 or hexadecimal.
    """
    for text in _readings(secret):
        folded = _folded(text)
        if folded in _KNOWN:
            return "it is printed in public documentation"
        rest, words = _KNOWN_WORD.subn("", folded)
        if words and (len(rest) < _MINIMUM_REST or len(set(rest)) < _MINIMUM_VARIETY):
            return "it consists of the words of a sample"
        if len(set(text)) < _MINIMUM_VARIETY or _repeats(text):
            return "it repeats the same few characters"
    return None


def _readings(secret: bytes) -> Iterator[str]:
    """The secret as text, and the texts it is an encoding of. Random bytes are an encoding of no text."""
    text = secret.decode("latin-1")
    yield text
    bare = text.strip().rstrip("=")
    for decode in (bytes.fromhex, _from_base64):
        try:
            inner = decode(bare).decode("ascii")
        except (ValueError, binascii.Error):
            continue
        if inner.rstrip("\0\n").isprintable():
            yield inner


def _from_base64(text: str) -> bytes:
    standard = text.replace("-", "+").replace("_", "/")
    return base64.b64decode(standard + "=" * (-len(standard) % 4), validate=True)


def _repeats(text: str) -> bool:
    return any(
        text == (text[:length] * (len(text) // length + 1))[: len(text)]
        for length in range(1, min(_LONGEST_PATTERN, len(text) // 2) + 1)
    )
