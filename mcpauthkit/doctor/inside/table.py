"""The checks from inside."""

from __future__ import annotations

from mcpauthkit.doctor.check import Check
from mcpauthkit.doctor.inside.environment import ENVIRONMENT_CHECKS
from mcpauthkit.doctor.inside.issuer_clients import ISSUER_CLIENT_CHECKS
from mcpauthkit.doctor.inside.issuers import ISSUER_CHECKS
from mcpauthkit.doctor.inside.keys import KEY_CHECKS
from mcpauthkit.doctor.inside.layers import LAYER_CHECKS
from mcpauthkit.doctor.inside.loose_ends import LOOSE_END_CHECKS
from mcpauthkit.doctor.inside.routes import ROUTE_CHECKS
from mcpauthkit.doctor.inside.rules import RULE_CHECKS
from mcpauthkit.doctor.inside.running import RUNNING_CHECKS
from mcpauthkit.doctor.inside.services import SERVICE_CHECKS
from mcpauthkit.doctor.inside.stores import STORE_CHECKS
from mcpauthkit.doctor.inside.tokens import TOKEN_CHECKS

INSIDE_CHECKS: tuple[Check, ...] = (
    *ENVIRONMENT_CHECKS,
    *LAYER_CHECKS,
    *ROUTE_CHECKS,
    *LOOSE_END_CHECKS,
    *RUNNING_CHECKS,
    *ISSUER_CHECKS,
    *ISSUER_CLIENT_CHECKS,
    *TOKEN_CHECKS,
    *KEY_CHECKS,
    *STORE_CHECKS,
    *SERVICE_CHECKS,
    *RULE_CHECKS,
)
"""All of them, in the order of the report."""
