"""A healthy application put together wrongly in one place: exactly that is named."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from fastapi import FastAPI
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from mcpauthkit import JwtAuthMiddleware, KeyRing, MemoryStore, OAuthProvider, oauth_meta_router, request_state_security
from mcpauthkit.verifiers import TrustedHeaderVerifier
from tests.doctor.healthy import RING, Asgi, Flavour, Parts, assemble, healthy
from tests.stores.plain import PlainStore

SAMPLE = "change-me-change-me-change-me-change-me"


class SessionMiddleware:
    """Stands for Starlette's, which needs a package that is not here; the doctor goes by the name."""

    def __init__(self, app: Asgi) -> None:
        self._app = app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        await self._app(scope, receive, send)


class Built:
    """The steps of a healthy application, to be taken in another order, or otherwise."""

    def __init__(self, parts: Parts, **options: Any) -> None:
        self.parts = parts
        self.provider = parts.new_provider()
        self.mcp = parts.new_mcp(self.provider)
        app, self.mcp_app = parts.new_app(self.mcp)
        self.app = FastAPI(**options) if options else app

        @self.app.get("/health")
        async def health() -> dict[str, str]:
            return {"status": "ok"}

    def router(self) -> None:
        self.app.include_router(oauth_meta_router(**self.parts.router_options))

    def middleware(self) -> None:
        self.app.add_middleware(JwtAuthMiddleware, **self.parts.middleware_options)

    def register(self) -> None:
        self.provider.register(self.app, self.mcp)

    def mount(self, path: str = "/") -> None:
        self.app.mount(path, self.mcp_app)

    def finish(self) -> FastAPI:
        self.router()
        self.middleware()
        self.register()
        self.mount()
        return self.app


def cors(app: FastAPI) -> None:
    app.add_middleware(
        CORSMiddleware,
        allow_origins=["https://chat.example"],
        allow_methods=["*"],
        allow_headers=["*"],
        expose_headers=["www-authenticate", "mcp-session-id"],
    )


def no_middleware(parts: Parts) -> FastAPI:
    built = Built(parts)
    built.router()
    built.register()
    built.mount()
    return built.app


def middleware_twice(parts: Parts) -> FastAPI:
    app = assemble(parts)
    app.add_middleware(JwtAuthMiddleware, **parts.middleware_options)
    return app


def cors_inside(parts: Parts) -> FastAPI:
    built = Built(parts)
    cors(built.app)
    return built.finish()


def cors_outside(parts: Parts) -> FastAPI:
    app = assemble(parts)
    cors(app)
    return app


def sessions_outside(parts: Parts) -> FastAPI:
    app = assemble(parts)
    app.add_middleware(SessionMiddleware)
    return app


def router_behind_the_mount(parts: Parts) -> FastAPI:
    built = Built(parts)
    built.middleware()
    built.register()
    built.mount()
    built.router()
    return built.app


def routes_behind_the_mount(parts: Parts) -> FastAPI:
    app = assemble(parts)

    @app.get("/report")
    async def report() -> str:
        return "never seen"

    return app


def catch_all_before_the_router(parts: Parts) -> FastAPI:
    built = Built(parts)

    @built.app.get("/.well-known/{name:path}")
    async def page(name: str) -> dict[str, str]:
        return {"page": name}

    return built.finish()


def without_lifespan(parts: Parts) -> FastAPI:
    return Built(parts, title="no lifespan").finish()


def with_an_empty_lifespan(parts: Parts) -> FastAPI:
    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        yield

    return Built(parts, lifespan=lifespan).finish()


def mounted_with_a_prefix(parts: Parts) -> FastAPI:
    built = Built(parts)
    built.router()
    built.middleware()
    built.register()
    built.mount("/tools")
    return built.app


def registered_with_a_mounted_application(parts: Parts) -> FastAPI:
    built = Built(parts)
    built.router()
    built.middleware()
    inner = FastAPI()
    built.provider.register(inner, built.mcp)
    built.app.mount("/inner", inner)
    built.mount()
    return built.app


def page_in_the_place_of_ours(parts: Parts) -> FastAPI:
    app = assemble(parts)

    async def page(_: Request) -> Response:
        return PlainTextResponse("the application's own")

    app.router.routes.insert(0, Route("/connections", page))
    return app


def below_another_ones_prefix(parts: Parts) -> FastAPI:
    outer = FastAPI()
    outer.mount("/api", Built(parts).finish())
    return outer


def below_another_one(parts: Parts) -> FastAPI:
    outer = FastAPI()
    outer.mount("/", Built(parts).finish())
    return outer


def at_a_public_address(parts: Parts) -> FastAPI:
    parts.base_url = "https://mcp.example.com"
    parts.service.add_redirect_uri("https://mcp.example.com/connect/forge/callback")
    return assemble(parts)


WRONG: dict[str, tuple[Callable[[Parts], FastAPI], str]] = {
    "no middleware": (no_middleware, "middleware-missing"),
    "the middleware twice": (middleware_twice, "middleware-twice"),
    "CORS inside": (cors_inside, "cors-inside-auth"),
    "sessions outside": (sessions_outside, "sessions-outside-auth"),
    "the router behind the mount": (router_behind_the_mount, "well-known-shadowed"),
    "a route before the router": (catch_all_before_the_router, "well-known-shadowed"),
    "a route behind the mount": (routes_behind_the_mount, "mount-hides-routes"),
    "a page in the place of ours": (page_in_the_place_of_ours, "connect-shadowed"),
    "no lifespan": (without_lifespan, "lifespan-not-passed"),
    "a lifespan without the server's": (with_an_empty_lifespan, "lifespan-not-passed"),
    "a mount with a prefix": (mounted_with_a_prefix, "resource-path-missing"),
    "the whole below a prefix": (below_another_ones_prefix, "application-below-another"),
    "the whole in another application": (below_another_one, "lifespan-not-passed"),
    "services in a mounted application": (registered_with_a_mounted_application, "services-registered-elsewhere"),
}


@pytest.mark.parametrize("name", WRONG)
async def test_what_is_put_together_wrongly_is_named(name: str) -> None:
    build, code = WRONG[name]
    with healthy(build=build) as world:
        assert await world.codes() == [code]


@pytest.mark.parametrize("name", ["no lifespan", "a lifespan without the server's"])
@pytest.mark.parametrize("flavour", ["fastmcp", "mcpserver"])
async def test_a_server_that_does_not_run_is_named_with_a_token_as_well(name: str, flavour: Flavour) -> None:
    build, code = WRONG[name]
    with healthy(build=build, flavour=flavour) as world:
        assert await world.codes(token=world.token()) == [code]


async def test_cors_outside_is_as_it_should_be() -> None:
    with healthy(build=cors_outside, middleware={"allowed_origins": ["https://chat.example"]}) as world:
        assert await world.codes() == []


@pytest.mark.parametrize(
    ("middleware", "code"),
    [
        pytest.param({"open_paths": ("/",)}, "open-paths-too-wide", id="everything open"),
        pytest.param({"open_paths": ("/mcp",)}, "open-paths-too-wide", id="the server itself open"),
        pytest.param({"open_paths": ("/health", "/helath")}, "open-path-unused", id="nothing open"),
        pytest.param({"resource_paths": ("/mcp", "/wiki")}, "resource-path-empty", id="a path without a server"),
        pytest.param({"resource_paths": ("/api",)}, "resource-path-missing", id="the path of another server"),
    ],
)
async def test_a_wrong_path_is_named(middleware: dict[str, Any], code: str) -> None:
    with healthy(middleware=middleware) as world:
        assert await world.codes() == [code]


async def test_an_address_that_ends_with_the_path_of_the_server_is_named() -> None:
    def build(parts: Parts) -> FastAPI:
        parts.base_url = f"{parts.base_url}/mcp"
        return assemble(parts)

    with healthy(build=build) as world:
        assert await world.codes() == ["base-url-ends-with-mcp-path"]


async def test_a_provider_at_another_address_is_named() -> None:
    with healthy(provider={"server_base_url": "https://connect.example.com"}) as world:
        assert await world.codes() == ["base-urls-differ"]


@pytest.mark.parametrize("name", ["FORWARDED_ALLOW_IPS", "UVICORN_FORWARDED_ALLOW_IPS"])
async def test_proxies_that_uvicorn_believes_beside_a_header_that_is_trusted_are_named(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    verifier = TrustedHeaderVerifier({"x-user-id": "sub"}, peers=["10.1.2.3"])
    with healthy(middleware={"verifiers": [verifier]}) as world:
        assert await world.codes() == []
        monkeypatch.setenv(name, "10.1.2.3")
        assert await world.codes() == ["proxy-headers-and-trusted-header"]


async def test_several_processes_with_a_store_of_one_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MCPAUTHKIT_REPLICAS", "3")
    with healthy() as world:
        assert await world.codes(levels=("error",)) == ["store-of-one-process"]


class SharedStore(MemoryStore):
    """A store that says that other processes see it."""

    is_shared = True


class ClearStore(SharedStore):
    """A store whose address has no TLS."""

    is_in_clear = True


def sharing() -> dict[str, Any]:
    """What lets other processes go on with a server's questions."""
    return {"request_state_security": request_state_security(RING, audience="healthy")}


async def test_several_processes_with_questions_of_one_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MCPAUTHKIT_REPLICAS", "3")
    with healthy(store=SharedStore()) as world:
        assert await world.codes(levels=("error",)) == ["request-state-of-one-process"]


async def test_several_processes_with_a_store_that_is_not_exact_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MCPAUTHKIT_REPLICAS", "3")
    with healthy(store=PlainStore(MemoryStore()), mcp=sharing()) as world:
        assert await world.codes(levels=("error",)) == ["store-without-conditions"]


async def test_several_processes_with_sessions_of_one_are_noted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MCPAUTHKIT_REPLICAS", "3")
    with healthy(store=SharedStore(), mcp=sharing()) as world:
        assert await world.codes() == ["sessions-of-one-process"]


async def test_a_store_without_tls_is_named_in_production(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MCPAUTHKIT_REPLICAS", "1")
    with healthy(store=ClearStore(), middleware={"production": True}) as world:
        # A world on loopback is refused in production, which is another finding.
        assert await world.codes(levels=("warning",)) == ["store-in-clear"]


async def test_keys_that_end_with_the_process_are_named_beside_a_store_that_does_not() -> None:
    with healthy(store=SharedStore(), provider={"key_ring": KeyRing.ephemeral()}) as world:
        assert await world.codes() == ["lost-keys"]


@pytest.mark.parametrize(
    ("ring", "code"),
    [(RING, "production-plain-http"), (KeyRing({"a": SAMPLE}, minting="a"), "key-looks-like-a-sample")],
)
async def test_what_production_refuses_is_named(ring: KeyRing, code: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MCPAUTHKIT_PRODUCTION", "1")
    monkeypatch.setenv("MCPAUTHKIT_REPLICAS", "1")

    build = assemble if ring is RING else at_a_public_address
    with healthy(build=build, provider={"key_ring": ring}) as world:
        assert await world.codes(levels=("error",)) == [code]


async def test_providers_with_different_stores_are_named() -> None:
    def build(parts: Parts) -> FastAPI:
        app = assemble(parts)
        second = {**parts.provider_options, "name": "mill", "store": SharedStore()}
        OAuthProvider.from_standard_oauth2(**second).register(app)
        return app

    with healthy(build=build) as world:
        assert await world.codes() == ["stores-differ"]
