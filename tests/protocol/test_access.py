"""What `AccessMiddleware` and `attach_access` do with lists and calls."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from fastmcp import FastMCP
from mcp.server.mcpserver import MCPServer
from mcp.shared.exceptions import MCPError

from mcpauthkit import AccessMiddleware, attach_access, current_user
from mcpauthkit.errors import ConfigurationError
from mcpauthkit.guards import HasRole, ToolScopes, require
from mcpauthkit.policies import Policies
from mcpauthkit.testing import FakeClock
from tests.protocol.access_room import ERAS, EVERYTHING, Notebook, client_of, names, rules, says, someone
from tests.world import Era

eras = pytest.mark.parametrize("era", ERAS)
flavours = pytest.mark.parametrize("flavour", ["fastmcp", "mcpserver"])
REFUSED = "The access policy of this server does not allow you to call {!r}."
Fill = Callable[[Any], None]


def tools(mcp: Any) -> None:
    @mcp.tool()
    def read() -> str:
        return "read"

    @mcp.tool()
    def pay(amount: int = 0) -> str:
        return f"paid {amount}"


def served(flavour: str, *, fill: Fill = tools, **options: Any) -> Any:
    mcp: Any = FastMCP("room") if flavour == "fastmcp" else MCPServer("room")
    fill(mcp)
    if flavour == "fastmcp":
        mcp.add_middleware(AccessMiddleware(**options))
    else:
        attach_access(mcp, **options)
    return mcp


@eras
@flavours
async def test_a_name_that_nothing_goes_by_is_refused_in_the_same_words(flavour: str, era: Era) -> None:
    mcp = served(flavour, policies=rules("{name: r, effect: allow, tools: {names: [read]}}"))
    async with client_of(mcp, someone(), era) as client:
        assert await says(client, "pay") == (True, REFUSED.format("pay"))
        assert await says(client, "made_up") == (True, REFUSED.format("made_up"))


@eras
@flavours
async def test_a_call_is_decided_with_its_arguments_and_a_list_without(flavour: str, era: Era) -> None:
    small = "conditions: [{field: tool.args.amount, operator: less_than, value: 10}]"
    mcp = served(flavour, policies=rules(f"{{name: r, effect: allow, tools: {{names: [pay]}}, {small}}}"))
    async with client_of(mcp, someone(), era) as client:
        assert await names(client) == {"pay"}
        assert await says(client, "pay", amount=5) == (False, "paid 5")
        assert await says(client, "pay", amount=50) == (True, REFUSED.format("pay"))
        assert await says(client, "pay") == (True, REFUSED.format("pay"))


@eras
@flavours
async def test_one_event_tells_of_each_call_and_one_of_each_list(flavour: str, era: Era) -> None:
    notebook = Notebook()
    mcp = served(flavour, policies=rules("{name: r, effect: allow, tools: {names: [read]}}"), audit=notebook)
    async with client_of(mcp, someone(), era) as client:
        await client.list_tools()
        await says(client, "read")
        await says(client, "pay", amount=3)
    assert notebook.decided() == [("allow", "list", ""), ("allow", "call", "read"), ("deny", "call", "pay")]
    listed, called, refused = (one for one in notebook.events if one.event == "access.decided")
    assert (listed.metadata["shown"], listed.metadata["hidden_names"]) == (1, ["pay"])
    assert (called.rule, called.kind, called.actor and called.actor.issuer) == ("r", "tool", "https://i.example")
    assert (refused.arguments, refused.is_warning) == ({"amount": 3}, True)


@eras
@flavours
async def test_what_a_strict_trail_cannot_record_does_not_happen(flavour: str, era: Era) -> None:
    ran: list[str] = []

    def fill(mcp: Any) -> None:
        @mcp.tool()
        def pay() -> str:
            ran.append("pay")
            return "paid"

    notebook = Notebook()
    mcp = served(flavour, fill=fill, policies=rules(EVERYTHING), audit=notebook)
    async with client_of(mcp, someone(), era) as client:
        notebook.is_full = True
        is_error, text = await says(client, "pay")
        assert is_error
        assert text.startswith("This cannot be recorded at the moment")
        with pytest.raises(MCPError, match="cannot be recorded"):
            await client.list_tools()
    assert ran == []


@eras
@flavours
async def test_whatever_fails_in_deciding_refuses_and_says_nothing_of_it(flavour: str, era: Era) -> None:
    class Broken:
        @property
        def engine(self) -> Any:
            raise RuntimeError("postgres://user:secret@db")

        async def refresh(self) -> None:
            raise RuntimeError("postgres://user:secret@db")

    policies = Policies(rules(EVERYTHING))
    policies.refresh = Broken().refresh  # type: ignore[method-assign]  # the disk fails in a way nobody foresaw
    mcp = served(flavour, policies=policies)
    async with client_of(mcp, someone(), era) as client:
        is_error, text = await says(client, "read")
        assert (is_error, "secret" in text) == (True, False)
        assert text.startswith("Whether you may do this could not be checked")
        assert await names(client) == set()


@eras
@flavours
async def test_the_caller_within_a_call_is_the_one_who_was_decided_about(flavour: str, era: Era) -> None:
    def fill(mcp: Any) -> None:
        @mcp.tool()
        def whoami() -> str:
            user = current_user.get()
            return "nobody" if user is None else user.subject

    mcp = served(flavour, fill=fill, policies=rules(EVERYTHING))
    for who, said in ((someone("bob"), "bob"), (None, "nobody")):
        async with client_of(mcp, who, era) as client:
            assert await says(client, "whoami") == (False, said)


@eras
@flavours
async def test_functions_that_require_more_are_hidden_and_refused(flavour: str, era: Era) -> None:
    def fill(mcp: Any) -> None:
        @mcp.tool()
        @require(HasRole("admin"))
        def wipe() -> str:
            return "wiped"

    mcp = served(flavour, fill=fill)
    async with client_of(mcp, someone("alice", "viewer"), era) as client:
        assert await names(client) == set()
        is_error, text = await says(client, "wipe")
        # The SDK puts words of its own in front.
        assert (is_error, text.endswith("Requires any of roles [admin], but client has [viewer]")) == (True, True)
    async with client_of(mcp, someone("ada", "admin"), era) as client:
        assert await names(client) == {"wipe"}
        assert await says(client, "wipe") == (False, "wiped")


@eras
@flavours
async def test_a_server_may_want_everybody_to_sign_in_but_for_some_tools(flavour: str, era: Era) -> None:
    mcp = served(flavour, require_auth=True, public_tools=["read"])
    async with client_of(mcp, None, era) as client:
        assert await names(client) == {"read"}
        assert await says(client, "read") == (False, "read")
        is_error, text = await says(client, "pay")
        assert (is_error, text.startswith("Requires authentication")) == (True, True)
    async with client_of(mcp, someone(), era) as client:
        assert await names(client) == {"read", "pay"}


@eras
@flavours
async def test_scopes_of_tools_are_checked_in_lists_and_again_in_calls(flavour: str, era: Era) -> None:
    mcp = served(flavour, tool_scopes=ToolScopes({"read": ["r"], "pay": ["p"]}))
    async with client_of(mcp, someone(scopes=("r",)), era) as client:
        assert await names(client) == {"read"}
        assert await says(client, "read") == (False, "read")
        is_error, text = await says(client, "pay")
        assert (is_error, "[p]" in text) == (True, True)


@flavours
async def test_changed_files_are_taken_and_spoilt_ones_are_not(flavour: str, tmp_path: Path) -> None:
    clock, file = FakeClock(), tmp_path / "policies.yaml"
    allow = "name: f\nrules:\n  - {{name: r, effect: allow, tools: {{names: [{}]}}}}\n...\n"
    file.write_text(allow.format("read"))
    mcp = served(flavour, policies=str(file), clock=clock)

    async def seen() -> set[str]:
        shown: set[str] = set()
        for _ in range(3):
            clock.advance(2)
            async with client_of(mcp, someone()) as client:
                shown = await names(client)
        return shown

    assert await seen() == {"read"}
    file.write_text(allow.format("pay"))
    assert await seen() == {"pay"}
    for spoilt in ("", "name: f\nrules: [", "name: f\nrules:\n  - {name: r, effect: allow}\n"):
        file.write_text(spoilt)
        assert await seen() == {"pay"}
    file.unlink()
    assert await seen() == {"pay"}


@flavours
async def test_policies_come_and_go_while_a_server_runs(flavour: str) -> None:
    mcp: Any = FastMCP("room") if flavour == "fastmcp" else MCPServer("room")
    tools(mcp)
    only_read = rules("{name: r, effect: allow, tools: {names: [read]}}")
    if flavour == "fastmcp":
        access: Any = AccessMiddleware(only_read)
        mcp.add_middleware(access)
    else:
        access = attach_access(mcp, only_read)
    async with client_of(mcp, someone()) as client:
        assert await names(client) == {"read"}
        access.add_policy(
            rules("{name: stop, effect: deny, tools: {names: [read]}}").model_copy(update={"name": "freeze"})
        )
        assert await names(client) == set()
        access.remove_policy("freeze")
        assert await names(client) == {"read"}


@flavours
async def test_connected_services_are_looked_up_only_where_a_rule_needs_them(flavour: str) -> None:
    asked: list[str] = []

    async def connected(user: Any) -> set[str]:
        asked.append(user.subject)
        if user.subject == "mallory":
            raise RuntimeError("the store is down")
        return {"forge"} if user.subject == "alice" else set()

    plain = served(flavour, policies=rules(EVERYTHING), connected_services=connected)
    async with client_of(plain, someone()) as client:
        await says(client, "read")
    assert asked == []
    needy = rules("{name: r, effect: allow, tools: {names: [read]}, services: [forge]}")
    mcp = served(flavour, policies=needy, connected_services=connected)
    for who, may in (("alice", True), ("bob", False), ("mallory", False)):
        async with client_of(mcp, someone(who)) as client:
            assert (await names(client) == {"read"}) is may
            assert (await says(client, "read"))[0] is not may
    assert set(asked) == {"alice", "bob", "mallory"}


@pytest.mark.parametrize(
    "wrong",
    [
        {"policies": []},
        {"public_tools": ["read"]},
        {"require_auth": True, "public_tools": "read"},
        {"require_auth": True, "public_tools": ["read"], "tool_scopes": {"read": ["r"]}},
        {"connected_services": lambda _user: {"forge"}},
    ],
    ids=lambda one: next(iter(one)),
)
def test_arguments_that_cannot_be_meant_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError) as fastmcp:
        AccessMiddleware(**wrong)
    with pytest.raises(ConfigurationError) as official:
        attach_access(MCPServer("room"), **wrong)
    assert fastmcp.value.hint
    assert official.value.hint


def test_a_server_gets_its_rules_once_and_policies_only_change_where_there_are_some() -> None:
    server = MCPServer("room")
    access = attach_access(server)
    for mistake in (
        lambda: attach_access(server),
        lambda: attach_access(FastMCP("room")),  # type: ignore[arg-type]  # the mistake
        lambda: access.remove_policy("x"),
    ):
        with pytest.raises(ConfigurationError) as refused:
            mistake()
        assert refused.value.hint
