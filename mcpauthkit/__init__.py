"""Authentication for MCP servers mounted in FastAPI.

Leg 1, who is calling: `JwtAuthMiddleware` and `oauth_meta_router`. Leg 2, has this tool the caller's own credential for
the service it calls: `OAuthProvider`. Other ways to prove who is calling are in `mcpauthkit.verifiers`, errors in
`mcpauthkit.errors`, what tests need in `mcpauthkit.testing`.

Importing it is cheap: each name brings its module when it is first asked for (PEP 562), so that a command or a script
that needs the key ring does not load two web frameworks.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mcpauthkit.connections.connection import Connection, Disconnected, Health, Revoked
    from mcpauthkit.connections.credential import Account, Credential
    from mcpauthkit.connections.form import Checked, Field
    from mcpauthkit.connections.without_user import ClientCredentials, OnBehalfOf, TokenExchange
    from mcpauthkit.core.clock import Clock
    from mcpauthkit.core.entropy import Entropy
    from mcpauthkit.core.keyring import KeyRing
    from mcpauthkit.core.request_id import get_request_id
    from mcpauthkit.core.secret import Secret
    from mcpauthkit.identity.claim_map import ClaimMap
    from mcpauthkit.identity.decryption_keys import DecryptionKeys
    from mcpauthkit.identity.issuer_profile import IssuerProfile
    from mcpauthkit.identity.port import TokenVerifier
    from mcpauthkit.identity.trusted_issuer import TrustedIssuer
    from mcpauthkit.kit.auth_kit import AuthKit
    from mcpauthkit.kit.options import CredentialsArguments, KitArguments, KitOptions, OAuthArguments
    from mcpauthkit.oauth.client_metadata import RegisteredClient
    from mcpauthkit.oauth.token import ClientAuthentication
    from mcpauthkit.principal import Principal, current_user, get_user
    from mcpauthkit.protocol.access.control import ChangeablePolicies
    from mcpauthkit.protocol.access.mcpserver import attach_access
    from mcpauthkit.protocol.access.middleware import AccessMiddleware
    from mcpauthkit.protocol.ask import Patience
    from mcpauthkit.protocol.injection import CurrentUser
    from mcpauthkit.protocol.request_state import request_state_security
    from mcpauthkit.providers.connections import Connections
    from mcpauthkit.providers.credentials import CredentialsOptions, CredentialsProvider
    from mcpauthkit.providers.foundation import OAuthOptions, ProviderOptions
    from mcpauthkit.providers.oauth import OAuthProvider
    from mcpauthkit.providers.reminders import Expiring, OnExpiring
    from mcpauthkit.providers.service_options import ServiceOptions
    from mcpauthkit.stores.environment import Storage
    from mcpauthkit.stores.key_file import KeyFile
    from mcpauthkit.stores.keyvalue import KeyValue, KeyValueStore
    from mcpauthkit.stores.memory import MemoryStore
    from mcpauthkit.stores.port import Checkable, Closable, Conditional, Listable, Store, Watchable
    from mcpauthkit.stores.redis.store import RedisStore
    from mcpauthkit.stores.rotation import Resealed, Unreadable, reseal_all
    from mcpauthkit.stores.wrapping import ExternalKeyService
    from mcpauthkit.web.health import health_router
    from mcpauthkit.web.limits import LimitOptions
    from mcpauthkit.web.metadata_router import oauth_meta_router
    from mcpauthkit.web.middleware import JwtAuthMiddleware
    from mcpauthkit.web.proxy.documents import ClientDocuments
    from mcpauthkit.web.proxy.options import ProxyOptions

_NAMES_BY_MODULE = {
    "connections.connection": "Connection Disconnected Health Revoked",
    "connections.credential": "Account Credential",
    "connections.form": "Checked Field",
    "connections.without_user": "ClientCredentials OnBehalfOf TokenExchange",
    "core.clock": "Clock",
    "core.entropy": "Entropy",
    "core.keyring": "KeyRing",
    "core.request_id": "get_request_id",
    "core.secret": "Secret",
    "identity.claim_map": "ClaimMap",
    "identity.decryption_keys": "DecryptionKeys",
    "identity.issuer_profile": "IssuerProfile",
    "identity.port": "TokenVerifier",
    "identity.trusted_issuer": "TrustedIssuer",
    "kit.auth_kit": "AuthKit",
    "kit.options": "CredentialsArguments KitArguments KitOptions OAuthArguments",
    "oauth.client_metadata": "RegisteredClient",
    "oauth.token": "ClientAuthentication",
    "principal": "Principal current_user get_user",
    "protocol.access.control": "ChangeablePolicies",
    "protocol.access.mcpserver": "attach_access",
    "protocol.access.middleware": "AccessMiddleware",
    "protocol.ask": "Patience",
    "protocol.injection": "CurrentUser",
    "protocol.request_state": "request_state_security",
    "providers.connections": "Connections",
    "providers.credentials": "CredentialsOptions CredentialsProvider",
    "providers.foundation": "OAuthOptions ProviderOptions",
    "providers.oauth": "OAuthProvider",
    "providers.reminders": "Expiring OnExpiring",
    "providers.service_options": "ServiceOptions",
    "stores.environment": "Storage",
    "stores.key_file": "KeyFile",
    "stores.keyvalue": "KeyValue KeyValueStore",
    "stores.memory": "MemoryStore",
    "stores.port": "Checkable Closable Conditional Listable Store Watchable",
    "stores.redis.store": "RedisStore",
    "stores.rotation": "Resealed Unreadable reseal_all",
    "stores.wrapping": "ExternalKeyService",
    "web.health": "health_router",
    "web.limits": "LimitOptions",
    "web.metadata_router": "oauth_meta_router",
    "web.middleware": "JwtAuthMiddleware",
    "web.proxy.documents": "ClientDocuments",
    "web.proxy.options": "ProxyOptions",
}
_HOMES = {name: f"{__name__}.{module}" for module, names in _NAMES_BY_MODULE.items() for name in names.split()}
_SUBMODULES = frozenset({"audit", "errors", "guards", "policies", "services", "verifiers"})

__all__ = [
    "AccessMiddleware",
    "Account",
    "AuthKit",
    "ChangeablePolicies",
    "Checkable",
    "Checked",
    "ClaimMap",
    "ClientAuthentication",
    "ClientCredentials",
    "ClientDocuments",
    "Clock",
    "Closable",
    "Conditional",
    "Connection",
    "Connections",
    "Credential",
    "CredentialsArguments",
    "CredentialsOptions",
    "CredentialsProvider",
    "CurrentUser",
    "DecryptionKeys",
    "Disconnected",
    "Entropy",
    "Expiring",
    "ExternalKeyService",
    "Field",
    "Health",
    "IssuerProfile",
    "JwtAuthMiddleware",
    "KeyFile",
    "KeyRing",
    "KeyValue",
    "KeyValueStore",
    "KitArguments",
    "KitOptions",
    "LimitOptions",
    "Listable",
    "MemoryStore",
    "OAuthArguments",
    "OAuthOptions",
    "OAuthProvider",
    "OnBehalfOf",
    "OnExpiring",
    "Patience",
    "Principal",
    "ProviderOptions",
    "ProxyOptions",
    "RedisStore",
    "RegisteredClient",
    "Resealed",
    "Revoked",
    "Secret",
    "ServiceOptions",
    "Storage",
    "Store",
    "TokenExchange",
    "TokenVerifier",
    "TrustedIssuer",
    "Unreadable",
    "Watchable",
    "attach_access",
    "current_user",
    "get_request_id",
    "get_user",
    "health_router",
    "oauth_meta_router",
    "request_state_security",
    "reseal_all",
]


def __getattr__(name: str) -> object:
    if name in _SUBMODULES:
        return import_module(f"{__name__}.{name}")
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value: object = getattr(import_module(_HOMES[name]), name)
    globals()[name] = value  # from now on without this detour
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
