"""The same tool with the caller's own account at an OAuth service."""

from fastapi import FastAPI
from fastmcp import FastMCP

from mcpauthkit import JwtAuthMiddleware, OAuthProvider, oauth_meta_router

URL = "https://mcp.example.com"
ISSUER = "https://login.example.com"
API = "https://api.example.com"

mcp = FastMCP("example")
mcp_app = mcp.http_app(path="/mcp")
app = FastAPI(lifespan=mcp_app.lifespan)
app.include_router(oauth_meta_router(server_base_url=URL, issuer_url=ISSUER))
app.add_middleware(JwtAuthMiddleware, server_base_url=URL, issuer_url=ISSUER)
github = OAuthProvider.from_preset("github", client_id="id", client_secret="secret", server_base_url=URL, api_url=API)
github.register(app, mcp)


@mcp.tool
@github.require_token(scopes=["repo"])
async def repos() -> str:
    async with github.client() as http:
        return (await http.get("/repos")).text


app.mount("/", mcp_app)
