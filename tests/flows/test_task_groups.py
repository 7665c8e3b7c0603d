"""Tools that send several requests at once: a lost connection reads as it does for one request."""

# ruff: noqa: B008  # dependencies are declared as defaults

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import anyio
import httpx
import pytest
from fastapi import Depends as RouteDepends
from fastmcp.dependencies import Depends

from mcpauthkit import OAuthProvider
from tests.flows.test_ladder import eras, text_of
from tests.flows.test_route_injection import get, serve
from tests.world import Era, Flavour, World, world

TROUBLE = "the tool's own trouble"
Fetching = Callable[[httpx.AsyncClient], Awaitable[str]]


async def by_asyncio(http: httpx.AsyncClient) -> str:
    async with asyncio.TaskGroup() as tasks:
        asked = [tasks.create_task(http.get("/repos")) for _ in range(2)]
    return str([one.result().status_code for one in asked])


async def by_anyio(http: httpx.AsyncClient) -> str:
    async with anyio.create_task_group() as tasks:
        for _ in range(2):
            tasks.start_soon(http.get, "/repos")
    return "fetched"


async def by_groups_in_a_group(http: httpx.AsyncClient) -> str:
    async with asyncio.TaskGroup() as tasks:
        for _ in range(2):
            tasks.create_task(by_anyio(http))
    return "fetched"


async def by_hand(http: httpx.AsyncClient) -> str:
    """Groups that people make themselves may hold what was cancelled as well."""
    done = await asyncio.gather(http.get("/repos"), _cancelled(), return_exceptions=True)
    failed = [one for one in done if isinstance(one, BaseException)]
    if len(failed) > 1:
        raise BaseExceptionGroup("several", failed)
    return "fetched"


async def _cancelled() -> str:
    raise asyncio.CancelledError


async def with_trouble_of_its_own(http: httpx.AsyncClient) -> str:
    async def fails() -> None:
        raise ValueError(TROUBLE)

    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(http.get("/repos"))
        tasks.create_task(fails())
    return "fetched"


async def with_trouble_only(_http: httpx.AsyncClient) -> str:
    raise ExceptionGroup("several", [ValueError(TROUBLE), KeyError(TROUBLE)])


WAYS: list[Fetching] = [by_asyncio, by_anyio, by_groups_in_a_group, by_hand]
ways = pytest.mark.parametrize("way", WAYS, ids=lambda one: one.__name__)


def building(way: Fetching, *, flavour: Flavour = "fastmcp") -> Callable[[Any, OAuthProvider], None]:
    def build(mcp: Any, forge: OAuthProvider) -> None:
        @mcp.tool()
        @forge.require_token(scopes=["repo"])
        async def guarded() -> str:
            async with forge.client() as http:
                return await way(http)

        if flavour == "fastmcp":

            @mcp.tool()
            async def injected(http: httpx.AsyncClient = Depends(forge.http(scopes=["repo"]))) -> str:
                return await way(http)

    return build


async def lost(here: World) -> None:
    """Connected, and ended at the service."""
    async with here.client(human=here.person()) as client:
        assert not (await text_of(client, "list_repos"))[0]
    here.service.revoke_grants()


@eras
@ways
@pytest.mark.parametrize("tool", ["guarded", "injected"])
async def test_requests_sent_at_once_end_with_the_link_when_the_connection_is_lost(
    era: Era, way: Fetching, tool: str
) -> None:
    with world(build=building(way)) as here:
        await lost(here)
        async with here.client(era) as client:
            is_error, text = await text_of(client, tool)
    assert is_error
    assert "DevForge" in text
    assert f"{here.base}/connect/forge?flow=" in text


@eras
async def test_an_mcpservers_tool_ends_with_the_link_as_well(era: Era) -> None:
    with world(flavour="mcpserver", build=building(by_asyncio, flavour="mcpserver")) as here:
        await lost(here)
        async with here.client(era) as client:
            is_error, text = await text_of(client, "guarded")
    assert is_error
    assert f"{here.base}/connect/forge?flow=" in text


@ways
async def test_a_route_answers_with_the_link_as_well(way: Fetching) -> None:
    with world() as here:

        async def repos(http: httpx.AsyncClient = RouteDepends(here.provider.http(scopes=["repo"]))) -> str:
            return await way(http)

        serve(here, "/repos", repos)
        await lost(here)
        answer = await get(here, "/repos")
    assert answer.status_code == 403
    assert answer.json()["connect_url"].startswith(f"{here.base}/connect/forge?flow=")


@eras
@pytest.mark.parametrize("way", [with_trouble_of_its_own, with_trouble_only], ids=lambda one: one.__name__)
async def test_a_group_with_an_error_of_the_tools_own_is_the_tools_own(
    era: Era, way: Fetching, caplog: pytest.LogCaptureFixture
) -> None:
    with world(build=building(way)) as here:
        await lost(here)
        async with here.client(era) as client:
            is_error, text = await text_of(client, "guarded")
    assert is_error
    assert "/connect/forge" not in text
    assert any(record.exc_info and TROUBLE in _whole(record.exc_info[1]) for record in caplog.records)


def _whole(error: BaseException | None) -> str:
    seen = []
    while error is not None:
        seen.append(repr(error))
        error = error.__cause__ or error.__context__
    return " ".join(seen)
