"""Presets of services where code lives."""
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

_GITHUB_SCOPES = ScopeRules(
    implied={
        "repo": ("repo:status", "repo_deployment", "public_repo", "repo:invite", "security_events"),
        "admin:repo_hook": ("write:repo_hook",),
        "write:repo_hook": ("read:repo_hook",),
        "admin:org": ("write:org",),
        "write:org": ("read:org",),
        "admin:public_key": ("write:public_key",),
        "write:public_key": ("read:public_key",),
        "admin:gpg_key": ("write:gpg_key",),
        "write:gpg_key": ("read:gpg_key",),
        "user": ("read:user", "user:email", "user:follow"),
        "project": ("read:project",),
    }
)
_GITHUB_ACCOUNT = AccountPaths(id="id", label="login")
_GITHUB_TOKENS = TokenShape(gone=frozenset({"bad_refresh_token"}))
# A 403 has many reasons, so the header decides. Private things are hidden behind 404, which mostly means that there is
# nothing: asking for wide scopes because somebody mistyped a name would teach users to allow everything.
_GITHUB_REFUSALS = (
    UNAUTHORIZED,
    Refusal(
        meaning="narrow",
        status=403,
        needed="header:x-accepted-oauth-scopes",
        any_of=True,
        granted="header:x-oauth-scopes",
        # Every answer names scopes, and these are refusals of everybody or of an organisation's single sign-on.
        unless=("retry-after", "x-ratelimit-remaining: 0", "x-github-sso"),
    ),
)
# It refuses requests without one.
_USER_AGENT = {"User-Agent": "mcpauthkit"}
# Without it GitHub signs in silently as whoever the browser is there, and nobody could connect a second account.
_GITHUB_PARAMS = {"prompt": "select_account"}

GITHUB = ServicePreset(
    name="github",
    display_name="GitHub",
    authorize_url="https://github.com/login/oauth/authorize",
    token_url="https://github.com/login/oauth/access_token",
    api_url="https://api.github.com",
    # Where the files of releases are uploaded.
    api_hosts=("uploads.github.com",),
    issuer="https://github.com/login/oauth",
    authorize_params=_GITHUB_PARAMS,
    tokens=_GITHUB_TOKENS,
    scopes=_GITHUB_SCOPES,
    revocation=Revocation(
        url="https://api.github.com/applications/{client_id}/grant", style="github", token="access_token"
    ),
    whoami=WhoAmI(url="https://api.github.com/user", account=_GITHUB_ACCOUNT, headers=_USER_AGENT),
    refusals=_GITHUB_REFUSALS,
    api_headers=_USER_AGENT,
    settings_url="https://github.com/settings/applications",
)

GITHUB_APP = ServicePreset(
    name="github-app",
    display_name="GitHub",
    authorize_url=GITHUB.authorize_url,
    token_url=GITHUB.token_url,
    api_url=GITHUB.api_url,
    api_hosts=GITHUB.api_hosts,
    issuer=GITHUB.issuer,
    authorize_params=_GITHUB_PARAMS,
    tokens=_GITHUB_TOKENS,
    scopes=ScopeRules(in_words=False),
    revocation=GITHUB.revocation,
    whoami=GITHUB.whoami,
    api_headers=_USER_AGENT,
    settings_url="https://github.com/settings/apps/authorizations",
)

GITHUB_ENTERPRISE = ServicePreset(
    name="github-enterprise",
    display_name="GitHub Enterprise",
    authorize_url="{base_url}/login/oauth/authorize",
    token_url="{base_url}/login/oauth/access_token",
    api_url="{base_url}/api/v3",
    variables={"base_url": ""},
    authorize_params=_GITHUB_PARAMS,
    tokens=_GITHUB_TOKENS,
    scopes=_GITHUB_SCOPES,
    revocation=Revocation(url="{base_url}/api/v3/applications/{client_id}/grant", style="github", token="access_token"),
    whoami=WhoAmI(url="{base_url}/api/v3/user", account=_GITHUB_ACCOUNT, headers=_USER_AGENT),
    refusals=_GITHUB_REFUSALS,
    api_headers=_USER_AGENT,
    settings_url="{base_url}/settings/applications",
)

GITLAB = ServicePreset(
    name="gitlab",
    display_name="GitLab",
    authorize_url="{base_url}/oauth/authorize",
    token_url="{base_url}/oauth/token",
    refresh_with_redirect_uri=True,
    api_url="{base_url}/api/v4",
    variables={"base_url": "https://gitlab.com"},
    scopes=ScopeRules(
        implied={
            "api": ("read_api", "read_user", "write_repository", "read_registry", "write_registry"),
            "read_api": ("read_user",),
            "write_repository": ("read_repository",),
        }
    ),
    revocation=Revocation(url="{base_url}/oauth/revoke"),
    whoami=WhoAmI(url="{base_url}/api/v4/user", account=AccountPaths(id="id", label="username")),
    refusals=(
        UNAUTHORIZED,
        # It lists every scope that would do.
        Refusal(
            meaning="narrow",
            status=403,
            path="error",
            values=frozenset({"insufficient_scope"}),
            needed="scope",
            any_of=True,
        ),
    ),
    settings_url="{base_url}/-/user_settings/applications",
)

BITBUCKET = ServicePreset(
    name="bitbucket",
    display_name="Bitbucket",
    authorize_url="https://bitbucket.org/site/oauth2/authorize",
    token_url="https://bitbucket.org/site/oauth2/access_token",
    api_url="https://api.bitbucket.org/2.0",
    client_authentication="client_secret_basic",
    pkce=False,
    scopes=ScopeRules(
        implied={
            "repository:write": ("repository",),
            "pullrequest:write": ("pullrequest", "repository:write"),
            "pullrequest": ("repository",),
            "account:write": ("account",),
        }
    ),
    whoami=WhoAmI(
        url="https://api.bitbucket.org/2.0/user", account=AccountPaths(id="account_id|uuid", label="display_name")
    ),
    refusals=(
        UNAUTHORIZED,
        Refusal(meaning="narrow", status=403, path="error.detail.required", needed="error.detail.required"),
    ),
    settings_url="https://bitbucket.org/account/settings/app-authorizations/",
)

HUGGING_FACE = ServicePreset(
    name="hugging-face",
    display_name="Hugging Face",
    authorize_url="https://huggingface.co/oauth/authorize",
    token_url="https://huggingface.co/oauth/token",
    api_url="https://huggingface.co/api",
    # Inference, and the contents of data sets.
    api_hosts=("router.huggingface.co", "datasets-server.huggingface.co"),
    always_scopes=("openid", "profile"),
    whoami=WhoAmI(
        url="https://huggingface.co/oauth/userinfo", account=AccountPaths(id="sub", label="preferred_username")
    ),
    settings_url="https://huggingface.co/settings/connected-applications",
)

PAGERDUTY = ServicePreset(
    name="pagerduty",
    display_name="PagerDuty",
    authorize_url="https://app.pagerduty.com/oauth/authorize",
    token_url="https://app.pagerduty.com/oauth/token",
    api_url="https://api.pagerduty.com",
    whoami=WhoAmI(
        url="https://api.pagerduty.com/users/me",
        account=AccountPaths(id="user.id", label="user.email"),
        headers={"Accept": "application/vnd.pagerduty+json;version=2"},
    ),
    api_headers={"Accept": "application/vnd.pagerduty+json;version=2"},
)
