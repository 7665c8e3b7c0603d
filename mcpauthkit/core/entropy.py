"""Chance as an argument."""

from __future__ import annotations

import secrets
from typing import Protocol


class Entropy(Protocol):
    """Unguessable values."""

    def token(self, nbytes: int = 32) -> str:
        """A URL-safe string made of `nbytes` random bytes."""
        ...

    def random_bytes(self, n: int) -> bytes:
        """`n` random bytes."""
        ...


class SystemEntropy:
    """The operating system's random source."""

    def token(self, nbytes: int = 32) -> str:
        """A URL-safe string made of `nbytes` random bytes (32 bytes: 43 characters)."""
        return secrets.token_urlsafe(nbytes)

    def random_bytes(self, n: int) -> bytes:
        """`n` random bytes."""
        return secrets.token_bytes(n)
