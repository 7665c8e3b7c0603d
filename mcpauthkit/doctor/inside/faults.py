"""The faults that are seen from inside."""

from __future__ import annotations

from mcpauthkit.doctor.finding import Fault

INSIDE: tuple[Fault, ...] = ()
"""The inside part of the catalogue."""
