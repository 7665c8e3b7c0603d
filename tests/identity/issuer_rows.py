"""The issuers we know, each with the tokens it issues."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from mcpauthkit.identity.trusted_issuer import TrustedIssuer
from tests.identity.realm import RESOURCE, Realm, token_of

TENANT = "72f988bf-86f1-41af-91ab-2d7cd011db47"
API = "11111111-2222-3333-4444-555555555555"
CLIENT = "mcp-client"
BOTH = [RESOURCE, CLIENT]
ROLES_OF_PROJECT = "urn:zitadel:iam:org:project:roles"


@dataclass(frozen=True)
class Row:
    """One issuer.

    Args:
        profile: Its name.
        issuer: An identifier of it.
        access: What its access tokens say.
        scopes: What is to be read from that.
        roles: The same.
        id_token: What its ID tokens say; the audience is one that is accepted.
        options: For `TrustedIssuer`.
        typ: The header of access tokens.
        id_typ: The header of ID tokens.
        subject: Who it is.
    """

    profile: str
    issuer: str
    access: dict[str, Any]
    scopes: set[str]
    roles: set[str]
    id_token: dict[str, Any]
    options: dict[str, Any] = field(default_factory=dict)
    typ: str | None = "JWT"
    id_typ: str | None = "JWT"
    subject: str = "alice"

    def realm(self) -> Realm:
        return Realm(TrustedIssuer(self.issuer, profile=self.profile, **self.options))

    def access_token(self, **changes: Any) -> str:
        return token_of(self.issuer, {**self.access, **changes}, typ=self.typ)


ROWS = [
    Row(
        "generic",
        "https://issuer.example",
        {"scope": "mcp:tools", "client_id": CLIENT, "roles": ["staff"], "nonce": "n"},
        {"mcp:tools"},
        {"staff"},
        {"aud": CLIENT, "nonce": "n"},
        {"audience": BOTH},
        typ="at+jwt",
    ),
    Row(
        "keycloak",
        "https://sso.example/auth/realms/acme",
        {
            "typ": "Bearer",
            "azp": CLIENT,
            "scope": "openid mcp:tools",
            "realm_access": {"roles": ["offline_access", "staff"]},
            "resource_access": {"billing": {"roles": ["admin"]}, "account": {"roles": ["manage-account"]}},
            "groups": ["/people"],
            "nonce": "of a version before 25",
            "jti": "1",
        },
        {"openid", "mcp:tools"},
        {"offline_access", "staff", "billing:admin", "account:manage-account"},
        {"typ": "ID", "aud": CLIENT, "azp": CLIENT, "nonce": "n", "at_hash": "h"},
        {"audience": BOTH},
    ),
    Row(
        "okta",
        "https://acme.okta.com/oauth2/default",
        {"ver": 1, "cid": CLIENT, "uid": "00u1", "sub": "alice@acme.example", "scp": ["openid", "mcp:tools"]},
        {"openid", "mcp:tools"},
        set(),
        {"ver": 1, "aud": CLIENT, "sub": "00u1", "idp": "00o1", "amr": ["pwd"]},
        {"audience": BOTH},
        typ=None,
        id_typ=None,
        subject="00u1",
    ),
    Row(
        "entra",
        f"https://login.microsoftonline.com/{TENANT}/v2.0",
        {
            "aud": API,
            "azp": CLIENT,
            "azpacr": "0",
            "oid": "object-1",
            "sub": "pairwise-1",
            "tid": TENANT,
            "ver": "2.0",
            "scp": "tools.read tools.write",
            "roles": ["Admin"],
            "groups": ["group-guid"],
            "wids": ["wid-guid"],
        },
        {
            *("tools.read", f"{API}/tools.read", f"api://{API}/tools.read"),
            *("tools.write", f"{API}/tools.write", f"api://{API}/tools.write"),
        },
        {"Admin", "group-guid", "wid-guid"},
        {"aud": API, "oid": "object-1", "tid": TENANT, "ver": "2.0", "roles": ["Admin"], "name": "Alice"},
        {"audience": API},
        subject="object-1",
    ),
    Row(
        "auth0",
        "https://acme.eu.auth0.com/",
        {
            "aud": [RESOURCE, "https://acme.eu.auth0.com/userinfo"],
            "azp": CLIENT,
            "scope": "openid mcp:tools",
            "permissions": ["not:consented"],
        },
        {"openid", "mcp:tools"},
        set(),
        {"aud": CLIENT, "nonce": "n", "sid": "s"},
        {"audience": BOTH},
    ),
    Row(
        "duende",
        "https://ids.example",
        {"client_id": CLIENT, "scope": ["openid", "mcp:tools"], "role": "staff", "jti": "1"},
        {"openid", "mcp:tools"},
        {"staff"},
        {"aud": CLIENT, "client_id": CLIENT, "amr": ["pwd"], "idp": "local"},
        {"audience": BOTH},
        typ="at+jwt",
    ),
    Row(
        "cognito",
        "https://cognito-idp.eu-central-1.amazonaws.com/eu-central-1_AbCdEf",
        {
            "aud": None,
            "client_id": CLIENT,
            "token_use": "access",
            "scope": f"{RESOURCE}/tools",
            "cognito:groups": ["staff"],
            "username": "alice",
        },
        {f"{RESOURCE}/tools"},
        {"staff"},
        {"aud": RESOURCE, "client_id": CLIENT, "token_use": "id", "cognito:username": "alice"},
        {"client_ids": [CLIENT]},
        typ=None,
        id_typ=None,
    ),
    Row(
        "pingone",
        "https://auth.pingone.eu/11111111-2222-3333-4444-555555555555/as",
        {"client_id": CLIENT, "scope": "openid mcp:tools", "env": "env-1", "org": "org-1"},
        {"openid", "mcp:tools"},
        set(),
        {"aud": CLIENT, "nonce": "n", "at_hash": "h"},
        {"audience": BOTH},
        typ=None,
        id_typ=None,
    ),
    Row(
        "authentik",
        "https://auth.example/application/o/mcp/",
        {"aud": CLIENT, "azp": CLIENT, "uid": "random", "nonce": "n", "acr": "goauthentik.io", "groups": ["staff"]},
        set(),
        {"staff"},
        {"aud": CLIENT, "nonce": "n", "acr": "goauthentik.io", "groups": ["staff"]},
        {"audience": CLIENT},
    ),
    Row(
        "zitadel",
        "https://acme.zitadel.cloud",
        {
            "aud": ["project-1", CLIENT],
            "client_id": CLIENT,
            "jti": "1",
            "scope": "openid",
            ROLES_OF_PROJECT: {"staff": {"org-1": "acme.example"}, "admin": {"org-2": "other.example"}},
        },
        {"openid"},
        {"staff@org-1", "admin@org-2"},
        {"aud": ["project-1", CLIENT], "azp": CLIENT, "client_id": CLIENT, "amr": ["pwd"]},
        {"audience": "project-1"},
    ),
    Row(
        "hydra",
        "https://acme.projects.oryapis.com",
        {"client_id": CLIENT, "scp": ["openid", "mcp:tools"], "ext": {"roles": ["staff"], "age": 5}, "jti": "1"},
        {"openid", "mcp:tools"},
        {"staff"},
        {"aud": CLIENT, "at_hash": "h", "rat": 1, "sid": "s", "jti": "2"},
        {"audience": BOTH},
    ),
]
