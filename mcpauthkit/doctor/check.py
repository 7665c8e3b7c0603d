"""The shape of a check."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass

from mcpauthkit.doctor.examination import Examination, Need
from mcpauthkit.doctor.finding import Finding


@dataclass(frozen=True, slots=True)
class Check:
    """One question, and what it cannot be asked without.

    Args:
        name: What it looks at, in a few words.
        run: Looks, and gives what it finds.
        needs: What has to be there; without, it is skipped and the report says so.
    """

    name: str
    run: Callable[[Examination], AsyncIterator[Finding]]
    needs: frozenset[Need] = frozenset()
