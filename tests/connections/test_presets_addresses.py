"""Where the rows lead: what tools write for paths, and where users withdraw access."""

from __future__ import annotations

from urllib.parse import urlsplit

import httpx
import pytest

from mcpauthkit.connections.presets import PRESETS
from mcpauthkit.connections.variables import api_url_for, resolved
from tests.connections.recorded import load

VECTORS = load("services")

# What a tool gives to `client()` for one call of the documented API, and the address that the vendor documents for it.
DOCUMENTED = {
    "airtable": ("/meta/whoami", "https://api.airtable.com/v0/meta/whoami"),
    "asana": ("/users/me", "https://app.asana.com/api/1.0/users/me"),
    "atlassian": ("/oauth/token/accessible-resources", "https://api.atlassian.com/oauth/token/accessible-resources"),
    "bitbucket": ("/user", "https://api.bitbucket.org/2.0/user"),
    "bitbucket-data-center": ("/projects", "https://atlassian.example.com/tools/rest/api/latest/projects"),
    "box": ("/users/me", "https://api.box.com/2.0/users/me"),
    "confluence-data-center": ("/user/current", "https://atlassian.example.com/tools/rest/api/user/current"),
    "discord": ("/users/@me", "https://discord.com/api/v10/users/@me"),
    "dropbox": ("/users/get_current_account", "https://api.dropboxapi.com/2/users/get_current_account"),
    "figma": ("/me", "https://api.figma.com/v1/me"),
    "github": ("/user", "https://api.github.com/user"),
    "github-app": ("/user", "https://api.github.com/user"),
    "github-enterprise": ("/user", "https://github.example.com/api/v3/user"),
    "gitlab": ("/user", "https://gitlab.example.com/api/v4/user"),
    "google": ("/drive/v3/files", "https://www.googleapis.com/drive/v3/files"),
    "hubspot": ("/account-info/v3/details", "https://api.hubapi.com/account-info/v3/details"),
    "hugging-face": ("/whoami-v2", "https://huggingface.co/api/whoami-v2"),
    "jira-data-center": ("/myself", "https://atlassian.example.com/tools/rest/api/2/myself"),
    "linear": ("/graphql", "https://api.linear.app/graphql"),
    "microsoft": ("/me", "https://graph.microsoft.com/v1.0/me"),
    "monday": ("/v2", "https://api.monday.com/v2"),
    "notion": ("/users/me", "https://api.notion.com/v1/users/me"),
    "pagerduty": ("/users/me", "https://api.pagerduty.com/users/me"),
    "salesforce": ("/services/data", "https://acme.my.salesforce.com/services/data"),
    "slack": ("/auth.test", "https://slack.com/api/auth.test"),
    "slack-user": ("/auth.test", "https://slack.com/api/auth.test"),
    "zendesk": ("/users/me.json", "https://acme.zendesk.com/api/v2/users/me.json"),
    "zoom": ("/users/me", "https://api-eu.zoom.us/v2/users/me"),
}


def test_a_call_is_documented_for_every_row() -> None:
    assert DOCUMENTED.keys() == PRESETS.keys()


@pytest.mark.parametrize("name", sorted(DOCUMENTED))
@pytest.mark.parametrize("slash", ["/", ""])
def test_a_documented_path_leads_to_the_documented_address(name: str, slash: str) -> None:
    path, address = DOCUMENTED[name]
    details = VECTORS[name]["code"]["credential"]["details"]
    api_url = api_url_for(resolved(PRESETS[name], VECTORS[name]["variables"]), details)
    assert api_url is not None
    http = httpx.AsyncClient(base_url=api_url, verify=False)  # noqa: S501  # nothing is sent
    assert str(http.build_request("GET", slash + path.lstrip("/")).url) == address


# Pages at which users of the service see the apps they let in, one for everybody.
WITHDRAWN_AT = {
    "atlassian": "https://id.atlassian.com/manage-profile/apps",
    "bitbucket": "https://bitbucket.org/account/settings/app-authorizations/",
    "dropbox": "https://www.dropbox.com/account/connected_apps",
    "figma": "https://www.figma.com/settings",
    "github": "https://github.com/settings/applications",
    "github-app": "https://github.com/settings/apps/authorizations",
    "github-enterprise": "https://github.example.com/settings/applications",
    "gitlab": "https://gitlab.example.com/-/user_settings/applications",
    "google": "https://myaccount.google.com/connections",
    "hugging-face": "https://huggingface.co/settings/connected-applications",
    "linear": "https://linear.app/settings/account/security",
    "microsoft": "https://myapps.microsoft.com",
    "zoom": "https://marketplace.zoom.us/user/installed",
}


@pytest.mark.parametrize("name", sorted(PRESETS))
def test_users_are_told_where_they_withdraw_access_where_that_is_one_page(name: str) -> None:
    assert resolved(PRESETS[name], VECTORS[name]["variables"]).settings_url == WITHDRAWN_AT.get(name, "")


def test_an_installation_of_ones_own_has_that_page_of_its_own() -> None:
    made = resolved(PRESETS["gitlab"], {"base_url": "https://git.corp.example/forge"})
    assert made.settings_url == "https://git.corp.example/forge/-/user_settings/applications"
    assert urlsplit(made.settings_url).hostname == "git.corp.example"
