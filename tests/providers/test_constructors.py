"""`OAuthProvider` from plain values, from a preset and from an issuer: what they take, and what they refuse."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
import respx

from mcpauthkit import OAuthProvider
from mcpauthkit.connections.preset import ServicePreset
from mcpauthkit.errors import ConfigurationError

BASE = "https://mcp.example"
CLIENT: dict[str, Any] = {"client_id": "id", "client_secret": "s", "server_base_url": BASE}
PLAIN: dict[str, Any] = {
    **CLIENT,
    "name": "forge",
    "authorize_url": "https://forge.example/authorize",
    "token_url": "https://forge.example/token",
}


def test_an_address_may_be_called_by_its_other_name() -> None:
    values = {name: value for name, value in PLAIN.items() if name != "authorize_url"}
    provider = OAuthProvider.from_standard_oauth2(
        **values,
        authorization_url="https://forge.example/authorize",
        scope="repo user",
        redirect_uri=f"{BASE}/connect/forge/callback",
        token_timeout=300,
        revocation_url="https://forge.example/revoke",
        userinfo_url="https://forge.example/user",
        scope_separator=",",
        pkce=False,
    )
    assert provider.name == "forge"


@pytest.mark.parametrize(
    "changes",
    [
        {"authorization_url": "https://forge.example/authorize"},
        {"authorize_url": ""},
        {"authorize_url": "http://forge.example/authorize"},
        {"token_url": "https://{host}/token"},
        {"client_id": ""},
        {"redirect_uri": f"{BASE}/oauth/callback"},
        {"redirect_uri": f"{BASE}/connect/forge/callback/"},
        {"token_timeout": 300, "flow_ttl_seconds": 600},
        {"revocation_url": "http://forge.example/revoke"},
        {"userinfo_url": "ftp://forge.example/user"},
        {"extra_authorize_params": {"state": "x"}},
    ],
)
def test_what_cannot_be_meant_is_refused_at_once(changes: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError):
        OAuthProvider.from_standard_oauth2(**{**PLAIN, **changes})


def test_a_wrong_redirect_uri_is_told_the_right_one() -> None:
    with pytest.raises(ConfigurationError) as refused:
        OAuthProvider.from_standard_oauth2(**PLAIN, redirect_uri="https://other.example/cb")
    assert f"{BASE}/connect/forge/callback" in refused.value.hint


def test_a_preset_needs_only_the_client() -> None:
    github = OAuthProvider.from_preset("github", **CLIENT)
    assert (github.name, github.api_url) == ("github", "https://api.github.com")
    mine = OAuthProvider.from_preset("github", name="github-bot", api_url="https://api.github.com/v3", **CLIENT)
    assert (mine.name, mine.api_url) == ("github-bot", "https://api.github.com/v3")


def test_a_preset_takes_the_address_of_an_installation_of_ones_own() -> None:
    assert OAuthProvider.from_preset("gitlab", **CLIENT).api_url == "https://gitlab.com/api/v4"
    own = OAuthProvider.from_preset("gitlab", base_url="https://git.acme.example/forge/", **CLIENT)
    assert own.api_url == "https://git.acme.example/forge/api/v4"


def test_a_service_that_no_row_knows_may_be_described() -> None:
    service = ServicePreset(
        name="desk",
        display_name="Desk",
        authorize_url="https://{subdomain}.desk.example/authorize",
        token_url="https://{subdomain}.desk.example/token",
        api_url="https://{subdomain}.desk.example/api",
        variables={"subdomain": ""},
    )
    assert OAuthProvider.from_preset(service, variables={"subdomain": "acme"}, **CLIENT).api_url == (
        "https://acme.desk.example/api"
    )


@pytest.mark.parametrize(
    ("preset", "changes"),
    [
        ("nothing-like-it", {}),
        ("github", {"base_url": "https://git.example"}),
        ("github-enterprise", {}),
        ("github-enterprise", {"base_url": "http://git.example"}),
        ("microsoft", {"tenant": "a/../b"}),
        ("zendesk", {"variables": {"subdomain": "evil.example/"}}),
        ("github", {"extra_authorize_params": {"redirect_uri": "https://evil.example"}}),
    ],
)
def test_a_preset_that_is_not_there_or_leads_elsewhere_is_refused(preset: str, changes: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError):
        OAuthProvider.from_preset(preset, **{**CLIENT, **changes})


@respx.mock
def test_an_issuer_is_not_asked_before_somebody_connects(respx_mock: respx.MockRouter) -> None:
    provider = OAuthProvider.from_oidc("https://issuer.example/realm", name="corp", **CLIENT)
    assert provider.name == "corp"
    assert not respx_mock.calls
    with pytest.raises(ConfigurationError):
        OAuthProvider.from_oidc("http://issuer.example", name="corp", **CLIENT)


def test_a_client_of_the_applications_is_used_for_the_services_addresses() -> None:
    http = httpx.AsyncClient()
    assert OAuthProvider.from_preset("github", http_client=http, display_name="Forge", **CLIENT).name == "github"
