"""The faults that are seen from inside."""

from __future__ import annotations

from mcpauthkit.doctor.finding import Fault
from mcpauthkit.doctor.inside.environment import ENVIRONMENT
from mcpauthkit.doctor.inside.issuer_clients import ISSUER_CLIENTS
from mcpauthkit.doctor.inside.issuers import ISSUERS
from mcpauthkit.doctor.inside.keys import KEYS
from mcpauthkit.doctor.inside.layers import LAYERS
from mcpauthkit.doctor.inside.loose_ends import LOOSE_ENDS
from mcpauthkit.doctor.inside.routes import ROUTES
from mcpauthkit.doctor.inside.rules import RULES
from mcpauthkit.doctor.inside.running import RUNNING
from mcpauthkit.doctor.inside.services import SERVICES
from mcpauthkit.doctor.inside.stores import STORES
from mcpauthkit.doctor.inside.tokens import TOKENS

INSIDE: tuple[Fault, ...] = (
    *ENVIRONMENT,
    *LAYERS,
    *ROUTES,
    *LOOSE_ENDS,
    *RUNNING,
    *ISSUERS,
    *ISSUER_CLIENTS,
    *TOKENS,
    *KEYS,
    *STORES,
    *SERVICES,
    *RULES,
)
"""The inside part of the catalogue."""
