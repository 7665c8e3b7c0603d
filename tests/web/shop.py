"""An application with two services that may be wired in many ways, and a server that starts it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from fastapi import FastAPI
from fastmcp import FastMCP
from mcp.server.mcpserver import MCPServer
from mcp.server.request_state import RequestStateSecurity

from mcpauthkit import (
    CredentialsProvider,
    JwtAuthMiddleware,
    KeyRing,
    MemoryStore,
    OAuthProvider,
    ProviderOptions,
    Store,
    oauth_meta_router,
    request_state_security,
)
from tests.world import application

if TYPE_CHECKING:
    from tests.world import Flavour

BASE = "https://mcp.example.com"
ISSUER = "https://issuer.example"
SECRET = "qkGfW0tE7vYz1uXhJr5pBnC9sLdA3mKiT6oVwQxRbNyUeHj8"
RING = KeyRing({"k2026": SECRET}, minting="k2026")
SAMPLE = KeyRing({"k2026": "changeme-changeme-changeme-changeme"}, minting="k2026")


class SharedStore(MemoryStore):
    """As much of a store that many processes share as one process sees of it."""

    is_shared = True


@dataclass
class Shop:
    """An application, and what is unusual about it."""

    base_url: str = BASE
    ring: KeyRing | None = RING
    middleware_ring: KeyRing | None = RING
    proxy_ring: KeyRing | None = None
    store: Store | None = field(default_factory=SharedStore)
    flavour: Flavour = "fastmcp"
    policy: RequestStateSecurity | None = field(default_factory=lambda: request_state_security(RING, audience="shop"))
    stateless: bool = True
    middleware: dict[str, Any] = field(default_factory=dict)
    events: list[str] = field(default_factory=list)
    registers_server: bool = True

    def build(self) -> FastAPI:
        options: Any = {"request_state_security": self.policy}
        mcp: Any = FastMCP("shop", **options) if self.flavour == "fastmcp" else MCPServer("shop", **options)
        app, mcp_app = application(mcp, stateless_http=self.stateless)
        proxy: Any = {} if self.proxy_ring is None else {"client_id": "kit", "key_ring": self.proxy_ring}
        app.include_router(oauth_meta_router(server_base_url=self.base_url, issuer_url=ISSUER, **proxy))
        app.add_middleware(
            JwtAuthMiddleware,
            issuer_url=ISSUER,
            server_base_url=self.base_url,
            key_ring=self.middleware_ring,
            **self.middleware,
        )
        kept: ProviderOptions = {}
        if self.store is not None:
            kept["store"] = self.store
        if self.ring is not None:
            kept["key_ring"] = self.ring
        forge = OAuthProvider.from_preset("github", client_id="kit", server_base_url=self.base_url, **kept)
        wiki = CredentialsProvider(
            name="wiki", variables={"pat": {"label": "Token"}}, server_base_url=self.base_url, **kept
        )
        forge.register(app, mcp if self.registers_server else None)
        wiki.register(app, mcp if self.registers_server else None)
        app.mount("/", mcp_app)
        return app


async def start(app: Any) -> str:
    """Start an application as a server does, and stop it; what the server is told if it does not start."""
    sent: list[dict[str, Any]] = []
    told = iter(["lifespan.startup", "lifespan.shutdown"])

    async def receive() -> dict[str, Any]:
        return {"type": next(told)}

    async def send(message: Any) -> None:
        sent.append(message)

    await app({"type": "lifespan", "asgi": {"version": "3.0"}, "state": {}}, receive, send)
    kinds = [one["type"].removeprefix("lifespan.") for one in sent]
    assert kinds in (["startup.failed"], ["startup.complete", "shutdown.complete"])
    return str(sent[0].get("message", ""))
