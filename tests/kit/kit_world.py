"""A small world whose application is put together by the short form."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import httpx
from fastapi import FastAPI
from fastmcp import FastMCP

from mcpauthkit import AuthKit, MemoryStore, OAuthProvider, Patience, get_user
from mcpauthkit.testing import DevIssuer, DevService, LoopbackServer
from tests.world import RING, SCOPES, Flavour, World, build_mcp

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

BASE = "http://127.0.0.1:1"
ISSUER = "http://127.0.0.1:2"


def forge_of(kit: AuthKit, service: DevService) -> OAuthProvider:
    return kit.oauth(
        "forge",
        client_id=service.client_id,
        client_secret=service.client_secret,
        authorize_url=service.authorize_url,
        token_url=service.token_url,
        api_url=service.api_url,
        issuer=service.base_url,
        display_name="DevForge",
        patience=Patience(hold_seconds=8, rounds=2, asking_seconds=5),
    )


@contextmanager
def kit_world(
    *,
    flavour: Flavour = "fastmcp",
    build: Callable[[AuthKit, Any], FastAPI] = lambda kit, mcp: kit.app(mcp),
    **options: Any,
) -> Iterator[World]:
    """Start it all; everything stops at the end."""
    with DevIssuer(algorithm="ES256") as issuer, DevService() as service:
        server, store = LoopbackServer(), MemoryStore()
        given = {"issuer_url": issuer.issuer_url, "scopes": SCOPES, "store": store, "key_ring": RING, **options}
        kit = AuthKit(server_base_url=server.base_url, **given)
        forge = forge_of(kit, service)
        mcp = build_mcp(flavour, forge)
        app = build(kit, mcp)
        here = World(issuer, service, server, forge, store, app, mcp)
        server.app = here.remembering_the_loop
        with server:
            yield here


def small_kit(**options: Any) -> AuthKit:
    """A kit for an application that no client comes to."""
    return AuthKit(**{"server_base_url": BASE, "issuer_url": ISSUER, **options})


def small_server(name: str = "small") -> FastMCP[Any]:
    mcp: FastMCP[Any] = FastMCP(name)

    @mcp.tool
    def whoami() -> str:
        """Who is calling."""
        return get_user().subject

    return mcp


async def ask(app: Any, path: str, method: str = "GET", **options: Any) -> httpx.Response:
    """Ask an application in this process."""
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=BASE) as http:
        return await http.request(method, path, **options)


async def fetch(method: str, url: str, **options: Any) -> httpx.Response:
    """Ask over the wire."""
    async with httpx.AsyncClient(timeout=5) as http:
        return await http.request(method, url, **options)
