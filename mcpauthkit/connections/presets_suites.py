"""Presets of office suites, messengers, meetings and file stores."""
# ruff: noqa: S106  # addresses of token endpoints, and which token is sent

from __future__ import annotations

from dataclasses import replace

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

GOOGLE = ServicePreset(
    name="google",
    display_name="Google",
    authorize_url="https://accounts.google.com/o/oauth2/v2/auth",
    token_url="https://oauth2.googleapis.com/token",
    api_url="https://www.googleapis.com",
    # Most of its APIs have hosts of their own.
    api_hosts=(".googleapis.com",),
    issuer="https://accounts.google.com",
    always_scopes=("openid", "email"),
    is_incremental=True,
    # A refresh token comes with the first consent only, unless it is asked for again.
    authorize_params={"access_type": "offline", "prompt": "consent", "include_granted_scopes": "true"},
    scopes=ScopeRules(
        implied={
            "drive": ("drive.readonly", "drive.file", "drive.metadata"),
            "drive.readonly": ("drive.metadata.readonly",),
            "drive.metadata": ("drive.metadata.readonly",),
            # Not its settings: those have scopes of their own.
            "https://mail.google.com/": (
                "gmail.modify",
                "gmail.readonly",
                "gmail.compose",
                "gmail.send",
                "gmail.insert",
                "gmail.labels",
                "gmail.metadata",
            ),
            "calendar": ("calendar.events", "calendar.readonly"),
            "calendar.events": ("calendar.events.readonly",),
            "calendar.readonly": ("calendar.events.readonly",),
        },
        aliases={"userinfo.email": "email", "userinfo.profile": "profile"},
        prefixes=("https://www.googleapis.com/auth/",),
    ),
    revocation=Revocation(url="https://oauth2.googleapis.com/revoke"),
    whoami=WhoAmI(
        url="https://openidconnect.googleapis.com/v1/userinfo",
        account=AccountPaths(id="sub", label="email", tenant="hd"),
    ),
    refusals=(
        UNAUTHORIZED,
        Refusal(
            meaning="narrow",
            status=403,
            path="error.details.*.reason",
            values=frozenset({"ACCESS_TOKEN_SCOPE_INSUFFICIENT"}),
        ),
    ),
    settings_url="https://myaccount.google.com/connections",
)

MICROSOFT = ServicePreset(
    name="microsoft",
    display_name="Microsoft",
    authorize_url="https://login.microsoftonline.com/{tenant}/oauth2/v2.0/authorize",
    token_url="https://login.microsoftonline.com/{tenant}/oauth2/v2.0/token",
    api_url="https://graph.microsoft.com/v1.0",
    variables={"tenant": "common"},
    always_scopes=("offline_access", "User.Read"),
    authorize_params={"prompt": "select_account"},
    on_behalf_of=True,
    tokens=TokenShape(gone=frozenset({"interaction_required"})),
    scopes=ScopeRules(
        # Writing covers reading, and everybody's things cover one's own.
        endings={
            ".ReadWrite": (".Read",),
            ".ReadWrite.All": (".Read.All",),
            ".ReadWrite.Shared": (".Read.Shared",),
            ".All": ("",),
        },
        prefixes=("https://graph.microsoft.com/",),
        ignores_case=True,
        untold=frozenset({"offline_access"}),
    ),
    whoami=WhoAmI(
        url="https://graph.microsoft.com/v1.0/me",
        account=AccountPaths(id="id", label="userPrincipalName"),
        # `User.Read` is enough for its id. Personal accounts have none.
        further=WhoAmI(url="https://graph.microsoft.com/v1.0/organization", account=AccountPaths(tenant="value.*.id")),
    ),
    refusals=(
        UNAUTHORIZED,
        Refusal(
            meaning="narrow",
            status=403,
            path="error.code",
            values=frozenset({"ErrorAccessDenied", "Authorization_RequestDenied"}),
        ),
    ),
    settings_url="https://myapps.microsoft.com",
)

_SLACK_DEAD = frozenset({"token_revoked", "invalid_auth", "account_inactive", "token_expired", "not_authed"})

SLACK = ServicePreset(
    name="slack",
    display_name="Slack",
    authorize_url="https://slack.com/oauth/v2/authorize",
    token_url="https://slack.com/api/oauth.v2.access",
    api_url="https://slack.com/api",
    api_hosts=("files.slack.com",),
    client_authentication="client_secret_basic",
    # Accepted only by apps that opted in, which makes them public clients for ever.
    pkce=False,
    scope_separator=",",
    scope_parameter="user_scope",
    is_incremental=True,
    tokens=TokenShape(
        # The user's token when a code is exchanged; a renewal answers with it at the top.
        blocks=("authed_user", ""),
        # At the top stands the app's bot as well, where users were asked for nothing.
        foreign_types=frozenset({"bot"}),
        ok_flag="ok",
        gone=frozenset({"invalid_refresh_token", "token_revoked", "account_inactive"}),
        details={"team_id": "team.id|team_id", "team": "team.name", "enterprise_id": "enterprise.id|enterprise_id"},
        account=AccountPaths(id="authed_user.id|user_id", tenant="team.id|team_id"),
    ),
    revocation=Revocation(url="https://slack.com/api/auth.revoke", style="bearer", token="access_token"),
    whoami=WhoAmI(
        url="https://slack.com/api/auth.test",
        method="POST",
        account=AccountPaths(id="user_id", label="user", tenant="team_id"),
    ),
    refusals=(
        Refusal(meaning="dead", status=200, path="error", values=_SLACK_DEAD),
        Refusal(meaning="narrow", status=200, path="error", values=frozenset({"missing_scope"}), needed="needed"),
        UNAUTHORIZED,
    ),
)

SLACK_USER = replace(
    SLACK,
    name="slack-user",
    authorize_url="https://slack.com/oauth/v2_user/authorize",
    token_url="https://slack.com/api/oauth.v2.user.access",
    client_authentication="client_secret_post",
    scope_parameter="scope",
)
"""Slack for apps without a bot: users let them in, and nothing is installed into the workspace."""

DISCORD = ServicePreset(
    name="discord",
    display_name="Discord",
    authorize_url="https://discord.com/oauth2/authorize",
    token_url="https://discord.com/api/oauth2/token",
    api_url="https://discord.com/api/v10",
    always_scopes=("identify",),
    revocation=Revocation(url="https://discord.com/api/oauth2/token/revoke"),
    whoami=WhoAmI(
        url="https://discord.com/api/users/@me",
        account=AccountPaths(id="id", label="username"),
        headers={"User-Agent": "mcpauthkit"},
    ),
    api_headers={"User-Agent": "mcpauthkit"},
)

ZOOM = ServicePreset(
    name="zoom",
    display_name="Zoom",
    authorize_url="https://zoom.us/oauth/authorize",
    token_url="https://zoom.us/oauth/token",
    # Each answer names the host of the user's region.
    api_url="{api_url}/v2",
    # Recordings are fetched from the host of the meeting, by the address that the API gives.
    api_hosts=("zoom.us", ".zoom.us"),
    told_hosts=(".zoom.us",),
    variables={"api_url": "https://api.zoom.us"},
    client_authentication="client_secret_basic",
    tokens=TokenShape(details={"api_url": "api_url"}),
    scopes=ScopeRules(in_words=False),
    revocation=Revocation(url="https://zoom.us/oauth/revoke", token="access_token"),
    whoami=WhoAmI(url="{api_url}/v2/users/me", account=AccountPaths(id="id", label="email", tenant="account_id")),
    refusals=(
        *(Refusal(meaning="narrow", status=status, path="code", values=frozenset({"4711"})) for status in (400, 401)),
        UNAUTHORIZED,
    ),
    settings_url="https://marketplace.zoom.us/user/installed",
)

DROPBOX = ServicePreset(
    name="dropbox",
    display_name="Dropbox",
    authorize_url="https://www.dropbox.com/oauth2/authorize",
    token_url="https://api.dropboxapi.com/oauth2/token",
    api_url="https://api.dropboxapi.com/2",
    api_hosts=("content.dropboxapi.com",),
    is_incremental=True,
    authorize_params={"token_access_type": "offline", "include_granted_scopes": "user"},
    # A `.write` scope does not bring its `.read` along: the app's console insists on both.
    tokens=TokenShape(account=AccountPaths(id="account_id", tenant="team_id")),
    revocation=Revocation(url="https://api.dropboxapi.com/2/auth/token/revoke", style="bearer", token="access_token"),
    whoami=WhoAmI(
        url="https://api.dropboxapi.com/2/users/get_current_account",
        method="POST",
        account=AccountPaths(id="account_id", label="email", tenant="team.id"),
    ),
    refusals=(
        Refusal(
            meaning="narrow",
            status=401,
            path="error..tag",
            values=frozenset({"missing_scope"}),
            needed="error.required_scope",
        ),
        UNAUTHORIZED,
    ),
    settings_url="https://www.dropbox.com/account/connected_apps",
)

BOX = ServicePreset(
    name="box",
    display_name="Box",
    authorize_url="https://account.box.com/api/oauth2/authorize",
    token_url="https://api.box.com/oauth2/token",
    api_url="https://api.box.com/2.0",
    api_hosts=("upload.box.com",),
    revocation=Revocation(url="https://api.box.com/oauth2/revoke"),
    whoami=WhoAmI(url="https://api.box.com/2.0/users/me", account=AccountPaths(id="id", label="login|name")),
)
