"""The official SDK's own client with no prior knowledge: from the 401 to the tool's result, by its own OAuth code."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import httpx2
import mcp_types
from mcp.client.auth import AuthorizationCodeResult, OAuthClientProvider, TokenStorage
from mcp.client.client import Client
from mcp.client.streamable_http import streamable_http_client
from mcp.shared.auth import OAuthClientInformationFull, OAuthClientMetadata, OAuthToken
from pydantic import AnyUrl

from mcpauthkit.testing import BrowserRobot, sign_in
from tests.flows.test_ladder import eras, flavours
from tests.world import ERA_MODES, Era, Flavour, Human, World, world

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

CALLBACK = "http://localhost:33418/callback"


class Memory(TokenStorage):
    """Where the client keeps what it got."""

    def __init__(self) -> None:
        self.tokens: OAuthToken | None = None
        self.client: OAuthClientInformationFull | None = None

    async def get_tokens(self) -> OAuthToken | None:
        return self.tokens

    async def set_tokens(self, tokens: OAuthToken) -> None:
        self.tokens = tokens

    async def get_client_info(self) -> OAuthClientInformationFull | None:
        return self.client

    async def set_client_info(self, client_info: OAuthClientInformationFull) -> None:
        self.client = client_info


@asynccontextmanager
async def sdk_client(
    here: World, era: Era, human: Human, *, user: str = "alice", memory: Memory | None = None
) -> AsyncIterator[Client]:
    answers: list[dict[str, str]] = []

    async def browse(url: str) -> None:
        async with BrowserRobot() as robot:
            page = await sign_in(robot, await robot.open(url), user=user, stop_at=CALLBACK)
            answers.append(page.query)

    async def come_back() -> AuthorizationCodeResult:
        answer = answers.pop()
        return AuthorizationCodeResult(code=answer["code"], state=answer["state"], iss=answer.get("iss"))

    async def ask(context: Any, params: Any) -> mcp_types.ElicitResult:
        here.links.append(params.url)
        return mcp_types.ElicitResult(action=await human(params.url))

    login = OAuthClientProvider(
        here.resource,
        OAuthClientMetadata(client_name="stock client", redirect_uris=[AnyUrl(CALLBACK)]),
        memory or Memory(),
        redirect_handler=browse,
        callback_handler=come_back,
    )
    async with (
        httpx2.AsyncClient(auth=login, timeout=30) as http,
        Client(
            streamable_http_client(here.resource, http_client=http), mode=ERA_MODES[era], elicitation_callback=ask
        ) as client,
    ):
        yield client


@eras
@flavours
async def test_the_official_client_finds_the_login_connects_and_gets_the_result(era: Era, flavour: Flavour) -> None:
    memory = Memory()
    with world(flavour=flavour) as here:
        async with sdk_client(here, era, here.person(), memory=memory) as client:
            result = await client.call_tool("list_repos", {})
            again = await client.call_tool("list_repos", {})
        assert not result.is_error
        assert "hello-world" in str(result.content)
        assert result.content == again.content
        assert len(here.links) == 1
        requests = here.issuer.requests
        # One client for the MCP client, one for our own pages; both registered themselves.
        assert requests.count("register") == 2
        asked = next(one for one in requests.all("authorize") if "resource" in one.query)
        assert asked.query["resource"] == [here.resource]
        assert set(asked.query["scope"][0].split()) >= {"openid", "mcp:tools"}
        assert asked.query["code_challenge_method"] == ["S256"]
        assert memory.tokens is not None


@eras
async def test_bob_connecting_by_the_link_of_alices_client_leaves_it_unconnected(era: Era) -> None:
    with world() as here:

        async def forwards_it(url: str) -> str:
            async with BrowserRobot() as bob:
                page = await sign_in(bob, await bob.open(url), user="bob")
                assert page.status == 403
            return "decline"

        async with sdk_client(here, era, forwards_it) as client:  # type: ignore[arg-type]  # a literal is a str
            result = await client.call_tool("list_repos", {})
        assert result.is_error
        assert here.service.requests.count("token") == 0
