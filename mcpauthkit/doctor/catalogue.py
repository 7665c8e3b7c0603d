"""Every fault the doctor knows: the one table behind reports, SARIF rules and the documentation."""

from __future__ import annotations

from mcpauthkit.doctor.finding import Fault
from mcpauthkit.doctor.general import GENERAL
from mcpauthkit.doctor.inside.faults import INSIDE
from mcpauthkit.doctor.outside.faults import OUTSIDE

CATALOGUE: tuple[Fault, ...] = (*GENERAL, *OUTSIDE, *INSIDE)
"""All of them, by where they are seen."""
