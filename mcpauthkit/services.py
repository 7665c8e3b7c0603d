"""How services are described: OAuth services by presets, services with keys, and the ways that ask nobody.

Pass a `ServicePreset` to `OAuthProvider.from_preset`, a `KeyService` to `CredentialsProvider`, and grants of your own
to `OAuthProvider`. `preset_named` and `key_service_named` give the rows of services that are known, to be changed with
`dataclasses.replace`.
"""

from mcpauthkit.connections.form import Field, Validate
from mcpauthkit.connections.grant import Attempt, Grant, RedirectGrant, UserlessGrant
from mcpauthkit.connections.key_service import Detour, KeyService, Proof
from mcpauthkit.connections.preset import Refusal, Revocation, ServicePreset, WhoAmI
from mcpauthkit.connections.service_account import ServiceAccount
from mcpauthkit.connections.service_rows import key_service_named, preset_named
from mcpauthkit.connections.without_user import WithoutUser
from mcpauthkit.oauth.account import AccountPaths
from mcpauthkit.oauth.scope_rules import ScopeRules
from mcpauthkit.oauth.token_shape import TokenShape

__all__ = [
    "AccountPaths",
    "Attempt",
    "Detour",
    "Field",
    "Grant",
    "KeyService",
    "Proof",
    "RedirectGrant",
    "Refusal",
    "Revocation",
    "ScopeRules",
    "ServiceAccount",
    "ServicePreset",
    "TokenShape",
    "UserlessGrant",
    "Validate",
    "WhoAmI",
    "WithoutUser",
    "key_service_named",
    "preset_named",
]
