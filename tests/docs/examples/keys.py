"""The same tool with a token that the caller made at the service and typed in."""

import httpx
from fastapi import FastAPI
from fastmcp import FastMCP

from mcpauthkit import CredentialsProvider, JwtAuthMiddleware, oauth_meta_router

URL = "https://mcp.example.com"
ISSUER = "https://login.example.com"
API = "https://api.example.com"

mcp = FastMCP("example")
mcp_app = mcp.http_app(path="/mcp")
app = FastAPI(lifespan=mcp_app.lifespan)
app.include_router(oauth_meta_router(server_base_url=URL, issuer_url=ISSUER))
app.add_middleware(JwtAuthMiddleware, server_base_url=URL, issuer_url=ISSUER)
forge = CredentialsProvider(name="forge", variables={"pat": {"label": "PAT", "type": "password"}}, server_base_url=URL)
forge.register(app, mcp)


@mcp.tool
@forge.require_credentials()
async def repos() -> str:
    headers = {"authorization": f"Bearer {forge.get_credentials()['pat']}"}
    async with httpx.AsyncClient(base_url=API, headers=headers) as http:
        return (await http.get("/repos")).text


app.mount("/", mcp_app)
