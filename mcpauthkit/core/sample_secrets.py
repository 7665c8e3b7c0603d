"""Secrets that somebody copied or made up: texts that a random one never looks like.

Each rule is so narrow that a random secret, in base64 or hexadecimal, meets it less than once in ten million. A word
counts only as people write it, small, capital or with a capital first: random letters change case within a word.
"""

from __future__ import annotations

import itertools
import re

_LEAST_DISTINCT = 6
_LEAST_RUN = 9
# Six letters or more: they count wherever they stand.
_LONG_WORDS = frozenset({
    "changeit", "changeme", "default", "example", "insecure", "passphrase", "password", "placeholder", "qwerty",
    "replace", "sample", "secret", "testing", "tutorial", "your-key", "your_key", "yourkey",
})  # fmt: skip
# Shorter ones count as whole words, and two of them are needed.
_SHORT_WORDS = frozenset({
    "bytes", "change", "demo", "dev", "dummy", "fake", "first", "foo", "for", "here", "key", "later", "least", "length",
    "long", "must", "new", "not", "old", "other", "prod", "production", "random", "some", "test", "tests", "text",
    "the", "this", "todo", "token", "value", "with", "your",
})  # fmt: skip
_LEAST_SHORT_WORDS = 2
_BETWEEN_WORDS = re.compile(r"[^A-Za-z0-9]+")


def is_sample_secret(text: str) -> bool:
    """Whether a secret looks like a placeholder, or like one that stands in documentation or tests.

    Args:
        text: The secret.
    """
    return len(set(text)) < _LEAST_DISTINCT or _repeats(text) or _runs(text) or _has_words(text)


def _repeats(text: str) -> bool:
    """Whether it is one piece again and again."""
    return any(text[period:] == text[:-period] for period in range(1, len(text) // 2 + 1))


def _runs(text: str) -> bool:
    """Whether a part of it is as on a keyboard, `0123456789` or `abcdefghij`."""
    length = 1
    for one, other in itertools.pairwise(text):
        length = length + 1 if ord(other) - ord(one) == 1 else 1
        if length >= _LEAST_RUN:
            return True
    return False


def _has_words(text: str) -> bool:
    if any(spelt in text for word in _LONG_WORDS for spelt in (word, word.upper(), word.capitalize())):
        return True
    words = {one.lower() for one in _BETWEEN_WORDS.split(text) if one in {one.lower(), one.upper(), one.capitalize()}}
    return len(words & _SHORT_WORDS) >= _LEAST_SHORT_WORDS
