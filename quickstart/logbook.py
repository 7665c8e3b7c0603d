"""Keeps what the server logs, so that it can be told where it matters instead of in between."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

_KIT = "mcpauthkit"
_AUDIT = "mcpauthkit.audit"
_LATEST = 3


class Logbook(logging.Handler):
    """Collects the kit's log, one line per decision. It holds no tokens and no names, so it can be shown."""

    def __init__(self) -> None:
        super().__init__(logging.INFO)
        self._entries: list[tuple[str, str]] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Keep one entry."""
        self._entries.append((record.name, record.getMessage()))

    def audit(self) -> str:
        """The latest audit event, if there was one."""
        return next((text for name, text in reversed(self._entries) if name == _AUDIT), "none")

    def latest(self) -> list[str]:
        """The latest entries."""
        return [f"{name}: {text}" for name, text in self._entries[-_LATEST:]]

    @contextmanager
    def kept(self) -> Iterator[None]:
        """Collect from here on, and keep every log out of the story."""
        kit, fastmcp, root = (logging.getLogger(name) for name in (_KIT, "fastmcp", ""))
        levels = kit.level, fastmcp.level
        # Where no handler is, Python prints warnings to stderr; refusing Bob is one, and it is meant to be.
        silence = logging.NullHandler()
        root.addHandler(silence)
        kit.addHandler(self)
        kit.setLevel(logging.INFO)
        fastmcp.setLevel(logging.CRITICAL)
        try:
            yield
        finally:
            kit.setLevel(levels[0])
            fastmcp.setLevel(levels[1])
            kit.removeHandler(self)
            root.removeHandler(silence)
