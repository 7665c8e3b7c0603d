"""What the operator says about the proxy, checked."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, TypedDict, get_args

import httpx

from mcpauthkit.core.clock import Clock, SystemClock
from mcpauthkit.core.entropy import Entropy, SystemEntropy
from mcpauthkit.core.keyring import KeyRing
from mcpauthkit.core.log import RequestLog
from mcpauthkit.core.secret import Secret, as_secret
from mcpauthkit.errors import ConfigurationError
from mcpauthkit.identity.issuer_profile import IssuerProfile
from mcpauthkit.identity.profiles import profile_named
from mcpauthkit.oauth.authorization import check_extra_parameters
from mcpauthkit.oauth.client_metadata import RegisteredClient
from mcpauthkit.oauth.known_clients import KnownClients
from mcpauthkit.oauth.scopes import check_scopes
from mcpauthkit.oauth.token import ClientAuthentication, OAuthClient
from mcpauthkit.protocol.client_documents import SafeClientDocuments
from mcpauthkit.stores.environment import key_ring_from_environment
from mcpauthkit.web.proxy.documents import ClientDocuments

_log = RequestLog("web")
_REFRESH_IDLE_SECONDS = 30 * 86_400.0
_REFRESH_LIFETIME_SECONDS = 180 * 86_400.0


class ProxyOptions(TypedDict, total=False):
    """The arguments of `oauth_meta_router` that only the authorization proxy has.

    Args:
        client_secret: Of a confidential client.
        client_authentication: How the secret is sent; `client_secret_basic` unless given.
        extra_authorize_params: Further parameters of the authorization request to the issuer.
        profile: The kind of issuer, `generic` unless given, and with it how it learns the resource.
        clients: Clients registered by hand.
        dynamic_registration: Whether clients register themselves; True unless given.
        client_document_hosts: Whose metadata documents are read: those of the catalogue of known clients unless given,
            empty for none.
        client_documents: How they are fetched.
        allowed_scopes: What clients may ask for besides `scopes` and those of a login (`openid`, `profile`, `email`,
            `offline_access`). Whoever uses `require_scopes` or `tool_scopes` of `JwtAuthMiddleware` lists those here;
            anything else is `invalid_scope`, because our client at the issuer may be allowed far more.
        refresh_idle_seconds: After this time without use a refresh token ends; 30 days unless given.
        refresh_lifetime_seconds: This long after the login they all end; 180 days unless given.
        key_ring: What seals; unless given, that of `STORAGE_ENCRYPTION_KEY` or `STORAGE_ENCRYPTION_KEY_PATH`, and where
            neither is set one that ends with the process, with a warning.
        http_client: An httpx client of yours for requests to the issuer.
        clock: Time.
        entropy: Source of states, verifiers and nonces.
    """

    client_secret: str | Secret | None
    client_authentication: ClientAuthentication | None
    extra_authorize_params: Mapping[str, str] | None
    profile: str | IssuerProfile
    clients: Sequence[RegisteredClient]
    dynamic_registration: bool
    client_document_hosts: Sequence[str] | None
    client_documents: ClientDocuments | None
    allowed_scopes: Sequence[str]
    refresh_idle_seconds: float
    refresh_lifetime_seconds: float
    key_ring: KeyRing | None
    http_client: httpx.AsyncClient | None
    clock: Clock | None
    entropy: Entropy | None


@dataclass(frozen=True, slots=True)
class ProxySettings:
    """The options with their defaults filled in.

    Args:
        client: Our client at the issuer.
        extra: Further parameters of the authorization request to the issuer.
        profile: The kind of issuer.
        clients: The clients registered by hand, by id.
        known: The catalogue of well-known clients.
        dynamic_registration: Whether clients register themselves.
        document_hosts: Whose metadata documents are read.
        documents: How they are fetched.
        allowed_scopes: What clients may ask for besides the base scopes.
        refresh_idle_seconds: How long a refresh token works without being used.
        refresh_lifetime_seconds: How long after the login refresh tokens work at all.
        key_ring: What seals.
        http_client: An httpx client of the operator's, or None.
        clock: Time.
        entropy: Source of states, verifiers and nonces.
    """

    client: OAuthClient
    extra: Mapping[str, str]
    profile: IssuerProfile
    clients: Mapping[str, RegisteredClient]
    known: KnownClients
    dynamic_registration: bool
    document_hosts: frozenset[str]
    documents: ClientDocuments
    allowed_scopes: tuple[str, ...]
    refresh_idle_seconds: float
    refresh_lifetime_seconds: float
    key_ring: KeyRing
    http_client: httpx.AsyncClient | None
    clock: Clock
    entropy: Entropy


def proxy_settings(client_id: str, options: ProxyOptions) -> ProxySettings:
    """Fill in the defaults.

    Raises:
        ConfigurationError: An option cannot be used.
    """
    extra = dict(options.get("extra_authorize_params") or {})
    check_extra_parameters(extra)
    profile = options.get("profile", "generic")
    known, hosts = KnownClients.bundled(), options.get("client_document_hosts")
    entropy = options.get("entropy") or SystemEntropy()
    return ProxySettings(
        client=_our_client(client_id, options.get("client_secret"), options.get("client_authentication")),
        extra=extra,
        profile=profile_named(profile) if isinstance(profile, str) else profile,
        clients=_by_id(options.get("clients", ())),
        known=known,
        dynamic_registration=options.get("dynamic_registration", True),
        document_hosts=known.document_hosts if hosts is None else _hosts(hosts),
        documents=options.get("client_documents") or SafeClientDocuments(),
        allowed_scopes=check_scopes(options.get("allowed_scopes", ())),
        refresh_idle_seconds=_seconds(options, "refresh_idle_seconds", _REFRESH_IDLE_SECONDS),
        refresh_lifetime_seconds=_seconds(options, "refresh_lifetime_seconds", _REFRESH_LIFETIME_SECONDS),
        key_ring=options.get("key_ring") or _key_ring(entropy),
        http_client=options.get("http_client"),
        clock=options.get("clock") or SystemClock(),
        entropy=entropy,
    )


def _our_client(
    client_id: str, secret: str | Secret | None, authentication: ClientAuthentication | None
) -> OAuthClient:
    if not client_id:
        raise ConfigurationError(
            "client_id is empty.", hint="Give the id of our client at the issuer, or leave it out."
        )
    if not secret:
        if secret is not None or authentication not in {None, "none"}:
            raise ConfigurationError(
                "The client at the issuer is to prove itself without a secret.",
                hint="Give client_secret, or leave client_authentication out for a public client.",
            )
        return OAuthClient(client_id)
    method = authentication or "client_secret_basic"
    if method == "none" or method not in get_args(ClientAuthentication):
        raise ConfigurationError(
            f"client_authentication={method!r} does not use the client_secret.",
            hint='Write "client_secret_basic" or "client_secret_post".',
        )
    return OAuthClient(client_id, as_secret(secret), method)


def _by_id(clients: Sequence[RegisteredClient]) -> dict[str, RegisteredClient]:
    by_id = {one.client_id: one for one in clients}
    if len(by_id) != len(clients):
        raise ConfigurationError("clients lists one client_id twice.", hint="Give each client one entry.")
    return by_id


def _hosts(hosts: Sequence[str]) -> frozenset[str]:
    if isinstance(hosts, str) or not all(host and host == host.lower() and "/" not in host for host in hosts):
        raise ConfigurationError(
            f"client_document_hosts={hosts!r} is not a list of hosts.", hint='Write ("claude.ai", "vscode.dev").'
        )
    return frozenset(hosts)


def _seconds(
    options: ProxyOptions, name: Literal["refresh_idle_seconds", "refresh_lifetime_seconds"], default: float
) -> float:
    seconds: object = options.get(name, default)
    if isinstance(seconds, bool) or not isinstance(seconds, int | float) or not 0 < seconds < math.inf:
        raise ConfigurationError(f"{name}={seconds!r} is no time.", hint=f"Give seconds, such as {default:.0f}.")
    return seconds


def _key_ring(entropy: Entropy) -> KeyRing:
    key_ring = key_ring_from_environment(entropy)
    if key_ring.is_ephemeral:
        _log.warning(
            "authorization proxy without a key_ring: logins in progress, registered clients and refresh tokens end "
            "with this process; pass key_ring=KeyRing({...}, minting=...) or set STORAGE_ENCRYPTION_KEY"
        )
    return key_ring
