"""Applications as users write them, for the tests of what users test with."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, Literal

from fastapi import FastAPI
from fastmcp import FastMCP
from mcp.server.mcpserver import MCPServer

from mcpauthkit import (
    Account,
    Checked,
    CredentialsProvider,
    JwtAuthMiddleware,
    OAuthProvider,
    Patience,
    get_user,
    oauth_meta_router,
)

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

    from mcpauthkit.testing import DevWorld

Flavour = Literal["fastmcp", "mcpserver"]
PATIENCE = Patience(hold_seconds=5, rounds=2, asking_seconds=5)


def create_app(
    world: DevWorld,
    flavour: Flavour = "fastmcp",
    *,
    patience: Patience = PATIENCE,
    server_options: Mapping[str, Any] | None = None,
) -> Any:
    """Both legs, and a wiki whose users type a token in."""
    mcp: Any = FastMCP("served") if flavour == "fastmcp" else MCPServer("served")
    common: dict[str, Any] = {
        "server_base_url": world.base_url,
        "store": world.store,
        "key_ring": world.key_ring,
        "clock": world.clock,
    }
    github = OAuthProvider.from_preset(
        world.preset(),
        client_id=world.service.client_id,
        client_secret=world.service.client_secret,
        patience=patience,
        **common,
    )
    wiki = CredentialsProvider(
        name="wiki", variables={"pat": {"label": "Token", "type": "password"}}, validate=validate, **common
    )
    add_tools(mcp, github, wiki)
    mcp_app, app = mounted(mcp, server_options or {})
    app.include_router(oauth_meta_router(server_base_url=world.base_url, issuer_url=world.issuer.issuer_url))
    app.add_middleware(
        JwtAuthMiddleware,
        issuer_url=world.issuer.issuer_url,
        server_base_url=world.base_url,
        scopes=("openid", "mcp:tools"),
        clock=world.clock,
    )
    github.register(app, mcp)
    wiki.register(app, mcp)
    app.mount("/", mcp_app)
    return app


def add_tools(mcp: Any, github: OAuthProvider, wiki: CredentialsProvider) -> None:
    @mcp.tool()
    def whoami() -> str:
        """Who is calling."""
        return str(get_user().subject)

    @mcp.tool()
    @github.require_token(scopes=["repo"])
    async def list_repos() -> list[str]:
        """The caller's repositories."""
        async with github.client() as http:
            answer = await http.get("/user/repos")
            answer.raise_for_status()
            return [one["name"] for one in answer.json()]

    @mcp.tool()
    @wiki.require_credentials()
    async def read_wiki() -> dict[str, int]:
        """How long the caller's token is."""
        return {"length": len(wiki.get_credentials()["pat"])}


async def validate(values: Mapping[str, str]) -> Checked:
    return Checked(account=Account(id=values["pat"], label="alice@wiki"))


def mounted(mcp: Any, server_options: Mapping[str, Any]) -> tuple[Any, FastAPI]:
    if isinstance(mcp, FastMCP):
        mcp_app: Any = mcp.http_app(path="/mcp", **server_options)
        return mcp_app, FastAPI(lifespan=mcp_app.lifespan)
    mcp_app = mcp.streamable_http_app(**server_options)

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        async with mcp.session_manager.run():
            yield

    return mcp_app, FastAPI(lifespan=lifespan)
