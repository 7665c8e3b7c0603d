"""What was done lately, so that it is done once."""

from __future__ import annotations

_AT_MOST = 4096


class Remembered:
    """The latest of many texts; the longest unseen is forgotten first.

    Args:
        at_most: How many are remembered.
    """

    def __init__(self, at_most: int = _AT_MOST) -> None:
        self._at_most = at_most
        self._texts: dict[str, None] = {}

    def is_new(self, text: str) -> bool:
        """Whether it was not remembered; it is from now on."""
        is_new = text not in self._texts
        self._texts.pop(text, None)
        self._texts[text] = None
        if len(self._texts) > self._at_most:
            del self._texts[next(iter(self._texts))]
        return is_new

    def forget(self, text: str) -> None:
        """Let it be new again."""
        self._texts.pop(text, None)
