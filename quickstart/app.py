"""An MCP server that knows who is calling and asks for the caller's own GitHub account when a tool needs it."""

from __future__ import annotations

from fastapi import FastAPI
from fastmcp import FastMCP
from starlette.middleware.cors import CORSMiddleware

from mcpauthkit import JwtAuthMiddleware, OAuthProvider, get_user, oauth_meta_router
from quickstart.settings import Settings


def create_app(settings: Settings) -> FastAPI:
    """The whole server, ready for uvicorn."""
    mcp = FastMCP("quickstart")
    github = create_github(settings)
    add_tools(mcp, github)

    mcp_app = mcp.http_app(path="/mcp")
    # FastMCP's sessions live in its lifespan: without it every request is answered with a 500.
    app = FastAPI(lifespan=mcp_app.lifespan)
    protect(app, settings)
    github.register(app, mcp)
    # Last: a server mounted at / takes every path that was not taken before.
    app.mount("/", mcp_app)
    return app


def protect(app: FastAPI, settings: Settings) -> None:
    """Leg 1, who is calling: bearer tokens of the issuer, and the document by which clients find it."""
    app.include_router(
        oauth_meta_router(
            server_base_url=settings.base_url, issuer_url=settings.issuer_url, scopes=settings.base_scopes
        )
    )
    app.add_middleware(
        JwtAuthMiddleware,
        issuer_url=settings.issuer_url,
        server_base_url=settings.base_url,
        audience=settings.audience,
        scopes=settings.base_scopes,
        browser_client_id=settings.browser_client_id,
        browser_client_secret=settings.browser_client_secret,
    )
    # Added after the authentication, so it stands outside of it: a client in a browser has to read our 401s.
    app.add_middleware(
        CORSMiddleware,
        allow_origins=["*"],
        allow_methods=["GET", "POST", "DELETE"],
        allow_headers=["*"],
        expose_headers=["mcp-session-id", "www-authenticate"],
    )


def create_github(settings: Settings) -> OAuthProvider:
    """Leg 2, the caller's own account. Its redirect URI at GitHub is `{base_url}/connect/github/callback`."""
    return OAuthProvider.from_standard_oauth2(
        name="github",
        display_name=settings.github_name,
        client_id=settings.github_client_id,
        client_secret=settings.github_client_secret,
        authorize_url=settings.github_authorize_url,
        token_url=settings.github_token_url,
        api_url=settings.github_api_url,
        issuer=settings.github_issuer,
        server_base_url=settings.base_url,
    )


def add_tools(mcp: FastMCP, github: OAuthProvider) -> None:
    """Two tools: one needs only a caller, the other the caller's GitHub account too."""

    @mcp.tool
    def whoami() -> dict[str, str | None]:
        """Say who is calling."""
        user = get_user()
        return {"subject": user.subject, "issuer": user.issuer, "name": user.name}  # a claim not sent is None

    @mcp.tool
    @github.require_token(scopes=["repo"])  # below @mcp.tool: the function that FastMCP calls has to be the guarded one
    async def list_repos() -> list[str]:
        """List the caller's repositories."""
        async with github.client() as http:  # carries the caller's token, and renews it when it has run out
            response = await http.get("/user/repos")
            response.raise_for_status()
            return [repo["full_name"] for repo in response.json()]
