"""Which requests our pages take for their own: what an application serves beside them is as protected as ever."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager

import httpx
import pytest
from fastapi import FastAPI, WebSocket
from starlette.testclient import TestClient
from starlette.websockets import WebSocketDisconnect

from mcpauthkit import JwtAuthMiddleware, KeyRing, health_router, oauth_meta_router
from mcpauthkit.errors import ConfigurationError
from mcpauthkit.testing import DevIssuer
from tests.asgi import lifespan
from tests.flows.test_guards import provider

BASE = "https://mcp.example.test"


@pytest.fixture
def issuer() -> Iterator[DevIssuer]:
    with DevIssuer(algorithm="ES256") as one:
        yield one


@pytest.fixture
def app(issuer: DevIssuer) -> FastAPI:
    """One with pages of ours, and an authorization proxy."""
    app = FastAPI()
    proxy = oauth_meta_router(
        server_base_url=BASE, issuer_url=issuer.issuer_url, client_id="kit", key_ring=KeyRing.ephemeral()
    )
    app.include_router(proxy)
    app.add_middleware(JwtAuthMiddleware, issuer_url=issuer.issuer_url, server_base_url=BASE)
    provider().register(app)
    return app


@asynccontextmanager
async def caller(app: FastAPI, token: str = "") -> AsyncIterator[httpx.AsyncClient]:
    headers = {"authorization": f"Bearer {token}"} if token else {}
    transport = httpx.ASGITransport(app)
    async with lifespan(app), httpx.AsyncClient(transport=transport, base_url=BASE, headers=headers) as http:
        yield http


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/connections"),
        ("DELETE", "/connections"),
        ("PUT", "/connections/disconnect"),
        ("POST", "/connect/forge/callback"),
        ("POST", "/connect/login/callback"),
        ("DELETE", "/oauth/callback"),
        ("PUT", "/.well-known/oauth-authorization-server"),
    ],
)
async def test_a_route_of_the_applications_at_a_path_of_ours_needs_a_token(
    method: str, path: str, app: FastAPI, issuer: DevIssuer
) -> None:
    # Every method of our paths was let through, so an application's own POST beside our GET needed no token.
    @app.api_route(path, methods=[method])
    async def mine() -> str:
        return "the application's"

    async with caller(app) as stranger:
        assert (await stranger.request(method, path)).status_code == 401
    async with caller(app, issuer.token(sub="alice", audience=f"{BASE}/mcp")) as alice:
        assert (await alice.request(method, path)).json() == "the application's"


def test_so_does_a_websocket_at_a_path_of_ours(app: FastAPI) -> None:
    @app.websocket("/connections")
    async def mine(socket: WebSocket) -> None:
        await socket.accept()

    with (
        TestClient(app, base_url=BASE) as client,
        pytest.raises(WebSocketDisconnect),
        client.websocket_connect("/connections"),
    ):
        pass


@pytest.mark.parametrize("action", ["connect", "another", "reconnect", "more", "default", "disconnect", "sign-out"])
async def test_the_address_of_an_answered_form_leads_back_to_its_page(action: str, app: FastAPI) -> None:
    # It stands in the browser's address bar after the form, and people press return there.
    async with caller(app) as http:
        answer = await http.get(f"/connections/{action}")
        assert (answer.status_code, answer.headers["location"]) == (303, f"{BASE}/connections")
        answer = await http.get("/connect/forge/decline", params={"flow": "some"})
        assert (answer.status_code, answer.headers["location"]) == (303, f"{BASE}/connect/forge?flow=some")


@pytest.mark.parametrize(("prefix", "is_first"), [("", True), ("/inner", True), ("/inner", False)])
@pytest.mark.parametrize("path", ["/health", "/ready", "/register", "/oauth/callback"])
async def test_a_route_of_the_applications_in_the_place_of_ours_never_becomes_public(
    path: str, prefix: str, *, is_first: bool, issuer: DevIssuer
) -> None:
    # Our paths were let through without a token whoever answered there, such as an application's own /health with
    # details, where ours came later or was included with a prefix.
    app = FastAPI()
    router = oauth_meta_router(
        server_base_url=BASE, issuer_url=issuer.issuer_url, client_id="kit", key_ring=KeyRing.ephemeral()
    )
    if path in {"/health", "/ready"}:
        router = health_router()

    async def mine() -> str:
        return "for users only"

    if is_first:
        app.add_api_route(path, mine, methods=["GET", "POST"])
    app.include_router(router, prefix=prefix)
    if not is_first:
        app.add_api_route(path, mine, methods=["GET", "POST"])
    app.add_middleware(JwtAuthMiddleware, issuer_url=issuer.issuer_url, server_base_url=BASE)
    with pytest.raises(ConfigurationError) as refused, TestClient(app):
        pass
    assert path in str(refused.value) or prefix
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=BASE) as without_start:
        for method in ("GET", "POST"):
            assert (await without_start.request(method, path)).status_code == 401
