"""Over HTTP, a request has the rights of its own caller, whoever opened the session it is in."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from fastmcp import FastMCP
from fastmcp.server.context import reset_transport, set_transport

from mcpauthkit import AccessMiddleware
from mcpauthkit.guards import HasRole, ToolScopes
from tests.access_stage import Door, composed, listening, official
from tests.protocol.access_room import EVERYTHING, client_of, names, rules, says, someone
from tests.requirements.wire import RawClient, messages
from tests.world import Era

ERAS: tuple[Era, ...] = ("legacy", "modern")


@pytest.fixture(params=[composed, official], ids=["fastmcp", "mcpserver"])
def door(request: pytest.FixtureRequest) -> Iterator[Door]:
    with listening(request.param()) as served:
        yield served


def client(door: Door, who: str, era: Era = "legacy") -> RawClient:
    return RawClient(door, era, token=door.token(who)).open()


def text_of(answer: Any) -> str:
    result = messages(answer)[-1]["result"]
    return str(result["content"][0]["text"])


def listed(one: RawClient) -> set[str]:
    return {tool["name"] for tool in messages(one.send("tools/list", {}))[-1]["result"]["tools"]}


def test_the_session_of_somebody_with_more_rights_gives_none(door: Door) -> None:
    ada, rita = client(door, "ada"), client(door, "rita")
    assert text_of(ada.call("edit", arguments={"size": 1})) == "edited 1"
    rita.session = ada.session
    for answer in (rita.call("edit", arguments={"size": 1}), rita.send("tools/list", {})):
        assert answer.status_code == 404
        assert "edit" not in answer.text


def test_rights_are_those_of_the_token_that_comes_with_the_request(door: Door) -> None:
    one = client(door, "ed")
    assert "edit" in listed(one)
    # Their issuer took the role away in the meantime; the session goes on with a new token.
    one.token = door.issuer.token(sub="ed", audience="stage", roles=["reader"])
    assert "edit" not in listed(one)
    assert "does not allow you" in text_of(one.call("edit", arguments={"size": 1}))


def test_whoever_signs_in_within_an_anonymous_session_has_their_own_rights_there(door: Door) -> None:
    one = RawClient(door, "legacy").open()
    assert listed(one) == {"hello"}
    one.token = door.token("ed")
    assert {"edit", "read_list"} <= listed(one)
    assert text_of(one.call("edit", arguments={"size": 1})) == "edited 1"


@pytest.mark.parametrize("era", ERAS)
def test_nothing_that_a_client_says_of_itself_gives_rights(door: Door, era: Era) -> None:
    one = client(door, "guest", era)
    headers = {"x-user-id": "ada", "x-agent-id": "ada", "x-user-roles": "admin", "x-forwarded-user": "ada"}
    answer = one.call("edit", arguments={"size": 1}, extra_headers=headers)
    assert "does not allow you" in text_of(answer)


@pytest.mark.parametrize("era", ERAS)
def test_one_table_of_scopes_feeds_the_challenge_the_list_and_the_refusal(era: Era) -> None:
    table = ToolScopes({"hello": [], "read": ["notes:read"]})
    mcp: FastMCP[Any] = FastMCP("scopes", middleware=[AccessMiddleware(tool_scopes=table)])
    mcp.tool(name="read")(lambda: "read")
    with listening(mcp, middleware={"tool_scopes": table, "public_tools": []}) as door:
        one = client(door, "guest", era)
        assert listed(one) == set()
        refused = one.call("read")
        assert refused.status_code == 403
        assert 'scope="' in refused.headers["www-authenticate"]
        assert "notes:read" in refused.headers["www-authenticate"]
        one.token = door.issuer.token(sub="guest", audience="stage", scope="mcp:tools notes:read")
        assert listed(one) == {"read"}
        assert text_of(one.call("read")) == "read"
    with listening(mcp) as unguarded:
        assert "notes:read" in text_of(client(unguarded, "guest", era).call("read"))


async def test_guards_in_auth_hold_on_stdio_where_fastmcp_asks_none() -> None:
    inner: FastMCP[Any] = FastMCP("inner")
    mcp: FastMCP[Any] = FastMCP("outer", middleware=[AccessMiddleware(rules(EVERYTHING))])
    inner.tool(name="wipe", auth=HasRole("admin"))(lambda: "wiped")
    mcp.tool(name="drop", auth=HasRole("admin"))(lambda: "dropped")
    mcp.mount(inner, namespace="in")
    token = set_transport("stdio")
    try:
        async with client_of(mcp, someone("alice", "viewer")) as client:
            assert await names(client) == set()
            for tool in ("drop", "in_wipe"):
                is_error, text = await says(client, tool)
                assert (is_error, text) == (True, "Requires any of roles [admin], but client has [viewer]")
        async with client_of(mcp, someone("ada", "admin")) as client:
            assert await names(client) == {"drop", "in_wipe"}
            assert await says(client, "in_wipe") == (False, "wiped")
    finally:
        reset_transport(token)
