"""A tool that reads what anybody may read, in an application that knows its callers."""

import httpx
from fastapi import FastAPI
from fastmcp import FastMCP

from mcpauthkit import JwtAuthMiddleware, oauth_meta_router

URL = "https://mcp.example.com"
ISSUER = "https://login.example.com"
API = "https://api.example.com"

mcp = FastMCP("example")
mcp_app = mcp.http_app(path="/mcp")
app = FastAPI(lifespan=mcp_app.lifespan)
app.include_router(oauth_meta_router(server_base_url=URL, issuer_url=ISSUER))
app.add_middleware(JwtAuthMiddleware, server_base_url=URL, issuer_url=ISSUER)


@mcp.tool
async def repos() -> str:
    async with httpx.AsyncClient(base_url=API) as http:
        return (await http.get("/repos")).text


app.mount("/", mcp_app)
