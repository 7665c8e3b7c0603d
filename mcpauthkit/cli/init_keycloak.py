"""A realm for Keycloak to import, in which everything that an MCP server needs is set up."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlsplit

from mcpauthkit.cli.init_checklists import BROWSER_CALLBACK_PATH
from mcpauthkit.cli.init_settings import Plan
from mcpauthkit.core.urls import is_loopback_host
from mcpauthkit.errors import ConfigurationError

_Json = dict[str, Any]
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}")
_HOST: Final = re.compile(r"[a-z0-9]([a-z0-9.-]{0,252}[a-z0-9])?")
# Where programs on people's own machines, and the web editions of the common ones, are called back.
_CLIENT_HOSTS: Final = ("localhost", "127.0.0.1", "claude.ai", "vscode.dev", "insiders.vscode.dev")
_DOCUMENT_HOSTS: Final = ("claude.ai", "vscode.dev", "chatgpt.com")
_TOKEN_SECONDS: Final = 300
_S256: Final = {"pkce.code.challenge.method": "S256"}
_USERS: Final = (("alice", "Alice", "Adams"), ("bob", "Bob", "Brown"))
_STAYS: Final = "offline_access"
# Whoever wants to try a refusal for want of a role has bob for it.
_NOT_BOBS: Final = "admin"


@dataclass(frozen=True, slots=True, kw_only=True)
class RealmPlan:
    """What a realm is to hold.

    Args:
        name: Its name.
        plan: What the server is to be.
        scopes: The server's own scopes.
        roles: Roles that tokens may hold.
        client_hosts: Hosts of further web clients that may register themselves.
        has_documents: Whether clients may name themselves by a metadata document.
        has_users: Whether there are users to try it with, whose passwords everybody knows.

    Raises:
        ConfigurationError: A name cannot be used, or there are to be users where others could sign in as them.
    """

    name: str
    plan: Plan
    scopes: Sequence[str]
    roles: Sequence[str]
    client_hosts: Sequence[str] = ()
    has_documents: bool = False
    has_users: bool = False

    def __post_init__(self) -> None:
        for option, names, form in (
            ("--realm", [self.name], _NAME),
            ("--role", self.roles, _NAME),
            ("--client-host", self.client_hosts, _HOST),
        ):
            wrong = [one for one in names if form.fullmatch(one) is None]
            if wrong:
                raise ConfigurationError(
                    f"{option}={wrong[0]!r:.80} cannot be used.", hint="Use letters, digits, dots and hyphens."
                )
        addresses = (self.plan.server_base_url, self.plan.issuer_url)
        if self.has_users and not all(is_loopback_host(urlsplit(one).hostname) for one in addresses):
            raise ConfigurationError(
                "--dev makes users whose passwords everybody knows.",
                hint="Leave it out, or let Keycloak and the server be on this machine.",
            )


def realm_text(wanted: RealmPlan) -> str:
    """The realm as JSON.

    Args:
        wanted: What it is to hold.
    """
    return json.dumps(_realm(wanted), indent=2) + "\n"


def _realm(wanted: RealmPlan) -> _Json:
    own = [_scope_of_server(one, wanted) for one in wanted.scopes]
    realm: _Json = {
        "realm": wanted.name,
        "enabled": True,
        "sslRequired": "external",
        "bruteForceProtected": True,
        "accessTokenLifespan": _TOKEN_SECONDS,
        # A refresh token that was used is of no use to whoever has copied it.
        "revokeRefreshToken": True,
        "refreshTokenMaxReuse": 0,
        "roles": {"realm": [{"name": one} for one in wanted.roles]},
        "clientScopes": [*own, *_usual_scopes()],
        "defaultDefaultClientScopes": ["basic", "roles", "profile", "email"],
        "defaultOptionalClientScopes": [*wanted.scopes, "openid", _STAYS],
        # Clients that register themselves get only roles that one of their scopes permits.
        "scopeMappings": [
            *({"clientScope": one, "roles": list(wanted.roles)} for one in ("roles", *wanted.scopes) if wanted.roles),
            {"clientScope": _STAYS, "roles": [_STAYS]},
        ],
        "clients": [_browser_client(wanted.plan)],
        "components": {"org.keycloak.services.clientregistration.policy.ClientRegistrationPolicy": _policies(wanted)},
    }
    if wanted.has_users:
        realm["users"] = [_user(*one, roles=wanted.roles) for one in _USERS]
    if wanted.has_documents:
        realm |= _metadata_documents()
    return realm


def _scope_of_server(name: str, wanted: RealmPlan) -> _Json:
    audience = {
        "included.custom.audience": wanted.plan.resource,
        "access.token.claim": "true",
        "id.token.claim": "false",
        "introspection.token.claim": "true",
    }
    mappers = [_mapper("the MCP server", "oidc-audience-mapper", audience), _role_mapper()]
    return _scope(name, mappers, consent=name)


def _usual_scopes() -> list[_Json]:
    """Those that Keycloak would make by itself, if the realm named none; and `openid`, which clients register with."""
    in_all = {"id.token.claim": "true", "access.token.claim": "true", "userinfo.token.claim": "true"}
    session = {"user.session.note": "AUTH_TIME", "claim.name": "auth_time", "jsonType.label": "long"}
    return [
        _scope("openid"),
        _scope(_STAYS, consent="${offlineAccessScopeConsentText}"),
        _scope(
            "basic",
            [
                _mapper("sub", "oidc-sub-mapper", {"access.token.claim": "true", "introspection.token.claim": "true"}),
                _mapper("auth_time", "oidc-usersessionmodel-note-mapper", {**session, **in_all}),
            ],
        ),
        _scope("roles", [_role_mapper()]),
        _scope(
            "profile",
            [
                _attribute_mapper("username", "preferred_username", in_all),
                _mapper("full name", "oidc-full-name-mapper", in_all),
            ],
            consent="${profileScopeConsentText}",
        ),
        _scope("email", [_attribute_mapper("email", "email", in_all)], consent="${emailScopeConsentText}"),
    ]


def _scope(name: str, mappers: Sequence[_Json] = (), *, consent: str = "") -> _Json:
    is_shown = json.dumps(bool(consent))
    attributes = {"include.in.token.scope": is_shown, "display.on.consent.screen": is_shown}
    if consent:
        attributes["consent.screen.text"] = consent
    return {"name": name, "protocol": "openid-connect", "attributes": attributes, "protocolMappers": list(mappers)}


def _mapper(name: str, kind: str, config: dict[str, str]) -> _Json:
    return {"name": name, "protocol": "openid-connect", "protocolMapper": kind, "config": config}


def _attribute_mapper(attribute: str, claim: str, in_all: dict[str, str]) -> _Json:
    config = {"user.attribute": attribute, "claim.name": claim, "jsonType.label": "String", **in_all}
    return _mapper(attribute, "oidc-usermodel-attribute-mapper", config)


def _role_mapper() -> _Json:
    config = {
        "claim.name": "realm_access.roles",
        "multivalued": "true",
        "jsonType.label": "String",
        "access.token.claim": "true",
        "introspection.token.claim": "true",
    }
    return _mapper("realm roles", "oidc-usermodel-realm-role-mapper", config)


def _browser_client(plan: Plan) -> _Json:
    return {
        "clientId": plan.browser_client_id,
        "name": "The MCP server's own pages",
        "publicClient": True,
        "standardFlowEnabled": True,
        "directAccessGrantsEnabled": False,
        "fullScopeAllowed": False,
        "redirectUris": [f"{plan.server_base_url}{BROWSER_CALLBACK_PATH}"],
        "attributes": _S256,
    }


def _policies(wanted: RealmPlan) -> list[_Json]:
    hosts = {
        "trusted-hosts": [*_CLIENT_HOSTS, *wanted.client_hosts],
        # Programs register from wherever their users are; it is where they are called back that counts.
        "host-sending-registration-request-must-match": ["false"],
        "client-uris-must-match": ["true"],
    }
    scopes = {"allow-default-scopes": ["true"], "allowed-client-scopes": [*wanted.scopes, "openid", _STAYS]}
    return [
        _policy("Trusted Hosts", "trusted-hosts", hosts),
        _policy("Allowed Client Scopes", "allowed-client-templates", scopes),
        _policy("Consent Required", "consent-required", {}),
        _policy("Full Scope Disabled", "scope", {}),
        _policy("Max Clients Limit", "max-clients", {"max-clients": ["200"]}),
    ]


def _policy(name: str, kind: str, config: dict[str, list[str]]) -> _Json:
    return {"name": name, "providerId": kind, "subType": "anonymous", "config": config}


def _user(name: str, first: str, last: str, *, roles: Sequence[str]) -> _Json:
    own = [one for one in roles if name != "bob" or one != _NOT_BOBS]
    return {
        "username": name,
        "enabled": True,
        "firstName": first,
        "lastName": last,
        "email": f"{name}@example.test",
        "emailVerified": True,
        "credentials": [{"type": "password", "value": name}],
        "realmRoles": [*own, _STAYS],
    }


def _metadata_documents() -> _Json:
    name = "metadata-documents"
    hosts = list(_DOCUMENT_HOSTS)
    executor = {
        "executor": "client-id-metadata-document",
        "configuration": {
            "cimd-allow-http-scheme": False,
            "cimd-allow-permitted-domains": hosts,
            "cimd-restrict-same-domain": False,
        },
    }
    condition = {
        "condition": "client-id-uri",
        "configuration": {"client-id-uri-scheme": ["https"], "client-id-uri-allow-permitted-domains": hosts},
    }
    policy = {"name": name, "enabled": True, "conditions": [condition], "profiles": [name]}
    return {
        "clientProfiles": {"profiles": [{"name": name, "executors": [executor]}]},
        "clientPolicies": {"policies": [policy]},
    }
