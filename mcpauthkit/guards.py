"""Conditions on who is calling, for `require(...)`, for FastMCP's `auth=`, and your own."""

from mcpauthkit.access.guard import AllOf, AnyOf, Guard, GuardLike, Not, Verdict
from mcpauthkit.access.guards import HasAllRoles, HasAllScopes, HasRole, HasScope, RequireAuth, RequireClientId
from mcpauthkit.access.request import AccessRequest, Action, Caller, Decision, Kind, Target
from mcpauthkit.access.tool_scopes import ToolScopes
from mcpauthkit.protocol.require import guards_of, require

__all__ = [
    "AccessRequest",
    "Action",
    "AllOf",
    "AnyOf",
    "Caller",
    "Decision",
    "Guard",
    "GuardLike",
    "HasAllRoles",
    "HasAllScopes",
    "HasRole",
    "HasScope",
    "Kind",
    "Not",
    "RequireAuth",
    "RequireClientId",
    "Target",
    "ToolScopes",
    "Verdict",
    "guards_of",
    "require",
]
