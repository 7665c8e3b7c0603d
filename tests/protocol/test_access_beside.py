"""Completions, subscriptions and background tasks tell only those who may use what they are about."""

from __future__ import annotations

from typing import Any

import mcp_types
import pytest
from fastmcp import FastMCP
from fastmcp.server.extensions import MethodBinding, ServerExtension
from mcp.server.caching import CacheHint
from mcp.server.mcpserver import MCPServer
from mcp.shared.exceptions import MCPError
from pydantic import BaseModel, ConfigDict

from mcpauthkit import AccessMiddleware, attach_access
from mcpauthkit.access.request import Kind, Target
from mcpauthkit.access.rules import AccessRules
from mcpauthkit.errors import ConfigurationError
from mcpauthkit.policies import Policies
from mcpauthkit.protocol.access.control import AccessControl
from mcpauthkit.protocol.access.side import SideDoor
from mcpauthkit.protocol.access.tasks import StartedTasks
from mcpauthkit.protocol.stdio_identity import stdio_identity
from tests.protocol.access_room import ERAS, EVERYTHING, client_of, names, rules, says, someone
from tests.world import Era

eras = pytest.mark.parametrize("era", ERAS)
flavours = pytest.mark.parametrize("flavour", ["fastmcp", "mcpserver"])

FEW = (
    "{name: p, effect: allow, prompts: {names: [open]}}",
    "{name: r, effect: allow, resources: {patterns: ['open://*']}}",
)


def served(flavour: str, *lines: str, **options: Any) -> Any:
    mcp: Any = FastMCP("room") if flavour == "fastmcp" else MCPServer("room")
    for name in ("open", "shut"):
        mcp.prompt(name=name)(lambda word: f"about {word}") if flavour == "fastmcp" else _prompt(mcp, name)
        _template(mcp, name)

    @mcp.completion() if flavour == "mcpserver" else mcp.completion
    async def complete(ref: Any, argument: Any, context: Any) -> Any:
        return mcp_types.Completion(values=["a secret word"])

    if flavour == "fastmcp":
        mcp.add_middleware(AccessMiddleware(rules(*lines), **options))
    else:
        attach_access(mcp, rules(*lines), **options)
    return mcp


def _prompt(mcp: Any, name: str) -> None:
    @mcp.prompt(name=name)
    def about(word: str) -> str:
        return f"about {word}"


def _template(mcp: Any, name: str) -> None:
    @mcp.resource(f"{name}://{{word}}", name=name)
    def word_of(word: str) -> str:
        return word


@eras
@flavours
async def test_suggestions_are_for_those_who_may_use_what_they_are_for(flavour: str, era: Era) -> None:
    mcp = served(flavour, *FEW)
    async with client_of(mcp, someone(), era) as client:
        for name, may in (("open", True), ("shut", False), ("made_up", False)):
            for reference in (
                mcp_types.PromptReference(name=name),
                mcp_types.ResourceTemplateReference(uri=f"{name}://{{word}}"),
            ):
                if may:
                    assert (await client.complete(reference, {"name": "word", "value": ""})).values == ["a secret word"]
                    continue
                with pytest.raises(MCPError, match="does not allow you"):
                    await client.complete(reference, {"name": "word", "value": ""})


def side_door(*lines: str, who: Any = None, tasks: StartedTasks | None = None) -> SideDoor:
    async def find(kind: Kind, name: str) -> Target:
        return Target(kind, name if kind is Kind.PROMPT else "", uri="" if kind is Kind.PROMPT else name)

    return SideDoor(
        control=AccessControl(AccessRules(Policies(rules(*lines)), require_auth=True)),
        principal=who,
        transport="http",
        require_auth=True,
        tasks=tasks or StartedTasks(),
        find=find,
    )


async def test_a_subscription_is_for_those_who_may_read() -> None:
    door = side_door(*FEW, who=someone())
    await door.check("resources/subscribe", {"uri": "open://a"})
    for params in ({"uri": "shut://a"}, {}, {"uri": 1}):
        with pytest.raises(MCPError):
            await door.check("resources/subscribe", params)
    await door.check("resources/unsubscribe", {"uri": "shut://a"})


async def test_of_several_addresses_those_that_may_be_read_are_heard_of() -> None:
    wanted = {"toolsListChanged": True, "resourceSubscriptions": ["open://a", "shut://a", 1]}
    heard = await side_door(*FEW, who=someone()).check("subscriptions/listen", {"notifications": wanted})
    assert heard == {"notifications": {"toolsListChanged": True, "resourceSubscriptions": ["open://a"]}}
    with pytest.raises(MCPError):
        await side_door(*FEW).check("subscriptions/listen", {"notifications": wanted})


async def test_whoever_asks_for_a_task_is_decided_about_again() -> None:
    class Started(BaseModel):
        task_id: str

    tasks = StartedTasks()
    for name in ("open", "shut"):
        tasks.remember(Started(task_id=name), Target(Kind.TOOL, name), {})
    tasks.remember(object(), Target(Kind.TOOL, "no task"), {})
    door = side_door("{name: t, effect: allow, tools: {names: [open]}}", who=someone(), tasks=tasks)
    await door.check("tasks/get", {"taskId": "open"})
    # Another replica started it; the extension knows whose it is.
    await door.check("tasks/get", {"taskId": "unknown"})
    for method in ("tasks/get", "tasks/result", "tasks/cancel"):
        with pytest.raises(MCPError, match="does not allow you"):
            await door.check(method, {"taskId": "shut"})
    with pytest.raises(MCPError, match="Requires authentication"):
        await side_door(EVERYTHING).check("tasks/get", {"taskId": "unknown"})


async def test_of_many_tasks_the_latest_are_remembered() -> None:
    class Started(BaseModel):
        task_id: str

    tasks = StartedTasks()
    for number in range(10_001):
        tasks.remember(Started(task_id=str(number)), Target(Kind.TOOL, "t"), {})
    assert tasks.get("0") is None
    assert tasks.get("10000") is not None


async def test_requests_that_nobody_knows_need_a_caller_where_everything_does() -> None:
    with pytest.raises(MCPError, match="Requires authentication"):
        await side_door(EVERYTHING).check("acme/secrets", {})
    for method in ("initialize", "server/discover", "ping", "tools/list"):
        await side_door(EVERYTHING).check(method, {})
    await side_door(EVERYTHING, who=someone()).check("acme/secrets", {})


async def test_a_call_that_turned_into_a_task_is_remembered_by_the_server() -> None:
    class Started(BaseModel):
        task_id: str

    class AskFor(mcp_types.RequestParams):
        task_id: str

    class Tasks(ServerExtension):
        identifier = "org.example/tasks"

        def methods(self) -> list[MethodBinding]:
            async def get(_ctx: Any, params: Any) -> dict[str, Any]:
                return {"done": True}

            return [MethodBinding("tasks/peek", AskFor, get)]

        async def intercept_tool_call(self, params: Any, context: Any, call_next: Any) -> Any:
            assert (params.name, context is not None, callable(call_next)) == ("slow", True, True)
            return Started(task_id="t-1")

    access = AccessMiddleware(rules("{name: t, effect: allow, tools: {names: [slow]}}"))
    mcp: FastMCP[Any] = FastMCP("room", middleware=[access])

    @mcp.tool
    def slow() -> str:
        return "done"

    mcp.add_extension(Tasks())
    peek = mcp_types.Request[Any, str](method="tasks/peek", params={"taskId": "t-1"})
    async with client_of(mcp, someone()) as client:
        await mcp.call_tool("slow", {})
        assert (await client.session.send_request(peek, _Anything)).model_extra["done"] is True  # type: ignore[index]
        access.add_policy(rules("{name: s, effect: deny, tools: {names: [slow]}}").model_copy(update={"name": "stop"}))
        with pytest.raises(MCPError, match="does not allow you"):
            await client.session.send_request(peek, _Anything)


class _Anything(mcp_types.Result):
    model_config = ConfigDict(extra="allow")


@pytest.mark.parametrize("flavour", ["fastmcp", "mcpserver"])
async def test_a_list_that_depends_on_its_caller_is_never_public(flavour: str) -> None:
    if flavour == "fastmcp":
        mcp: Any = FastMCP("room", cache_ttl=60, cache_scope="public", middleware=[AccessMiddleware(rules(EVERYTHING))])
    else:
        mcp = MCPServer("room", cache_hints={"tools/list": CacheHint(ttl_ms=60_000, scope="public")})
        attach_access(mcp, rules(EVERYTHING))
    mcp.tool(name="read")(lambda: "read")
    async with client_of(mcp, someone()) as client:
        listed = await client.list_tools_mcp()
    assert (listed.cache_scope, listed.ttl_ms) == ("private", 60_000)


def test_the_environment_says_who_calls_on_stdio(monkeypatch: pytest.MonkeyPatch) -> None:
    assert stdio_identity() is None
    for name, value in {
        "USER": "alice",
        "ISSUER": "https://i.example",
        "ROLES": "reader, editor",
        "SCOPES": "a b",
        "CLIENT": "desk",
        "AGENT": "bot",
        "TENANT": "acme",
    }.items():
        monkeypatch.setenv(f"MCPAUTHKIT_STDIO_{name}", value)
    found = stdio_identity()
    assert found is not None
    assert found.key == ("https://i.example", "alice")
    assert (found.roles, found.scopes) == (frozenset({"reader", "editor"}), frozenset({"a", "b"}))
    assert (found.client_id, found["agent_id"], found["tenant"], found.expires_at) == ("desk", "bot", "acme", None)
    assert stdio_identity(someone("bob")) == someone("bob")


def test_rights_without_a_user_on_stdio_are_a_mistake(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MCPAUTHKIT_STDIO_ROLES", "admin")
    with pytest.raises(ConfigurationError) as refused:
        AccessMiddleware()
    assert "MCPAUTHKIT_STDIO_USER" in refused.value.hint


async def test_the_identity_of_stdio_is_nobodys_elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MCPAUTHKIT_STDIO_USER", "alice")
    for flavour in ("fastmcp", "mcpserver"):
        mcp = served(flavour, "{name: r, effect: allow, tools: {names: [read]}}")
        mcp.tool(name="read")(lambda: "read")
        async with client_of(mcp, None) as client:
            assert await names(client) == set()
            assert (await says(client, "read"))[0]
