"""Which rung of the ladder a client gets, and that each rung leads to the result."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

import anyio
import pytest
from mcp.shared.exceptions import MCPError

from mcpauthkit import Patience
from mcpauthkit.testing import BrowserRobot
from tests.world import ERA_MODES, Answer, Era, Flavour, world

if TYPE_CHECKING:
    from fastmcp import Client

REPOS = "hello-world"

eras = pytest.mark.parametrize("era", list(ERA_MODES))
flavours = pytest.mark.parametrize("flavour", ["fastmcp", "mcpserver"])


async def text_of(client: Client[Any], tool: str, **arguments: Any) -> tuple[bool, str]:
    result = await client.call_tool(tool, arguments, raise_on_error=False)
    return result.is_error, " ".join(getattr(block, "text", "") for block in result.content)


def rungs(caplog: pytest.LogCaptureFixture) -> list[str]:
    lines = [record.getMessage() for record in caplog.records]
    return [line.rpartition("rung=")[2].split()[0] for line in lines if "rung=" in line]


@pytest.fixture(autouse=True)
def _info(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "mcpauthkit")


@eras
@flavours
@pytest.mark.parametrize("tool", ["list_repos", "list_repos_sync"])
async def test_a_client_with_url_mode_is_asked_once_and_gets_the_result(
    era: Era, flavour: Flavour, tool: str, caplog: pytest.LogCaptureFixture
) -> None:
    with world(flavour=flavour) as here:
        async with here.client(era, human=here.person()) as client:
            first = await text_of(client, tool)
            second = await text_of(client, tool)
        assert not first[0]
        assert REPOS in first[1]
        assert first == second
        assert len(here.questions) == 1
        assert rungs(caplog) == [{"legacy": "BLOCKING", "modern": "ROUNDS"}[era]]
        assert here.service.requests.count("token", grant_type="authorization_code") == 1


@eras
@flavours
async def test_resources_and_prompts_ask_like_tools(era: Era, flavour: Flavour) -> None:
    with world(flavour=flavour) as here:
        async with here.client(era, human=here.person()) as client:
            resource = await client.read_resource("repos://mine/all")
        async with here.client(era, sub="bob", human=here.person("bob")) as client:
            prompt = await client.get_prompt("review")
        assert REPOS in str(resource)
        assert "compiler" in str(prompt)
        assert len(here.questions) == 2


@flavours
async def test_a_legacy_client_is_told_when_the_page_is_done(flavour: Flavour) -> None:
    notices: list[Any] = []

    async def on_message(message: Any) -> None:
        notices.append(message)

    with world(flavour=flavour) as here:
        async with here.client("legacy", human=here.person(), message_handler=on_message) as client:
            await client.call_tool("list_repos")
    done = [one for one in notices if getattr(one, "method", "") == "notifications/elicitation/complete"]
    assert len(done) == 1
    assert done[0].params.elicitation_id


@eras
@flavours
async def test_a_client_without_url_mode_gets_the_link_and_the_next_call_works(
    era: Era, flavour: Flavour, caplog: pytest.LogCaptureFixture
) -> None:
    with world(flavour=flavour) as here:
        async with here.client(era) as client:
            is_error, text = await text_of(client, "list_repos")
            assert is_error
            link = link_in(text)
            assert link.startswith(f"{here.base}/connect/forge?flow=")
            assert "call the tool again" in text
            async with BrowserRobot() as robot:
                page = await here.visit(robot, link)
            assert "is connected" in page.text
            is_error, text = await text_of(client, "list_repos")
        assert not is_error
        assert REPOS in text
        assert rungs(caplog) == ["LINK"]


@eras
@flavours
async def test_resources_and_prompts_give_the_link_as_an_error_text(era: Era, flavour: Flavour) -> None:
    with world(flavour=flavour) as here:
        async with here.client(era) as client:
            with pytest.raises(MCPError) as resource:
                await client.read_resource("repos://mine/all")
            with pytest.raises(MCPError) as prompt:
                await client.get_prompt("review")
        assert link_in(str(resource.value)) == link_in(str(prompt.value))


@flavours
@pytest.mark.parametrize("case", ["json", "fail_fast"])
async def test_a_legacy_client_without_back_channel_gets_the_url_error(
    flavour: Flavour, case: str, caplog: pytest.LogCaptureFixture
) -> None:
    tool = "list_repos" if case == "json" else "list_repos_fast"
    with world(flavour=flavour, json_response=case == "json") as here:
        async with here.client("legacy", human=here.person()) as client:
            with pytest.raises(MCPError) as refused:
                await client.call_tool(tool)
            assert refused.value.error.code == -32042
            asked = refused.value.error.data["elicitations"][0]
            assert asked["mode"] == "url"
            assert asked["elicitationId"]
            async with BrowserRobot() as robot:
                await here.visit(robot, asked["url"])
            is_error, _ = await text_of(client, tool)
        assert not is_error
        assert rungs(caplog) == ["URL_ERROR"]


@flavours
async def test_a_client_given_the_url_error_is_told_when_the_page_is_done(flavour: Flavour) -> None:
    done = anyio.Event()
    notices: list[Any] = []

    async def on_message(message: Any) -> None:
        if getattr(message, "method", "") == "notifications/elicitation/complete":
            notices.append(message)
            done.set()

    with world(flavour=flavour) as here:
        async with here.client("legacy", human=here.person(), message_handler=on_message) as client:
            with pytest.raises(MCPError) as refused:
                await client.call_tool("list_repos_fast")
            asked = refused.value.error.data["elicitations"][0]
            async with BrowserRobot() as robot:
                await here.visit(robot, asked["url"])
            with anyio.fail_after(5):
                await done.wait()
        assert notices[0].params.elicitation_id == asked["elicitationId"]


async def test_the_url_error_reaches_resources_and_prompts_too() -> None:
    with world(json_response=True) as here:
        async with here.client("legacy", human=here.person()) as client:
            with pytest.raises(MCPError) as resource:
                await client.read_resource("repos://mine/all")
            with pytest.raises(MCPError) as prompt:
                await client.get_prompt("review")
        assert resource.value.error.code == prompt.value.error.code == -32042


async def test_without_our_hook_in_fastmcp_the_link_comes_as_text_instead_of_an_error_without_it() -> None:
    with world(register_mcp=False, json_response=True) as here:
        async with here.client("legacy", human=here.person()) as client:
            is_error, text = await text_of(client, "list_repos")
        assert is_error
        assert link_in(text)


async def test_a_stateless_legacy_server_knows_no_capabilities_and_gives_the_link() -> None:
    with world(stateless=True) as here:
        async with here.client("legacy", human=here.person()) as client:
            is_error, text = await text_of(client, "list_repos")
        assert is_error
        assert link_in(text)
        assert here.questions == []


async def test_a_modern_client_that_fails_fast_gets_the_link_and_never_the_retired_error() -> None:
    with world() as here:
        async with here.client("modern", human=here.person()) as client:
            is_error, text = await text_of(client, "list_repos_fast")
        assert is_error
        assert link_in(text)


@eras
async def test_a_user_who_takes_too_long_is_asked_once_and_gets_the_link_and_finishes_later(era: Era) -> None:
    patience = Patience(hold_seconds=0.2, rounds=2, asking_seconds=5)

    async def opens_the_page_only(_url: str) -> Answer:
        return "accept"

    with world(patience=patience) as here:
        async with here.client(era, human=opens_the_page_only) as client:
            is_error, text = await text_of(client, "list_repos")
            assert is_error
            assert link_in(text) == here.links[0]
            async with BrowserRobot() as robot:
                await here.visit(robot, here.links[0])
            is_error, text = await text_of(client, "list_repos")
        assert not is_error
        assert REPOS in text
        assert len(here.questions) == 1


@eras
async def test_five_calls_of_one_user_ask_one_question(era: Era) -> None:
    # L6: five prompts in the superseded system.
    results: list[tuple[bool, str]] = []

    with world() as here:
        async with here.client(era, human=here.person()) as client, anyio.create_task_group() as tasks:

            async def call() -> None:
                results.append(await text_of(client, "list_repos"))

            for _ in range(5):
                tasks.start_soon(call)
        assert [is_error for is_error, _ in results] == [False] * 5
        assert len(here.questions) == 1
        assert here.service.requests.count("token") == 1


@eras
async def test_a_second_tool_with_more_scopes_asks_for_the_union(era: Era) -> None:
    def build(mcp: Any, provider: Any) -> None:
        @mcp.tool()
        @provider.require_token(scopes=["read:user"])
        async def profile() -> str:
            async with provider.client() as http:
                return str((await http.get("/user")).json()["login"])

    with world(build=build) as here:
        async with here.client(era, human=here.person()) as client:
            assert (await text_of(client, "profile")) == (False, "octo-alice")
            assert not (await text_of(client, "list_repos"))[0]
            assert not (await text_of(client, "profile"))[0]
        assert len(here.questions) == 2
        asked = [one.query["scope"][0] for one in here.service.requests.all("authorize") if "scope" in one.query]
        assert asked[0] == "read:user"
        assert set(asked[-1].split()) == {"read:user", "repo"}


def link_in(text: str) -> str:
    return next(word for word in text.replace(",", " ").split() if "/connect/" in word)
