"""One healthy world, built of parts that a test replaces one at a time.

with healthy() as world:
    assert await world.codes() == []

with healthy(middleware={"open_paths": ("/",)}) as world:
    assert await world.codes() == ["open-paths-too-wide"]
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable, Collection, Iterator
from contextlib import asynccontextmanager, contextmanager, nullcontext
from dataclasses import dataclass, field
from typing import Any, Literal

import httpx
from fastapi import FastAPI
from fastmcp import FastMCP
from mcp.server.mcpserver import MCPServer

from mcpauthkit import (
    AuthKit,
    JwtAuthMiddleware,
    KeyRing,
    MemoryStore,
    OAuthProvider,
    current_user,
    oauth_meta_router,
)
from mcpauthkit.doctor.doctor import examine
from mcpauthkit.doctor.report import Report
from mcpauthkit.testing import DevIssuer, DevService, LoopbackServer

Mode = Literal["direct", "proxy"]
Flavour = Literal["fastmcp", "mcpserver"]
Asgi = Callable[[Any, Any, Any], Any]

SCOPES = ("openid", "mcp:tools")
SCOPES_OF_THE_ISSUER = ("openid", "profile", "email", "offline_access", "mcp:tools")
UPSTREAM = "kit-at-the-issuer"
RING = KeyRing({"healthy": "k7Qw2xVb9LzR4tYn6MfHs3JdPc8GaUeXo1"}, minting="healthy")


@dataclass
class Parts:
    """What the healthy application is made of. Change what a test breaks, or build another application of it."""

    base_url: str
    issuer: DevIssuer
    service: DevService
    store: Any
    mode: Mode = "direct"
    flavour: Flavour = "fastmcp"
    router: dict[str, Any] = field(default_factory=dict)
    middleware: dict[str, Any] = field(default_factory=dict)
    provider: dict[str, Any] = field(default_factory=dict)
    mcp: dict[str, Any] = field(default_factory=dict)

    @property
    def router_options(self) -> dict[str, Any]:
        proxy = {"client_id": UPSTREAM, "key_ring": RING} if self.mode == "proxy" else {}
        return {
            "server_base_url": self.base_url,
            "issuer_url": self.issuer.issuer_url,
            "scopes": SCOPES,
            **proxy,
            **self.router,
        }

    @property
    def middleware_options(self) -> dict[str, Any]:
        return {
            "issuer_url": self.issuer.issuer_url,
            "server_base_url": self.base_url,
            "current_user": current_user,
            "scopes": SCOPES,
            "key_ring": RING,
            "open_paths": ("/health",),
            **self.middleware,
        }

    @property
    def provider_options(self) -> dict[str, Any]:
        return {
            "name": "forge",
            "display_name": "DevForge",
            "client_id": self.service.client_id,
            "client_secret": self.service.client_secret,
            "authorize_url": self.service.authorize_url,
            "token_url": self.service.token_url,
            "api_url": self.service.api_url,
            "server_base_url": self.base_url,
            "store": self.store,
            "key_ring": RING,
            **self.provider,
        }

    def new_provider(self) -> OAuthProvider:
        return OAuthProvider.from_standard_oauth2(**self.provider_options)

    def new_mcp(self, provider: OAuthProvider) -> Any:
        options = {"name": "healthy", **self.mcp}
        mcp: Any = FastMCP(**options) if self.flavour == "fastmcp" else MCPServer(**options)

        @mcp.tool()
        @provider.require_token(scopes=["repo"])
        async def list_repos() -> list[str]:
            """The caller's repositories."""
            async with provider.client() as http:
                return [one["name"] for one in (await http.get("/repos")).json()]

        return mcp

    def new_app(self, mcp: Any) -> tuple[FastAPI, Any]:
        """An application with the server's lifespan, and what to mount."""
        if isinstance(mcp, FastMCP):
            mcp_app: Any = mcp.http_app(path="/mcp")
            return FastAPI(lifespan=mcp_app.lifespan), mcp_app
        mcp_app = mcp.streamable_http_app(streamable_http_path="/mcp")

        @asynccontextmanager
        async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
            async with mcp.session_manager.run():
                yield

        return FastAPI(lifespan=lifespan), mcp_app


Build = Callable[[Parts], FastAPI]


def assemble(parts: Parts) -> FastAPI:
    """The healthy way to put the parts together."""
    provider = parts.new_provider()
    mcp = parts.new_mcp(provider)
    app, mcp_app = parts.new_app(mcp)

    @app.get("/health")
    async def health() -> dict[str, str]:
        return {"status": "ok"}

    app.include_router(oauth_meta_router(**parts.router_options))
    app.add_middleware(JwtAuthMiddleware, **parts.middleware_options)
    provider.register(app, mcp)
    app.mount("/", mcp_app)
    return app


def assemble_with_kit(parts: Parts) -> FastAPI:
    """The short way to the same application."""
    shared = {name: one for name, one in parts.middleware_options.items() if name not in {"open_paths", "key_ring"}}
    proxy: dict[str, Any] = {"client_id": UPSTREAM} if parts.mode == "proxy" else {}
    kit = AuthKit(**shared, **proxy, store=parts.store, key_ring=RING)
    taken = {"name", "server_base_url", "store", "key_ring"}
    forge = kit.oauth("forge", **{name: one for name, one in parts.provider_options.items() if name not in taken})
    return kit.app(parts.new_mcp(forge))


@dataclass
class Healthy:
    """A world that is healthy but for what a test broke in it."""

    parts: Parts
    app: Any
    server: LoopbackServer
    is_served: bool

    @property
    def issuer(self) -> DevIssuer:
        return self.parts.issuer

    @property
    def service(self) -> DevService:
        return self.parts.service

    @property
    def url(self) -> str:
        return f"{self.parts.base_url}/mcp"

    def token(self, sub: str = "alice", **claims: Any) -> str:
        return self.issuer.token(sub=sub, **{"audience": self.url, "scope": "openid mcp:tools", **claims})

    async def report(self, **options: Any) -> Report:
        """What the doctor says: over the network where the world is served, in this process where it is not."""
        if self.is_served:
            options.setdefault("url", self.url)
        return await examine(options.pop("app", self.app), **options)

    async def codes(self, *, levels: Collection[str] = ("error", "warning", "note"), **options: Any) -> list[str]:
        """The codes of what the doctor finds."""
        return [one.code for one in (await self.report(**options)).findings if one.level in levels]


@contextmanager
def healthy(
    *,
    mode: Mode = "direct",
    flavour: Flavour = "fastmcp",
    served: bool = False,
    issuer: dict[str, Any] | None = None,
    service: dict[str, Any] | None = None,
    store: Any = None,
    router: dict[str, Any] | None = None,
    middleware: dict[str, Any] | None = None,
    provider: dict[str, Any] | None = None,
    mcp: dict[str, Any] | None = None,
    build: Build = assemble,
    around: Callable[[Asgi], Asgi] | None = None,
) -> Iterator[Healthy]:
    """A healthy world, but for what is replaced in it.

    The issuer and the service are real servers on loopback. The application is not served unless `served`: then the
    doctor asks it over the network, and else in this process.

    Args:
        mode: Whether clients sign in at the issuer, or at the application's own authorization proxy.
        flavour: Whose MCP server it has.
        served: Whether the application listens.
        issuer: Options of `DevIssuer`.
        service: Options of `DevService`.
        store: The store of the provider.
        router: Options of `oauth_meta_router` to add or replace.
        middleware: Options of `JwtAuthMiddleware` to add or replace.
        provider: Options of `OAuthProvider` to add or replace.
        mcp: Options of the MCP server.
        build: Puts the application together.
        around: Middleware between the network and the application, such as a proxy that rewrites.
    """
    # Generating an RSA key is the slowest part of starting an issuer.
    issuing = {"algorithm": "ES256", "dynamic_registration": mode == "direct", **(issuer or {})}
    with DevIssuer(**issuing) as at, DevService(**(service or {})) as forge:
        server = LoopbackServer()
        at.add_client(UPSTREAM, None, [f"{server.base_url}/oauth/callback"])
        parts = Parts(server.base_url, at, forge, MemoryStore() if store is None else store, mode, flavour)
        for replaced, options in ((parts.router, router), (parts.middleware, middleware), (parts.provider, provider)):
            replaced.update(options or {})
        parts.mcp.update(mcp or {})
        app: Any = build(parts)
        server.app = app = app if around is None else around(app)
        with server if served else nullcontext():
            yield Healthy(parts, app, server, served)


def issuer_says(issuer: DevIssuer, change: Callable[[dict[str, Any]], object]) -> None:
    """Let an issuer's metadata differ from what it was, from now on.

    Args:
        issuer: The issuer.
        change: Changes the document in place.
    """
    document = httpx.get(f"{issuer.issuer_url}/.well-known/openid-configuration").json()
    change(document)
    issuer.faults.respond("discovery", status=200, body=json.dumps(document))
