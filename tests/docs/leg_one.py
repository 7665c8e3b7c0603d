"""Applications as the pages show them, with the addresses of development servers in the place of the real ones."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import httpx
from fastapi import FastAPI

from mcpauthkit import current_user
from mcpauthkit.testing import DevIssuer, DevService, LoopbackServer
from tests.docs.pages import execute

URL = "https://mcp.example.com"


def substituted(code: str, addresses: Mapping[str, str]) -> str:
    """The code with other addresses; each of them has to stand in it, or the page has changed."""
    for before, after in addresses.items():
        assert before in code, before
        code = code.replace(before, after)
    return code


def service_addresses(service: DevService) -> dict[str, Any]:
    """What stands in the row of a service that is served here, for `dataclasses.replace`."""
    return {
        "authorize_url": service.authorize_url,
        "token_url": service.token_url,
        "api_url": service.api_url,
        "issuer": service.base_url,
        "revocation": None,
        "whoami": None,
    }


def tells_who(app: FastAPI) -> FastAPI:
    """The application with a route for everything below /mcp, which says who is calling."""

    @app.api_route("/mcp", methods=["GET", "POST"])
    async def who() -> dict[str, Any]:
        user = current_user.get()
        return {
            "user": user and user.subject,
            "issuer": user and user.issuer,
            "roles": sorted(user.roles) if user else [],
            "extra": dict(user.extra) if user else {},
        }

    return app


class Caller:
    """Somebody with tokens of the issuer, in front of a served application."""

    def __init__(self, http: httpx.AsyncClient, issuer: DevIssuer, base_url: str) -> None:
        self.http = http
        self.resource = f"{base_url}/mcp"
        self._issuer = issuer

    def token(self, **claims: Any) -> dict[str, str]:
        """The header with a token for this server, unless it says otherwise."""
        return {"authorization": f"Bearer {self._issuer.token(**{'audience': self.resource, **claims})}"}


@asynccontextmanager
async def serving(code: str, issuer: DevIssuer, issuer_url: str, **names: Any) -> AsyncIterator[Caller]:
    """A page's application, which trusts our issuer, and somebody who calls it."""
    server = LoopbackServer()
    code = substituted(code, {URL: server.base_url, issuer_url: issuer.issuer_url})
    server.app = tells_who(execute(code, names)["app"])
    with server:
        async with httpx.AsyncClient(base_url=server.base_url) as http:
            yield Caller(http, issuer, server.base_url)
