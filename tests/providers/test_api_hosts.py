"""Services whose API has several hosts: `client()` carries the token to all of them, and to nobody else."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import httpx
import pytest

from mcpauthkit import OAuthProvider
from mcpauthkit.connections.presets import PRESETS
from mcpauthkit.errors import ConfigurationError
from tests.connections.small_world import RING
from tests.protocol.room import Room, said

CLIENT: dict[str, Any] = {"client_id": "id", "client_secret": "s", "server_base_url": "https://mcp.example"}
OWN: dict[str, Any] = {
    **CLIENT,
    "name": "corp",
    "authorize_url": "https://corp.example/authorize",
    "token_url": "https://corp.example/token",
    "api_url": "https://api.corp.example",
}

TAKEN = [
    ("github", "https://uploads.github.com/repos/acme/rocket/releases/1/assets"),
    ("github-app", "https://uploads.github.com/repos/acme/rocket/releases/1/assets"),
    ("google", "https://gmail.googleapis.com/gmail/v1/users/me/messages"),
    ("google", "https://SHEETS.googleapis.com:443/v4/spreadsheets/1"),
    ("dropbox", "https://content.dropboxapi.com/2/files/download"),
    ("box", "https://upload.box.com/api/2.0/files/content"),
    ("slack", "https://files.slack.com/files-pri/T1-F1/notes.txt"),
    ("linear", "https://uploads.linear.app/1/2"),
    ("airtable", "https://content.airtable.com/v0/app1/rec1/files/uploadAttachment"),
]
REFUSED = [
    ("github", "https://uploads.github.com.evil.example/"),
    ("github", "https://evil.uploads.github.com/"),
    ("github", "http://uploads.github.com/"),
    ("github", "https://uploads.github.com:8443/"),
    ("google", "https://googleapis.com/"),
    ("google", "https://evilgoogleapis.com/"),
    ("google", "https://gmail.googleapis.com@evil.example/"),
    ("slack", "https://hooks.slack.com/services/1"),
]


async def fetched(provider: OAuthProvider, here: Room, url: str) -> tuple[bool, list[str]]:
    """Whether a tool that fetches an address fails, and where its user's token went."""
    carried: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        assert request.headers["authorization"] == "Bearer token-canary"
        carried.append(str(request.url))
        return httpx.Response(200, json={})

    here.register(provider)
    await here.hold("token-canary", service=provider.name)

    @here.mcp.tool()
    @provider.require_token()
    async def fetch() -> str:
        async with provider.client(transport=httpx.MockTransport(answer)) as http:
            return (await http.get(url)).text

    async with here.client("modern") as client:
        is_error, text = await said(client, "fetch")
    assert not is_error or "not sent to" in text
    return is_error, carried


def kept(here: Room) -> dict[str, Any]:
    return {"store": here.store, "key_ring": RING, "clock": here.clock}


@pytest.mark.parametrize(("name", "url"), TAKEN)
async def test_every_host_of_a_known_api_gets_the_token(name: str, url: str) -> None:
    here = Room()
    provider = OAuthProvider.from_preset(name, **CLIENT, **kept(here))
    assert await fetched(provider, here, url) == (False, [str(httpx.URL(url))])


@pytest.mark.parametrize(("name", "url"), REFUSED)
async def test_a_host_that_only_looks_like_one_of_them_gets_nothing(name: str, url: str) -> None:
    here = Room()
    assert await fetched(OAuthProvider.from_preset(name, **CLIENT, **kept(here)), here, url) == (True, [])


@pytest.mark.parametrize(
    ("name", "url"),
    [("github-enterprise", "https://uploads.github.com/"), ("gitlab", "https://uploads.gitlab.com/")],
)
async def test_the_token_of_an_installation_of_ones_own_goes_to_that_only(name: str, url: str) -> None:
    here = Room()
    own = OAuthProvider.from_preset(name, base_url="https://git.corp.example", **CLIENT, **kept(here))
    assert await fetched(own, here, url) == (True, [])


async def test_an_application_names_the_hosts_of_its_own_service() -> None:
    hosts = ("uploads.corp.example", ".files.corp.example")
    for url, is_refused in (
        ("https://uploads.corp.example/1", False),
        ("https://eu.files.corp.example/1", False),
        ("https://files.corp.example/1", True),
        ("https://corp.example/1", True),
    ):
        here = Room()
        corp = OAuthProvider.from_standard_oauth2(**OWN, **kept(here), api_hosts=hosts)
        assert await fetched(corp, here, url) == (is_refused, [] if is_refused else [url])


async def test_an_application_adds_to_the_hosts_of_a_known_service() -> None:
    for url in ("https://uploads.github.com/1", "https://models.github.example/1"):
        here = Room()
        github = OAuthProvider.from_preset("github", **CLIENT, **kept(here), api_hosts=("Models.GitHub.example",))
        assert await fetched(github, here, url) == (False, [url])


@pytest.mark.parametrize(
    "hosts",
    [
        ("https://uploads.corp.example",),
        ("uploads.corp.example/files",),
        ("uploads.corp.example:8443",),
        ("*.corp.example",),
        (".com",),
        ("com",),
        ("",),
        (".",),
        ("..corp.example",),
        ("corp.example\n",),
        ("127.0.0.1",),
        ("user@corp.example",),
        "uploads.corp.example",
    ],
)
def test_what_is_no_host_or_everybodys_is_refused_at_once(hosts: Any) -> None:
    with pytest.raises(ConfigurationError) as refused:
        OAuthProvider.from_standard_oauth2(**OWN, api_hosts=hosts)
    assert "uploads" in refused.value.hint
    with pytest.raises(ConfigurationError):
        OAuthProvider.from_preset(replace(PRESETS["github"], api_hosts=hosts), **CLIENT)
