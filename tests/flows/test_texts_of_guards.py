"""What a guard says when it is not about connecting: which service it is, and what to do next."""

# ruff: noqa: B008  # dependencies are declared as defaults

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import httpx
import pytest
from fastapi import Depends
from fastmcp import Client

from mcpauthkit import Connections, CredentialsProvider, Field, OAuthProvider
from mcpauthkit.services import KeyService
from mcpauthkit.testing import BrowserRobot, DevStore, sign_in
from tests.flows.test_ladder import eras, text_of
from tests.flows.test_route_injection import get, serve
from tests.flows.test_texts import JARGON, connect
from tests.world import ERA_MODES, RING, Answer, Era, World, world

NAME = "DevForge"
ELSEWHERE = "https://elsewhere.example"
OPERATOR = "The server's operator finds the cause in the log."
AGAIN = "Try again shortly."
DEFAULT = "Leave it empty for the default."


@dataclass
class Guards:
    """What the rows touch.

    Args:
        here: The world.
        store: Where it keeps things; it fails when it is told to.
        era: The era of the client.
    """

    here: World
    store: DevStore
    era: Era

    async def says(self, tool: str, **arguments: Any) -> str:
        """The text of a call that is refused."""
        async with self.here.client(self.era) as client:
            return await refused(client, tool, **arguments)


async def refused(client: Client[Any], tool: str, **arguments: Any) -> str:
    is_error, text = await text_of(client, tool, **arguments)
    assert is_error, text
    return text


@contextmanager
def guards(era: Era) -> Iterator[Guards]:
    store = DevStore()

    def build(mcp: Any, forge: OAuthProvider) -> None:
        @mcp.tool()
        @forge.require_token(account_from="account")
        async def of_account(account: str) -> str:
            return f"never for {account}"

        @mcp.tool()
        @forge.require_token(scopes=["repo"])
        async def wander(url: str, *, store_fails: bool = False) -> str:
            async with forge.client() as http:
                store.is_out = store_fails
                return (await http.get(url)).text

    with world(build=build, provider_options={"store": store}) as here:
        Connections(here.app).add_tools(here.mcp)
        yield Guards(here, store, era)


async def name_that_is_none(on: Guards) -> str:
    return await on.says("of_account", account="a\nb")


async def name_that_is_none_to_a_tool_of_ours(on: Guards) -> str:
    return await on.says("connect_service", service="forge", account="a\nb")


async def connection_that_is_not_there(on: Guards) -> str:
    return await on.says("disconnect_service", service="forge", account="work")


async def store_that_fails(on: Guards) -> str:
    await connect(on.here)
    on.store.is_out = True
    return await on.says("list_repos")


async def store_that_fails_under_a_tool_of_ours(on: Guards) -> str:
    on.store.is_out = True
    return await on.says("connect_service", service="forge")


async def store_that_fails_while_the_tool_runs(on: Guards) -> str:
    await connect(on.here)
    on.here.service.expire_tokens()
    return await on.says("wander", url="/repos", store_fails=True)


async def nobody(on: Guards) -> str:
    async with Client(on.here.mcp, mode=ERA_MODES[on.era]) as client:
        return await refused(client, "list_repos")


async def strange_host(on: Guards) -> str:
    await connect(on.here)
    return await on.says("wander", url=f"{ELSEWHERE}/x")


ROWS: dict[Callable[[Guards], Awaitable[str]], str] = {
    name_that_is_none: DEFAULT,
    name_that_is_none_to_a_tool_of_ours: DEFAULT,
    connection_that_is_not_there: "List the connections to see which there are.",
    store_that_fails: AGAIN,
    store_that_fails_under_a_tool_of_ours: AGAIN,
    store_that_fails_while_the_tool_runs: AGAIN,
    nobody: "Sign in in your client first.",
    strange_host: OPERATOR,
}


@eras
@pytest.mark.parametrize("row", list(ROWS), ids=lambda one: one.__name__)
async def test_what_is_refused_names_the_service_and_the_next_step(
    era: Era, row: Callable[[Guards], Awaitable[str]]
) -> None:
    with guards(era) as on:
        text = await row(on)
    assert NAME in text
    assert ROWS[row] in text
    assert not JARGON.search(text), text


async def test_a_route_names_the_service_as_well() -> None:
    with guards("modern") as on:

        async def repos(http: httpx.AsyncClient = Depends(on.here.provider.http(scopes=["repo"]))) -> str:
            return (await http.get("/repos")).text

        serve(on.here, "/repos", repos)
        on.store.is_out = True
        answer = await get(on.here, "/repos")
        nobody_there = await get(on.here, "/repos", sub=None)
    assert answer.status_code == 503
    assert NAME in answer.json()["error_description"]
    assert AGAIN in answer.json()["error_description"]
    assert nobody_there.status_code == 401


KEYED = KeyService(
    name="keys",
    display_name="Forge keys",
    fields=(Field(name="token", kind="password"),),
    check_url="https://keys.example/user",
    sent={"Authorization": "Bearer {token}"},
)


@eras
async def test_a_key_that_stays_here_names_its_service(era: Era) -> None:
    async def accepts(_values: Any) -> None:
        return None

    with world() as here:
        keys = CredentialsProvider(
            name="keys", server_base_url=here.base, service=KEYED, validate=accepts, store=here.store, key_ring=RING
        )

        @here.mcp.tool()
        @keys.require_credentials()
        async def wander() -> str:
            async with keys.client() as http:
                return (await http.get(f"{ELSEWHERE}/x")).text

        keys.register(here.app, here.mcp)
        async with here.client(era, human=typing()) as client:
            text = await refused(client, "wander")
    assert "Forge keys" in text
    assert OPERATOR in text


def typing() -> Callable[[str], Awaitable[Answer]]:
    async def act(url: str) -> Answer:
        async with BrowserRobot() as robot:
            page = await sign_in(robot, await robot.open(url), user="alice")
            await robot.submit(page, {"token": "typed"}, button="Connect Forge keys")
        return "accept"

    return act
