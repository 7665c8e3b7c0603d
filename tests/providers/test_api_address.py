"""Where `client()` may send a user's token when nobody said where the service's API is: nowhere."""

from __future__ import annotations

import logging
from typing import Any

import httpx
import pytest

from mcpauthkit import OAuthProvider
from mcpauthkit.errors import ConfigurationError
from tests.connections.small_world import RING
from tests.protocol.room import Room, said

API, STRANGER = "https://api.corp.example", "https://stranger.example"
PLAIN: dict[str, Any] = {
    "name": "corp",
    "client_id": "id",
    "client_secret": "secret",
    "authorize_url": "https://corp.example/authorize",
    "token_url": "https://corp.example/token",
    "server_base_url": "https://mcp.example",
}


class Stage:
    """A tool that fetches what it is told to, and what came of it."""

    def __init__(self) -> None:
        self.here = Room()
        self.carried: list[tuple[str, str | None]] = []
        self.told: dict[str, Any] = {}

    def provider(self, **options: Any) -> OAuthProvider:
        given = {**PLAIN, "store": self.here.store, "key_ring": RING, "clock": self.here.clock, **options}
        return OAuthProvider.from_standard_oauth2(**given)

    def answer(self, request: httpx.Request) -> httpx.Response:
        self.carried.append((str(request.url), request.headers.get("authorization")))
        if request.url.path == "/moved":
            return httpx.Response(307, headers={"location": f"{STRANGER}/taken"})
        return httpx.Response(200, text="fetched")

    async def fetch(self, corp: OAuthProvider, url: str, **options: Any) -> tuple[bool, str]:
        self.here.register(corp)
        await self.here.hold("token-canary", service="corp")

        @self.here.mcp.tool()
        @corp.require_token()
        async def fetch() -> str:
            async with corp.client(transport=httpx.MockTransport(self.answer), **options) as http:
                return (await http.get(url)).text

        async with self.here.client("modern") as client:
            return await said(client, "fetch")


@pytest.fixture(name="stage")
def _stage() -> Stage:
    return Stage()


@pytest.mark.parametrize("url", [f"{API}/items", f"{STRANGER}/next-page", "/items"])
async def test_without_an_api_address_no_host_gets_the_token(
    stage: Stage, url: str, caplog: pytest.LogCaptureFixture
) -> None:
    assert (await stage.fetch(stage.provider(), url))[0]
    assert "Give api_url=" in caplog.text
    assert stage.carried == []


async def test_an_address_given_to_the_client_is_the_only_one_that_gets_the_token(stage: Stage) -> None:
    assert await stage.fetch(stage.provider(), "/items", base_url=f"{API}/v2") == (False, "fetched")
    assert stage.carried == [(f"{API}/v2/items", "Bearer token-canary")]


@pytest.mark.parametrize(
    "url", [f"{STRANGER}/next-page", "https://api.corp.example.stranger.example/", "http://api.corp.example/"]
)
async def test_a_link_to_another_host_than_the_clients_own_is_refused(stage: Stage, url: str) -> None:
    is_error, text = await stage.fetch(stage.provider(), url, base_url=httpx.URL(API))
    assert is_error
    assert "not sent to" in text
    assert stage.carried == []


async def test_a_redirect_to_another_host_carries_no_token(stage: Stage) -> None:
    assert await stage.fetch(stage.provider(), "/moved", base_url=API, follow_redirects=True) == (False, "fetched")
    assert stage.carried == [(f"{API}/moved", "Bearer token-canary"), (f"{STRANGER}/taken", None)]


@pytest.mark.parametrize("base_url", ["", "/v2", "http://api.corp.example", "ftp://api.corp.example"])
async def test_an_address_for_the_client_that_names_no_safe_host_is_none(stage: Stage, base_url: str) -> None:
    assert (await stage.fetch(stage.provider(), "/items", base_url=base_url))[0]
    assert stage.carried == []


async def test_an_address_for_the_client_does_not_widen_where_the_providers_own_allows_it(stage: Stage) -> None:
    is_error, text = await stage.fetch(stage.provider(api_url=API), "/items", base_url=STRANGER)
    assert is_error
    assert "not sent to" in text
    assert stage.carried == []


def test_a_client_by_injection_needs_an_address_when_it_is_written() -> None:
    with pytest.raises(ConfigurationError) as refused:
        OAuthProvider.from_standard_oauth2(**PLAIN).http()
    assert "api_url" in refused.value.hint
    OAuthProvider.from_standard_oauth2(**PLAIN).token()
    OAuthProvider.from_standard_oauth2(**PLAIN, api_url=API).http()
    OAuthProvider.from_standard_oauth2(**PLAIN, sends_token_anywhere=True).http()
    client = {name: PLAIN[name] for name in ("client_id", "client_secret", "server_base_url")}
    OAuthProvider.from_preset("github", **client).http()
    # Each user's own address, which comes with the credential.
    OAuthProvider.from_preset("salesforce", **client).http()


async def test_an_application_that_says_so_sends_it_anywhere_but_never_in_clear(stage: Stage) -> None:
    corp = stage.provider(sends_token_anywhere=True)
    assert await stage.fetch(corp, f"{STRANGER}/next-page") == (False, "fetched")
    assert stage.carried == [(f"{STRANGER}/next-page", "Bearer token-canary")]


async def test_anywhere_is_not_in_clear(stage: Stage) -> None:
    corp = stage.provider(sends_token_anywhere=True, api_url=API)
    is_error, _ = await stage.fetch(corp, "http://stranger.example/")
    assert is_error
    assert stage.carried == []


async def test_anywhere_is_beyond_the_address_that_paths_are_put_behind(stage: Stage) -> None:
    corp = stage.provider(sends_token_anywhere=True, api_url=API)
    assert await stage.fetch(corp, f"{STRANGER}/next-page") == (False, "fetched")
    assert stage.carried == [(f"{STRANGER}/next-page", "Bearer token-canary")]


def test_sending_it_anywhere_is_warned_of_once(stage: Stage, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, logger="mcpauthkit"):
        stage.provider()
        assert caplog.records == []
        stage.provider(sends_token_anywhere=True)
    assert len(caplog.records) == 1
    assert "corp" in caplog.text
