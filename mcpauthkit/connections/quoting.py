"""Whether a text that somebody else wrote repeats a secret. No I/O."""

from __future__ import annotations

from collections.abc import Iterable

# Shorter values are words that stand in many texts.
_SHORTEST_TOLD = 4
# The first letters of a key say of which kind it is, and people know theirs by them. More is worth something.
_LONGEST_HARMLESS = 11


def repeats_any(text: str, secrets: Iterable[str]) -> bool:
    """Whether a text holds one of the secrets, or so much of one that it is worth something.

    Parts are found too, since texts cut what they quote, and write the ends of lines in a way of their own.

    Args:
        text: The text.
        secrets: The secrets.
    """
    return any(len(one) >= _SHORTEST_TOLD and _repeats(text, one) for one in secrets)


def _repeats(text: str, secret: str) -> bool:
    length = max(_SHORTEST_TOLD, min(_LONGEST_HARMLESS + 1, len(secret) - len(secret) // 4))
    # The words of a key file's first and last line are in every key file, and no secret.
    return secret in text or any(
        word[start : start + length] in text for word in secret.split() for start in range(len(word) - length + 1)
    )
