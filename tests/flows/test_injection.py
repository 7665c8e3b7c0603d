"""The credential by FastMCP's `Depends`: the same ladder as for `require_token`, from inside a dependency."""

# ruff: noqa: B008  # dependencies are declared as defaults

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated, Any

import anyio
import httpx
import pytest
from fastapi import FastAPI
from fastmcp import FastMCP
from fastmcp.dependencies import Depends
from fastmcp.server.middleware.error_handling import ErrorHandlingMiddleware
from mcp.shared.exceptions import MCPError

from mcpauthkit import OAuthProvider, Patience, Principal, get_user
from mcpauthkit.testing import BrowserRobot
from tests.flows.test_ladder import REPOS, eras, link_in, rungs, text_of
from tests.world import Answer, Era, eventually, world

tools = pytest.mark.parametrize("tool", ["by_token", "by_annotation", "by_token_sync", "by_http"])


@pytest.fixture(autouse=True)
def _info(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "mcpauthkit")


async def names_of_repos(provider: OAuthProvider, token: str) -> list[str]:
    async with httpx.AsyncClient() as http:
        answer = await http.get(f"{provider.api_url}/repos", headers={"authorization": f"Bearer {token}"})
    return [one["name"] for one in answer.json()]


def build_tools(mcp: Any, provider: OAuthProvider) -> None:
    @mcp.tool()
    async def by_token(token: str = Depends(provider.token(scopes=["repo"]))) -> list[str]:
        return await names_of_repos(provider, token)

    async def by_annotation(token: str) -> list[str]:
        return await names_of_repos(provider, token)

    # A name of this function's is out of reach for the text that annotations become.
    by_annotation.__annotations__["token"] = Annotated[str, Depends(provider.token(scopes=["repo"]))]
    mcp.tool()(by_annotation)

    @mcp.tool()
    def by_token_sync(token: str = Depends(provider.token(scopes=["repo"]))) -> list[str]:
        answer = httpx.get(f"{provider.api_url}/repos", headers={"authorization": f"Bearer {token}"}, timeout=5)
        return [one["name"] for one in answer.json()]

    @mcp.tool()
    async def by_http(prefix: str = "", http: httpx.AsyncClient = Depends(provider.http(scopes=["repo"]))) -> list[str]:
        return [one["name"] for one in (await http.get("/repos")).json() if one["name"].startswith(prefix)]

    @mcp.tool()
    async def fast(token: str = Depends(provider.token(scopes=["repo"], fail_fast=True))) -> bool:
        return bool(token)

    @mcp.resource("injected://mine/{kind}")
    async def mine(kind: str, http: httpx.AsyncClient = Depends(provider.http(scopes=["repo"]))) -> str:
        return f"{kind}: " + ",".join(one["name"] for one in (await http.get("/repos")).json())

    @mcp.prompt()
    async def summary(http: httpx.AsyncClient = Depends(provider.http(scopes=["repo"]))) -> str:
        return "Sum up " + ",".join(one["name"] for one in (await http.get("/repos")).json())


@eras
@tools
async def test_a_client_with_url_mode_is_asked_once_and_gets_the_result(
    era: Era, tool: str, caplog: pytest.LogCaptureFixture
) -> None:
    with world(build=build_tools) as here:
        async with here.client(era, human=here.person()) as client:
            first = await text_of(client, tool)
            second = await text_of(client, tool)
        assert not first[0]
        assert REPOS in first[1]
        assert first == second
        assert len(here.questions) == 1
        assert here.questions[0].startswith(f"{tool} needs your DevForge account with the permission repo.")
        assert rungs(caplog) == [{"legacy": "BLOCKING", "modern": "ROUNDS"}[era]]
        assert here.service.requests.count("token", grant_type="authorization_code") == 1


@eras
async def test_resources_and_prompts_ask_like_tools(era: Era) -> None:
    with world(build=build_tools) as here:
        async with here.client(era, human=here.person()) as client:
            resource = await client.read_resource("injected://mine/all")
        async with here.client(era, sub="bob", human=here.person("bob")) as client:
            prompt = await client.get_prompt("summary")
        assert REPOS in str(resource)
        assert "compiler" in str(prompt)
        # What the caller wrote into the address stands in no question.
        assert [one.split(" needs")[0] for one in here.questions] == ["This resource", "summary"]


@eras
@tools
async def test_a_client_without_url_mode_gets_the_link_and_the_next_call_works(
    era: Era, tool: str, caplog: pytest.LogCaptureFixture
) -> None:
    with world(build=build_tools) as here:
        async with here.client(era) as client:
            is_error, text = await text_of(client, tool)
            assert is_error
            assert text.startswith("This needs your DevForge account")
            async with BrowserRobot() as robot:
                page = await here.visit(robot, link_in(text))
            assert "is connected" in page.text
            is_error, text = await text_of(client, tool)
        assert not is_error
        assert REPOS in text
        assert rungs(caplog) == ["LINK"]


@eras
async def test_resources_and_prompts_give_the_link_as_an_error_text(era: Era) -> None:
    with world(build=build_tools) as here:
        async with here.client(era) as client:
            with pytest.raises(MCPError) as resource:
                await client.read_resource("injected://mine/all")
            with pytest.raises(MCPError) as prompt:
                await client.get_prompt("summary")
        assert link_in(str(resource.value)) == link_in(str(prompt.value))


@pytest.mark.parametrize("case", ["json", "fail_fast"])
async def test_a_legacy_client_without_back_channel_gets_the_url_error(
    case: str, caplog: pytest.LogCaptureFixture
) -> None:
    tool = "by_token" if case == "json" else "fast"
    with world(build=build_tools, json_response=case == "json") as here:
        async with here.client("legacy", human=here.person()) as client:
            with pytest.raises(MCPError) as refused:
                await client.call_tool(tool)
            assert refused.value.error.code == -32042
            async with BrowserRobot() as robot:
                await here.visit(robot, refused.value.error.data["elicitations"][0]["url"])
            is_error, _ = await text_of(client, tool)
        assert not is_error
        assert rungs(caplog) == ["URL_ERROR"]


async def test_the_url_error_reaches_resources_and_prompts_too() -> None:
    with world(build=build_tools, json_response=True) as here:
        async with here.client("legacy", human=here.person()) as client:
            with pytest.raises(MCPError) as resource:
                await client.read_resource("injected://mine/all")
            with pytest.raises(MCPError) as prompt:
                await client.get_prompt("summary")
        assert resource.value.error.code == prompt.value.error.code == -32042


async def test_a_modern_client_that_fails_fast_gets_the_link_and_never_the_retired_error() -> None:
    with world(build=build_tools) as here:
        async with here.client("modern", human=here.person()) as client:
            is_error, text = await text_of(client, "fast")
        assert is_error
        assert link_in(text)


@eras
async def test_a_user_who_takes_too_long_is_asked_once_and_gets_the_link_and_finishes_later(era: Era) -> None:
    async def opens_the_page_only(_url: str) -> Answer:
        return "accept"

    with world(build=build_tools, patience=Patience(hold_seconds=0.2, rounds=2, asking_seconds=5)) as here:
        async with here.client(era, human=opens_the_page_only) as client:
            is_error, text = await text_of(client, "by_http")
            assert is_error
            assert link_in(text) == here.links[0]
            async with BrowserRobot() as robot:
                await here.visit(robot, here.links[0])
            assert not (await text_of(client, "by_http"))[0]
        assert len(here.questions) == 1


@eras
async def test_a_user_who_declines_ends_the_call_with_that(era: Era) -> None:
    async def declines(_url: str) -> Answer:
        return "decline"

    with world(build=build_tools) as here:
        async with here.client(era, human=declines) as client:
            is_error, text = await text_of(client, "by_token")
        assert is_error
        assert text.startswith("The user declined to connect DevForge")


@eras
async def test_a_client_that_cancels_leaves_no_task_and_no_pending_entry(era: Era) -> None:
    asked = anyio.Event()

    async def reads_for_ever(_url: str) -> Answer:
        asked.set()
        if era == "legacy":
            await anyio.sleep_forever()
        return "accept"

    with world(build=build_tools, patience=Patience(hold_seconds=30)) as here:
        async with here.client(era, human=reads_for_ever) as client, anyio.create_task_group() as tasks:
            tasks.start_soon(text_of, client, "by_http")
            await eventually(asked.is_set)
            await eventually(here.is_holding)
            assert len(here.store) > 0
            tasks.cancel_scope.cancel()
        await eventually(lambda: len(here.store) == 0)
        await eventually(lambda: not here.is_holding())


@eras
async def test_the_url_error_survives_middleware_that_replaces_errors(era: Era) -> None:
    def build(mcp: Any, provider: OAuthProvider) -> None:
        build_tools(mcp, provider)
        provider.register(FastAPI(), mcp)
        mcp.add_middleware(ErrorHandlingMiddleware())

    with world(build=build, json_response=True) as here:
        async with here.client(era, human=here.person()) as client:
            if era == "legacy":
                with pytest.raises(MCPError) as refused:
                    await client.call_tool("by_token")
                assert refused.value.error.code == -32042
            else:
                assert not (await text_of(client, "by_token"))[0]


@eras
async def test_on_a_server_without_our_hook_every_client_is_refused_and_the_log_names_the_fix(
    era: Era, caplog: pytest.LogCaptureFixture
) -> None:
    with world(build=build_tools, register_mcp=False) as here:
        async with here.client(era, human=here.person()) as client:
            is_error, text = await text_of(client, "by_token")
        assert is_error
        assert "The server's operator finds the cause in the log." in text
        assert here.questions == []
    assert "register(app, mcp)" in caplog.text


@eras
@pytest.mark.parametrize("registered", ["parent", "both"])
async def test_a_tool_of_a_mounted_server_asks_through_the_hook_of_its_parent(era: Era, registered: str) -> None:
    def build(mcp: Any, provider: OAuthProvider) -> None:
        child = FastMCP("child")
        build_tools(child, provider)
        mcp.mount(child, namespace="deep")
        if registered == "both":
            provider.register(FastAPI(), child)

    with world(build=build) as here:
        async with here.client(era, human=here.person()) as client:
            is_error, text = await text_of(client, "deep_by_http")
            resource = await client.read_resource("injected://deep/mine/all")
        assert not is_error
        assert REPOS in text
        assert REPOS in str(resource)
        assert len(here.questions) == 1


@eras
async def test_a_service_that_keeps_refusing_ends_the_injected_clients_call_with_the_link(era: Era) -> None:
    with world(build=build_tools) as here:
        async with here.client(era, human=here.person()) as client:
            await client.call_tool("by_http")
            here.service.faults.respond("repos", status=401)
            is_error, text = await text_of(client, "by_http")
        assert is_error
        assert text.startswith("This needs your DevForge account")
        assert link_in(text)


@eras
async def test_a_dependency_of_the_applications_own_may_stand_on_ours(era: Era) -> None:
    seen: list[str] = []

    def build(mcp: Any, provider: OAuthProvider) -> None:
        @asynccontextmanager
        async def account(
            user: Principal = Depends(get_user), token: str = Depends(provider.token(scopes=["repo"]))
        ) -> AsyncIterator[str]:
            assert user == get_user()
            assert token == provider.get_token()
            async with provider.client() as http:
                login = (await http.get("/user")).json()["login"]
            yield f"{user.subject} is {login}"
            # Whatever is cleaned up here may still use what was injected.
            seen.append(provider.get_token())

        @mcp.tool()
        async def whoami_there(name: str = Depends(account)) -> str:
            return name

    with world(build=build) as here:
        async with here.client(era, human=here.person()) as client:
            assert await text_of(client, "whoami_there") == (False, "alice is octo-alice")
        assert seen == list(here.service.live_tokens("octo-alice"))


@eras
async def test_a_guard_and_an_injection_on_one_tool_ask_for_what_each_needs(era: Era) -> None:
    def build(mcp: Any, provider: OAuthProvider) -> None:
        @mcp.tool()
        @provider.require_token(scopes=["read:user"])
        async def both(token: str = Depends(provider.token(scopes=["repo"]))) -> bool:
            return token == provider.get_token()

    with world(build=build) as here:
        async with here.client(era, human=here.person()) as client:
            assert not (await text_of(client, "both"))[0]
            assert await text_of(client, "both") == (False, "true")
        assert len(here.questions) == 2
