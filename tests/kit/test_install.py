"""What an application keeps of its own where the kit is installed, and what is refused."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from fastapi import APIRouter, FastAPI
from fastmcp import FastMCP
from starlette.middleware.base import BaseHTTPMiddleware
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from mcpauthkit import AuthKit, JwtAuthMiddleware, current_user
from mcpauthkit.errors import AuthKitError, ConfigurationError
from tests.asgi import lifespan
from tests.flows.test_ladder import REPOS, text_of
from tests.kit.kit_world import ask, fetch, kit_world, small_kit, small_server
from tests.web.shop import start

PAGE = "https://page.example.com"
DOCUMENT = "/.well-known/oauth-protected-resource/mcp"


class SeesTheCaller(BaseHTTPMiddleware):
    """The application's own middleware, which has to know who is calling."""

    async def dispatch(self, request: Request, call_next: Any) -> Response:
        answer: Response = await call_next(request)
        user = current_user.get()
        answer.headers["x-seen"] = user.subject if user is not None else "nobody"
        return answer


async def everything(_: Request) -> Response:
    return PlainTextResponse("the application's own")


def existing(events: list[str] | None = None) -> FastAPI:
    """An application as people have it before: routes, a catch-all, middleware, a lifespan."""
    told = [] if events is None else events

    @asynccontextmanager
    async def own(_: FastAPI) -> AsyncIterator[dict[str, Any]]:
        told.append("start")
        yield {"database": "open"}
        told.append("stop")

    app = FastAPI(lifespan=own)

    @app.get("/orders")
    async def orders(request: Request) -> dict[str, Any]:
        user = current_user.get()
        return {"of": user and user.subject, "database": request.state.database}

    app.add_route("/{rest:path}", everything)
    app.add_middleware(SeesTheCaller)
    app.add_middleware(
        CORSMiddleware, allow_origins=[PAGE], allow_methods=["*"], allow_headers=["*"], expose_headers=["x-seen"]
    )
    return app


async def test_the_application_keeps_its_lifespan_routes_and_middleware() -> None:
    events: list[str] = []

    def build(kit: AuthKit, mcp: Any) -> FastAPI:
        app = existing(events)
        kit.install(app, mcp)
        return app

    with kit_world(build=build, open_paths=["/public"]) as here:
        assert events == ["start"]
        async with here.client(human=here.person()) as client:
            assert REPOS in (await text_of(client, "list_repos"))[1]
        headers = {"authorization": f"Bearer {here.token()}", "origin": PAGE}
        answer = await fetch("GET", f"{here.base}/orders", headers=headers)
        assert answer.json() == {"of": "alice", "database": "open"}
        assert answer.headers["x-seen"] == "alice"
        assert (await fetch("GET", f"{here.base}/public/x")).text == "the application's own"
    assert events == ["start", "stop"]


async def test_pages_can_read_refusals_because_cors_stays_outside() -> None:
    app = existing()
    small_kit().install(app, small_server())
    async with lifespan(app):
        refused = await ask(app, "/orders", headers={"origin": PAGE})
        assert refused.status_code == 401
        assert refused.headers["access-control-allow-origin"] == PAGE
        asked = {"origin": PAGE, "access-control-request-method": "GET", "access-control-request-headers": "x"}
        assert (await ask(app, "/orders", "OPTIONS", headers=asked)).status_code == 200


async def test_pages_that_are_allowed_can_read_the_servers_refusals() -> None:
    app = small_kit(allowed_origins=[PAGE]).app(small_server())
    async with lifespan(app):
        refused = await ask(app, "/mcp", "POST", headers={"origin": PAGE}, json={})
        assert refused.status_code == 401
        assert refused.headers["access-control-allow-origin"] == PAGE
        assert (await ask(app, "/mcp", "POST", headers={"origin": "https://evil.example"}, json={})).status_code == 403


@pytest.mark.parametrize("how", ["catch-all", "mount"])
async def test_what_was_registered_before_takes_nothing_of_ours(how: str) -> None:
    app = FastAPI()
    if how == "mount":
        app.mount("/", FastAPI())
    else:
        app.add_route("/{rest:path}", everything)
    kit = small_kit()
    kit.credentials("wiki", variables={"pat": {"label": "Token", "type": "password"}})
    kit.install(app, small_server())
    async with lifespan(app):
        assert (await ask(app, DOCUMENT)).json()["resource"].endswith("/mcp")
        assert (await ask(app, "/health")).json() == {"status": "ok"}
        assert (await ask(app, "/connect/wiki")).headers["content-type"].startswith("text/html")
        assert (await ask(app, "/mcp", "POST", json={})).status_code == 401


async def test_routes_added_afterwards_are_reached() -> None:
    app = small_kit(open_paths=["/later"]).app(small_server(), title="Later")

    @app.get("/later")
    async def later() -> str:
        return "reached"

    async with lifespan(app):
        assert (await ask(app, "/later")).json() == "reached"
    assert set(app.openapi()["paths"]) == {"/later"}
    assert app.title == "Later"


async def test_custom_routes_of_a_server_are_served_too() -> None:
    mcp = small_server()

    @mcp.custom_route("/version", methods=["GET"])
    async def version(_: Request) -> Response:
        return PlainTextResponse("7")

    app = small_kit(open_paths=["/version"]).app(mcp)
    async with lifespan(app):
        assert (await ask(app, "/version")).text == "7"


async def test_a_service_that_is_added_after_the_application_is_made_is_served_as_well() -> None:
    servers: list[Any] = []

    def build(kit: AuthKit, mcp: Any) -> FastAPI:
        app = kit.app(mcp)
        late = kit.credentials("late", variables={"pat": {"label": "Token", "type": "password"}})

        @mcp.tool()
        @late.require_credentials()
        def late_tool() -> str:
            """Needs what is typed in."""
            return late.get_credentials()["pat"]

        servers.append(mcp)
        return app

    with kit_world(build=build) as here:
        async with here.client() as client:
            is_error, text = await text_of(client, "late_tool")
        assert is_error
        assert f"{here.base}/connect/late" in text


def _with_included_router() -> FastAPI:
    app, router = FastAPI(), APIRouter()
    router.add_api_route("/health", lambda: "mine")
    app.include_router(router)
    return app


def _with_own_mcp() -> FastAPI:
    app = FastAPI()
    app.add_route("/mcp", everything)
    return app


def _with_own_document() -> FastAPI:
    app = FastAPI()
    app.add_route(DOCUMENT, everything)
    return app


@pytest.mark.parametrize(
    ("make", "path"),
    [(_with_included_router, "/health"), (_with_own_mcp, "/mcp"), (_with_own_document, DOCUMENT)],
)
def test_a_path_that_the_application_has_is_refused_by_name(make: Any, path: str) -> None:
    with pytest.raises(ConfigurationError) as refused:
        small_kit().install(make(), small_server())
    assert path in refused.value.public
    assert refused.value.hint


async def test_an_application_may_keep_its_own_probes() -> None:
    app = _with_included_router()
    small_kit(health=False, open_paths=["/health"]).install(app, small_server())
    async with lifespan(app):
        assert (await ask(app, "/health")).json() == "mine"
        assert (await ask(app, "/ready")).status_code == 401


@pytest.mark.parametrize("path", [DOCUMENT, "/connect/wiki", "/mcp"])
async def test_a_catch_all_that_is_put_in_front_is_refused_at_the_start(path: str) -> None:
    kit = small_kit()
    kit.credentials("wiki", variables={"pat": {"label": "Token", "type": "password"}})
    app = kit.app(small_server())
    app.router.routes.insert(0, Route(path, everything))
    told = await start(app)
    assert told.startswith(f"A route at {path!r} takes the requests to {path}.")


class TestRefused:
    def test_a_second_installation(self) -> None:
        kit = small_kit()
        kit.app(small_server())
        with pytest.raises(ConfigurationError, match="installed in an application already") as refused:
            kit.app(small_server())
        assert "path=[" in refused.value.hint

    def test_a_second_kit_or_the_middleware_in_one_application(self) -> None:
        app = small_kit().app(small_server())
        with pytest.raises(ConfigurationError, match="JwtAuthMiddleware already"):
            small_kit().install(app, small_server())
        other = FastAPI()
        other.add_middleware(JwtAuthMiddleware, server_base_url="http://127.0.0.1:1", issuer_url="http://127.0.0.1:2")
        with pytest.raises(ConfigurationError, match="JwtAuthMiddleware already"):
            small_kit().install(other, small_server())

    async def test_an_application_that_has_started(self) -> None:
        app = FastAPI()
        async with lifespan(app):
            with pytest.raises(ConfigurationError, match="before it starts"):
                small_kit().install(app, small_server())

    @pytest.mark.parametrize("given", [FastMCP("x").http_app(), "mcp", None])
    def test_what_is_no_server(self, given: Any) -> None:
        with pytest.raises(ConfigurationError, match="MCP server belongs"):
            small_kit().app(given)

    @pytest.mark.parametrize("given", [FastMCP("x"), "app", None])
    def test_what_is_no_application(self, given: Any) -> None:
        with pytest.raises(ConfigurationError, match="FastAPI"):
            small_kit().install(given, small_server())

    @pytest.mark.parametrize("path", ["/mcp", ["/mcp"], ["/a", "/b", "/c"], ["/a", "/a"]])
    def test_paths_that_are_not_one_for_each_server(self, path: Any) -> None:
        with pytest.raises(ConfigurationError, match="2 MCP servers"):
            small_kit().app(small_server(), small_server("other"), path=path)

    def test_one_server_at_two_paths(self) -> None:
        one = small_server()
        with pytest.raises(ConfigurationError, match="twice"):
            small_kit().app(one, one, path=["/a", "/b"])

    @pytest.mark.parametrize(
        "options",
        [
            {"profile": "keyclock"},
            {"open_paths": ["/"]},
            {"open_paths": ["/mcp"]},
            {"allowed_origins": ["*"]},
            {"require_scope": ["x"]},
            {"issuer_url": None},
            {"issuer_url": None, "profile": "keycloak"},
            {"server_base_url": "http://example.com"},
            {"client_secret": "without-its-client"},
            {"policies": "not-there.yaml"},
            {"audit": "audit.jsonl"},
            {"mcp_path": "mcp"},
        ],
        ids=str,
    )
    def test_arguments_that_cannot_be_used_before_anything_starts(self, options: dict[str, Any]) -> None:
        with pytest.raises(AuthKitError):
            small_kit(**options).app(small_server())

    def test_a_service_of_a_name_that_is_taken(self) -> None:
        kit = small_kit()
        kit.app(small_server())
        kit.oauth("github", client_id="a")
        with pytest.raises(ConfigurationError, match="github"):
            kit.oauth("github", client_id="b")
