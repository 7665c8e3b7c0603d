"""What the middleware does with ASGI itself: scopes of every type, and what it leaves behind."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from contextvars import ContextVar
from typing import Any

import httpx
import pytest

from mcpauthkit import JwtAuthMiddleware, Principal, current_user, get_user
from mcpauthkit.errors import ConfigurationError, NotSignedIn
from mcpauthkit.testing import DevIssuer, LoopbackServer
from tests.web.door import BASE, PRM, served

mine: ContextVar[Principal | None] = ContextVar("mine", default=None)


class Inner:
    """The application behind: remembers what it saw."""

    def __init__(self, failure: Exception | None = None) -> None:
        self.calls: list[dict[str, Any]] = []
        self.failure = failure

    async def __call__(self, scope: Any, _receive: Any, _send: Any) -> None:
        user = current_user.get()
        seen = {"user": user, "mine": mine.get(), "scope": scope}
        self.calls.append(seen)
        if self.failure is not None:
            raise self.failure


@pytest.fixture(scope="module", name="issuer")
def _issuer() -> Iterator[DevIssuer]:
    with DevIssuer() as issuer:
        yield issuer


Behind = Callable[..., JwtAuthMiddleware]


@pytest.fixture(name="behind")
async def _behind(issuer: DevIssuer) -> AsyncIterator[Behind]:
    """Puts an application behind the door."""
    async with httpx.AsyncClient() as upstream:

        def put(inner: Any, **options: Any) -> JwtAuthMiddleware:
            return JwtAuthMiddleware(
                inner,
                issuer_url=issuer.issuer_url,
                server_base_url=BASE,
                current_user=mine,
                http_client=upstream,
                **options,
            )

        yield put


def scope_of(kind: str = "http", *headers: tuple[bytes, bytes], **changes: Any) -> dict[str, Any]:
    return {
        "type": kind,
        "method": "GET",
        "path": "/mcp",
        "raw_path": b"/mcp",
        "query_string": b"",
        "headers": list(headers),
        "client": ("192.0.2.7", 1234),
        **changes,
    }


async def call(app: Any, scope: dict[str, Any]) -> list[dict[str, Any]]:
    sent: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        return {"type": f"{scope['type']}.connect"}

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    await app(scope, receive, send)
    return sent


def bearer(issuer: DevIssuer, **changes: Any) -> tuple[bytes, bytes]:
    return b"authorization", b"Bearer " + issuer.token(**{"audience": f"{BASE}/mcp", **changes}).encode()


async def test_a_web_socket_without_a_token_is_answered_like_http_where_the_server_can(
    issuer: DevIssuer, behind: Behind
) -> None:
    # K6q: web sockets reached the application without a token.
    inner = Inner()
    sent = await call(behind(inner), scope_of("websocket", extensions={"websocket.http.response": {}}))
    assert [message["type"] for message in sent] == ["websocket.http.response.start", "websocket.http.response.body"]
    assert sent[0]["status"] == 401
    assert dict(sent[0]["headers"])[b"www-authenticate"].decode() == f'Bearer resource_metadata="{PRM}"'
    assert inner.calls == []


@pytest.mark.parametrize("extensions", [{}, {"other": {}}])
async def test_a_web_socket_without_a_token_is_closed_otherwise(
    issuer: DevIssuer, behind: Behind, extensions: dict[str, Any]
) -> None:
    inner = Inner()
    sent = await call(behind(inner), scope_of("websocket", (b"origin", b"x"), extensions=extensions))
    assert sent == [{"type": "websocket.close", "code": 1008}]
    assert inner.calls == []


async def test_a_web_socket_with_a_token_gets_through(issuer: DevIssuer, behind: Behind) -> None:
    inner = Inner()
    assert await call(behind(inner), scope_of("websocket", bearer(issuer))) == []
    assert inner.calls[0]["user"].subject == "alice"


async def test_no_web_socket_is_a_preflight(issuer: DevIssuer, behind: Behind) -> None:
    headers = ((b"origin", b"https://a.example"), (b"access-control-request-method", b"POST"))
    inner = Inner()
    sent = await call(behind(inner), scope_of("websocket", *headers, method="OPTIONS"))
    assert sent[0]["type"] == "websocket.close"


@pytest.mark.parametrize("kind", ["webtransport", "", "HTTP"])
async def test_a_scope_of_an_unknown_type_is_refused(issuer: DevIssuer, behind: Behind, kind: str) -> None:
    inner = Inner()
    with pytest.raises(ConfigurationError):
        await call(behind(inner), scope_of(kind, bearer(issuer)))
    assert inner.calls == []


async def test_the_lifespan_passes(issuer: DevIssuer, behind: Behind) -> None:
    inner = Inner()
    await call(behind(inner), {"type": "lifespan"})
    assert len(inner.calls) == 1


async def test_the_principal_knows_where_the_request_came_from(issuer: DevIssuer, behind: Behind) -> None:
    inner = Inner()
    app = behind(inner)
    for agent, client in ((b"one/1", ("192.0.2.7", 1)), (b"two/2", None)):
        await call(app, scope_of("http", bearer(issuer), (b"user-agent", agent), client=client))
    first, second = (seen["user"] for seen in inner.calls)
    assert (first.ip_address, first.user_agent) == ("192.0.2.7", "one/1")
    assert (second.ip_address, second.user_agent) == (None, "two/2")


@pytest.mark.parametrize("failure", [None, ZeroDivisionError()])
async def test_nothing_is_left_behind_in_the_context(
    issuer: DevIssuer, behind: Behind, failure: Exception | None
) -> None:
    # K7a: the context variable was never reset.
    inner = Inner(failure)
    app = behind(inner)
    before = (current_user.get(), mine.get())
    if failure is None:
        await call(app, scope_of("http", bearer(issuer)))
    else:
        with pytest.raises(ZeroDivisionError):
            await call(app, scope_of("http", bearer(issuer)))
    seen = inner.calls[0]
    assert seen["user"] is seen["mine"] is seen["scope"]["state"]["principal"]
    assert seen["scope"]["user"].access_token.subject == "alice"
    assert seen["scope"]["auth"].scopes == ["mcp:tools"]
    assert (current_user.get(), mine.get()) == before == (None, None)
    with pytest.raises(NotSignedIn):
        get_user()


async def test_requests_nested_in_one_task_each_see_their_own_user(issuer: DevIssuer, behind: Behind) -> None:
    inner = Inner()
    app = behind(inner)

    async def outer(scope: Any, receive: Any, send: Any) -> None:
        before = get_user()
        await call(app, scope_of("http", bearer(issuer, sub="bob")))
        assert get_user() is before

    await call(behind(outer), scope_of("http", bearer(issuer)))
    assert inner.calls[0]["user"].subject == "bob"


async def test_what_a_tool_does_to_its_principal_stays_there(issuer: DevIssuer, behind: Behind) -> None:
    inner = Inner()
    app = behind(inner)
    token = bearer(issuer)
    for _ in range(2):
        await call(app, scope_of("http", token))
    await call(app, scope_of("http", token))
    user = inner.calls[-1]["user"]
    with pytest.raises(TypeError):
        user.claims["sub"] = "mallory"
    user.extra["seen"] = True
    await call(app, scope_of("http", token))
    assert inner.calls[-1]["user"]["sub"] == "alice"
    assert inner.calls[-1]["user"].extra == {}


@pytest.mark.parametrize(
    ("root", "path", "metadata"),
    [("/api", "/api/mcp", "/mcp"), ("", "/mcp", "/mcp"), ("/api", "/mcp", "/mcp"), ("/a", "/api/mcp", "/mcp")],
)
async def test_a_root_path_is_not_part_of_the_path(
    issuer: DevIssuer, behind: Behind, root: str, path: str, metadata: str
) -> None:
    inner = Inner()
    app = behind(inner, open_paths=("/health",))
    sent = await call(app, scope_of("http", path=path, root_path=root))
    assert dict(sent[0]["headers"])[b"www-authenticate"].decode().endswith(f'oauth-protected-resource{metadata}"')
    sent = await call(app, scope_of("http", path=f"{root}/health", raw_path=None, root_path=root))
    assert sent == []
    assert len(inner.calls) == 1


@pytest.mark.parametrize(
    "options",
    [
        {"issuer_url": "http://issuer.example"},
        {"issuer_url": "issuer.example"},
        {"server_base_url": "http://mcp.example.com"},
        {"audience": ""},
        {"audience": []},
        {"audience": ["a", ""]},
        {"open_paths": ("/",)},
        {"resource_paths": "/mcp"},
        {"scopes": "openid"},
    ],
    ids=str,
)
def test_a_door_that_would_not_close_is_refused_at_construction(options: dict[str, Any]) -> None:
    settings: dict[str, Any] = {"issuer_url": "https://issuer.example", "server_base_url": BASE, **options}
    with pytest.raises(ConfigurationError):
        JwtAuthMiddleware(Inner(), **settings)


async def test_over_real_http_no_user_outlives_the_request() -> None:
    with served(open_paths=("/health",)) as (issuer, server):
        assert isinstance(server, LoopbackServer)
        headers = {"authorization": f"Bearer {issuer.token(audience=f'{BASE}/mcp')}"}
        async with httpx.AsyncClient(base_url=server.base_url) as http:
            for _ in range(3):
                assert (await http.get("/mcp", headers=headers)).json()["user"] == "alice"
                assert (await http.get("/health")).json()["user"] is None
