"""A small application behind `JwtAuthMiddleware`, and the issuer it trusts."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx
from fastapi import FastAPI, Request

from mcpauthkit import JwtAuthMiddleware, current_user
from mcpauthkit.testing import DevIssuer, FakeClock, LoopbackServer

BASE = "https://mcp.example.com"
PRM = f"{BASE}/.well-known/oauth-protected-resource/mcp"
SCOPES = ("openid", "mcp:tools")
PRE_FLIGHT = {"origin": "https://client.example", "access-control-request-method": "POST"}


def build(issuer: DevIssuer, **options: Any) -> FastAPI:
    """An application that tells who is calling, at every path."""
    app = FastAPI()

    @app.api_route("/{path:path}", methods=["GET", "POST", "DELETE", "OPTIONS"])
    async def anywhere(path: str, request: Request) -> dict[str, Any]:
        user = current_user.get()
        return {"user": user.subject if user else None, "path": path, "state": "principal" in request.scope["state"]}

    settings = {"issuer_url": issuer.issuer_url, "server_base_url": BASE, "scopes": SCOPES, **options}
    app.add_middleware(JwtAuthMiddleware, **settings)
    return app


@dataclass
class Door:
    """The application as clients reach it."""

    issuer: DevIssuer
    http: httpx.AsyncClient
    clock: FakeClock = field(default_factory=FakeClock)

    def token(self, sub: str = "alice", **changes: Any) -> str:
        changes.setdefault("audience", f"{BASE}/mcp")
        return self.issuer.token(sub=sub, **changes)

    async def get(self, token: str | None = None, path: str = "/mcp", **headers: str) -> httpx.Response:
        bearer = {} if token is None else {"authorization": f"Bearer {token}"}
        return await self.http.get(path, headers={**bearer, **headers})

    async def statuses(self, *tokens: str) -> list[int]:
        return [(await self.get(token)).status_code for token in tokens]


@asynccontextmanager
async def door(*, issuer_options: dict[str, Any] | None = None, **options: Any) -> AsyncIterator[Door]:
    """A door that is called in process and lives by a fake clock; the issuer is a real server by the same clock."""
    clock = FakeClock()
    with DevIssuer(clock=clock, **(issuer_options or {})) as issuer:
        async with httpx.AsyncClient() as upstream:
            app = build(issuer, clock=clock, http_client=upstream, **options)
            async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=BASE) as http:
                yield Door(issuer, http, clock)


@contextmanager
def served(**options: Any) -> Iterator[tuple[DevIssuer, LoopbackServer]]:
    """The same application over real HTTP, with real time."""
    with DevIssuer() as issuer, LoopbackServer(build(issuer, **options)) as server:
        yield issuer, server
