"""An application with services of three kinds, people with browsers, and a server with the three tools."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx
from fastapi import FastAPI
from fastmcp import Client, FastMCP
from fastmcp.client.elicitation import ElicitResult
from fastmcp.client.transports import StreamableHttpTransport
from mcp.server.mcpserver import MCPServer

from mcpauthkit import (
    JwtAuthMiddleware,
    MemoryStore,
    OAuthProvider,
    Patience,
    Principal,
    Store,
    TrustedIssuer,
    oauth_meta_router,
)
from mcpauthkit.connections.authorization_code import AuthorizationCodeGrant
from mcpauthkit.connections.preset import Revocation, ServicePreset, WhoAmI
from mcpauthkit.core.secret import Secret
from mcpauthkit.errors import StoreUnavailable
from mcpauthkit.fetch import HttpFetch
from mcpauthkit.oauth.account import AccountPaths
from mcpauthkit.oauth.token import OAuthClient
from mcpauthkit.providers.connections import Connections
from mcpauthkit.testing import BrowserRobot, DevIssuer, DevService, LoopbackServer, Page, approve, sign_in
from tests.world import ERA_MODES, RING, Era, Flavour, Human, application

WHO = AccountPaths(id="login", label="login", tenant="email")
SETTINGS = "https://forge.example/settings/connections"


@dataclass
class Visitor:
    """Somebody in front of a browser, and the page before them."""

    robot: BrowserRobot
    page: Page

    async def open(self, url: str) -> Page:
        self.page = await self.robot.open(url)
        return self.page

    async def click(self, text: str) -> Page:
        self.page = await self.robot.click(self.page, text)
        return self.page

    async def submit(self, button: str, **values: str | bool) -> Page:
        self.page = await self.robot.submit(self.page, values, button=button)
        return self.page

    async def connect(self, button: str, *, account: str = "octo-alice", **values: str | bool) -> Page:
        """Press a button that leads to the service, agree there, and look at the page of connections again."""
        url = self.page.url
        await self.submit(button, **values)
        done = await approve(self.robot, await self.click("Connect"), account=account)
        assert "is connected" in done.title, done.text
        return await self.open(f"{url.partition('/connections')[0]}/connections")

    async def second_account(self, name: str = "work") -> Page:
        return await self.connect("Connect another DevForge account", account="octo-bob", name=name)

    def token(self, action: str) -> str:
        """What proves that a form is ours."""
        form = next(one for one in self.page.forms if one.action.endswith(f"/connections/{action}"))
        return next(one.value for one in form.fields if one.name == "csrf")


@dataclass
class ConnectionsWorld:
    """What the tests of connections touch."""

    issuer: DevIssuer
    service: DevService
    server: LoopbackServer
    app: FastAPI
    mcp: Any
    connections: Connections
    forge: OAuthProvider
    store: Store
    asked: list[str] = field(default_factory=list)

    @property
    def page(self) -> str:
        return f"{self.server.base_url}/connections"

    def principal(self, sub: str, issuer_url: str | None = None) -> Principal:
        return Principal.bare(issuer_url or self.issuer.issuer_url, sub)

    def token(self, sub: str = "alice", **claims: Any) -> str:
        return self.issuer.token(sub=sub, audience=f"{self.server.base_url}/mcp", **claims)

    @asynccontextmanager
    async def browser(self, sub: str = "alice") -> AsyncIterator[Visitor]:
        """Somebody's browser, signed in, on the page of their connections."""
        async with BrowserRobot() as robot:
            yield Visitor(robot, await sign_in(robot, await robot.open(self.page), user=sub))

    @asynccontextmanager
    async def connected(self, sub: str = "alice", service: str = "DevForge") -> AsyncIterator[Visitor]:
        """The same with one account connected."""
        async with self.browser(sub) as visitor:
            await visitor.connect(f"Connect {service}", account=f"octo-{sub}")
            yield visitor

    @asynccontextmanager
    async def api(self, sub: str | None = "alice", **options: Any) -> AsyncIterator[httpx.AsyncClient]:
        """The application's own frontend, with somebody's token."""
        headers = {} if sub is None else {"authorization": f"Bearer {self.token(sub)}"}
        async with httpx.AsyncClient(base_url=self.server.base_url, headers=headers, **options) as http:
            yield http

    @asynccontextmanager
    async def client(self, era: Era, *, sub: str = "alice", human: Human | None = None) -> AsyncIterator[Client[Any]]:
        """An MCP client, with somebody in front of it or without."""

        async def ask(message: str, _type: Any, params: Any, _context: Any) -> ElicitResult[Any]:
            self.asked.append(message)
            assert human is not None
            return ElicitResult(action=await human(params.url))

        transport = StreamableHttpTransport(f"{self.server.base_url}/mcp", auth=self.token(sub))
        async with Client(transport, mode=ERA_MODES[era], elicitation_handler=ask if human else None) as client:
            yield client

    def person(self, sub: str = "alice") -> Human:
        """Somebody who follows a link, signs in, and connects."""

        async def act(url: str) -> Any:
            async with BrowserRobot() as robot:
                page = await sign_in(robot, await robot.open(url), user=sub)
                page = await approve(robot, await robot.click(page, "Connect"), account=f"octo-{sub}")
                assert "is connected" in page.title
            return "accept"

        return act


def _grant(service: DevService, name: str, display_name: str, *, revokes: bool) -> AuthorizationCodeGrant:
    preset = ServicePreset(
        name=name,
        display_name=display_name,
        authorize_url=service.authorize_url,
        token_url=service.token_url,
        api_url=service.api_url,
        revocation=Revocation(url=service.revoke_url) if revokes else None,
        whoami=WhoAmI(url=f"{service.api_url}/user", account=WHO),
    )
    client = OAuthClient(service.client_id, Secret(service.client_secret), "client_secret_post")
    return AuthorizationCodeGrant(preset, client, fetch=HttpFetch())


def _guard(mcp: Any, provider: OAuthProvider, scopes: Sequence[str]) -> None:
    @mcp.tool()
    @provider.require_token(scopes=scopes[:1])
    async def read_profile() -> str:
        return provider.get_token()

    @mcp.tool()
    @provider.require_token(scopes=scopes[1:2])
    async def list_repos() -> str:
        return provider.get_token()

    @mcp.tool()
    @provider.require_token()
    async def use_forge() -> str:
        async with provider.client() as http:
            return str((await http.get("/user")).json()["login"])


def _administrate(app: FastAPI, connections: Connections, issuer_url: str) -> None:
    @app.post("/admin/revoke/{subject}")
    async def revoke(subject: str) -> list[list[str]] | str:
        try:
            ended = await connections.revoke_user(issuer=issuer_url, subject=subject)
        except StoreUnavailable as error:
            return error.code
        return sorted([one.connection.service, one.connection.name, one.revoked.value] for one in ended)


@contextmanager
def connections_world(
    *,
    flavour: Flavour = "fastmcp",
    prefix: str = "",
    scopes: Sequence[str] = ("read:user", "repo"),
    names: tuple[str, str] = ("DevForge", "Wiki"),
    further: DevIssuer | None = None,
    store: Store | None = None,
    open_paths: Sequence[str] = (),
    **service_options: Any,
) -> Iterator[ConnectionsWorld]:
    """Start it all: `forge` can be told that access is over, `wiki` cannot; both are the same service inside."""
    with DevIssuer(algorithm="ES256") as issuer, DevService(scopes=scopes, **service_options) as service:
        server, store = LoopbackServer(), MemoryStore() if store is None else store
        options: dict[str, Any] = {
            "server_base_url": server.base_url,
            "store": store,
            "key_ring": RING,
            "patience": Patience(hold_seconds=8, rounds=2, asking_seconds=5),
        }
        forge = OAuthProvider(_grant(service, "forge", names[0], revokes=True), api_url=service.api_url, **options)
        wiki = OAuthProvider(_grant(service, "wiki", names[1], revokes=False), settings_url=SETTINGS, **options)
        mcp: Any = FastMCP("connections") if flavour == "fastmcp" else MCPServer("connections")
        _guard(mcp, forge, scopes)
        app, mcp_app = application(mcp)
        app.include_router(oauth_meta_router(server_base_url=server.base_url, issuer_url=issuer.issuer_url))
        app.add_middleware(
            JwtAuthMiddleware,
            issuer_url=issuer.issuer_url,
            server_base_url=server.base_url,
            open_paths=open_paths,
            issuers=[] if further is None else [TrustedIssuer(further.issuer_url)],
        )
        connections = Connections(app)
        connections.add_tools(mcp, prefix=prefix)
        _administrate(app, connections, issuer.issuer_url)
        forge.register(app, mcp)
        wiki.register(app, mcp)
        app.mount("/", mcp_app)
        server.app = app
        with server:
            yield ConnectionsWorld(issuer, service, server, app, mcp, connections, forge, store)
