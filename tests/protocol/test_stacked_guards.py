"""Several guards on one tool, and guards on tools that ask questions of their own."""

from __future__ import annotations

import json
from typing import Any

import mcp_types
import pytest
from fastmcp import Context
from mcp.server.mcpserver import Context as MCPServerContext

from tests.protocol.room import Room, said
from tests.world import ERA_MODES, Era

eras = pytest.mark.parametrize("era", list(ERA_MODES))
flavours = pytest.mark.parametrize("flavour", ["fastmcp", "mcpserver"])


@eras
@flavours
async def test_a_tool_that_needs_two_services_asks_for_each_once(era: Era, flavour: str) -> None:
    here = Room(flavour)

    @here.mcp.tool()
    @here.forge.require_token(scopes=["repo"])
    @here.wiki.require_token(scopes=["read"])
    async def both() -> str:
        return f"{here.forge.get_token()} {here.wiki.get_token()}"

    async with here.client(era) as client:
        first = await said(client, "both")
        again = await said(client, "both")
    assert first == again == (False, "forge-token wiki-token")
    assert [url.partition("?")[0].rpartition("/")[2] for url in here.asked] == ["forge", "wiki"]


@eras
async def test_a_no_to_the_second_service_keeps_the_first_and_runs_nothing(era: Era) -> None:
    here = Room()
    ran: list[str] = []

    @here.mcp.tool()
    @here.forge.require_token(scopes=["repo"])
    @here.wiki.require_token(scopes=["read"])
    async def both() -> str:
        ran.append("x")
        return "never"

    await here.hold()
    here.does = "decline"
    async with here.client(era) as client:
        is_error, text = await said(client, "both")
    assert is_error
    assert "Wiki" in text
    assert ran == []
    assert len(here.asked) == 1


def _own_question(state: dict[str, Any]) -> mcp_types.InputRequiredResult:
    params = mcp_types.ElicitRequestURLParams(message="Sure?", url="https://own.example/sure", elicitation_id="own")
    return mcp_types.InputRequiredResult(
        input_requests={"sure": mcp_types.ElicitRequest(params=params)}, request_state=json.dumps(state)
    )


@flavours
@pytest.mark.parametrize("held", [True, False], ids=["connected", "not connected"])
async def test_a_tool_with_rounds_of_its_own_sees_only_its_own(flavour: str, *, held: bool) -> None:
    here = Room(flavour)
    seen: list[tuple[str | None, list[str] | None]] = []

    def rounds(ctx: Any) -> Any:
        answers = ctx.input_responses
        seen.append((ctx.request_state, None if answers is None else sorted(answers)))
        if ctx.request_state is None:
            return _own_question({"step": 1})
        return f"step {json.loads(ctx.request_state)['step']}"

    if flavour == "fastmcp":

        @here.mcp.tool()
        @here.forge.require_token(scopes=["repo"])
        async def careful(ctx: Context) -> str:
            return rounds(ctx)  # type: ignore[no-any-return]  # a question may stand for the text

    else:

        @here.mcp.tool()
        @here.forge.require_token(scopes=["repo"])
        async def careful(ctx: MCPServerContext) -> str:
            return rounds(ctx)  # type: ignore[no-any-return]  # a question may stand for the text

    if held:
        await here.hold()
    async with here.client("modern") as client:
        assert await said(client, "careful") == (False, "step 1")
    assert seen == [(None, None), ('{"step": 1}', ["sure"])]
    assert len(here.asked) == (1 if held else 2)


async def test_a_second_guards_question_is_not_taken_for_the_first_ones() -> None:
    """The first guard's credential goes while the second one asks: it asks anew instead of reading a foreign state."""
    here = Room()

    @here.mcp.tool()
    @here.forge.require_token(scopes=["repo"])
    @here.wiki.require_token(scopes=["read"])
    async def both() -> str:
        return "done"

    @here.mcp.tool()
    @here.forge.require_token()
    async def forget() -> str:
        await here.forge.invalidate_token()
        return "gone"

    async with here.client("modern") as client:
        assert await said(client, "both") == (False, "done")
        await said(client, "forget")
        assert await said(client, "both") == (False, "done")
    assert len(here.asked) == 3
