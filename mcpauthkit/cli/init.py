"""`mcpauthkit init`."""

from __future__ import annotations

from cyclopts import App


def group() -> App:
    """The commands of this noun."""
    return App(name="init", help="Write what a new server begins with: settings, and what to set up at the issuer.")
