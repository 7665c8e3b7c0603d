"""Presets of services where customers are looked after."""
# ruff: noqa: S106  # addresses of token endpoints, and which token is sent

from __future__ import annotations

from mcpauthkit.connections.preset import (
    UNAUTHORIZED,
    AccountPaths,
    Refusal,
    Revocation,
    ServicePreset,
    TokenShape,
    WhoAmI,
)
from mcpauthkit.oauth.scope_rules import ScopeRules

HUBSPOT = ServicePreset(
    name="hubspot",
    display_name="HubSpot",
    authorize_url="https://app.hubspot.com/oauth/authorize",
    token_url="https://api.hubapi.com/oauth/2026-03/token",
    api_url="https://api.hubapi.com",
    pkce=False,
    tokens=TokenShape(
        details={"hub_id": "hub_id"},
        account=AccountPaths(id="user_id", label="user|hub_domain", tenant="hub_id"),
    ),
    # What may be asked for is what the app requires, neither more nor less.
    scopes=ScopeRules(in_words=False),
    revocation=Revocation(url="https://api.hubapi.com/oauth/2026-03/token/revoke"),
    # Not the older address for it, which has the token in its path.
    whoami=WhoAmI(
        url="https://api.hubapi.com/oauth/2026-03/token/introspect",
        style="introspection",
        account=AccountPaths(id="user_id", label="user|hub_domain", tenant="hub_id"),
    ),
    refusals=(
        UNAUTHORIZED,
        Refusal(meaning="narrow", status=403, path="category", values=frozenset({"MISSING_SCOPES"})),
    ),
)

SALESFORCE = ServicePreset(
    name="salesforce",
    display_name="Salesforce",
    authorize_url="{base_url}/services/oauth2/authorize",
    token_url="{base_url}/services/oauth2/token",
    # Every organisation has a host of its own.
    api_url="{instance_url}",
    told_hosts=(".salesforce.com", ".force.com"),
    variables={"base_url": "https://login.salesforce.com"},
    always_scopes=("refresh_token",),
    # How long sessions live is the organisation's business, and no answer says it.
    tokens=TokenShape(details={"instance_url": "instance_url", "identity_url": "id"}),
    scopes=ScopeRules(
        implied={"api": ("chatter_api",), "web": ("visualforce",)},
        aliases={"offline_access": "refresh_token"},
        covers_all=frozenset({"full"}),
        without=frozenset({"refresh_token"}),
    ),
    revocation=Revocation(url="{base_url}/services/oauth2/revoke"),
    whoami=WhoAmI(
        url="{base_url}/services/oauth2/userinfo",
        account=AccountPaths(id="user_id", label="preferred_username", tenant="organization_id"),
    ),
)

ZENDESK = ServicePreset(
    name="zendesk",
    display_name="Zendesk",
    authorize_url="https://{subdomain}.zendesk.com/oauth/authorizations/new",
    token_url="https://{subdomain}.zendesk.com/oauth/tokens",
    api_url="https://{subdomain}.zendesk.com/api/v2",
    variables={"subdomain": ""},
    whoami=WhoAmI(
        url="https://{subdomain}.zendesk.com/api/v2/users/me.json",
        # Whoever is not signed in is a user as well, without an id.
        account=AccountPaths(id="user.id", label="user.email"),
    ),
)
