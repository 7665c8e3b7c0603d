"""The user and the credential by FastAPI's `Depends`, in routes beside the MCP server."""

# ruff: noqa: B008  # dependencies are declared as defaults

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import Annotated, Any

import httpx
import pytest
from fastapi import Depends, FastAPI, HTTPException, Request, Response
from fastapi.responses import PlainTextResponse
from starlette.testclient import TestClient
from starlette.types import ASGIApp, Receive, Scope, Send

from mcpauthkit import OAuthProvider, Principal, get_user
from mcpauthkit.errors import NotSignedIn
from mcpauthkit.testing import BrowserRobot, DevStore, FakeClock
from mcpauthkit.web.injection import CHALLENGE_KEY
from tests.flows.test_ladder import text_of
from tests.world import World, eventually, world

ROUTES = ("/by-token", "/by-annotation", "/by-token-sync", "/by-http")
routes = pytest.mark.parametrize("path", ROUTES)


def serve(here: World, path: str, route: Callable[..., Any], app: FastAPI | None = None) -> None:
    """Add a route ahead of the MCP server, which is mounted at the root."""
    where = app or here.app
    where.add_api_route(path, route, methods=["GET"])
    where.router.routes.insert(0, where.router.routes.pop())


def serve_repos(here: World, app: FastAPI | None = None) -> None:
    provider, needed = here.provider, here.provider.token(scopes=["repo"])

    async def by_token(token: str = Depends(needed)) -> str:
        return token

    async def by_annotation(token: str) -> str:
        return token

    by_annotation.__annotations__["token"] = Annotated[str, Depends(needed)]

    def by_token_sync(token: str = Depends(needed)) -> str:
        assert token == provider.get_token()
        return token

    async def by_http(http: httpx.AsyncClient = Depends(provider.http(scopes=["repo"]))) -> str:
        assert (await http.get("/repos")).is_success
        return provider.get_token()

    made: tuple[Callable[..., Any], ...] = (by_token, by_annotation, by_token_sync, by_http)
    for path, route in zip(ROUTES, made, strict=True):
        serve(here, path, route, app)


async def get(here: World, path: str, *, sub: str | None = "alice") -> httpx.Response:
    headers = {} if sub is None else {"authorization": f"Bearer {here.token(sub)}"}
    async with httpx.AsyncClient(base_url=here.base) as http:
        return await http.get(path, headers=headers)


async def connect(here: World, url: str, *, sub: str = "alice") -> None:
    async with BrowserRobot() as robot:
        page = await here.visit(robot, url, sub=sub)
    assert "is connected" in page.text


@routes
async def test_a_user_who_has_not_connected_gets_the_link_and_the_next_request_works(path: str) -> None:
    with world() as here:
        serve_repos(here)
        refused = await get(here, path)
        assert refused.status_code == 403
        body = refused.json()
        assert sorted(body) == ["connect_url", "error", "error_description"]
        assert body["error"] == "connection_required"
        assert body["connect_url"].startswith(f"{here.base}/connect/forge?flow=")
        # A challenge would make clients sign in again, which connects nothing.
        assert "www-authenticate" not in refused.headers
        assert refused.headers["cache-control"] == "no-store"
        await connect(here, body["connect_url"])
        answer = await get(here, path)
        assert (answer.status_code, answer.json()) == (200, here.service.live_tokens("octo-alice")[0])


async def test_routes_and_tools_share_one_connection_and_one_link() -> None:
    with world() as here:
        serve_repos(here)
        first = (await get(here, "/by-token")).json()["connect_url"]
        assert (await get(here, "/by-http")).json()["connect_url"] == first
        async with here.client(human=here.person()) as client:
            assert not (await text_of(client, "list_repos"))[0]
        assert here.links == [first]
        assert (await get(here, "/by-token")).status_code == 200


async def test_the_connect_page_names_the_route() -> None:
    with world() as here:
        serve_repos(here)
        link = (await get(here, "/by-token")).json()["connect_url"]
        async with BrowserRobot() as robot:
            page = await here.visit(robot, link, do="look")
        assert "by_token" in page.text


async def test_one_users_connection_is_no_other_users() -> None:
    with world() as here:
        serve_repos(here)
        await connect(here, (await get(here, "/by-token")).json()["connect_url"])
        assert (await get(here, "/by-token", sub="bob")).status_code == 403
        assert (await get(here, "/by-token")).status_code == 200


@routes
async def test_a_token_that_is_about_to_expire_is_renewed_before_the_route_runs(path: str) -> None:
    with world(service_options={"access_token_ttl_seconds": 20}) as here:
        serve_repos(here)
        await connect(here, (await get(here, path)).json()["connect_url"])
        assert (await get(here, path)).status_code == 200
        assert here.service.requests.count("token", grant_type="refresh_token") == 1


async def test_a_service_that_is_down_is_a_bad_gateway_and_costs_nobody_the_connection() -> None:
    clock = FakeClock()
    with world(provider_options={"clock": clock}) as here:
        serve_repos(here)
        await connect(here, (await get(here, "/by-http")).json()["connect_url"])
        here.service.expire_tokens()
        here.service.faults.respond("token", status=500)
        refused = await get(here, "/by-http")
        assert (refused.status_code, refused.json()["error"]) == (502, "remote_unavailable")
        here.service.faults.clear()
        # A failed renewal rests for five seconds.
        clock.advance(5)
        assert (await get(here, "/by-http")).status_code == 200


async def test_a_store_that_is_down_is_503() -> None:
    store = DevStore()
    with world(provider_options={"store": store}) as here:
        serve_repos(here)
        store.is_out = True
        refused = await get(here, "/by-token")
        assert (refused.status_code, refused.json()["error"]) == (503, "store_unavailable")


async def test_a_grant_that_is_revoked_while_the_route_runs_leads_to_the_link() -> None:
    with world() as here:
        serve_repos(here)
        await connect(here, (await get(here, "/by-http")).json()["connect_url"])
        here.service.revoke_grants()
        refused = await get(here, "/by-http")
        assert (refused.status_code, refused.json()["error"]) == (403, "connection_required")
        await connect(here, refused.json()["connect_url"])
        assert (await get(here, "/by-http")).status_code == 200


async def test_a_routes_own_errors_pass() -> None:
    async def gone(token: str) -> None:
        raise HTTPException(410, detail=f"gone {bool(token)}")

    with world() as here:
        gone.__annotations__["token"] = Annotated[str, Depends(here.provider.token(scopes=["repo"]))]
        serve(here, "/gone", gone)
        await connect(here, (await get(here, "/gone")).json()["connect_url"])
        answer = await get(here, "/gone")
    assert (answer.status_code, answer.json()) == (410, {"detail": "gone True"})


async def test_what_is_injected_shows_in_no_documentation_and_cannot_be_supplied() -> None:
    async def whoami(user: Principal = Depends(get_user)) -> str:
        return user.subject

    with world() as here:
        serve_repos(here)
        serve(here, "/whoami", whoami)
        paths = here.app.openapi()["paths"]
        for path in (*ROUTES, "/whoami"):
            assert {"parameters", "requestBody"} & set(paths[path]["get"]) == set()
        assert (await get(here, "/whoami?user=mallory")).json() == "alice"
        assert (await get(here, "/by-token?token=forged&one=forged&connection=forged")).status_code == 403


async def by_default(user: Principal = Depends(get_user)) -> str:
    return user.subject


def by_sync(user: Annotated[Principal, Depends(get_user)]) -> str:
    return user.subject


async def by_annotation(user: Annotated[Principal, Depends(get_user)]) -> str:
    return user.subject


@pytest.mark.parametrize("route", [by_default, by_sync, by_annotation])
async def test_the_user_is_injected_and_on_an_open_path_without_one_it_is_a_401(route: Callable[..., Any]) -> None:
    with world() as here:
        serve(here, "/whoami", route)
        serve(here, "/health/whoami", route)
        for sub in ("alice", "bob"):
            assert (await get(here, "/whoami", sub=sub)).json() == sub
        refused = await get(here, "/health/whoami", sub=None)
    assert refused.status_code == 401
    assert refused.json() == {"error": "not_signed_in", "error_description": NotSignedIn.default_public}
    challenge = refused.headers["www-authenticate"]
    assert challenge.startswith("Bearer scope=")
    assert f'resource_metadata="{here.base}/.well-known/oauth-protected-resource/mcp"' in challenge


async def test_a_credential_on_an_open_path_without_a_user_is_a_401_too() -> None:
    with world() as here:
        serve(here, "/health/token", _returns_token(here.provider))
        refused = await get(here, "/health/token", sub=None)
    assert (refused.status_code, refused.json()["error"]) == (401, "not_signed_in")


def _returns_token(provider: OAuthProvider) -> Callable[..., Any]:
    async def route(token: str = Depends(provider.token())) -> str:
        return token

    return route


class Challenging:
    """What the door does for a request it lets through without a user."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        scope[CHALLENGE_KEY] = lambda: 'Bearer resource_metadata="https://mcp.example/x"'
        await self._app(scope, receive, send)


def test_the_challenge_is_the_one_the_door_would_send() -> None:
    with world() as here:
        app = FastAPI()
        here.provider.register(app)
        app.add_api_route("/whoami", by_default)
        answer = TestClient(Challenging(app)).get("/whoami")
    assert answer.headers["www-authenticate"] == 'Bearer resource_metadata="https://mcp.example/x"'


def test_an_application_with_an_answer_of_its_own_keeps_it() -> None:
    async def own(_request: Request, _error: Exception) -> Response:
        return PlainTextResponse("our own page", status_code=418)

    with world() as here:
        app = FastAPI(exception_handlers={NotSignedIn: own})
        here.provider.register(app)
        app.add_api_route("/whoami", by_default)
        assert TestClient(app).get("/whoami").text == "our own page"


async def test_in_a_mounted_application_the_answer_is_the_detail() -> None:
    with world() as here:
        inner = FastAPI()
        serve_repos(here, inner)
        here.app.mount("/inner", inner)
        here.app.router.routes.insert(0, here.app.router.routes.pop())
        refused = await get(here, "/inner/by-token")
    assert refused.status_code == 403
    assert refused.json()["detail"]["connect_url"].startswith(f"{here.base}/connect/forge?flow=")


async def test_before_the_pages_are_served_a_route_answers_500_and_nobody_is_sent_anywhere() -> None:
    with world() as here:
        unserved = OAuthProvider.from_standard_oauth2(
            name="other",
            client_id="id",
            authorize_url=here.service.authorize_url,
            token_url=here.service.token_url,
            server_base_url=here.base,
        )
        serve(here, "/other", _returns_token(unserved))
        refused = await get(here, "/other")
    assert (refused.status_code, refused.json()["error"]) == (500, "configuration_error")
    assert "connect_url" not in refused.json()


async def test_a_dependency_of_the_applications_own_may_stand_on_ours() -> None:
    closed: list[str] = []

    with world() as here:
        needed = here.provider.token(scopes=["repo"])

        async def account(user: Principal = Depends(get_user), token: str = Depends(needed)) -> AsyncIterator[str]:
            assert token == here.provider.get_token()
            async with here.provider.client() as http:
                yield f"{user.subject} is {(await http.get('/user')).json()['login']}"
            closed.append(here.provider.get_token())

        async def whoami_there(name: str = Depends(account)) -> str:
            return name

        serve(here, "/there", whoami_there)
        await connect(here, (await get(here, "/there")).json()["connect_url"])
        assert (await get(here, "/there")).json() == "alice is octo-alice"
        # FastAPI cleans up when the answer has been sent.
        await eventually(lambda: closed == list(here.service.live_tokens("octo-alice")))
