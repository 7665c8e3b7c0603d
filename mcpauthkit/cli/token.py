"""`mcpauthkit token`."""

from __future__ import annotations

from cyclopts import App


def group() -> App:
    """The commands of this noun."""
    return App(name="token", help="Make tokens for development, and say what a token is.")
