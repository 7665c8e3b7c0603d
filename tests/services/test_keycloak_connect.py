"""The connect pages in front of a real Keycloak: the browser has to be signed in as the user whose call it was."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from fastapi import FastAPI
from fastmcp import Client, FastMCP
from fastmcp.client.transports import StreamableHttpTransport

from mcpauthkit import OAuthProvider
from mcpauthkit.testing import BrowserRobot, DevService, LoopbackServer, approve
from tests.flows.test_ladder import link_in, text_of
from tests.services.keycloak import BROWSER_CLIENT_ID, Keycloak
from tests.services.keycloak_door import token_of
from tests.services.people import get_on
from tests.services.stage import Stage, stage


@pytest.fixture
def server(keycloak: Keycloak, server_port: int) -> Iterator[Stage]:
    with DevService() as service:

        def prepare(app: FastAPI, mcp: FastMCP, base_url: str) -> None:
            forge = OAuthProvider.from_standard_oauth2(
                name="forge",
                display_name="DevForge",
                client_id=service.client_id,
                client_secret=service.client_secret,
                authorize_url=service.authorize_url,
                token_url=service.token_url,
                api_url=service.api_url,
                issuer=service.base_url,
                server_base_url=base_url,
            )

            @mcp.tool
            @forge.require_token(scopes=["repo"])
            async def list_repos() -> list[str]:
                """The caller's repositories."""
                async with forge.client() as http:
                    return [one["name"] for one in (await http.get("/repos")).json()]

            forge.register(app, mcp)

        options = {"browser_client_id": BROWSER_CLIENT_ID}
        server = LoopbackServer(port=server_port)
        with stage(keycloak.issuer_url, server=server, middleware_options=options, prepare=prepare) as running:
            yield running


@asynccontextmanager
async def client_of(keycloak: Keycloak, server: Stage, user: str = "alice") -> AsyncIterator[Client[Any]]:
    """A client without URL mode, which gets the link as text."""
    token = await token_of(keycloak, user=user)
    async with Client(StreamableHttpTransport(server.resource, auth=token)) as client:
        yield client


async def test_alice_signs_in_at_keycloak_and_connects_her_account(keycloak: Keycloak, server: Stage) -> None:
    async with client_of(keycloak, server) as client, BrowserRobot() as robot:
        link = link_in((await text_of(client, "list_repos"))[1])
        page = await get_on(robot, await robot.open(link), user="alice")
        assert "is connected" in (await approve(robot, await robot.click(page, "Connect"))).text
        is_error, text = await text_of(client, "list_repos")
    assert not is_error
    assert "hello-world" in text


async def test_bob_is_refused_alices_link(keycloak: Keycloak, server: Stage) -> None:
    async with client_of(keycloak, server) as client, BrowserRobot() as robot:
        link = link_in((await text_of(client, "list_repos"))[1])
        page = await get_on(robot, await robot.open(link), user="bob")
        assert page.status == 403
        is_error, _ = await text_of(client, "list_repos")
    assert is_error


async def test_bob_can_change_to_the_right_account_on_the_refusal_page(keycloak: Keycloak, server: Stage) -> None:
    async with client_of(keycloak, server) as client, BrowserRobot() as robot:
        link = link_in((await text_of(client, "list_repos"))[1])
        refused = await get_on(robot, await robot.open(link), user="bob")
        page = await get_on(robot, await robot.click(refused, "Sign in as somebody else"), user="alice")
        assert page.status == 200
        assert "Connect DevForge" in page.title
