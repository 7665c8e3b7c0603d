"""The checks from outside."""

from __future__ import annotations

from mcpauthkit.doctor.check import Check

OUTSIDE_CHECKS: tuple[Check, ...] = ()
"""All of them, in the order of the report."""
