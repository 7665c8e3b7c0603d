"""An application behind the authorization proxy, its issuer, and a way to kill and restart the server."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from typing import Any

import anyio.to_thread
import httpx
from fastapi import FastAPI

from mcpauthkit import JwtAuthMiddleware, KeyRing, current_user, oauth_meta_router
from mcpauthkit.audit import AuditTrail
from mcpauthkit.errors import RemoteUnavailable
from mcpauthkit.testing import BrowserRobot, DevIssuer, FakeClock, LoopbackServer, OAuthClient, Page, sign_in

SCOPES = ("openid", "mcp:tools")
RING = KeyRing({"test": "test-key-of-at-least-32-bytes-length"}, minting="test")
CALLBACK = "http://127.0.0.1:9/callback"
HOSTED = "https://app.example/callback"
UPSTREAM = "kit-at-the-issuer"


class Documents:
    """Client documents by address, without a network."""

    def __init__(self, documents: dict[str, bytes]) -> None:
        self.documents = documents
        self.asked: list[str] = []

    async def fetch(self, url: str) -> bytes:
        self.asked.append(url)
        if url not in self.documents:
            raise RemoteUnavailable(reason="nothing there")
        return self.documents[url]


@dataclass
class ProxyWorld:
    """Everything a test of the proxy touches."""

    issuer: DevIssuer
    server: LoopbackServer
    options: dict[str, Any]
    clock: FakeClock | None = None
    restarts: int = field(default=0)
    audit: AuditTrail | None = None

    @property
    def base(self) -> str:
        return self.server.base_url

    @property
    def resource(self) -> str:
        return f"{self.base}/mcp"

    def build(self) -> FastAPI:
        """A new application object, as a new process would have."""
        app = FastAPI()
        app.include_router(
            oauth_meta_router(
                **{
                    "server_base_url": self.base,
                    "issuer_url": self.issuer.issuer_url,
                    "client_id": UPSTREAM,
                    "scopes": SCOPES,
                    "key_ring": RING,
                    "clock": self.clock,
                    **self.options,
                }
            )
        )

        @app.get("/mcp")
        async def tool() -> dict[str, Any]:
            user = current_user.get()
            return {"user": user.subject if user else None, "client": user.client_id if user else None}

        app.add_middleware(
            JwtAuthMiddleware,
            issuer_url=self.issuer.issuer_url,
            server_base_url=self.base,
            scopes=SCOPES,
            audit=self.audit,
        )
        return app

    async def restart(self) -> None:
        """Kill the server and start another one in its place: nothing of the old one is left but the key ring."""
        await anyio.to_thread.run_sync(self.server.stop)
        self.server.app = self.build()
        await anyio.to_thread.run_sync(self.server.start)
        self.restarts += 1

    async def register(self, *redirect_uris: str, **metadata: Any) -> httpx.Response:
        body = {"redirect_uris": list(redirect_uris), "client_name": "Scripted", **metadata}
        async with httpx.AsyncClient() as http:
            return await http.post(f"{self.base}/register", json=body)

    def client(self, client_id: str, redirect_uri: str = CALLBACK) -> OAuthClient:
        return OAuthClient(
            authorize_url=f"{self.base}/authorize",
            token_url=f"{self.base}/token",
            client_id=client_id,
            redirect_uri=redirect_uri,
        )

    async def registered(self, redirect_uri: str = CALLBACK, **metadata: Any) -> OAuthClient:
        answer = await self.register(redirect_uri, **metadata)
        return self.client(answer.json()["client_id"], redirect_uri)

    async def log_in(self, robot: BrowserRobot, client: OAuthClient, *, user: str = "alice", **parameters: Any) -> Page:
        """From the client's request to the redirect back to it, agreeing to everything."""
        page = await robot.open(client.authorization_url(**parameters), stop_at=client.redirect_uri)
        if any(link.text == "Continue" for link in page.links):
            page = await robot.click(page, "Continue", stop_at=client.redirect_uri)
        return await sign_in(robot, page, user=user, stop_at=client.redirect_uri)

    async def tokens(self, client: OAuthClient, **parameters: Any) -> dict[str, Any]:
        """Tokens of a whole login."""
        async with BrowserRobot() as robot:
            page = await self.log_in(robot, client, **parameters)
        answer = await client.exchange(page.query["code"])
        assert answer.status_code == 200
        tokens: dict[str, Any] = answer.json()
        return tokens

    async def call(self, access_token: str) -> httpx.Response:
        async with httpx.AsyncClient() as http:
            return await http.get(self.resource, headers={"authorization": f"Bearer {access_token}"})


@contextmanager
def proxy_world(
    *,
    client_secret: str | None = None,
    clock: FakeClock | None = None,
    issuer_options: dict[str, Any] | None = None,
    audit: AuditTrail | None = None,
    **options: Any,
) -> Iterator[ProxyWorld]:
    """Start it all; everything stops at the end."""
    with DevIssuer(**{"algorithm": "ES256", "dynamic_registration": False, **(issuer_options or {})}) as issuer:
        server = LoopbackServer()
        issuer.add_client(UPSTREAM, client_secret, [f"{server.base_url}/oauth/callback"])
        here = ProxyWorld(issuer, server, {"client_secret": client_secret, **options}, clock, audit=audit)
        server.app = here.build()
        with server:
            yield here


@asynccontextmanager
async def browsing(here: ProxyWorld) -> AsyncIterator[tuple[BrowserRobot, OAuthClient]]:
    """A browser, and a client that has registered itself."""
    client = await here.registered()
    async with BrowserRobot() as robot:
        yield robot, client
