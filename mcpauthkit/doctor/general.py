"""Faults that no single check looks for."""

from __future__ import annotations

from mcpauthkit.doctor.finding import Fault

DOES_NOT_START = Fault(
    "app-does-not-start",
    "error",
    "The application does not start",
    "The application refused to start, so nothing can be asked of it.",
    "Do what its message says, then examine it again.",
    is_last_resort=True,
)
CHECK_CRASHED = Fault(
    "check-crashed",
    "warning",
    "A check met something it does not know",
    "A check of the doctor ended with an error, so what it looks at is not known to be healthy.",
    "Report it with the name of the check; the other findings stand.",
)
CHECK_UNFINISHED = Fault(
    "check-unfinished",
    "warning",
    "A check ran out of time",
    "A check did not end within its bound: somebody it asked is slow, or does not answer.",
    "See which address is slow from here, then examine again.",
    is_last_resort=True,
)

GENERAL = (DOES_NOT_START, CHECK_CRASHED, CHECK_UNFINISHED)
"""They come first in the catalogue."""
