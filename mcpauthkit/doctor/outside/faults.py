"""The faults that are seen from outside."""

from __future__ import annotations

from mcpauthkit.doctor.finding import Fault

OUTSIDE: tuple[Fault, ...] = ()
"""The outside part of the catalogue."""
