"""The HTTP client that carries a credential: where it sends it, and what it does when it is refused."""

from __future__ import annotations

import io
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from mcpauthkit.errors import ConfigurationError, ConnectionFailed, ConnectionRequired, GrantRefused, RemoteUnavailable
from mcpauthkit.protocol.ask import Need
from mcpauthkit.providers.client import CredentialAuth, Held
from tests.connections.small_world import ALICE, SmallWorld, credential

API = "https://api.forge.example"
LINK = "https://mcp.example/connect/forge?flow=x"


class Service(httpx.AsyncBaseTransport):
    """The service behind the client: takes the tokens it is told to, and remembers what came.

    Not httpx's MockTransport, which reads the body first and so makes any body repeatable.
    """

    def __init__(self, *good: str) -> None:
        self.good = {f"Bearer {token}" for token in good}
        self.requests: list[tuple[str, str | None, bytes]] = []
        self.redirects: dict[str, str] = {}

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        carried = request.headers.get("authorization")
        assert isinstance(request.stream, httpx.AsyncByteStream)
        body = b"".join([chunk async for chunk in request.stream])
        self.requests.append((str(request.url), carried, body))
        if str(request.url) in self.redirects:
            return httpx.Response(307, headers={"location": self.redirects[str(request.url)]})
        return httpx.Response(200 if carried in self.good else 401, text=f"answer to {carried}")

    @property
    def carried(self) -> list[str | None]:
        return [carried for _, carried, _ in self.requests]


@pytest.fixture
def here() -> SmallWorld:
    return SmallWorld()


async def client_of(
    here: SmallWorld, service: httpx.AsyncBaseTransport, *, api_url: str | None = API, held: Any = None, **options: Any
) -> httpx.AsyncClient:
    """A client as a guarded tool gets it."""
    current = held or await here.hold("old")

    async def ask(_held: Held) -> ConnectionFailed:
        return ConnectionRequired("DevForge", connect_url=LINK)

    auth = CredentialAuth(here.broker, Held(Need(ALICE, ("repo",), "tool"), current), ask, api_url=api_url)
    return httpx.AsyncClient(auth=auth, transport=service, **options)


async def test_the_credential_is_sent_as_a_bearer_token(here: SmallWorld) -> None:
    service = Service("old")
    async with await client_of(here, service) as http:
        assert (await http.get(f"{API}/repos")).status_code == 200
        # One of the tool's own would be somebody else's.
        await http.get(f"{API}/repos", headers={"authorization": "Basic x"})
    assert service.carried == ["Bearer old", "Bearer old"]


async def test_a_refused_token_is_renewed_once_and_the_client_goes_on_with_the_new_one(here: SmallWorld) -> None:
    service = Service("renewed-1")
    async with await client_of(here, service) as http:
        assert (await http.get(f"{API}/repos")).status_code == 200
        assert (await http.get(f"{API}/user")).status_code == 200
    assert service.carried == ["Bearer old", "Bearer renewed-1", "Bearer renewed-1"]
    assert len(here.grant.renewals) == 1


@pytest.mark.parametrize("status", [200, 403, 404, 500])
async def test_any_other_answer_is_the_tools_business(here: SmallWorld, status: int) -> None:
    async def answer(_request: httpx.Request) -> httpx.Response:
        return httpx.Response(status)

    async with await client_of(here, httpx.MockTransport(answer)) as http:
        assert (await http.get(f"{API}/repos")).status_code == status
    assert here.grant.renewals == []


@pytest.mark.parametrize(
    "body", [{"content": b"bytes"}, {"json": {"a": 1}}, {"data": {"a": "1"}}, {"files": {"f": b"file"}}], ids=str
)
async def test_a_body_that_can_be_sent_again_is_sent_again(here: SmallWorld, body: dict[str, Any]) -> None:
    service = Service("renewed-1")
    async with await client_of(here, service) as http:
        assert (await http.post(f"{API}/repos", **body)).status_code == 200
    (_, _, first), (_, _, second) = service.requests
    assert first == second != b""


class Once:
    """A body that can be read once and is no generator, as an open file."""

    def __init__(self) -> None:
        self.left = [b"a", b"b"]

    def __aiter__(self) -> Once:
        return self

    async def __anext__(self) -> bytes:
        if not self.left:
            raise StopAsyncIteration
        return self.left.pop(0)


async def test_what_has_been_read_is_not_sent_again_as_nothing(here: SmallWorld) -> None:
    # The service would take the second request, and the user's document would be empty.
    class Pipe(io.BytesIO):
        def seekable(self) -> bool:
            return False

    service = Service("renewed-2")
    async with await client_of(here, service) as http:
        assert (await http.put(f"{API}/document", content=Once())).status_code == 401
        assert (await http.put(f"{API}/document", files={"file": Pipe(b"ab")})).status_code == 401
        assert (await http.put(f"{API}/document", files={"file": io.BytesIO(b"ab")})).status_code == 200
    bodies = [body for _, _, body in service.requests]
    assert [b"ab" in body for body in bodies] == [True] * 3


async def test_a_stream_that_cannot_be_sent_again_leaves_the_401_to_the_tool_and_the_token_renewed(
    here: SmallWorld,
) -> None:
    async def once() -> AsyncIterator[bytes]:
        yield b"a"
        yield b"b"

    service = Service("renewed-1")
    async with await client_of(here, service) as http:
        assert (await http.post(f"{API}/repos", content=once())).status_code == 401
        assert (await http.post(f"{API}/repos", content=once())).status_code == 200
    assert [body for _, _, body in service.requests] == [b"ab", b"ab"]
    assert await here.held_token() == "renewed-1"


@pytest.mark.parametrize(
    "url",
    [
        "https://evil.example/repos",
        "https://api.forge.example.evil.example/repos",
        "https://api.forge.example:8443/repos",
        "http://api.forge.example/repos",
        "http://169.254.169.254/latest/meta-data",
        "https://api.forge.example@evil.example/repos",
        "https://user:pw@api.forge.example/repos",
    ],
)
async def test_the_credential_goes_nowhere_else(here: SmallWorld, url: str) -> None:
    service = Service("old")
    async with await client_of(here, service) as http:
        with pytest.raises(ConfigurationError) as refused:
            await http.get(url)
    assert service.requests == []
    assert "old" not in str(refused.value)


async def test_without_an_api_address_any_https_address_gets_it_and_no_plain_one(here: SmallWorld) -> None:
    service = Service("old")
    async with await client_of(here, service, api_url=None) as http:
        assert (await http.get("https://anywhere.example/")).status_code == 200
        assert (await http.get("http://127.0.0.1:8000/")).status_code == 200
        with pytest.raises(ConfigurationError):
            await http.get("http://anywhere.example/")


@pytest.mark.parametrize(
    "api_url", ["https://API.Forge.example", "https://api.forge.example:443", "https://api.forge.example/v3/"]
)
async def test_other_spellings_of_the_same_origin_are_the_same_origin(here: SmallWorld, api_url: str) -> None:
    service = Service("old")
    async with await client_of(here, service, api_url=api_url, base_url=api_url) as http:
        assert (await http.get("/repos")).status_code == 200
        assert (await http.get("https://api.forge.example/other")).status_code == 200


@pytest.mark.parametrize("target", ["https://storage.example/blob", "http://api.forge.example/plain"])
async def test_a_redirect_to_another_origin_does_not_carry_it_and_a_401_there_says_nothing_about_it(
    here: SmallWorld, target: str
) -> None:
    service = Service("old")
    service.redirects[f"{API}/download"] = target
    async with await client_of(here, service, follow_redirects=True) as http:
        assert (await http.get(f"{API}/download")).status_code == 401
    assert service.carried == ["Bearer old", None]
    assert here.grant.renewals == []
    assert await here.held_token() == "old"


async def test_a_redirect_within_the_service_carries_it(here: SmallWorld) -> None:
    service = Service("old")
    service.redirects[f"{API}/old-name"] = f"{API}/new-name"
    async with await client_of(here, service, follow_redirects=True) as http:
        assert (await http.get(f"{API}/old-name")).status_code == 200
    assert service.carried == ["Bearer old", "Bearer old"]


@pytest.mark.parametrize("why", ["nothing to renew it with", "renewal refused", "refused again"])
async def test_a_token_that_nothing_mends_leads_to_the_link_and_is_forgotten(here: SmallWorld, why: str) -> None:
    service = Service()
    held = await here.hold("old", refresh=None if why == "nothing to renew it with" else "refresh-canary")
    if why == "renewal refused":
        here.grant.trouble = GrantRefused("invalid_grant")
    async with await client_of(here, service, held=held) as http:
        with pytest.raises(ConnectionRequired) as asked:
            await http.get(f"{API}/repos")
    assert asked.value.connect_url == LINK
    assert await here.held_token() is None
    assert len(service.requests) == (2 if why == "refused again" else 1)


async def test_an_outage_of_the_token_endpoint_is_told_and_loses_nothing(here: SmallWorld) -> None:
    service = Service()
    here.grant.trouble = RemoteUnavailable()
    async with await client_of(here, service) as http:
        with pytest.raises(RemoteUnavailable):
            await http.get(f"{API}/repos")
    assert await here.held_token() == "old"


async def test_a_refusal_of_a_token_that_another_call_replaced_since_deletes_nothing(here: SmallWorld) -> None:
    """The second 401 is about our fresh token, but by then another call holds yet another one."""
    service = Service()
    newest = "stored-meanwhile"

    async def answer(request: httpx.Request) -> httpx.Response:
        if request.headers["authorization"] == "Bearer renewed-1":
            await here.hold(newest)
        return await service.handle_async_request(request)

    async with await client_of(here, httpx.MockTransport(answer)) as http:
        with pytest.raises(ConnectionRequired):
            await http.get(f"{API}/repos")
    assert await here.held_token() == newest


def test_what_a_call_holds_prints_no_token() -> None:
    assert "canary" not in repr(Held(Need(ALICE, (), "tool"), credential()))
