"""The checks from inside."""

from __future__ import annotations

from mcpauthkit.doctor.check import Check

INSIDE_CHECKS: tuple[Check, ...] = ()
"""All of them, in the order of the report."""
