"""`mcpauthkit dev`."""

from __future__ import annotations

from cyclopts import App


def group() -> App:
    """The command."""
    return App(name="dev", help="Run an issuer and a service for development beside your own server.")
