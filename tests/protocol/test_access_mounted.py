"""Rules of a server, where what they are about is mounted in it, comes in versions, or is called by another tool."""

from __future__ import annotations

from typing import Any

import pytest
from fastmcp import Context, FastMCP
from fastmcp.server import create_proxy
from fastmcp.server.transforms import Namespace, PromptsAsTools, ResourcesAsTools, ToolTransform
from fastmcp.server.transforms.search import RegexSearchTransform
from fastmcp.tools.tool_transform import ToolTransformConfig

from mcpauthkit import AccessMiddleware
from mcpauthkit.guards import HasRole, require
from tests.protocol.access_room import ERAS, EVERYTHING, Notebook, client_of, names, rules, says, someone
from tests.world import Era

eras = pytest.mark.parametrize("era", ERAS)
NO_DANGER = "{name: d, effect: deny, tools: {tags: [danger]}}"


def child(*transforms: Any) -> FastMCP[Any]:
    mcp: FastMCP[Any] = FastMCP("child")

    @mcp.tool
    def add() -> str:
        return "added"

    @mcp.tool(tags={"danger"})
    def wipe() -> str:
        return "wiped"

    @mcp.tool
    async def call_any(name: str, ctx: Context) -> str:
        """A tool that calls another by a name that its caller chose."""
        result = await ctx.fastmcp.call_tool(name, {})
        return str(result.content[0].text)  # type: ignore[union-attr]  # these tools return text

    @mcp.tool
    async def list_all(ctx: Context) -> list[str]:
        return sorted(one.name for one in await ctx.fastmcp.list_tools())

    @mcp.tool
    async def read_any(uri: str, ctx: Context) -> str:
        return str((await ctx.fastmcp.read_resource(uri)).contents[0].content)

    @mcp.resource("notes://plan")
    def plan() -> str:
        return "plan"

    @mcp.resource("notes://of/{name}")
    def note(name: str) -> str:
        return f"note of {name}"

    for one in transforms:
        mcp.add_transform(one)
    return mcp


def outer(*lines: str, **options: Any) -> FastMCP[Any]:
    return FastMCP("outer", middleware=[AccessMiddleware(rules(*lines), **options)])


@eras
async def test_a_namespace_is_where_a_tool_comes_from_and_not_how_its_name_begins(era: Era) -> None:
    mcp = outer("{name: m, effect: allow, tools: {namespaces: [math]}}")

    @mcp.tool
    def math_own() -> str:
        return "own"

    mcp.mount(child(), namespace="math")
    async with client_of(mcp, someone(), era) as client:
        assert await names(client) == {f"math_{one}" for one in ("add", "wipe", "call_any", "list_all", "read_any")}
        assert (await says(client, "math_own"))[0]
        assert await says(client, "math_add") == (False, "added")


@pytest.mark.parametrize("mounting", ["mount", "proxy", "nested", "late", "provider", "renamed"])
async def test_a_denied_namespace_is_denied_however_it_was_mounted(mounting: str) -> None:
    mcp = outer(EVERYTHING, "{name: m, effect: deny, tools: {namespaces: [math]}}")
    name = "math_add"
    match mounting:
        case "proxy":
            mcp.mount(create_proxy(child()), namespace="math")
        case "nested":
            middle: FastMCP[Any] = FastMCP("middle")
            middle.mount(child(), namespace="deep")
            mcp.mount(middle, namespace="math")
            name = "math_deep_add"
        case "late":
            async with client_of(mcp, someone()) as client:
                assert await names(client) == set()
            mcp.mount(child(), namespace="math")
        case "provider":
            mcp.add_provider(child(), namespace="math")
        case "renamed":
            mcp.mount(child(), namespace="math")
            mcp.add_transform(ToolTransform({"math_add": ToolTransformConfig(name="plus", meta={"own": 1})}))
            name = "plus"
        case _:
            mcp.mount(child(), namespace="math")
    async with client_of(mcp, someone()) as client:
        assert await names(client) == set()
        assert (await says(client, name))[0]


async def test_the_outermost_of_several_namespaces_counts_when_another_is_put_around() -> None:
    mcp = outer("{name: m, effect: allow, tools: {namespaces: [math]}}")
    mcp.mount(child(), namespace="math")
    mcp.add_transform(Namespace("all"))
    async with client_of(mcp, someone()) as client:
        assert await says(client, "all_math_add") == (False, "added")


@eras
async def test_nothing_of_where_a_tool_comes_from_goes_to_clients(era: Era) -> None:
    mcp = outer(EVERYTHING)
    mcp.mount(child(), namespace="math")
    async with client_of(mcp, someone(), era) as client:
        for one in await client.list_tools():
            assert "mcpauthkit" not in one.model_dump_json()


@eras
@pytest.mark.parametrize("namespace", ["math", None])
async def test_a_mounted_tool_calls_others_only_as_its_caller_might(namespace: str | None, era: Era) -> None:
    notebook = Notebook()
    mcp = outer(EVERYTHING, NO_DANGER, "{name: n, effect: deny, resources: {patterns: ['*eve']}}", audit=notebook)
    mcp.mount(child(), namespace=namespace)
    before, space = ("math_", "math/") if namespace else ("", "")
    async with client_of(mcp, someone(), era) as client:
        assert await says(client, f"{before}call_any", name="add") == (False, "added")
        is_error, text = await says(client, f"{before}call_any", name="wipe")
        assert (is_error, "does not allow you to call" in text) == (True, True)
        assert "wipe" not in (await says(client, f"{before}list_all"))[1]
        assert await says(client, f"{before}read_any", uri="notes://of/ada") == (False, "note of ada")
        assert (await says(client, f"{before}read_any", uri="notes://of/eve"))[0]
    inner = notebook.decided()
    assert ("deny", "call", f"{before}wipe") in inner
    assert ("deny", "read", f"notes://{space}of/eve") in inner


@eras
async def test_a_mounted_server_on_its_own_has_no_rules_of_others(era: Era) -> None:
    mcp, inner = outer("{name: m, effect: allow, tools: {names: [math_add]}}"), child()
    mcp.mount(inner, namespace="math")
    async with client_of(mcp, someone(), era) as client:
        assert await names(client) == {"math_add"}
    async with client_of(inner, None, era) as client:
        assert await says(client, "wipe") == (False, "wiped")


@eras
@pytest.mark.parametrize("where", ["outer", "inner"])
async def test_a_search_finds_and_calls_only_what_its_caller_may(where: str, era: Era) -> None:
    search = RegexSearchTransform()
    mcp = outer(EVERYTHING, NO_DANGER)
    mcp.mount(child(search) if where == "inner" else child())
    if where == "outer":
        mcp.add_transform(search)
    async with client_of(mcp, someone(), era) as client:
        assert "wipe" not in (await says(client, "search_tools", pattern="."))[1].replace('"wiped"', "")
        assert await says(client, "call_tool", name="add") == (False, "added")
        assert (await says(client, "call_tool", name="wipe"))[0]


async def test_resources_and_prompts_offered_as_tools_are_decided_as_what_they_are() -> None:
    no_plan = "{name: n, effect: deny, resources: {patterns: ['*plan']}, prompts: {names: [never]}}"
    mcp = outer(EVERYTHING, no_plan, "{name: p, effect: deny, prompts: {names: [secret]}}")

    @mcp.prompt
    def secret() -> str:
        return "hidden words"

    mcp.mount(child())
    mcp.add_transform(ResourcesAsTools(mcp))
    mcp.add_transform(PromptsAsTools(mcp))
    async with client_of(mcp, someone()) as client:
        assert "hidden words" not in (await says(client, "get_prompt", name="secret"))[1]
        assert "secret" not in (await says(client, "list_prompts"))[1]


@eras
async def test_the_version_that_runs_is_the_one_that_is_decided_about(era: Era) -> None:
    mcp = outer(EVERYTHING, NO_DANGER)

    @mcp.tool(version="1", tags={"danger"})
    def calc() -> str:
        return "old"

    @mcp.tool(name="calc", version="2")
    def calc_2() -> str:
        return "new"

    @mcp.tool(version="1")
    def draw() -> str:
        return "old"

    @mcp.tool(name="draw", version="2", tags={"danger"})
    def draw_2() -> str:
        return "new"

    async with client_of(mcp, someone(), era) as client:
        # Without a version the newest runs, so a newest one that is denied hides those before it.
        assert await names(client) == {"calc"}
        assert await says(client, "calc") == (False, "new")
        assert (await says(client, "draw"))[0]
        for tool, version, may in (
            ("calc", "1", False),
            ("calc", "2", True),
            ("draw", "1", True),
            ("draw", "2", False),
        ):
            result = await client.call_tool(tool, {}, version=version, raise_on_error=False)
            assert result.is_error is not may, (tool, version)


@eras
async def test_guards_on_mounted_functions_hide_them_in_the_outer_list(era: Era) -> None:
    inner: FastMCP[Any] = FastMCP("inner")

    @inner.tool
    @require(HasRole("admin"))
    def wipe() -> str:
        return "wiped"

    mcp = outer(EVERYTHING)
    mcp.mount(inner, namespace="deep")
    async with client_of(mcp, someone(), era) as client:
        assert await names(client) == set()
        assert (await says(client, "deep_wipe"))[0]
    async with client_of(mcp, someone("ada", "admin"), era) as client:
        assert await names(client) == {"deep_wipe"}
        assert await says(client, "deep_wipe") == (False, "wiped")


async def test_a_proxy_is_told_the_namespaces_that_only_names_show() -> None:
    behind: FastMCP[Any] = FastMCP("behind")
    behind.mount(child(), namespace="math")
    mcp = create_proxy(behind, name="proxy")
    allow = rules("{name: m, effect: allow, tools: {namespaces: [math]}}")
    mcp.add_middleware(AccessMiddleware(allow, namespaces=["math"]))
    async with client_of(mcp, someone()) as client:
        assert await says(client, "math_add") == (False, "added")
    # A server behind a proxy names its tools as it likes, which gives it no namespace of ours.
    untold = create_proxy(behind, name="untold")
    untold.mount(child(), namespace="other")
    untold.add_middleware(AccessMiddleware(allow))
    async with client_of(untold, someone()) as client:
        assert await names(client) == set()
