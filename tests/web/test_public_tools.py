"""Public and protected tools side by side: nobody's calls, the 401, and what follows it."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import anyio
import httpx
import pytest
from fastmcp import Client
from fastmcp.client.transports import StreamableHttpTransport
from fastmcp.server.dependencies import get_access_token

from mcpauthkit import Principal, current_user
from mcpauthkit.errors import InvalidToken, MissingToken, UnknownSession
from mcpauthkit.testing import FakeClock
from mcpauthkit.web.anonymous_sessions import AnonymousSessions
from tests.flows.test_stock_clients import sdk_client
from tests.web.test_middleware_mcp import call_of
from tests.world import ERA_MODES, Era, World, eventually, world

eras = pytest.mark.parametrize("era", list(ERA_MODES))


def build(mcp: Any, _provider: Any) -> None:
    @mcp.tool
    def health() -> str:
        """Anybody may ask."""
        user = current_user.get()
        return "ok" if user is None else f"ok, {user.subject}"

    @mcp.tool
    def mine() -> str:
        """Protected."""
        user, token = current_user.get(), get_access_token()
        assert user is not None
        assert token is not None
        return f"{user.subject} {token.subject}"


@pytest.fixture(scope="module", name="here")
def _here() -> Iterator[World]:
    with world(build=build, middleware_options={"public_tools": ["health"]}) as here:
        yield here


@eras
async def test_without_a_token_a_public_tool_answers_and_the_list_can_be_read(here: World, era: Era) -> None:
    async with Client(StreamableHttpTransport(here.resource), mode=ERA_MODES[era]) as client:
        assert (await client.call_tool("health")).data == "ok"
        assert {"health", "mine"} <= {one.name for one in await client.list_tools()}


@eras
async def test_with_a_token_it_answers_too_and_knows_who_asks(here: World, era: Era) -> None:
    async with here.client(era) as client:
        assert (await client.call_tool("health")).data == "ok, alice"
        assert (await client.call_tool("mine")).data == "alice alice"


@eras
async def test_a_client_that_began_as_nobody_signs_in_at_a_protected_tool_and_goes_on(here: World, era: Era) -> None:
    async def nobody(_url: str) -> Any:
        raise AssertionError

    async with sdk_client(here, era, nobody) as client:
        before = here.issuer.requests.count("token")
        assert "ok" in str((await client.call_tool("health", {})).content)
        assert here.issuer.requests.count("token") == before
        assert "alice alice" in str((await client.call_tool("mine", {})).content)
        assert "ok, alice" in str((await client.call_tool("health", {})).content)


@eras
async def test_a_leg_two_tool_works_in_a_session_that_began_as_nobodys(here: World, era: Era) -> None:
    async with sdk_client(here, era, here.person()) as client:
        assert "ok" in str((await client.call_tool("health", {})).content)
        assert "hello-world" in str((await client.call_tool("list_repos", {})).content)


def headers(era: Era, token: str | None = None, session: str | None = None) -> dict[str, str]:
    common = {
        "accept": "application/json, text/event-stream",
        "mcp-protocol-version": "2026-07-28" if era == "modern" else "2025-11-25",
    }
    if token:
        common["authorization"] = f"Bearer {token}"
    return common | ({"mcp-session-id": session} if session else {})


@eras
@pytest.mark.parametrize(
    "body",
    [
        call_of("mine"),
        call_of("no such tool"),
        {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": ["health"]}},
        {"jsonrpc": "2.0", "id": 1, "method": "tools/call"},
        {"jsonrpc": "2.0", "id": 1, "method": "resources/read", "params": {"uri": "repos://mine/x"}},
        {"jsonrpc": "2.0", "id": 1, "method": "prompts/get", "params": {"name": "review"}},
        {"jsonrpc": "2.0", "id": 1, "method": "completion/complete"},
        {"jsonrpc": "2.0", "id": 1, "method": "tasks/get"},
        {"jsonrpc": "2.0", "id": 1, "method": "TOOLS/CALL", "params": {"name": "mine"}},
    ],
    ids=lambda body: f"{body['method']} {body.get('params', {}).get('name')}",
)
async def test_everything_else_draws_the_challenge(here: World, era: Era, body: dict[str, Any]) -> None:
    async with httpx.AsyncClient() as http:
        answer = await http.post(here.resource, json=body, headers=headers(era))
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"].startswith("Bearer ")
    assert "error=" not in answer.headers["www-authenticate"]


@eras
async def test_a_bad_token_is_not_taken_for_none(here: World, era: Era) -> None:
    async with httpx.AsyncClient() as http:
        answer = await http.post(here.resource, json=call_of("health"), headers=headers(era, "junk"))
    assert answer.status_code == 401
    assert answer.json()["error"] == "invalid_token"


async def open_session(here: World, http: httpx.AsyncClient, token: str | None = None) -> str:
    hello = {
        "jsonrpc": "2.0",
        "id": 0,
        "method": "initialize",
        "params": {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "raw", "version": "1"}},
    }
    answer = await http.post(here.resource, json=hello, headers=headers("legacy", token))
    assert answer.status_code == 200
    return answer.headers["mcp-session-id"]


async def test_a_session_of_nobodys_becomes_that_of_the_first_who_signs_in_within_it(here: World) -> None:
    health, mine = (call_of(name, era="legacy") for name in ("health", "mine"))
    alice, bob = here.token("alice"), here.token("bob")
    async with httpx.AsyncClient() as http:

        async def post(body: dict[str, Any], token: str | None) -> httpx.Response:
            return await http.post(here.resource, json=body, headers=headers("legacy", token, session))

        session = await open_session(here, http)
        assert (await post(health, None)).status_code == 200
        assert "alice alice" in (await post(mine, alice)).text
        refused = await post(mine, bob)
        assert refused.status_code == 404
        unknown = await http.post(here.resource, json=mine, headers=headers("legacy", bob, "0" * 32))
        assert refused.content == unknown.content
        assert (await post(health, None)).status_code == 401
        assert (await http.get(here.resource, headers=headers("legacy", bob, session))).status_code == 404
        assert (await http.delete(here.resource, headers=headers("legacy", None, session))).status_code == 401
        assert "alice alice" in (await post(mine, here.token("alice", scope="mcp:tools more"))).text


async def test_a_session_of_alices_is_nobody_elses_nor_nobodys(here: World) -> None:
    health = call_of("health", era="legacy")
    async with httpx.AsyncClient() as http:
        session = await open_session(here, http, here.token("alice"))
        for token in (here.token("bob"), None):
            answer = await http.post(here.resource, json=health, headers=headers("legacy", token, session))
            assert answer.status_code == 404


async def test_other_routes_of_the_application_stay_closed(here: World) -> None:
    async with httpx.AsyncClient() as http:
        assert (await http.post(f"{here.base}/elsewhere", json=call_of("health"))).status_code == 401


async def test_a_session_nobody_opened_here_is_not_found_for_nobody(here: World) -> None:
    # An owner that was forgotten must not turn the session into nobody's again.
    async with httpx.AsyncClient() as http:
        for session in ("0" * 32, "x"):
            answer = await http.post(
                here.resource, json=call_of("health", era="legacy"), headers=headers("legacy", None, session)
            )
            assert answer.status_code == 404


async def test_messages_without_a_session_are_not_remembered_as_sessions() -> None:
    clock = FakeClock()
    sessions = AnonymousSessions(clock, max_unowned=2)
    for number, status in enumerate((400, 500, 200)):
        await sessions.opening(nowhere)(
            {"type": "http.response.start", "status": status, "headers": [(b"mcp-session-id", b"%d" % number)]}
        )
    sessions.enter_as_nobody("2")
    for name in ("0", "1"):
        with pytest.raises(UnknownSession):
            sessions.enter_as_nobody(name)


async def test_strangers_cannot_open_sessions_without_end_and_never_push_an_owner_out() -> None:
    clock = FakeClock()
    sessions = AnonymousSessions(clock, max_unowned=2)
    alice = Principal({}, issuer="https://i.example", subject="alice", expires_at=None)

    async def open_one(name: bytes) -> None:
        sessions.may_open()
        await sessions.opening(nowhere)(
            {"type": "http.response.start", "status": 200, "headers": [(b"mcp-session-id", name)]}
        )

    await open_one(b"hers")
    assert sessions.enter("hers", alice)
    for name in (b"a", b"b"):
        await open_one(name)
    with pytest.raises(MissingToken):
        await open_one(b"c")
    assert sessions.enter("hers", alice)
    with pytest.raises(MissingToken):
        sessions.enter_as_nobody("hers")
    clock.advance(1801)
    await open_one(b"d")


async def nowhere(_message: Any) -> None:
    return


async def test_a_stream_that_nobody_opened_ends_when_the_session_gets_an_owner(here: World) -> None:
    async with httpx.AsyncClient(timeout=10) as http:
        session = await open_session(here, http)
        async with http.stream("GET", here.resource, headers=headers("legacy", None, session)) as stream:
            assert stream.status_code == 200
            mine = call_of("mine", era="legacy")
            answer = await http.post(here.resource, json=mine, headers=headers("legacy", here.token("alice"), session))
            assert answer.status_code == 200
            assert b"".join([chunk async for chunk in stream.aiter_raw()]).count(b"data:") == 0


async def test_a_public_call_under_way_is_finished_although_the_session_gets_an_owner() -> None:
    begun, released = threading.Event(), threading.Event()

    def build_slow(mcp: Any, _provider: Any) -> None:
        build(mcp, _provider)

        @mcp.tool
        def slow() -> str:
            """Takes until it is released."""
            begun.set()
            return "finished" if released.wait(10) else "nobody released it"

    options = {"public_tools": ["health", "slow"]}
    with world(build=build_slow, middleware_options=options) as here:
        async with httpx.AsyncClient(timeout=10) as http, anyio.create_task_group() as tasks:
            session = await open_session(here, http)
            answers: list[httpx.Response] = []

            async def call_slow() -> None:
                body = call_of("slow", era="legacy")
                answers.append(await http.post(here.resource, json=body, headers=headers("legacy", None, session)))

            tasks.start_soon(call_slow)
            await eventually(begun.is_set)
            mine = call_of("mine", 2, era="legacy")
            answer = await http.post(here.resource, json=mine, headers=headers("legacy", here.token("alice"), session))
            assert answer.status_code == 200
            released.set()
    assert [one.status_code for one in answers] == [200]
    assert "finished" in answers[0].text


async def test_somebody_whom_the_hook_refuses_has_not_bound_the_session() -> None:
    async def hook(principal: Principal, _connection: Any) -> None:
        if principal.subject == "bob":
            raise InvalidToken("This account is locked.")

    with world(build=build, middleware_options={"public_tools": ["health"], "on_authenticate": hook}) as here:
        async with httpx.AsyncClient() as http:
            session = await open_session(here, http)
            mine = call_of("mine", era="legacy")
            for sub, status in (("bob", 401), ("alice", 200)):
                answer = await http.post(here.resource, json=mine, headers=headers("legacy", here.token(sub), session))
                assert answer.status_code == status


async def test_little_is_read_of_nobody(here: World) -> None:
    body = call_of("health")
    body["params"]["arguments"] = {"text": "x" * 70_000}
    async with httpx.AsyncClient() as http:
        assert (await http.post(here.resource, json=body, headers=headers("modern"))).status_code == 400
