"""Presets of services where work is planned and written down."""
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

ATLASSIAN = ServicePreset(
    name="atlassian",
    display_name="Atlassian",
    authorize_url="https://auth.atlassian.com/authorize",
    token_url="https://auth.atlassian.com/oauth/token",
    api_url="https://api.atlassian.com",
    tenant_variable="cloud_id",
    always_scopes=("offline_access",),
    authorize_params={"audience": "api.atlassian.com", "prompt": "consent"},
    scopes=ScopeRules(untold=frozenset({"offline_access"})),
    tokens=TokenShape(gone=frozenset({"unauthorized_client"})),
    # Its guides know no revocation, its discovery document names this address: it is tried, and may be refused.
    revocation=Revocation(url="https://auth.atlassian.com/oauth/revoke"),
    whoami=WhoAmI(
        url="https://api.atlassian.com/me",
        # Needs `read:me`, which an app has to have; without it the account has its sites for a name.
        account=AccountPaths(id="account_id", label="email|name"),
        further=WhoAmI(
            url="https://api.atlassian.com/oauth/token/accessible-resources",
            account=AccountPaths(label="*.name", tenant="*.id"),
        ),
    ),
    refusals=(
        Refusal(
            meaning="narrow",
            status=401,
            path="message",
            values=frozenset({"Unauthorized; scope does not match"}),
        ),
        UNAUTHORIZED,
    ),
    settings_url="https://id.atlassian.com/manage-profile/apps",
)
"""Jira and Confluence Cloud. Each site has a `cloud_id`, and its APIs are below `/ex/jira/{cloud_id}` and
`/ex/confluence/{cloud_id}`.

With `api_url="https://api.atlassian.com/ex/jira/{cloud_id}"` given to `OAuthProvider.from_preset`, `client()` takes
paths such as `/rest/api/3/myself` for the one site that a user let in. Users who let in several have no such site:
leave `api_url` out then, get the sites with `/oauth/token/accessible-resources`, and let the tool ask which.
"""


def _data_center(
    name: str, display_name: str, *, api: str, whoami: str = "", account: AccountPaths | None = None
) -> ServicePreset:
    return ServicePreset(
        name=name,
        display_name=display_name,
        authorize_url="{base_url}/rest/oauth2/latest/authorize",
        token_url="{base_url}/rest/oauth2/latest/token",
        api_url="{base_url}" + api,
        variables={"base_url": ""},
        revocation=Revocation(url="{base_url}/rest/oauth2/latest/token/revoke"),
        whoami=None if account is None else WhoAmI(url="{base_url}" + whoami, account=account),
    )


# Its API does not say whose a token is.
BITBUCKET_DATA_CENTER = _data_center("bitbucket-data-center", "Bitbucket", api="/rest/api/latest")
JIRA_DATA_CENTER = _data_center(
    "jira-data-center",
    "Jira",
    api="/rest/api/2",
    whoami="/rest/api/2/myself",
    account=AccountPaths(id="key", label="displayName|name"),
)
CONFLUENCE_DATA_CENTER = _data_center(
    "confluence-data-center",
    "Confluence",
    api="/rest/api",
    whoami="/rest/api/user/current",
    account=AccountPaths(id="userKey", label="displayName|username"),
)

# Its API answers in the shape of the version that is asked for.
_NOTION_VERSION = {"Notion-Version": "2025-09-03"}

NOTION = ServicePreset(
    name="notion",
    display_name="Notion",
    authorize_url="https://api.notion.com/v1/oauth/authorize",
    token_url="https://api.notion.com/v1/oauth/token",
    api_url="https://api.notion.com/v1",
    client_authentication="client_secret_basic",
    body="json",
    pkce=False,
    authorize_params={"owner": "user"},
    tokens=TokenShape(
        details={"workspace_id": "workspace_id", "workspace_name": "workspace_name", "bot_id": "bot_id"},
        account=AccountPaths(id="owner.user.id|bot_id", label="workspace_name", tenant="workspace_id"),
    ),
    scopes=ScopeRules(in_words=False),
    revocation=Revocation(url="https://api.notion.com/v1/oauth/revoke", token="access_token"),
    whoami=WhoAmI(
        url="https://api.notion.com/v1/users/me",
        account=AccountPaths(id="bot.owner.user.id|id", label="bot.workspace_name", tenant="bot.workspace_id"),
        headers=_NOTION_VERSION,
    ),
    refusals=(
        UNAUTHORIZED,
        Refusal(meaning="narrow", status=403, path="code", values=frozenset({"restricted_resource"})),
    ),
    api_headers=_NOTION_VERSION,
)

_LINEAR_DEAD = frozenset({"AUTHENTICATION_ERROR"})
_LINEAR_NARROW = frozenset({"FORBIDDEN"})

LINEAR = ServicePreset(
    name="linear",
    display_name="Linear",
    authorize_url="https://linear.app/oauth/authorize",
    token_url="https://api.linear.app/oauth/token",
    api_url="https://api.linear.app",
    # Where the files in issues are.
    api_hosts=("uploads.linear.app",),
    # Whether Linear checks the proof is not documented. Clients send it without harm (RFC 6749 section 3.1: unknown
    # parameters are ignored), and where it is checked, a stolen code is worth nothing.
    pkce=True,
    scope_separator=",",
    always_scopes=("read",),
    # Without it nobody could connect a second workspace.
    authorize_params={"prompt": "consent"},
    scopes=ScopeRules(
        implied={"write": ("issues:create", "comments:create", "timeSchedule:create", "timeSchedule:write")},
        covers_all=frozenset({"admin"}),
    ),
    revocation=Revocation(url="https://api.linear.app/oauth/revoke", style="bearer", token="access_token"),
    whoami=WhoAmI(
        url="https://api.linear.app/graphql",
        method="POST",
        json={"query": "{ viewer { id name email } organization { id } }"},
        account=AccountPaths(
            id="data.viewer.id", label="data.viewer.email|data.viewer.name", tenant="data.organization.id"
        ),
    ),
    refusals=(
        # GraphQL: what went wrong stands in the body, and the status is whatever the first error made of it.
        *(
            Refusal(meaning="dead", status=status, path="errors.*.extensions.code", values=_LINEAR_DEAD)
            for status in (200, 400, 401)
        ),
        *(
            Refusal(meaning="narrow", status=status, path="errors.*.extensions.code", values=_LINEAR_NARROW)
            for status in (200, 400, 403)
        ),
        UNAUTHORIZED,
    ),
    settings_url="https://linear.app/settings/account/security",
)
"""GraphQL, which is all at one address: `await http.post("/graphql", json={"query": ...})` with `client()`."""

ASANA = ServicePreset(
    name="asana",
    display_name="Asana",
    authorize_url="https://app.asana.com/-/oauth_authorize",
    token_url="https://app.asana.com/-/oauth_token",
    api_url="https://app.asana.com/api/1.0",
    tokens=TokenShape(account=AccountPaths(id="data.gid", label="data.email|data.name")),
    scopes=ScopeRules(covers_all=frozenset({"default"})),
    revocation=Revocation(url="https://app.asana.com/-/oauth_revoke"),
    whoami=WhoAmI(
        url="https://app.asana.com/api/1.0/users/me", account=AccountPaths(id="data.gid", label="data.email|data.name")
    ),
)

MONDAY = ServicePreset(
    name="monday",
    display_name="monday.com",
    authorize_url="https://auth.monday.com/oauth2/authorize",
    token_url="https://auth.monday.com/oauth2/token",
    api_url="https://api.monday.com",
    whoami=WhoAmI(
        url="https://api.monday.com/v2",
        method="POST",
        json={"query": "{ me { id name email } }"},
        account=AccountPaths(id="data.me.id", label="data.me.email|data.me.name"),
    ),
)
"""GraphQL, which is all at one address: `await http.post("/v2", json={"query": ...})` with `client()`."""

AIRTABLE = ServicePreset(
    name="airtable",
    display_name="Airtable",
    authorize_url="https://airtable.com/oauth2/v1/authorize",
    token_url="https://airtable.com/oauth2/v1/token",
    api_url="https://api.airtable.com/v0",
    # Where attachments are uploaded.
    api_hosts=("content.airtable.com",),
    client_authentication="client_secret_basic",
    whoami=WhoAmI(url="https://api.airtable.com/v0/meta/whoami", account=AccountPaths(id="id", label="email")),
)

# Both come with 403, where other services mean "not allowed".
_FIGMA_DEAD = Refusal(
    meaning="dead", status=403, path="err|message", values=frozenset({"Invalid token"}), by_beginning=True
)
# It goes on with the scopes there are, and those it wants.
_FIGMA_NARROW = Refusal(
    meaning="narrow", status=403, path="err|message", values=frozenset({"Invalid scope"}), by_beginning=True
)

FIGMA = ServicePreset(
    name="figma",
    display_name="Figma",
    authorize_url="https://www.figma.com/oauth",
    token_url="https://api.figma.com/v1/oauth/token",
    refresh_url="https://api.figma.com/v1/oauth/refresh",
    api_url="https://api.figma.com/v1",
    client_authentication="client_secret_basic",
    pkce=False,
    scope_separator=",",
    # It names no error, and answers 400 to whatever it does not like: only what is about the token ends a consent.
    tokens=TokenShape(
        message_path="message|err",
        gone_phrases=frozenset({"refresh token"}),
        account=AccountPaths(id="user_id_string"),
    ),
    scopes=ScopeRules(implied={"files:read": ("file_content:read", "file_metadata:read")}),
    whoami=WhoAmI(url="https://api.figma.com/v1/me", account=AccountPaths(id="id", label="handle|email")),
    refusals=(_FIGMA_DEAD, _FIGMA_NARROW, UNAUTHORIZED),
    settings_url="https://www.figma.com/settings",
)
