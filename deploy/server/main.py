"""An MCP server with both legs that is told everything about its surroundings by environment variables.

Copy it, put your tools in, and run it as the image does: `uvicorn server.main:app --lifespan on --no-access-log`.
docs/deployment.md lists the settings that it needs.
"""

from __future__ import annotations

import logging

from fastapi import FastAPI
from fastmcp import FastMCP

from mcpauthkit import AuthKit, get_user


def create_app() -> FastAPI:
    """The whole server: the tools, who may call them, and the pages where users connect their accounts."""
    kit = AuthKit.from_settings()
    mcp = FastMCP("server")
    # Users paste a token of theirs, so this needs no client at the service. For one with OAuth write
    # kit.oauth("github"), and set GITHUB_CLIENT_ID and GITHUB_CLIENT_SECRET, or GITHUB_CLIENT_SECRET_FILE.
    jira = kit.credentials("jira-cloud")

    @mcp.tool
    def whoami() -> dict[str, str | None]:
        """Say who is calling."""
        user = get_user()
        return {"subject": user.subject, "issuer": user.issuer, "name": user.name}

    @mcp.tool
    @jira.require_credentials()
    async def my_jira_account() -> str:
        """Say whose Jira account is used."""
        async with jira.client() as http:  # carries the caller's token
            response = await http.get("/rest/api/3/myself")
            response.raise_for_status()
            return str(response.json()["displayName"])

    return kit.app(mcp)


# What was refused and why, how people were asked: one line for each, never a secret. Of others only warnings: an HTTP
# client tells every address that it asks, with its query.
logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
logging.getLogger("mcpauthkit").setLevel(logging.INFO)
app = create_app()
