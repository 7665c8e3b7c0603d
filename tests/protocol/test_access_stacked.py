"""Rules of a server beside other middleware, other rules, and tools that call into mounted servers themselves."""

from __future__ import annotations

import logging
from typing import Any

import pytest
from fastmcp import Context, FastMCP
from fastmcp.server.middleware import Middleware
from fastmcp.server.middleware.caching import ResponseCachingMiddleware
from fastmcp.server.transforms import ToolTransform
from fastmcp.tools.tool_transform import ToolTransformConfig
from mcp.server.mcpserver import MCPServer
from mcp.shared.exceptions import MCPError

from mcpauthkit import AccessMiddleware
from mcpauthkit.guards import HasRole, require
from mcpauthkit.protocol.access.mcpserver import attach_access
from tests.protocol.access_room import ERAS, EVERYTHING, Notebook, client_of, names, rules, says, someone
from tests.world import Era

eras = pytest.mark.parametrize("era", ERAS)
NO_DANGER = "{name: d, effect: deny, agents: {anyone: true}, tools: {patterns: ['*danger']}}"


def child() -> FastMCP[Any]:
    mcp: FastMCP[Any] = FastMCP("child")

    @mcp.tool
    def danger() -> str:
        return "DANGER"

    @mcp.tool
    async def call_any(name: str, ctx: Context) -> str:
        return str((await ctx.fastmcp.call_tool(name)).content[0].text)  # type: ignore[union-attr]  # text

    @mcp.tool
    async def list_all(ctx: Context) -> list[str]:
        return sorted(one.name for one in await ctx.fastmcp.list_tools())

    @mcp.resource("notes://of/{name}")
    def note(name: str) -> str:
        return f"note of {name}"

    @mcp.resource("notes://plan")
    def plan() -> str:
        return "plan"

    @mcp.prompt
    def ask() -> str:
        return "asked"

    return mcp


def enforcing(*lines: str, **options: Any) -> AccessMiddleware:
    return AccessMiddleware(rules(EVERYTHING, *lines), **options)


@eras
@pytest.mark.parametrize("where", ["child", "middle", "both"])
async def test_rules_of_a_mounted_server_add_to_those_of_the_outer_one(where: str, era: Era) -> None:
    inner, middle, outer = child(), FastMCP("middle"), FastMCP("outer")
    if where in {"child", "both"}:
        inner.add_middleware(enforcing())
    if where in {"middle", "both"}:
        middle.add_middleware(enforcing())
    middle.mount(inner, namespace="in")
    outer.mount(middle, namespace="mid")
    outer.add_middleware(enforcing(NO_DANGER))
    async with client_of(outer, someone(), era) as client:
        assert "mid_in_danger" not in await names(client)
        assert (await says(client, "mid_in_danger"))[0]
        is_error, text = await says(client, "mid_in_call_any", name="danger")
        assert (is_error, "DANGER" in text) == (True, False)
        assert "danger" not in (await says(client, "mid_in_list_all"))[1]


@eras
async def test_rules_of_a_mounted_server_hold_there_whatever_the_outer_one_allows(era: Era) -> None:
    inner, outer = child(), FastMCP("outer")
    inner.add_middleware(enforcing(NO_DANGER))
    outer.mount(inner, namespace="in")
    outer.add_middleware(enforcing())
    async with client_of(outer, someone(), era) as client:
        assert "in_danger" not in await names(client)
        assert (await says(client, "in_danger"))[0]
        assert (await says(client, "in_call_any", name="danger"))[0]


@eras
async def test_two_of_our_middleware_on_one_server_serve_nothing(era: Era, caplog: pytest.LogCaptureFixture) -> None:
    mcp = child()
    mcp.add_middleware(enforcing(NO_DANGER))
    mcp.add_middleware(enforcing())
    with caplog.at_level(logging.WARNING), pytest.raises(MCPError):
        async with client_of(mcp, someone(), era) as client:
            await client.list_tools()
    assert "A server has one AccessMiddleware" in caplog.text


@eras
async def test_a_tool_that_calls_into_a_mounted_server_calls_what_its_caller_may(era: Era) -> None:
    one, other, outer = child(), child(), FastMCP("outer", middleware=[enforcing(NO_DANGER)])

    @one.tool
    async def sibling(name: str) -> str:
        return str((await other.call_tool(name)).content[0].text)  # type: ignore[union-attr]  # text

    @outer.tool
    async def direct(name: str) -> str:
        return str((await one.call_tool(name)).content[0].text)  # type: ignore[union-attr]  # text

    @outer.prompt
    async def through_prompt(name: str) -> str:
        return str((await one.call_tool(name)).content[0].text)  # type: ignore[union-attr]  # text

    outer.mount(one, namespace="a")
    outer.mount(other, namespace="b")
    async with client_of(outer, someone(), era) as client:
        for tool in ("direct", "a_sibling", "a_call_any"):
            assert (await says(client, tool, name="danger"))[0], tool
        with pytest.raises(MCPError):
            await client.get_prompt("through_prompt", {"name": "danger"})
        assert "danger" not in (await says(client, "direct", name="list_all"))[1]


@eras
@pytest.mark.parametrize("way", ["mounted", "nested", "renamed"])
async def test_a_decided_call_is_decided_once_on_its_way_through_mounted_servers(way: str, era: Era) -> None:
    notebook, middle, outer = Notebook(), FastMCP("middle"), FastMCP("outer")
    outer.add_middleware(enforcing(audit=notebook))
    tool, before = "in_list_all", "in/"
    if way == "nested":
        middle.mount(child(), namespace="deep")
        outer.mount(middle, namespace="in")
        tool, before = "in_deep_list_all", "in/deep/"
    else:
        outer.mount(child(), namespace="in")
    if way == "renamed":
        outer.add_transform(ToolTransform({tool: ToolTransformConfig(name="look")}))
        tool = "look"
    async with client_of(outer, someone(), era) as client:
        assert not (await says(client, tool))[0]
        for uri in (f"notes://{before}plan", f"notes://{before}of/ada"):
            assert await client.read_resource(uri)
        await client.get_prompt(f"{before.replace('/', '_')}ask")
    used = [(action, target) for _, action, target in notebook.decided() if action != "list"]
    assert used == [
        ("call", tool),
        ("read", f"notes://{before}plan"),
        ("read", f"notes://{before}of/ada"),
        ("get", f"{before.replace('/', '_')}ask"),
    ]


@eras
@pytest.mark.parametrize("cached", ["outer", "middle"])
async def test_guards_in_mounted_servers_filter_each_callers_list_above_a_cache(cached: str, era: Era) -> None:
    inner, middle, outer = child(), FastMCP("middle"), FastMCP("outer", middleware=[enforcing()])

    @inner.tool
    @require(HasRole("admin"))
    def wipe() -> str:
        return "wiped"

    (outer if cached == "outer" else middle).add_middleware(ResponseCachingMiddleware())
    middle.mount(inner, namespace="in")
    outer.mount(middle, namespace="mid")
    for who, may in ((someone("root", "admin"), True), (someone("eve"), False), (someone("root", "admin"), True)):
        async with client_of(outer, who, era) as client:
            assert ("mid_in_wipe" in await names(client)) is may
            assert "mid_in_danger" in await names(client)


@eras
async def test_a_cache_before_our_middleware_serves_nothing(era: Era, caplog: pytest.LogCaptureFixture) -> None:
    mcp = child()
    mcp.add_middleware(ResponseCachingMiddleware())
    mcp.add_middleware(enforcing())
    with caplog.at_level(logging.WARNING), pytest.raises(MCPError):
        async with client_of(mcp, someone("root", "admin"), era) as client:
            await client.list_tools()
    assert "Add AccessMiddleware before ResponseCachingMiddleware" in caplog.text


async def test_other_middleware_before_ours_is_warned_of_once(caplog: pytest.LogCaptureFixture) -> None:
    mcp = child()
    mcp.add_middleware(Middleware())
    mcp.add_middleware(enforcing())
    with caplog.at_level(logging.WARNING):
        async with client_of(mcp, someone()) as client:
            await names(client)
            await names(client)
    warned = [one.getMessage() for one in caplog.records if one.levelno >= logging.WARNING]
    assert [one.startswith("middleware=Middleware") for one in warned] == [True]


@eras
async def test_a_function_registered_late_without_its_guards_is_found(era: Era) -> None:
    def late() -> str:
        return "ran"

    mcp = child()
    mcp.add_middleware(enforcing())
    async with client_of(mcp, someone(), era) as client:
        await names(client)
        require(HasRole("admin"))(late)
        mcp.tool(late)
        with pytest.raises(MCPError):
            await client.call_tool("late", {})
        mcp.local_provider.remove_tool("late")
        assert not (await says(client, "list_all"))[0]


async def test_an_mcpserver_finds_a_function_registered_late_without_its_guards() -> None:
    def late() -> str:
        return "ran"

    mcp: MCPServer[Any] = MCPServer("late")
    attach_access(mcp, rules(EVERYTHING))
    async with client_of(mcp, someone()) as client:
        await names(client)
        require(HasRole("admin"))(late)
        mcp.tool()(late)
        with pytest.raises(MCPError):
            await client.call_tool("late", {})
