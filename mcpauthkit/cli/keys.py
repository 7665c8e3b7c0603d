"""`mcpauthkit keys`."""

from __future__ import annotations

from cyclopts import App


def group() -> App:
    """The commands of this noun."""
    return App(name="keys", help="Make, ship, rotate and destroy the keys that encrypted tokens are opened with.")
