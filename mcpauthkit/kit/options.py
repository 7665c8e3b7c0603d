"""The arguments of `AuthKit` and of its services, which are those of the parts it puts together."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextvars import ContextVar
from typing import Any, TypedDict

import httpx

from mcpauthkit.access.tool_scopes import ToolScopes
from mcpauthkit.connections.form import Field
from mcpauthkit.connections.key_service import KeyService
from mcpauthkit.core.audit import Recorder
from mcpauthkit.core.clock import Clock
from mcpauthkit.core.entropy import Entropy
from mcpauthkit.core.keyring import KeyRing
from mcpauthkit.core.secret import Secret
from mcpauthkit.identity.decryption_keys import DecryptionKeys
from mcpauthkit.identity.issuer_profile import IssuerProfile
from mcpauthkit.identity.port import TokenVerifier
from mcpauthkit.identity.trusted_issuer import TrustedIssuer
from mcpauthkit.oauth.client_metadata import RegisteredClient
from mcpauthkit.oauth.token import ClientAuthentication
from mcpauthkit.protocol.access.control import PolicySources
from mcpauthkit.providers.credentials import CredentialsOptions
from mcpauthkit.providers.service_options import ServiceOptions
from mcpauthkit.stores.port import Store
from mcpauthkit.web.enrichment import OnAuthenticate
from mcpauthkit.web.limits import LimitOptions
from mcpauthkit.web.proxy.documents import ClientDocuments


class GuardOptions(LimitOptions, total=False):
    """The arguments that only `JwtAuthMiddleware` has; they mean what they mean there."""

    audience: str | Sequence[str] | None
    issuers: Sequence[TrustedIssuer]
    verifiers: Sequence[TokenVerifier]
    decryption_keys: DecryptionKeys | None
    encrypted_only: bool
    open_paths: Sequence[str]
    public_tools: Sequence[str]
    require_scopes: Sequence[str]
    tool_scopes: ToolScopes | Mapping[str, Sequence[str]] | None
    allowed_origins: Sequence[str]
    on_authenticate: OnAuthenticate | None
    current_user: ContextVar[Any] | None
    browser_client_id: str | None
    browser_client_secret: str | Secret | None


class ProxyArguments(TypedDict, total=False):
    """The arguments that only `oauth_meta_router` has; they mean what they mean there."""

    client_secret: str | Secret | None
    client_authentication: ClientAuthentication | None
    extra_authorize_params: Mapping[str, str] | None
    clients: Sequence[RegisteredClient]
    dynamic_registration: bool
    client_document_hosts: Sequence[str] | None
    client_documents: ClientDocuments | None
    allowed_scopes: Sequence[str]
    refresh_idle_seconds: float
    refresh_lifetime_seconds: float


class KitOptions(GuardOptions, ProxyArguments, total=False):
    """The arguments of `AuthKit` that it only passes on."""


class KitArguments(KitOptions, total=False):
    """Every argument of `AuthKit`."""

    server_base_url: str
    issuer_url: str | None
    profile: str | IssuerProfile | None
    tenants: Sequence[str]
    scopes: Sequence[str]
    client_id: str | None
    resource_name: str | None
    mcp_path: str
    policies: PolicySources | None
    audit: Recorder | None
    store: Store | None
    key_ring: KeyRing | None
    namespace: str
    production: bool
    health: bool
    http_client: httpx.AsyncClient | None
    clock: Clock | None
    entropy: Entropy | None


class OAuthArguments(ServiceOptions, total=False):
    """What `AuthKit.oauth` passes on to the constructor of `OAuthProvider` that fits."""

    base_url: str
    tenant: str
    variables: Mapping[str, str] | None
    authorize_url: str
    authorization_url: str
    token_url: str
    revocation_url: str
    userinfo_url: str
    issuer: str | None
    scope_separator: str
    issuer_url: str


class CredentialsArguments(CredentialsOptions, total=False):
    """What `AuthKit.credentials` passes on to the constructor of `CredentialsProvider` that fits."""

    variables: Mapping[str, Mapping[str, Any]] | None
    fields: Iterable[Field] | None
    service: KeyService | None
    values: Mapping[str, str] | None
    allowed_hosts: tuple[str, ...]
    api_url: str
    http_client: httpx.AsyncClient | None
