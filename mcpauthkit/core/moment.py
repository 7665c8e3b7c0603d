"""Wall times for people and for JSON."""

from __future__ import annotations

from datetime import UTC, datetime

# Not from strftime: an application may have set another locale.
_MONTHS = (
    *("January", "February", "March", "April", "May", "June", "July"),
    *("August", "September", "October", "November", "December"),
)


def moment(seconds: float | None) -> datetime | None:
    """A wall time in seconds as a date in UTC; None for none, and for one that no calendar reaches.

    Services choose lifetimes, and `expires_in` may be any number.
    """
    if seconds is None:
        return None
    try:
        return datetime.fromtimestamp(int(seconds), UTC)
    except (OverflowError, ValueError, OSError):
        return None


def iso_moment(seconds: float | None) -> str | None:
    """The same as RFC 3339 writes it: `2026-11-21T11:39:00Z`."""
    found = moment(seconds)
    return None if found is None else f"{found:%Y-%m-%dT%H:%M:%S}Z"


def day_in_words(when: datetime) -> str:
    """The day for people: `21 November 2026`."""
    return f"{when.day} {_MONTHS[when.month - 1]} {when.year}"
