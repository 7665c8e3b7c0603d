"""Tokens made by hand at services where people work together."""

from __future__ import annotations

from mcpauthkit.connections.key_fields import address, email, key, part
from mcpauthkit.connections.key_service import NARROW, Detour, KeyService, Proof
from mcpauthkit.connections.preset import UNAUTHORIZED, AccountPaths, Refusal
from mcpauthkit.connections.presets_suites import SLACK as SLACK_OAUTH
from mcpauthkit.connections.presets_work import ATLASSIAN as ATLASSIAN_OAUTH
from mcpauthkit.connections.presets_work import LINEAR as LINEAR_OAUTH

_BEARER = {"Authorization": "Bearer {token}"}
_ATLASSIAN_TOKENS = "https://id.atlassian.com/manage-profile/security/api-tokens"
_ATLASSIAN_GUIDE = (
    f"1. Open [API tokens]({_ATLASSIAN_TOKENS}) of your Atlassian account.\n"
    "2. Create an API token; one with scopes reaches no more than it has to.\n"
    "3. Copy the token; it is shown once, and lives for a year at most.\n"
)
_ATLASSIAN_FIELDS = (
    part("site", "Site", "The first part of your address: acme of acme.atlassian.net."),
    email("The one of your Atlassian account."),
    key("API token"),
)
# It answers 401 as well to a token whose scopes are others than those of the request.
_ATLASSIAN_REFUSALS = (*ATLASSIAN_OAUTH.refusals, NARROW)


def _scoped(check_url: str) -> Detour:
    # Tokens with scopes get 401 at the site's own address, and cannot be told from the others by looking.
    return Detour(
        lookup_url="https://{site}.atlassian.net/_edge/tenant_info",
        path="cloudId",
        variable="cloud_id",
        check_url=check_url,
    )


JIRA_CLOUD = KeyService(
    name="jira-cloud",
    display_name="Jira",
    fields=_ATLASSIAN_FIELDS,
    check_url="https://{site}.atlassian.net/rest/api/3/myself",
    basic="{email}:{token}",
    address_field="site",
    account=AccountPaths(id="accountId", label="emailAddress|displayName"),
    refusals=_ATLASSIAN_REFUSALS,
    detour=_scoped("https://api.atlassian.com/ex/jira/{cloud_id}/rest/api/3/myself"),
    settings_url=_ATLASSIAN_TOKENS,
    guide=_ATLASSIAN_GUIDE,
)

CONFLUENCE_CLOUD = KeyService(
    name="confluence-cloud",
    display_name="Confluence",
    fields=_ATLASSIAN_FIELDS,
    check_url="https://{site}.atlassian.net/wiki/rest/api/user/current",
    basic="{email}:{token}",
    address_field="site",
    account=AccountPaths(id="accountId", label="email|displayName"),
    # Where strangers may read, a bad token is taken for a stranger.
    proof=Proof(path="accountId"),
    refusals=_ATLASSIAN_REFUSALS,
    detour=_scoped("https://api.atlassian.com/ex/confluence/{cloud_id}/wiki/rest/api/user/current"),
    settings_url=_ATLASSIAN_TOKENS,
    guide=_ATLASSIAN_GUIDE,
)

_DATA_CENTER_GUIDE = (
    "1. Open your profile there, then **Personal Access Tokens**.\n"
    "2. Create a token, with an expiry date.\n"
    "3. Copy the token; it is shown once.\n"
)

JIRA_DATA_CENTER = KeyService(
    name="jira-data-center",
    display_name="Jira",
    fields=(address("Jira address", "Such as https://jira.example.com."), key("Personal access token")),
    check_url="{base_url}/rest/api/2/myself",
    sent=_BEARER,
    address_field="base_url",
    account=AccountPaths(id="key", label="displayName|name"),
    refusals=(UNAUTHORIZED,),
    guide=_DATA_CENTER_GUIDE,
)

CONFLUENCE_DATA_CENTER = KeyService(
    name="confluence-data-center",
    display_name="Confluence",
    fields=(
        address("Confluence address", "Such as https://wiki.example.com, or https://example.com/confluence."),
        key("Personal access token"),
    ),
    check_url="{base_url}/rest/api/user/current",
    sent=_BEARER,
    address_field="base_url",
    account=AccountPaths(id="userKey|username", label="displayName|username"),
    proof=Proof(path="type", values=frozenset({"known"})),
    refusals=(UNAUTHORIZED,),
    guide=_DATA_CENTER_GUIDE,
)

NOTION = KeyService(
    name="notion",
    display_name="Notion",
    fields=(key("Token", "Begins with ntn_ or secret_."),),
    check_url="https://api.notion.com/v1/users/me",
    sent=_BEARER,
    headers={"Notion-Version": "2025-09-03"},
    account=AccountPaths(id="bot.owner.user.id|id", label="bot.workspace_name|name"),
    guide=(
        "1. Open Notion's developer portal and make an internal connection, or a personal access token.\n"
        "2. Copy its token.\n"
        "3. Share the pages you want to use here with the connection; it sees no others.\n"
    ),
)

LINEAR = KeyService(
    name="linear",
    display_name="Linear",
    fields=(key("Personal API key", "Begins with lin_api_."),),
    check_url="https://api.linear.app/graphql",
    # Without `Bearer`: that is for tokens of OAuth.
    sent={"Authorization": "{token}"},
    method="POST",
    json={"query": "{ viewer { id email } }"},
    account=AccountPaths(id="data.viewer.id", label="data.viewer.email"),
    refusals=LINEAR_OAUTH.refusals,
    guide="1. Open **Settings** and **Security & access** at Linear.\n2. Create a personal API key and copy it.\n",
)

SLACK = KeyService(
    name="slack",
    display_name="Slack",
    fields=(key("Token", "Begins with xoxb- or xoxp-."),),
    check_url="https://slack.com/api/auth.test",
    sent=_BEARER,
    method="POST",
    account=AccountPaths(id="user_id", label="user", tenant="team_id"),
    refusals=SLACK_OAUTH.refusals,
    scopes="header:x-oauth-scopes",
    guide="1. Open your app at Slack, then **OAuth & Permissions**.\n2. Install it and copy the token.\n",
)

FIGMA = KeyService(
    name="figma",
    display_name="Figma",
    fields=(key("Personal access token", "Begins with figd_."),),
    check_url="https://api.figma.com/v1/me",
    sent={"X-Figma-Token": "{token}"},
    account=AccountPaths(id="id", label="handle|email"),
    refusals=(UNAUTHORIZED, Refusal(meaning="dead", status=403)),
    guide=(
        "1. Open **Settings** and **Security** at Figma.\n"
        "2. Generate a personal access token that may read the current user, and whatever you want to use here.\n"
        "3. Copy the token; it is shown once.\n"
    ),
)

ASANA = KeyService(
    name="asana",
    display_name="Asana",
    fields=(key("Personal access token"),),
    check_url="https://app.asana.com/api/1.0/users/me",
    sent=_BEARER,
    account=AccountPaths(id="data.gid", label="data.email|data.name"),
    guide="1. Open **My apps** in Asana's developer console.\n2. Create a personal access token and copy it.\n",
)

AIRTABLE = KeyService(
    name="airtable",
    display_name="Airtable",
    fields=(key("Personal access token", "Begins with pat, and has a dot in the middle."),),
    check_url="https://api.airtable.com/v0/meta/whoami",
    sent=_BEARER,
    account=AccountPaths(id="id", label="email"),
    scopes="scopes",
    settings_url="https://airtable.com/create/tokens",
    guide=(
        "1. Open [Personal access tokens](https://airtable.com/create/tokens) at Airtable.\n"
        "2. Create a token for the bases you want to use here, and copy it.\n"
    ),
)

ZENDESK = KeyService(
    name="zendesk",
    display_name="Zendesk",
    fields=(
        part("subdomain", "Subdomain", "The first part of your address: acme of acme.zendesk.com."),
        email(),
        key("API token"),
    ),
    # Not users/me.json, which answers strangers as well.
    check_url="https://{subdomain}.zendesk.com/api/v2/users.json?per_page=1",
    basic="{email}/token:{token}",
    address_field="subdomain",
    guide="1. Open **Admin Center**, **Apps and integrations**, **APIs**.\n2. Add an API token and copy it.\n",
)

HUBSPOT = KeyService(
    name="hubspot",
    display_name="HubSpot",
    fields=(key("Access token", "Begins with pat-."),),
    check_url="https://api.hubapi.com/account-info/v3/details",
    sent=_BEARER,
    account=AccountPaths(id="portalId"),
    guide="1. Open **Settings**, **Integrations**, **Private apps**.\n2. Open or make an app and copy its token.\n",
)

DISCORD_BOT = KeyService(
    name="discord-bot",
    display_name="Discord",
    fields=(key("Bot token"),),
    check_url="https://discord.com/api/v10/users/@me",
    sent={"Authorization": "Bot {token}"},
    headers={"User-Agent": "mcpauthkit"},
    account=AccountPaths(id="id", label="username"),
    guide="1. Open your application in Discord's developer portal, then **Bot**.\n2. Reset the token and copy it.\n",
)
