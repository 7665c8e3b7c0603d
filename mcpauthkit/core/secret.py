"""A string that does not print itself."""

from __future__ import annotations

import hmac
from typing import NoReturn


class Secret:
    """A token, password or key whose text leaves only through `reveal()`.

    `str`, `repr` and formatting show a placeholder, pickling is refused, equality takes constant time.

    Args:
        value: The text to protect.
    """

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        """The text itself. Call it where it goes on the wire, nowhere else."""
        return self._value

    def __repr__(self) -> str:
        return "Secret(***)"

    def __bool__(self) -> bool:
        return bool(self._value)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Secret):
            return NotImplemented
        return same_text(self._value, other._value)

    def __hash__(self) -> int:
        return hash((Secret, self._value))

    def __reduce__(self) -> NoReturn:
        raise TypeError("A Secret is not pickled; reveal it where it is used and seal it where it is stored.")


def same_text(one: str, other: str) -> bool:
    """Equality in constant time, for texts that somebody may try to guess."""
    return hmac.compare_digest(one.encode(), other.encode())


def as_secret(value: str | Secret) -> Secret:
    """The value as a `Secret`, wrapping plain strings."""
    return value if isinstance(value, Secret) else Secret(value)
