"""Variables in the addresses of presets: where a value may lead, and where it may not."""

from __future__ import annotations

from dataclasses import replace

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcpauthkit.connections.preset import AccountPaths, Revocation, ServicePreset, TokenShape, WhoAmI
from mcpauthkit.connections.variables import api_url_for, resolved, with_client_id
from mcpauthkit.errors import ConfigurationError, RemoteMisbehaved

HOSTED = ServicePreset(
    name="hosted",
    display_name="Hosted",
    authorize_url="{base_url}/authorize",
    token_url="{base_url}/{tenant}/token",
    api_url="{base_url}/api",
    variables={"base_url": "https://hosted.example", "tenant": ""},
    revocation=Revocation(url="{base_url}/apps/{client_id}/grant"),
    whoami=WhoAmI(url="{base_url}/me", account=AccountPaths(id="id")),
)
SUBDOMAIN = ServicePreset(
    name="desk",
    display_name="Desk",
    authorize_url="https://{sub}.desk.example/authorize",
    token_url="https://{sub}.desk.example/token",
    variables={"sub": ""},
)
TOLD = ServicePreset(
    name="told",
    display_name="Told",
    authorize_url="https://login.told.example/authorize",
    token_url="https://login.told.example/token",
    api_url="{instance_url}/v2",
    told_hosts=(".told.example", "api.told.test"),
    tokens=TokenShape(details={"instance_url": "instance_url"}),
)


def test_values_are_put_into_every_address() -> None:
    made = resolved(HOSTED, {"base_url": "https://git.acme.example/forge/", "tenant": "acme"})
    assert made.authorize_url == "https://git.acme.example/forge/authorize"
    assert made.token_url == "https://git.acme.example/forge/acme/token"
    assert made.api_url == "https://git.acme.example/forge/api"
    assert made.whoami is not None
    assert made.whoami.url == "https://git.acme.example/forge/me"
    assert made.revocation is not None
    assert with_client_id(made.revocation.url, "a/../b") == "https://git.acme.example/forge/apps/a%2F..%2Fb/grant"
    assert resolved(made) == made


@pytest.mark.parametrize("variables", [{}, {"tenant": ""}, {"tenant": "a", "teanant": "b"}])
def test_a_missing_or_unknown_variable_is_told_at_once(variables: dict[str, str]) -> None:
    with pytest.raises(ConfigurationError):
        resolved(HOSTED, variables)


@pytest.mark.parametrize(
    "value",
    [
        "http://git.acme.example",
        "https://user:pw@git.acme.example",
        "https://git.acme.example?x=",
        "https://git.acme.example#x",
        "https://git.acme.example/a/../b",
        "https://git.acme.example/a%2f..",
        "https://git.acme.example//evil.example",
        "https://git.acme.example\\@evil.example",
        "https://git.acme.example/a b",
        "file:///etc/passwd",
        "git.acme.example",
        "https://{sub}.example",
    ],
)
def test_a_base_address_is_https_with_a_plain_path_or_nothing(value: str) -> None:
    with pytest.raises(ConfigurationError):
        resolved(HOSTED, {"base_url": value, "tenant": "a"})


@pytest.mark.parametrize(
    "value",
    ["evil.example/", "evil.example#", "a@b", "a:b@c", "..", "a..b", "a/b", "a%2f", "-", "a\n", "é", "a:80"],
)
def test_a_host_or_an_id_stays_one(value: str) -> None:
    with pytest.raises(ConfigurationError):
        resolved(SUBDOMAIN, {"sub": value})


@given(st.text(max_size=20))
def test_no_subdomain_leads_out_of_the_domain(value: str) -> None:
    try:
        made = resolved(SUBDOMAIN, {"sub": value})
    except ConfigurationError:
        return
    assert httpx.URL(made.token_url).host.endswith(".desk.example")
    assert httpx.URL(made.token_url).path == "/token"


@pytest.mark.parametrize(
    ("told", "api"),
    [
        ("https://eu.told.example", "https://eu.told.example/v2"),
        ("https://a.b.told.example/", "https://a.b.told.example/v2"),
        ("https://api.told.test/base", "https://api.told.test/base/v2"),
    ],
)
def test_a_service_may_name_one_of_its_own_hosts(told: str, api: str) -> None:
    assert api_url_for(resolved(TOLD), {"instance_url": told}) == api


@pytest.mark.parametrize(
    "told",
    [
        "",
        "https://evil.example",
        "https://told.example",
        "https://eviltold.example",
        "https://x.told.example.evil.example",
        "https://x.told.example@evil.example",
        "http://eu.told.example",
        "https://eu.told.example?x=",
        "https://eu.told.example/a/../b",
        "https://sub.api.told.test",
        "https://[::1",
        "javascript:alert(1)",
        "https://127.0.0.1",
    ],
)
def test_a_service_cannot_send_the_credential_to_somebody_else(told: str) -> None:
    with pytest.raises(RemoteMisbehaved):
        api_url_for(resolved(TOLD), {"instance_url": told})


def test_a_default_stands_in_for_what_the_service_did_not_tell() -> None:
    preset = resolved(replace(TOLD, variables={"instance_url": "https://eu.told.example"}))
    assert api_url_for(preset, {}) == "https://eu.told.example/v2"


def test_where_no_api_is_known_none_is_named() -> None:
    assert api_url_for(resolved(replace(TOLD, api_url="")), {}) is None


def test_an_address_with_a_name_that_nobody_fills_is_refused() -> None:
    with pytest.raises(ConfigurationError):
        resolved(replace(TOLD, api_url="{somewhere}/v2"))
    with pytest.raises(ConfigurationError):
        resolved(replace(TOLD, token_url="{instance_url}/token"))
