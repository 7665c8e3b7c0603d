"""Scopes: for the whole server, and by tool before the call is dispatched."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import anyio
import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcpauthkit import get_user
from mcpauthkit.errors import ConfigurationError, InvalidRequest
from mcpauthkit.guards import ToolScopes
from mcpauthkit.identity.profiles import profile_named
from mcpauthkit.web.call_rules import CallRules
from mcpauthkit.web.mcp_messages import MAX_BODY_BYTES, read_message
from tests.flows.test_stock_clients import Memory, sdk_client
from tests.web.door import Door, door
from tests.world import ERA_MODES, Era, World, world

eras = pytest.mark.parametrize("era", list(ERA_MODES))
TOOL_SCOPES = {"write_report": ["reports:write", "reports:read"]}


def build(mcp: Any, _provider: Any) -> None:
    @mcp.tool
    def write_report() -> str:
        """Needs more than signing in."""
        return " ".join(sorted(get_user().scopes))


@pytest.fixture(scope="module", name="here")
def _here() -> Iterator[World]:
    with world(
        build=build,
        middleware_options={"tool_scopes": TOOL_SCOPES, "require_scopes": ["mcp:tools"]},
        issuer_options={"scopes": ["openid", "mcp:tools", "reports:write", "reports:read", "offline_access"]},
    ) as here:
        yield here


def call(name: Any) -> dict[str, Any]:
    return {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": name, "arguments": {}}}


async def test_a_server_wide_scope_is_asked_for_and_then_demanded() -> None:
    async with door(require_scopes=["mcp:admin"]) as here:
        assert 'scope="openid mcp:tools mcp:admin"' in (await here.get()).headers["www-authenticate"]
        refused = await here.get(here.token())
        assert refused.status_code == 403
        assert refused.json()["error"] == "insufficient_scope"
        assert 'scope="openid mcp:tools mcp:admin"' in refused.headers["www-authenticate"]
        assert (await here.get(here.token(scope="mcp:admin"), "/elsewhere")).status_code == 200


async def test_an_expired_token_is_told_before_a_missing_scope() -> None:
    async with door(require_scopes=["mcp:admin"]) as here:
        refused = await here.get(here.token(expires_in=-100))
        assert refused.status_code == 401
        assert refused.json()["error"] == "invalid_token"


@eras
async def test_a_call_without_its_tools_scopes_is_403_with_the_full_set_and_never_reaches_the_tool(
    here: World, era: Era
) -> None:
    headers = {
        "authorization": f"Bearer {here.token(scope='mcp:tools reports:read')}",
        "accept": "application/json, text/event-stream",
        "mcp-protocol-version": "2026-07-28" if era == "modern" else "2025-11-25",
        # A wrong name in the header talks nobody around.
        "mcp-name": "whoami",
        "mcp-method": "tools/list",
    }
    async with httpx.AsyncClient() as http:
        refused = await http.post(here.resource, json=call("write_report"), headers=headers)
    assert refused.status_code == 403
    challenge = refused.headers["www-authenticate"]
    assert 'error="insufficient_scope"' in challenge
    assert 'scope="openid mcp:tools reports:write reports:read"' in challenge
    assert "resource_metadata=" in challenge


@eras
async def test_with_them_it_runs_and_other_tools_need_none(here: World, era: Era) -> None:
    async with here.client(era, token=here.token(scope="mcp:tools reports:read reports:write")) as client:
        assert (await client.call_tool("write_report")).data == "mcp:tools reports:read reports:write"
    async with here.client(era) as client:
        assert (await client.call_tool("whoami")).data == "alice"


@eras
async def test_the_official_client_steps_up_by_itself(here: World, era: Era) -> None:
    memory = Memory()

    async def nobody(_url: str) -> Any:
        raise AssertionError

    async with sdk_client(here, era, nobody, memory=memory) as client:
        # One exchange of this client's signs in or steps up, never both.
        assert "alice" in str((await client.call_tool("whoami", {})).content)
        result = await client.call_tool("write_report", {})
    assert not result.is_error
    assert "reports:write" in str(result.content)
    assert "mcp:tools" in str(result.content)


@pytest.mark.parametrize(
    ("granted", "status"),
    [
        ("api://reports/reports.write", 200),
        ("reports.write", 403),
        ("https://other.example/reports.write", 403),
        ("write", 403),
        ("reports", 403),
        ("api://reports/", 403),
    ],
)
async def test_a_scope_is_itself_and_no_other(granted: str, status: int) -> None:
    async with door(require_scopes=["api://reports/reports.write"]) as here:
        assert await here.statuses(here.token(scope=None, scp=granted)) == [status]
    async with door(require_scopes=["reports.write"]) as here:
        assert await here.statuses(here.token(scope="api://reports/reports.write")) == [403]


@pytest.mark.parametrize(("granted", "status"), [("write", 200), ("read", 403), ("api://other/write", 403)])
async def test_where_the_profile_says_so_the_short_name_of_a_scope_is_that_of_this_audience(
    granted: str, status: int
) -> None:
    # Entra ID takes the long name in a request and puts the short one into `scp`.
    profile = replace(profile_named("generic"), short_scopes=True)
    async with door(
        require_scopes=["api://reports/write"], profile=profile, audience=["api://reports", "urn:x"]
    ) as here:
        token = here.token(scope=None, scp=granted, audience="api://reports")
        assert await here.statuses(token) == [status]
    async with door(require_scopes=["api://elsewhere/write"], profile=profile, audience="api://reports") as here:
        assert await here.statuses(here.token(scope="write", audience="api://reports")) == [403]


BODIES = [
    b"",
    b"[]",
    b"[" + json.dumps(call("write_report")).encode() + b"]",
    b"{",
    b"null",
    b'"text"',
    b'{"method": ["tools/call"]}',
    b'{"method": "ping", "method": "tools/call", "params": {"name": "write_report"}}',
    b'{"method": "tools/call", "params": {"name": "whoami", "name": "write_report"}}',
    json.dumps(call("write_report")).encode("utf-16"),
    b"\xef\xbb\xbf" + json.dumps(call("write_report")).encode(),
    json.dumps(call("write_report")).encode() + b" {}",
    b'{"a":' * 200 + b"1" + b"}" * 200,
    b'{"a":[' + b"[]," * 150_000 + b"1]}",
    b'{"a": "' + b"x" * MAX_BODY_BYTES + b'"}',
]


@pytest.mark.parametrize("body", BODIES, ids=range(len(BODIES)))
async def test_what_two_readers_could_read_differently_is_400(body: bytes) -> None:
    async with door(tool_scopes=TOOL_SCOPES) as here:
        answer = await here.http.post("/mcp", content=body, headers={"authorization": f"Bearer {here.token()}"})
        assert answer.status_code == 400
        assert answer.json()["error"] == "invalid_request"


@given(st.binary(max_size=200) | st.text(max_size=60).map(str.encode))
def test_no_body_makes_reading_it_crash(body: bytes) -> None:
    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": body, "more_body": False}

    async def read() -> None:
        try:
            _, again = await read_message(receive)
        except InvalidRequest:
            return
        assert (await again())["body"] == body

    anyio.run(read)


async def posted(here: Door, token: str, tool: str) -> httpx.Response:
    return await here.http.post("/mcp", json=call(tool), headers={"authorization": f"Bearer {token}"})


async def test_a_table_refuses_tools_it_does_not_name_and_asks_nobody_to_sign_in_again() -> None:
    table = ToolScopes({"write_report": ["reports:write"], "list_reports": []})
    async with door(tool_scopes=table, public_tools=["health"]) as here:
        token = here.token(scope="mcp:tools")
        refused = await posted(here, token, "forgotten")
        assert (refused.status_code, refused.json()["error"]) == (403, "tool_not_open")
        assert "www-authenticate" not in refused.headers
        asked = await posted(here, token, "write_report")
        assert asked.status_code == 403
        assert 'scope="openid mcp:tools reports:write"' in asked.headers["www-authenticate"]
        # What signing in is enough for, what anybody may call, and whatever is no call.
        assert (await posted(here, token, "list_reports")).status_code == 200
        assert (await posted(here, token, "health")).status_code == 200
        assert (await here.get(token)).status_code == 200


async def test_a_table_of_nothing_refuses_every_call() -> None:
    async with door(tool_scopes=ToolScopes({})) as here:
        assert (await posted(here, here.token(), "whoami")).status_code == 403
    async with door(tool_scopes=ToolScopes({}, unmapped="allow")) as here:
        assert (await posted(here, here.token(), "whoami")).status_code == 200


async def test_a_scope_that_every_request_needs_is_asked_for_before_a_tool_is_refused() -> None:
    async with door(tool_scopes=ToolScopes({}), require_scopes=["mcp:admin"]) as here:
        refused = await posted(here, here.token(), "forgotten")
        assert refused.json()["error"] == "insufficient_scope"


async def test_bodies_of_other_routes_are_not_read() -> None:
    async with door(tool_scopes=TOOL_SCOPES) as here:
        bearer = {"authorization": f"Bearer {here.token()}"}
        assert (await here.http.post("/upload", content=b"\x00", headers=bearer)).status_code == 200
        assert (await here.http.post("/mcp", json=call("other"), headers=bearer)).status_code == 200


@pytest.mark.parametrize(
    "rules",
    [
        {"tool_scopes": {"a": "reports"}},
        {"require_scopes": "reports"},
        {"require_scopes": ["two words"]},
        {"public_tools": "health"},
        {"public_tools": ["a"], "tool_scopes": {"a": ["x"]}},
        {"public_tools": ["a"], "tool_scopes": ToolScopes({"a": []})},
        {"tool_scopes": ["a"]},
    ],
)
def test_rules_that_cannot_be_meant_are_refused(rules: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError) as caught:
        CallRules(**rules)
    assert caught.value.hint
