"""The official SDK's and FastMCP's own OAuth code log in through the proxy with no prior knowledge."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx2
import pytest
from fastapi import FastAPI
from fastmcp import Client, FastMCP
from fastmcp.client.auth import OAuth
from mcp.client.auth import AuthorizationCodeResult, OAuthClientProvider
from mcp.client.client import Client as SdkClient
from mcp.client.streamable_http import streamable_http_client
from mcp.shared.auth import OAuthClientMetadata
from pydantic import AnyUrl

from mcpauthkit import JwtAuthMiddleware, get_user, oauth_meta_router
from mcpauthkit.testing import BrowserRobot, DevIssuer, LoopbackServer, sign_in
from tests.flows.test_stock_clients import Memory
from tests.web.proxy_world import RING, UPSTREAM, Documents

SCOPES = ("openid", "mcp:tools", "offline_access")
CALLBACK = "http://localhost:33418/callback"
DOCUMENT = "https://docs.example/client.json"


@contextmanager
def mcp_server(**options: Any) -> Iterator[tuple[DevIssuer, LoopbackServer]]:
    mcp: FastMCP[Any] = FastMCP("proxied")

    @mcp.tool
    def whoami() -> str:
        """Who is calling."""
        return get_user().subject

    with DevIssuer(algorithm="ES256", dynamic_registration=False) as issuer:
        server = LoopbackServer()
        issuer.add_client(UPSTREAM, "issuer-secret", [f"{server.base_url}/oauth/callback"])
        inner = mcp.http_app(path="/mcp")
        app = FastAPI(lifespan=inner.lifespan)
        common: dict[str, Any] = {"server_base_url": server.base_url, "issuer_url": issuer.issuer_url, "scopes": SCOPES}
        app.include_router(
            oauth_meta_router(**common, client_id=UPSTREAM, client_secret="issuer-secret", key_ring=RING, **options)
        )
        app.add_middleware(JwtAuthMiddleware, **{**common, "scopes": SCOPES[:2]})
        app.mount("/", inner)
        server.app = app
        with server:
            yield issuer, server


async def browse(url: str, stop_at: str) -> dict[str, str]:
    async with BrowserRobot() as robot:
        page = await robot.open(url)
        page = await robot.click(page, "Continue")
        return (await sign_in(robot, page, stop_at=stop_at)).query


@pytest.mark.parametrize("way", ["registers itself", "by its document"])
async def test_the_official_client_signs_in_and_calls(way: str) -> None:
    answers: list[dict[str, str]] = []
    described = f'{{"client_id": "{DOCUMENT}", "client_name": "Stock", "redirect_uris": ["{CALLBACK}"]}}'.encode()
    documents = Documents({DOCUMENT: described})

    async def leave(url: str) -> None:
        answers.append(await browse(url, CALLBACK))

    async def come_back() -> AuthorizationCodeResult:
        answer = answers.pop()
        return AuthorizationCodeResult(code=answer["code"], state=answer["state"], iss=answer.get("iss"))

    memory = Memory()
    with mcp_server(client_documents=documents, client_document_hosts=["docs.example"]) as (issuer, server):
        login = OAuthClientProvider(
            f"{server.base_url}/mcp",
            OAuthClientMetadata(client_name="stock client", redirect_uris=[AnyUrl(CALLBACK)]),
            memory,
            redirect_handler=leave,
            callback_handler=come_back,
            client_metadata_url=DOCUMENT if way == "by its document" else None,
        )
        async with (
            httpx2.AsyncClient(auth=login, timeout=30) as http,
            SdkClient(streamable_http_client(f"{server.base_url}/mcp", http_client=http)) as client,
        ):
            result = await client.call_tool("whoami", {})
        assert not result.is_error
        assert "alice" in str(result.content)
        assert memory.client is not None
        assert (memory.client.client_id == DOCUMENT) is (way == "by its document")
        assert memory.tokens is not None
        assert memory.tokens.refresh_token is not None
        asked = issuer.requests.all("authorize")[0].query
        assert asked["client_id"] == [UPSTREAM]
        assert asked["resource"] == [f"{server.base_url}/mcp"]
        assert set(asked["scope"][0].split()) == set(SCOPES)
        assert issuer.requests.count("register") == 0


class RobotOAuth(OAuth):
    """FastMCP's own login, which asks once itself before it opens a browser; a robot stands in for the browser."""

    opened: str

    async def callback_handler(self) -> AuthorizationCodeResult:
        answer = await browse(self.opened, "http://localhost")
        return AuthorizationCodeResult(code=answer["code"], state=answer["state"], iss=answer.get("iss"))


@pytest.mark.filterwarnings("ignore:Using in-memory token storage")
async def test_fastmcps_client_signs_in_and_calls(monkeypatch: pytest.MonkeyPatch) -> None:
    login = RobotOAuth()
    monkeypatch.setattr("webbrowser.open", lambda url: setattr(login, "opened", url))
    with mcp_server() as (issuer, server):
        async with Client(f"{server.base_url}/mcp", auth=login) as client:
            assert (await client.call_tool("whoami", {})).data == "alice"
        assert issuer.requests.count("token") == 1
