"""Real MCP servers behind the door: the SDK knows who is calling, in both eras, and nobody is taken for another."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import anyio
import anyio.lowlevel
import httpx
import pytest
from fastmcp.server.auth import require_scopes
from fastmcp.server.dependencies import get_access_token
from mcp.server.auth.middleware.auth_context import get_access_token as sdk_access_token
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from mcpauthkit import get_user
from tests.world import ERA_MODES, Era, World, world

eras = pytest.mark.parametrize("era", list(ERA_MODES))
MODERN = "2026-07-28"


def build(mcp: Any, _provider: Any) -> None:
    @mcp.tool
    async def identities() -> dict[str, Any]:
        """Everybody's idea of who is calling."""
        user, token, sdk = get_user(), get_access_token(), sdk_access_token()
        assert token is not None
        assert sdk is not None
        return {
            "kit": user.subject,
            "fastmcp": token.subject,
            "sdk": sdk.subject,
            "issuer": token.claims["iss"],
            "client": token.client_id,
            "scopes": token.scopes,
            "resource": token.resource,
        }

    @mcp.custom_route("/who", methods=["GET"])
    async def who(_request: Request) -> Response:
        before = get_user().subject
        await anyio.lowlevel.checkpoint()
        return PlainTextResponse(before if get_user().subject == before else "somebody else")

    @mcp.tool(auth=require_scopes("mcp:admin"))
    def for_admins() -> str:
        """Only with a scope."""
        return "welcome"


@pytest.fixture(scope="module", name="here")
def _here() -> Iterator[World]:
    with world(build=build) as here:
        yield here


def headers_of(here: World, sub: str, *, method: str, era: Era, session: str | None = None) -> dict[str, str]:
    common = {
        "authorization": f"Bearer {here.token(sub)}",
        "accept": "application/json, text/event-stream",
        "mcp-protocol-version": MODERN if era == "modern" else "2025-11-25",
    }
    if era == "modern":
        common["mcp-method"] = method
    return common | ({"mcp-session-id": session} if session else {})


def call_of(name: str, number: int = 1, era: Era = "modern", **more: Any) -> dict[str, Any]:
    parameters: dict[str, Any] = {"name": name, "arguments": {}, **more}
    if era == "modern":
        parameters["_meta"] = {
            "io.modelcontextprotocol/protocolVersion": MODERN,
            "io.modelcontextprotocol/clientCapabilities": {"elicitation": {"url": {}}},
        }
    return {"jsonrpc": "2.0", "id": number, "method": "tools/call", "params": parameters}


async def post(here: World, http: httpx.AsyncClient, sub: str, body: dict[str, Any], **options: Any) -> httpx.Response:
    era: Era = options.get("era", "modern")
    headers = headers_of(here, sub, method=body["method"], era=era, session=options.get("session"))
    if era == "modern" and body["method"] == "tools/call":
        headers["mcp-name"] = body["params"]["name"]
    return await http.post(here.resource, json=body, headers=headers)


@eras
async def test_the_sdk_and_fastmcp_know_who_is_calling(here: World, era: Era) -> None:
    async with here.client(era) as client:
        known = (await client.call_tool("identities")).data
    assert known == {
        "kit": "alice",
        "fastmcp": "alice",
        "sdk": "alice",
        "issuer": here.issuer.issuer_url,
        "client": "test-client",
        "scopes": ["mcp:tools"],
        "resource": here.resource,
    }


@eras
async def test_a_components_own_check_sees_the_tokens_scopes(here: World, era: Era) -> None:
    async with here.client(era) as client:
        assert "for_admins" not in {tool.name for tool in await client.list_tools()}
        refused = await client.call_tool("for_admins", raise_on_error=False)
        assert refused.is_error
    async with here.client(era, token=here.token(scope="mcp:admin")) as client:
        assert (await client.call_tool("for_admins")).data == "welcome"


async def open_session(here: World, http: httpx.AsyncClient, sub: str) -> str:
    hello = {
        "jsonrpc": "2.0",
        "id": 0,
        "method": "initialize",
        "params": {
            "protocolVersion": "2025-11-25",
            "capabilities": {},
            "clientInfo": {"name": "raw", "version": "1"},
        },
    }
    response = await post(here, http, sub, hello, era="legacy")
    assert response.status_code == 200
    return response.headers["mcp-session-id"]


async def test_alices_session_is_not_found_for_bob(here: World) -> None:
    # E2, E3, J12, P9b, H4: Bob's token with Alice's session id was served as Alice.
    async with httpx.AsyncClient() as http:
        session = await open_session(here, http, "alice")
        body = call_of("whoami", era="legacy")
        assert (await post(here, http, "bob", body, era="legacy", session=session)).status_code == 404
        headers = headers_of(here, "bob", method="", era="legacy", session=session)
        assert (await http.delete(here.resource, headers=headers)).status_code == 404
        assert (await http.get(here.resource, headers=headers)).status_code == 404
        answer = await post(here, http, "alice", body, era="legacy", session=session)
        assert answer.status_code == 200
        assert "alice" in answer.text


async def test_a_session_without_a_token_is_401(here: World) -> None:
    # J13: it was served anonymously.
    async with httpx.AsyncClient() as http:
        session = await open_session(here, http, "alice")
        headers = headers_of(here, "alice", method="", era="legacy", session=session)
        del headers["authorization"]
        assert (await http.post(here.resource, json=call_of("whoami"), headers=headers)).status_code == 401


async def test_a_refreshed_token_is_what_the_next_call_in_a_session_sees(here: World) -> None:
    # E5: the tool kept seeing the claims of the opening token.
    async with httpx.AsyncClient() as http:
        session = await open_session(here, http, "alice")
        headers = headers_of(here, "alice", method="", era="legacy", session=session)
        headers["authorization"] = f"Bearer {here.token(scope='mcp:tools refreshed')}"
        answer = await http.post(here.resource, json=call_of("identities", era="legacy"), headers=headers)
        assert "refreshed" in answer.text


async def test_alices_request_state_is_refused_for_bob(here: World) -> None:
    async with httpx.AsyncClient() as http:
        asked = (await post(here, http, "alice", call_of("list_repos"))).json()["result"]
        assert asked["resultType"] == "input_required"
        answers = {name: {"action": "cancel"} for name in asked["inputRequests"]}
        retry = call_of("list_repos", requestState=asked["requestState"], inputResponses=answers)
        refused = await post(here, http, "bob", retry)
        assert refused.status_code == 400
        assert refused.json()["error"]["code"] == -32602
        assert (await post(here, http, "alice", retry)).status_code == 200


async def test_a_thousand_interleaved_calls_of_fifty_users_never_meet(here: World) -> None:
    wrong: list[Any] = []
    trust = httpx.create_ssl_context()

    async def use(number: int) -> None:
        sub = f"user-{number}"
        headers = headers_of(here, sub, method="tools/call", era="modern") | {"mcp-name": "whoami"}
        # A client each: one pool of fifty connections spends its time looking for a free one.
        async with httpx.AsyncClient(verify=trust, timeout=30, headers=headers) as http:
            for call in range(5):
                answer = await http.post(here.resource, json=call_of("whoami", call))
                pages = [await http.get(f"{here.base}/who") for _ in range(3)]
                said = {answer.json()["result"]["content"][0]["text"], *(page.text for page in pages)}
                if said != {sub}:
                    wrong.append((sub, said))

    async with anyio.create_task_group() as tasks:
        for number in range(50):
            tasks.start_soon(use, number)
    assert wrong == []
