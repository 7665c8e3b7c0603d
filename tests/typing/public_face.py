"""The public face as users type it. Checked by pyright and mypy, never executed."""

# ruff: noqa: B008  # dependencies are declared as defaults

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextvars import ContextVar
from typing import Annotated, assert_type

import fastapi
import httpx
from fastapi import APIRouter, FastAPI
from fastmcp import FastMCP
from fastmcp.dependencies import Depends
from mcp.server.mcpserver import MCPServer

from mcpauthkit import (
    CurrentUser,
    JwtAuthMiddleware,
    KeyRing,
    MemoryStore,
    OAuthProvider,
    Patience,
    Principal,
    Secret,
    current_user,
    get_user,
    oauth_meta_router,
)
from mcpauthkit.guards import (
    AccessRequest,
    AllOf,
    AnyOf,
    Guard,
    GuardLike,
    HasRole,
    HasScope,
    Not,
    RequireAuth,
    ToolScopes,
    guards_of,
    require,
)

BASE = "https://mcp.example.test"


def application() -> FastAPI:
    app = FastAPI()
    router = oauth_meta_router(server_base_url=BASE, issuer_url="https://issuer.example.test", client_id=None)
    assert_type(router, APIRouter)
    app.include_router(router)
    app.add_middleware(
        JwtAuthMiddleware,
        issuer_url="https://issuer.example.test",
        server_base_url=BASE,
        current_user=current_user,
        open_paths=("/health",),
    )
    return app


def provider() -> OAuthProvider:
    return OAuthProvider.from_standard_oauth2(
        name="github",
        client_id="id",
        client_secret=Secret("secret"),
        authorize_url="https://github.com/login/oauth/authorize",
        token_url="https://github.com/login/oauth/access_token",
        api_url="https://api.github.com",
        server_base_url=BASE,
        store=MemoryStore(),
        key_ring=KeyRing({"a": "x" * 32}, minting="a"),
        patience=Patience(hold_seconds=30),
    )


github = provider()
github.register(application(), FastMCP[None]("server"))
github.register(application(), MCPServer[None]("server"))
github.register(application())


@github.require_token(scopes=["repo"])
async def list_prs(repo: str, limit: int = 3) -> list[str]:
    async with github.client(timeout=5) as http:
        answer = await http.get(f"/repos/{repo}/pulls", params={"per_page": limit})
        return [answer.text, github.get_token()]


@github.require_token(fail_fast=True)
def sync_tool() -> str:
    return get_user().subject


class InTenant(Guard):
    async def check(self, request: AccessRequest) -> bool:
        return request.caller.tenant == "acme"


class OnWeekdays:
    def check(self, request: AccessRequest) -> bool:
        return request.caller.now.weekday() < 5


@require(RequireAuth(), HasRole("admin") & InTenant() | ~HasScope("read") & OnWeekdays(), OnWeekdays())
@github.require_token()
async def guarded(name: str, limit: int = 3) -> list[str]:
    return [name] * limit


@require(AllOf(OnWeekdays(), AnyOf(HasRole("a"), Not(OnWeekdays()))))
def guarded_sync() -> int:
    return 1


guards: tuple[GuardLike, ...] = guards_of(guarded)
reports = FastMCP[None]("reports")
reports.tool(auth=HasRole("admin"))(guarded_sync)
reports.tool(auth=[RequireAuth(), HasScope("read") | InTenant()])(guarded)
scopes = ToolScopes({"guarded": ["read"]}, unmapped="allow")
application().add_middleware(JwtAuthMiddleware, server_base_url=BASE, tool_scopes=scopes)


async def injected(
    repo: str,
    user: Principal = CurrentUser(),
    same_user: Principal = Depends(get_user),
    token: str = Depends(github.token(scopes=["repo"])),
    http: httpx.AsyncClient = Depends(github.http(scopes=["repo"], fail_fast=True)),
) -> list[str]:
    return [user.subject, same_user.subject, token, (await http.get(f"/repos/{repo}")).text]


async def route(
    user: Annotated[Principal, fastapi.Depends(get_user)],
    token: Annotated[str, fastapi.Depends(github.token())],
    http: Annotated[httpx.AsyncClient, fastapi.Depends(github.http())],
    same_token: str = fastapi.Depends(github.token()),
) -> list[str]:
    return [user.subject, token, same_token, (await http.get("/user")).text]


def dependencies() -> None:
    assert_type(CurrentUser(), Principal)
    assert_type(github.token(scopes=["repo"]), Callable[..., Awaitable[str]])
    assert_type(Depends(github.token()), str)
    assert_type(Depends(github.http()), httpx.AsyncClient)


async def calls() -> None:
    assert_type(await list_prs("a/b", limit=1), list[str])
    assert_type(sync_tool(), str)
    assert_type(await guarded("a", limit=1), list[str])
    assert_type(guarded_sync(), int)
    assert_type(get_user(), Principal)
    assert_type(current_user, ContextVar[Principal | None])
    assert_type(get_user().scopes, frozenset[str])
    assert_type(get_user().key, tuple[str, str])
    await github.invalidate_token()
    await github.invalidate_token(get_user().subject)
