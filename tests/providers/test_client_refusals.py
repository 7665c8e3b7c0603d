"""The HTTP client and what services say instead of a plain 401."""

from __future__ import annotations

import gzip
import json
from collections.abc import AsyncIterator, Sequence
from typing import Any

import httpx
import pytest

from mcpauthkit.connections.preset import UNAUTHORIZED, Refusal
from mcpauthkit.connections.presets import PRESETS
from mcpauthkit.errors import ConnectionFailed, ConnectionRequired
from mcpauthkit.protocol.ask import Need
from mcpauthkit.providers.client import CredentialAuth, Held
from tests.connections.small_world import ALICE, SmallWorld

API = "https://api.forge.example"
REFUSALS = (
    Refusal(meaning="dead", status=200, path="error", values=frozenset({"token_revoked"})),
    Refusal(meaning="narrow", status=200, path="error", values=frozenset({"missing_scope"}), needed="needed"),
    Refusal(meaning="dead", status=403, path="err", values=frozenset({"Invalid token"})),
    Refusal(meaning="narrow", status=403, needed="header:x-accepted-scopes", any_of=True),
    UNAUTHORIZED,
)
REVOKED = {"ok": False, "error": "token_revoked"}


class Wire(httpx.AsyncBaseTransport):
    """Answers one after the other, in chunks off the wire, the last one for ever; knows what was read and closed."""

    def __init__(self, *answers: tuple[int, Any], headers: dict[str, str] | None = None, chunk: int = 10) -> None:
        self.answers = list(answers)
        self.headers = headers or {}
        self.chunk = chunk
        self.carried: list[str] = []
        self.sent: list[httpx.Headers] = []
        self.chunks_read = 0
        self.closed = 0

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self.sent.append(request.headers.copy())
        self.carried.append(request.headers["authorization"].removeprefix("Bearer "))
        status, body = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        headers = {"content-type": "application/json", **self.headers}
        return httpx.Response(status, headers=headers, stream=Chunks(self, data))


class Chunks(httpx.AsyncByteStream):
    def __init__(self, wire: Wire, data: bytes) -> None:
        self._wire = wire
        self._data = data

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for start in range(0, len(self._data), self._wire.chunk):
            self._wire.chunks_read += 1
            yield self._data[start : start + self._wire.chunk]

    async def aclose(self) -> None:
        self._wire.closed += 1


@pytest.fixture
def here() -> SmallWorld:
    return SmallWorld()


async def client_of(
    here: SmallWorld,
    wire: Wire,
    *,
    headers: dict[str, str] | None = None,
    scopes: Sequence[str] = ("repo",),
    refusals: Sequence[Refusal] = REFUSALS,
) -> httpx.AsyncClient:
    current = await here.hold("old", scopes=scopes)

    async def ask(held: Held) -> ConnectionFailed:
        return ConnectionRequired("DevForge", connect_url="https://mcp.example/connect", scopes=held.need.scopes)

    held = Held(Need(ALICE, ("repo",), "tool"), current)
    auth = CredentialAuth(here.broker, held, ask, api_url=API, refusals=refusals, headers=headers)
    return httpx.AsyncClient(auth=auth, transport=wire, base_url=API)


@pytest.mark.parametrize("refusal", [(200, REVOKED), (403, {"err": "Invalid token"}), (401, {})])
async def test_a_dead_token_is_renewed_once_however_the_service_says_it(here: SmallWorld, refusal: Any) -> None:
    wire = Wire(refusal, (200, {"ok": True, "data": 1}))
    async with await client_of(here, wire) as http:
        assert (await http.get("/x")).json() == {"ok": True, "data": 1}
    assert wire.carried == ["old", "renewed-1"]
    assert wire.closed == 2


async def test_a_token_that_stays_dead_is_forgotten_and_leads_to_the_link(here: SmallWorld) -> None:
    wire = Wire((200, REVOKED))
    async with await client_of(here, wire) as http:
        with pytest.raises(ConnectionRequired):
            await http.get("/x")
    assert wire.carried == ["old", "renewed-1"]
    assert await here.held_token() is None


async def test_a_narrow_token_leads_to_the_question_for_what_is_missing_and_stays(here: SmallWorld) -> None:
    wire = Wire((200, {"ok": False, "error": "missing_scope", "needed": "repo,chat:write"}))
    async with await client_of(here, wire) as http:
        with pytest.raises(ConnectionRequired) as asked:
            await http.get("/x")
    assert asked.value.scopes == ("repo", "chat:write")
    assert (await here.held_token(), here.grant.renewals) == ("old", [])


@pytest.mark.parametrize(
    ("status", "body", "accepted"),
    [
        (200, {"ok": False, "error": "missing_scope"}, ""),
        # It has what is named: asking again would lead in circles.
        (200, {"ok": False, "error": "missing_scope", "needed": "repo"}, ""),
        (403, {"message": "no"}, "admin, repo"),
        (403, {"message": "no"}, ""),
        (403, {"err": "Invalid scope"}, ""),
        (404, {"message": "no"}, "admin"),
    ],
)
async def test_a_refusal_that_names_nothing_to_ask_for_is_the_tools_business(
    here: SmallWorld, status: int, body: Any, accepted: str
) -> None:
    wire = Wire((status, body), headers={"x-accepted-scopes": accepted})
    async with await client_of(here, wire) as http:
        answer = await http.get("/x")
    assert (answer.status_code, answer.json()) == (status, body)
    assert (await here.held_token(), here.grant.renewals) == ("old", [])


@pytest.mark.parametrize(
    ("accepted", "asked"),
    [
        ("admin:org, repo, read:org, user", "read:org"),
        ("repo, public_repo", "public_repo"),
        # What the rules do not know may be anything.
        ("site_admin, repo", "repo"),
        ("site_admin, owner", "site_admin"),
    ],
)
async def test_where_one_of_several_scopes_is_enough_the_narrowest_known_one_is_asked_for(
    here: SmallWorld, accepted: str, asked: str
) -> None:
    here.broker.scope_rules = PRESETS["github"].scopes
    wire = Wire((403, {}), headers={"x-accepted-scopes": accepted})
    async with await client_of(here, wire, scopes=("gist",)) as http:
        with pytest.raises(ConnectionRequired) as needed:
            await http.get("/x")
    assert needed.value.scopes == tuple(dict.fromkeys(["repo", asked]))


@pytest.mark.parametrize(
    ("named", "asked"), [("api read_api", "read_api"), ("read_api api", "read_api"), ("api", "api")]
)
async def test_gitlab_names_scopes_of_which_one_is_enough(here: SmallWorld, named: str, asked: str) -> None:
    here.broker.scope_rules = PRESETS["gitlab"].scopes
    wire = Wire((403, {"error": "insufficient_scope", "scope": named}))
    refusals = PRESETS["gitlab"].refusals
    async with await client_of(here, wire, scopes=("read_user",), refusals=refusals) as http:
        with pytest.raises(ConnectionRequired) as needed:
            await http.get("/x")
    assert needed.value.scopes == ("repo", asked)


async def test_where_one_of_several_scopes_is_enough_and_one_is_held_nothing_is_asked_for(here: SmallWorld) -> None:
    here.broker.scope_rules = PRESETS["gitlab"].scopes
    wire = Wire((403, {"error": "insufficient_scope", "scope": "api read_api"}))
    async with await client_of(here, wire, scopes=("read_api",), refusals=PRESETS["gitlab"].refusals) as http:
        assert (await http.get("/x")).status_code == 403


GITHUBS = {"x-accepted-oauth-scopes": "repo, public_repo", "x-ratelimit-remaining": "4999"}


async def test_what_github_says_a_token_permits_goes_before_what_it_said_when_it_was_granted(here: SmallWorld) -> None:
    # Its user took a permission away at GitHub: the token lives, and asking again is all that helps.
    here.broker.scope_rules = PRESETS["github"].scopes
    wire = Wire((403, {"message": "no"}), headers={**GITHUBS, "x-oauth-scopes": "gist"})
    async with await client_of(here, wire, scopes=("repo", "gist"), refusals=PRESETS["github"].refusals) as http:
        with pytest.raises(ConnectionRequired) as asked:
            await http.get("/x")
    assert asked.value.scopes == ("repo", "public_repo")
    flow = await here.broker.open_flow(ALICE, asked.value.scopes, purpose="tool")
    assert set(flow.scopes) == {"repo", "public_repo"}


@pytest.mark.parametrize(
    "told",
    [
        # It has what is wanted, whatever was kept here.
        {"x-oauth-scopes": "repo"},
        # Nothing is told of a token without scopes of its own.
        {},
        # Not a matter of permissions, although the header names some: too many requests.
        {"x-oauth-scopes": "", "x-ratelimit-remaining": "0"},
        {"x-oauth-scopes": "", "retry-after": "60"},
        # The organisation wants the user to sign in there, which a new consent does not bring.
        {"x-oauth-scopes": "", "x-github-sso": "required; url=https://github.com/orgs/acme/sso?a=b"},
    ],
)
async def test_other_refusals_of_githubs_are_the_tools_business(here: SmallWorld, told: dict[str, str]) -> None:
    here.broker.scope_rules = PRESETS["github"].scopes
    wire = Wire((403, {"message": "no"}), headers={**GITHUBS, **told})
    async with await client_of(here, wire, scopes=("repo",), refusals=PRESETS["github"].refusals) as http:
        assert (await http.get("/x")).json() == {"message": "no"}


async def test_a_token_that_github_says_permits_nothing_is_asked_for_again(here: SmallWorld) -> None:
    here.broker.scope_rules = PRESETS["github"].scopes
    wire = Wire((403, {"message": "no"}), headers={"x-accepted-oauth-scopes": "repo", "x-oauth-scopes": ""})
    async with await client_of(here, wire, scopes=("repo",), refusals=PRESETS["github"].refusals) as http:
        with pytest.raises(ConnectionRequired) as asked:
            await http.get("/x")
    assert asked.value.scopes == ("repo",)


@pytest.mark.parametrize("encoding", ["", "gzip"])
async def test_a_packed_refusal_is_understood_and_a_packed_answer_arrives_whole(
    here: SmallWorld, encoding: str
) -> None:
    def packed(body: Any) -> bytes:
        data = json.dumps(body).encode()
        return gzip.compress(data) if encoding else data

    good = {"ok": True, "data": ["x" * 500]}
    wire = Wire((200, packed(REVOKED)), (200, packed(good)), headers={"content-encoding": encoding} if encoding else {})
    async with await client_of(here, wire) as http, http.stream("GET", "/x") as answer:
        assert json.loads(b"".join([one async for one in answer.aiter_bytes()])) == good
    assert wire.carried == ["old", "renewed-1"]


@pytest.mark.parametrize("headers", [{"content-type": "text/event-stream"}, {"content-length": "900000"}])
async def test_what_can_be_no_refusal_is_streamed_as_it_comes(here: SmallWorld, headers: dict[str, str]) -> None:
    wire = Wire((200, b"x" * 900_000), headers=headers, chunk=1000)
    async with await client_of(here, wire) as http, http.stream("GET", "/x") as answer:
        assert wire.chunks_read == 0
        assert await anext(answer.aiter_raw()) == b"x" * 1000


async def test_of_a_long_answer_only_the_beginning_is_looked_at_and_all_of_it_arrives(here: SmallWorld) -> None:
    data = json.dumps({"error": "token_revoked", "padding": "x" * 900_000}).encode()
    wire = Wire((200, data), chunk=1000)
    async with await client_of(here, wire) as http, http.stream("GET", "/x") as answer:
        assert wire.chunks_read <= 66
        assert b"".join([one async for one in answer.aiter_raw()]) == data
    assert (wire.carried, wire.closed) == (["old"], 1)


async def test_a_bomb_is_not_unpacked_to_look_at_it(here: SmallWorld) -> None:
    wire = Wire((200, gzip.compress(b" " * 30_000_000)), headers={"content-encoding": "gzip"}, chunk=65_536)
    async with await client_of(here, wire) as http, http.stream("GET", "/x") as answer:
        assert answer.status_code == 200
    assert wire.carried == ["old"]


async def test_headers_the_service_insists_on_are_sent_unless_the_tool_brings_its_own(here: SmallWorld) -> None:
    wire = Wire((200, {}))
    headers = {"Accept": "application/vnd.forge+json", "User-Agent": "kit", "X-Version": "1"}
    async with await client_of(here, wire, headers=headers) as http:
        await http.get("/x")
        await http.get("/x", headers={"accept": "text/plain", "user-agent": "tool", "x-version": "2"})
    names = ("accept", "user-agent", "x-version")
    assert [[one[name] for name in names] for one in wire.sent] == [
        ["application/vnd.forge+json", "kit", "1"],
        ["text/plain", "tool", "2"],
    ]
