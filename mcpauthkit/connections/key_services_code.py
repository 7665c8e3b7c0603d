"""Tokens made by hand at services where code lives and runs."""

from __future__ import annotations

from mcpauthkit.connections.key_fields import address, choice, email, key, part
from mcpauthkit.connections.key_service import KeyService, Proof
from mcpauthkit.connections.preset import UNAUTHORIZED, AccountPaths, Refusal

_BEARER = {"Authorization": "Bearer {token}"}
_USER_AGENT = {"User-Agent": "mcpauthkit"}

GITHUB = KeyService(
    name="github",
    display_name="GitHub",
    fields=(key("Personal access token", "Begins with github_pat_ or ghp_."),),
    check_url="https://api.github.com/user",
    sent=_BEARER,
    headers=_USER_AGENT,
    account=AccountPaths(id="id", label="login"),
    scopes="header:x-oauth-scopes",
    expires="header:github-authentication-token-expiration",
    settings_url="https://github.com/settings/personal-access-tokens",
    guide=(
        "1. Open [Personal access tokens](https://github.com/settings/personal-access-tokens) at GitHub.\n"
        "2. Generate a fine-grained token for the repositories and permissions you want to use here.\n"
        "3. Copy the token; it is shown once.\n"
    ),
)

GITLAB = KeyService(
    name="gitlab",
    display_name="GitLab",
    fields=(
        address("GitLab address", "https://gitlab.com, or the address of your own GitLab."),
        key("Personal access token", "Usually begins with glpat-."),
    ),
    check_url="{base_url}/api/v4/personal_access_tokens/self",
    sent={"PRIVATE-TOKEN": "{token}"},
    address_field="base_url",
    account=AccountPaths(id="user_id", label="name"),
    proof=Proof(path="active"),
    refusals=(UNAUTHORIZED,),
    scopes="scopes",
    expires="expires_at",
    guide=(
        "1. Open your GitLab, then your avatar, **Edit profile** and **Personal access tokens**.\n"
        "   At gitlab.com that is [this page](https://gitlab.com/-/user_settings/personal_access_tokens).\n"
        "2. Add a token with the scopes you want to use here, and an expiry date.\n"
        "3. Copy the token; it is shown once.\n"
    ),
)

BITBUCKET = KeyService(
    name="bitbucket",
    display_name="Bitbucket",
    fields=(email("The one of your Atlassian account."), key("API token", "One with scopes, made for Bitbucket.")),
    check_url="https://api.bitbucket.org/2.0/user",
    basic="{email}:{token}",
    account=AccountPaths(id="account_id|uuid", label="display_name"),
    settings_url="https://id.atlassian.com/manage-profile/security/api-tokens",
    guide=(
        "1. Open [API tokens](https://id.atlassian.com/manage-profile/security/api-tokens) of your Atlassian account.\n"
        "2. Create an API token **with scopes**, choose Bitbucket, and the scopes you want to use here.\n"
        "3. Copy the token. App passwords do not work any more.\n"
    ),
)

AZURE_DEVOPS = KeyService(
    name="azure-devops",
    display_name="Azure DevOps",
    fields=(
        part("organization", "Organization", "The first part of the path: acme in https://dev.azure.com/acme."),
        key("Personal access token"),
    ),
    check_url="https://dev.azure.com/{organization}/_apis/connectionData",
    basic=":{token}",
    address_field="organization",
    account=AccountPaths(id="authenticatedUser.id", label="authenticatedUser.providerDisplayName"),
    # 203 is its sign-in page, for a token it does not know.
    refusals=(UNAUTHORIZED, Refusal(meaning="dead", status=203), Refusal(meaning="narrow", status=403)),
    guide=(
        "1. Open your organization at Azure DevOps, then **User settings** and **Personal access tokens**.\n"
        "2. Make a new token with the scopes you want to use here.\n"
        "3. Copy the token; it is shown once.\n"
    ),
)

SENTRY = KeyService(
    name="sentry",
    display_name="Sentry",
    fields=(key("Personal token", "Begins with sntryu_."),),
    check_url="https://sentry.io/api/0/",
    sent=_BEARER,
    guide="1. Open Sentry, then **Settings**, **Personal tokens**.\n2. Create a token and copy it.\n",
)

SENTRY_ORGANIZATION = KeyService(
    name="sentry-organization",
    display_name="Sentry",
    fields=(key("Organization token", "Begins with sntrys_."),),
    check_url="https://sentry.io/api/0/auth/validate",
    sent=_BEARER,
    guide="1. Open Sentry, then **Settings**, **Organization tokens**.\n2. Create a token and copy it.\n",
)

HUGGING_FACE = KeyService(
    name="hugging-face",
    display_name="Hugging Face",
    fields=(key("Access token", "Begins with hf_."),),
    check_url="https://huggingface.co/api/whoami-v2",
    sent=_BEARER,
    account=AccountPaths(id="id", label="name"),
    settings_url="https://huggingface.co/settings/tokens",
    guide=(
        "1. Open [Access tokens](https://huggingface.co/settings/tokens) at Hugging Face.\n"
        "2. Create a fine-grained token and copy it.\n"
    ),
)

CLOUDFLARE = KeyService(
    name="cloudflare",
    display_name="Cloudflare",
    fields=(key("API token"),),
    check_url="https://api.cloudflare.com/client/v4/user/tokens/verify",
    sent=_BEARER,
    account=AccountPaths(id="result.id"),
    proof=Proof(path="result.status", values=frozenset({"active"})),
    refusals=(
        UNAUTHORIZED,
        Refusal(meaning="dead", status=403),
        # What has not even the form of a token.
        Refusal(meaning="dead", status=400, path="errors.*.code", values=frozenset({"6003"})),
    ),
    expires="result.expires_on",
    settings_url="https://dash.cloudflare.com/profile/api-tokens",
    guide=(
        "1. Open [API tokens](https://dash.cloudflare.com/profile/api-tokens) at Cloudflare.\n"
        "2. Create a token with the permissions you want to use here, not a global API key.\n"
        "3. Copy the token; it is shown once.\n"
    ),
)

DIGITALOCEAN = KeyService(
    name="digitalocean",
    display_name="DigitalOcean",
    fields=(key("Personal access token", "Begins with dop_v1_."),),
    check_url="https://api.digitalocean.com/v2/account",
    sent=_BEARER,
    account=AccountPaths(id="account.uuid", label="account.email"),
    guide="1. Open **API** in DigitalOcean's control panel.\n2. Generate a token and copy it.\n",
)

VERCEL = KeyService(
    name="vercel",
    display_name="Vercel",
    fields=(key("Access token"),),
    check_url="https://api.vercel.com/v2/user",
    sent=_BEARER,
    account=AccountPaths(id="user.id|user.uid", label="user.email|user.username"),
    refusals=(
        UNAUTHORIZED,
        Refusal(meaning="dead", status=403, path="error.invalidToken"),
        Refusal(meaning="narrow", status=403),
    ),
    guide="1. Open **Account settings** and **Tokens** at Vercel.\n2. Create a token and copy it.\n",
)

GRAFANA = KeyService(
    name="grafana",
    display_name="Grafana",
    fields=(
        address("Grafana address", "Such as https://acme.grafana.net."),
        key("Service account token", "Begins with glsa_."),
    ),
    check_url="{base_url}/api/access-control/user/permissions",
    sent=_BEARER,
    address_field="base_url",
    guide=(
        "1. Open your Grafana, then **Administration** and **Service accounts**.\n"
        "2. Add a service account with the role you want to use here, and a token to it.\n"
        "3. Copy the token. Those that begin with glc_ are for grafana.com and do not work here.\n"
    ),
)

DATADOG = KeyService(
    name="datadog",
    display_name="Datadog",
    fields=(
        choice(
            "site",
            "Site",
            "datadoghq.com",
            "us3.datadoghq.com",
            "us5.datadoghq.com",
            "ap1.datadoghq.com",
            "datadoghq.eu",
            "ddog-gov.com",
            hint="As in the address of your Datadog.",
        ),
        key("API key", "32 characters.", name="api_key"),
        key("Application key", "40 characters.", name="application_key"),
    ),
    check_url="https://api.{site}/api/v2/validate_keys",
    sent={"DD-API-KEY": "{api_key}", "DD-APPLICATION-KEY": "{application_key}"},
    key_field="api_key",
    refusals=(UNAUTHORIZED, Refusal(meaning="dead", status=403)),
    guide=(
        "1. Open **Organization settings** at Datadog.\n"
        "2. Make a key under **API keys**, and one under **Application keys**.\n"
        "3. Both have to be of the same site.\n"
    ),
)

PAGERDUTY = KeyService(
    name="pagerduty",
    display_name="PagerDuty",
    fields=(
        choice("host", "Region", "api.pagerduty.com", "api.eu.pagerduty.com"),
        key("API key", "A user token, or an API access key."),
    ),
    check_url="https://{host}/abilities",
    sent={"Authorization": "Token token={token}"},
    headers={"Accept": "application/vnd.pagerduty+json;version=2"},
    guide=("1. Open your profile at PagerDuty, then **User settings**.\n2. Create an API user token and copy it.\n"),
)

POSTMAN = KeyService(
    name="postman",
    display_name="Postman",
    fields=(key("API key", "Begins with PMAK-."),),
    check_url="https://api.getpostman.com/me",
    sent={"x-api-key": "{token}"},
    account=AccountPaths(id="user.id", label="user.email|user.username"),
    guide=(
        "1. Open Postman, then **Settings** and **API keys** in the menu of your account.\n"
        "2. Generate a key and copy it; it is shown once.\n"
    ),
)
