"""The faults that are seen from outside."""

from __future__ import annotations

from mcpauthkit.doctor.finding import Fault
from mcpauthkit.doctor.outside.faults_calls import CALLS
from mcpauthkit.doctor.outside.faults_documents import DOCUMENTS
from mcpauthkit.doctor.outside.faults_door import DOOR

OUTSIDE: tuple[Fault, ...] = (*DOOR, *DOCUMENTS, *CALLS)
"""The outside part of the catalogue."""
