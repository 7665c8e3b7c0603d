"""MCP clients as released, behind one face: given an address and a person, they log in and call a tool."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol
from unittest.mock import patch

import anyio
import httpx2
from fastmcp import Client
from fastmcp.client.auth import OAuth
from fastmcp.client.transports import StreamableHttpTransport
from mcp.client.auth import OAuthClientProvider
from mcp.client.client import Client as SdkClient
from mcp.client.streamable_http import streamable_http_client
from mcp.shared.auth import AuthorizationCodeResult, OAuthClientInformationFull, OAuthClientMetadata
from pydantic import AnyUrl

from mcpauthkit.testing import BrowserRobot, RobotError
from tests.flows.test_stock_clients import Memory
from tests.services.people import authorize
from tests.world import ERA_MODES, Era

_SECONDS = 60.0
_RETRY_SECONDS = 0.02


@dataclass(frozen=True)
class Login:
    """What a login starts from.

    Attributes:
        url: The MCP endpoint, as a person would enter it.
        user: Who sits in front of the browser.
        client_id: A client the issuer knows; without one the client registers itself.
        metadata_url: The client's metadata document, which it names itself by where it may.
        visited: Every authorization address the client sent the browser to.
    """

    url: str
    user: str = "alice"
    client_id: str | None = None
    metadata_url: str | None = None
    visited: list[str] = field(default_factory=list)

    @property
    def client_id_used(self) -> str:
        """What the client called itself."""
        return httpx2.URL(self.visited[-1]).params["client_id"]


class StockClient(Protocol):
    """A released client."""

    async def call(self, login: Login, *tools: str) -> Mapping[str, Any]:
        """Log in from nothing, call the tools in turn, give the last one's result."""
        ...


@dataclass(frozen=True)
class FastMcpClient:
    """FastMCP's client with its own OAuth: its look before the browser opens, its callback server, its storage."""

    era: Era = "modern"

    async def call(self, login: Login, *tools: str) -> Mapping[str, Any]:
        """Log in from nothing, call the tools in turn, give the last one's result."""
        transport = StreamableHttpTransport(login.url, auth=_FastMcpLogin(login))
        with anyio.fail_after(_SECONDS):
            async with Client(transport, mode=ERA_MODES[self.era]) as client:
                return [_object((await client.call_tool(tool)).data) for tool in tools][-1]


class _FastMcpLogin(OAuth):
    """FastMCP's login; only the window it would open is ours."""

    def __init__(self, login: Login) -> None:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="Using in-memory token storage")
            super().__init__(
                login.url,
                client_name="stock FastMCP client",
                callback_timeout=_SECONDS,
                client_id=login.client_id,
                client_metadata_url=login.metadata_url,
            )
        self._login = login
        self._way_back = ""

    async def redirect_handler(self, authorization_url: str) -> None:
        with patch("webbrowser.open") as window:
            await super().redirect_handler(authorization_url)
        (opened,) = window.call_args.args
        self._login.visited.append(opened)
        own = f"http://localhost:{self.redirect_port}/callback"
        self._way_back = await authorize(opened, user=self._login.user, back_to=own)

    async def callback_handler(self) -> AuthorizationCodeResult:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(self._come_back)
            result = await super().callback_handler()
        return result  # noqa: RET504  # inside the block, type checkers see a way out without a value

    async def _come_back(self) -> None:
        # The client begins to listen a moment after it was told to; a person is slower than that.
        with anyio.fail_after(_SECONDS):
            async with BrowserRobot() as robot:
                while True:
                    try:
                        await robot.open(self._way_back)
                    except RobotError:
                        await anyio.sleep(_RETRY_SECONDS)
                    else:
                        return


@dataclass(frozen=True)
class PythonSdkClient:
    """The official Python SDK's client."""

    era: Era = "modern"

    async def call(self, login: Login, *tools: str) -> Mapping[str, Any]:
        """Log in from nothing, call the tools in turn, give the last one's result."""
        with anyio.fail_after(_SECONDS):
            async with (
                httpx2.AsyncClient(auth=_sdk_login(login), timeout=30) as http,
                SdkClient(streamable_http_client(login.url, http_client=http), mode=ERA_MODES[self.era]) as client,
            ):
                return [_object((await client.call_tool(tool, {})).structured_content) for tool in tools][-1]


def _sdk_login(login: Login) -> OAuthClientProvider:
    own = "http://localhost:33418/callback"
    way_back: list[str] = []

    async def browse(url: str) -> None:
        login.visited.append(url)
        way_back.append(await authorize(url, user=login.user, back_to=own))

    async def come_back() -> AuthorizationCodeResult:
        query = httpx2.URL(way_back.pop()).params
        return AuthorizationCodeResult(code=query["code"], state=query.get("state"), iss=query.get("iss"))

    memory = Memory()
    metadata = OAuthClientMetadata(client_name="stock Python client", redirect_uris=[AnyUrl(own)])
    if login.client_id is not None:
        memory.client = OAuthClientInformationFull(
            client_id=login.client_id, token_endpoint_auth_method="none", **metadata.model_dump(exclude_none=True)
        )
    return OAuthClientProvider(
        login.url,
        metadata,
        memory,
        redirect_handler=browse,
        callback_handler=come_back,
        client_metadata_url=login.metadata_url,
    )


def _object(value: Any) -> Mapping[str, Any]:
    assert isinstance(value, dict), value
    return value
