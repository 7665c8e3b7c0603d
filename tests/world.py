"""A whole small world on loopback: issuer, service, application with an MCP server, and people with browsers."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

import anyio
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
    current_user,
    get_user,
    oauth_meta_router,
)
from mcpauthkit.core.keyring import KeyRing
from mcpauthkit.testing import (
    BrowserRobot,
    DevIssuer,
    DevService,
    FakeClock,
    LoopbackServer,
    Page,
    approve,
    deny,
    sign_in,
)
from tests.stores.content import texts_of

if TYPE_CHECKING:
    from collections.abc import Iterator

Era = Literal["legacy", "modern"]
Flavour = Literal["fastmcp", "mcpserver"]
Answer = Literal["accept", "decline", "cancel"]
Human = Callable[[str], Awaitable[Answer]]
"""A person in front of a client: given the link, does something and answers accept, decline or cancel."""

ERA_MODES: dict[Era, str] = {"legacy": "legacy", "modern": "2026-07-28"}
SCOPES = ("openid", "mcp:tools")
RING = KeyRing({"test": "test-key-of-at-least-32-bytes-length"}, minting="test")


@dataclass
class World:
    """Everything a flow test touches."""

    issuer: DevIssuer
    service: DevService
    server: LoopbackServer
    provider: OAuthProvider
    store: MemoryStore
    app: FastAPI
    mcp: Any
    clock: FakeClock = field(default_factory=FakeClock)
    links: list[str] = field(default_factory=list)
    questions: list[str] = field(default_factory=list)
    loops: list[asyncio.AbstractEventLoop] = field(default_factory=list)

    @property
    def base(self) -> str:
        return self.server.base_url

    @property
    def resource(self) -> str:
        return f"{self.base}/mcp"

    async def remembering_the_loop(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            self.loops.append(asyncio.get_running_loop())
        await self.app(scope, receive, send)

    def tasks_of_the_kit(self) -> list[str]:
        """Tasks on the server's event loop that stand in our code."""
        return [str(task) for task in self.server_tasks() if "mcpauthkit" in _stack_of(task)]

    async def stored(self) -> list[str]:
        """What somebody reads who gets hold of the store."""
        return await texts_of(self.store)

    def is_holding(self) -> bool:
        """Whether a call is being held at this moment."""
        return bool(self.tasks_of_the_kit())

    def server_tasks(self) -> list[asyncio.Task[Any]]:
        loop = self.loops[0] if self.loops else None
        return [] if loop is None else list(asyncio.all_tasks(loop))

    def token(self, sub: str = "alice", **claims: Any) -> str:
        claims.setdefault("audience", self.resource)
        claims.setdefault("scope", "mcp:tools")
        return self.issuer.token(sub=sub, **claims)

    @asynccontextmanager
    async def client(
        self,
        era: Era = "modern",
        *,
        sub: str = "alice",
        human: Human | None = None,
        token: str | None = None,
        **options: Any,
    ) -> AsyncIterator[Client[Any]]:
        async def ask(message: str, _type: Any, params: Any, _context: Any) -> ElicitResult[Any]:
            self.questions.append(message)
            self.links.append(params.url)
            assert human is not None
            return ElicitResult(action=await human(params.url))

        transport = StreamableHttpTransport(self.resource, auth=token or self.token(sub))
        async with Client(
            transport, mode=ERA_MODES[era], elicitation_handler=ask if human else None, **options
        ) as client:
            yield client

    def person(self, sub: str = "alice", *, account: str | None = None, do: str = "approve") -> Human:
        """Somebody who signs in, connects, and then lets the client know that the page was opened."""

        async def act(url: str) -> Answer:
            async with BrowserRobot() as robot:
                await self.visit(robot, url, sub=sub, account=account, do=do)
            return "accept"

        return act

    async def visit(
        self, robot: BrowserRobot, url: str, *, sub: str = "alice", account: str | None = None, do: str = "approve"
    ) -> Page:
        """Open a connect link as somebody and go through with it."""
        page = await sign_in(robot, await robot.open(url), user=sub)
        if do == "look":
            return page
        if do == "decline":
            return await robot.click(page, "Not now")
        page = await robot.click(page, "Connect")
        if do == "deny":
            return await deny(robot, page)
        return await approve(robot, page, account=account or f"octo-{sub}")


def _stack_of(task: asyncio.Task[Any]) -> str:
    """The files a suspended task stands in, followed through everything it awaits."""
    files: list[str] = []
    awaited: Any = task.get_coro()
    while awaited is not None:
        code = getattr(awaited, "cr_code", None) or getattr(awaited, "gi_code", None)
        files.append(getattr(code, "co_filename", ""))
        awaited = getattr(awaited, "cr_await", None) or getattr(awaited, "gi_yieldfrom", None)
    return " ".join(one for one in files if "protocol" in one or "connections" in one)


async def eventually(condition: Callable[[], bool], seconds: float = 5) -> None:
    """Wait until something holds that another thread brings about."""
    with anyio.fail_after(seconds):
        while not condition():  # noqa: ASYNC110  # the other thread has no event of this loop to set
            await anyio.sleep(0.005)


def _build_tools(mcp: Any, provider: OAuthProvider) -> None:
    tool, resource, prompt = mcp.tool(), mcp.resource, mcp.prompt

    @tool
    def whoami() -> str:
        """Who the tool thinks is calling."""
        return get_user().subject

    @mcp.tool()
    @provider.require_token(scopes=["repo"])
    async def list_repos(prefix: str = "") -> list[str]:
        """The caller's repositories."""
        async with provider.client() as http:
            answer = await http.get("/repos")
            answer.raise_for_status()
            return [one["name"] for one in answer.json() if one["name"].startswith(prefix)]

    @mcp.tool()
    @provider.require_token(scopes=["repo"])
    def list_repos_sync() -> list[str]:
        """The same, synchronously."""
        answer = httpx.get(
            f"{provider.api_url}/repos", headers={"authorization": f"Bearer {provider.get_token()}"}, timeout=5
        )
        return [one["name"] for one in answer.json()]

    @mcp.tool()
    @provider.require_token(scopes=["repo"], fail_fast=True)
    async def list_repos_fast() -> str:
        """The same, without waiting."""
        return f"token of {get_user().subject}: {bool(provider.get_token())}"

    @mcp.tool()
    @provider.require_token()
    async def forget_me() -> str:
        """Drop the credential."""
        await provider.invalidate_token()
        return "forgotten"

    @resource("repos://mine/{kind}")
    @provider.require_token(scopes=["repo"])
    async def my_repos(kind: str) -> str:
        """The caller's repositories as a resource."""
        async with provider.client() as http:
            return f"{kind}: " + ",".join(one["name"] for one in (await http.get("/repos")).json())

    @prompt()
    @provider.require_token(scopes=["repo"])
    async def review() -> str:
        """A prompt about the caller's repositories."""
        async with provider.client() as http:
            return "Review " + ",".join(one["name"] for one in (await http.get("/repos")).json())


def build_mcp(flavour: Flavour, provider: OAuthProvider, **options: Any) -> Any:
    mcp: Any = FastMCP("flow-tests", **options) if flavour == "fastmcp" else MCPServer("flow-tests", **options)
    _build_tools(mcp, provider)
    return mcp


def another_service(here: World, name: str) -> OAuthProvider:
    """A second service of the same application over the same store, which is the same forge under another name."""
    provider = OAuthProvider.from_standard_oauth2(
        name=name,
        client_id=here.service.client_id,
        client_secret=here.service.client_secret,
        authorize_url=here.service.authorize_url,
        token_url=here.service.token_url,
        api_url=here.service.api_url,
        server_base_url=here.base,
        store=here.store,
        key_ring=RING,
    )
    provider.register(here.app)
    return provider


def application(mcp: Any, **options: Any) -> tuple[FastAPI, Any]:
    """A FastAPI application for a server, and the server's own to mount in it."""
    if isinstance(mcp, FastMCP):
        mcp_app: Any = mcp.http_app(path="/mcp", **options)
        return FastAPI(lifespan=mcp_app.lifespan), mcp_app
    mcp_app = mcp.streamable_http_app(**options)

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        async with mcp.session_manager.run():
            yield

    return FastAPI(lifespan=lifespan), mcp_app


@dataclass(frozen=True)
class Replica:
    """One application object of a world."""

    app: FastAPI
    mcp: Any
    provider: OAuthProvider


def replica(
    base_url: str,
    issuer: DevIssuer,
    service: DevService,
    store: MemoryStore,
    *,
    provider: OAuthProvider | None = None,
    flavour: Flavour = "fastmcp",
    register_mcp: bool = True,
    json_response: bool = False,
    stateless: bool = False,
    patience: Patience | None = None,
    middleware_options: dict[str, Any] | None = None,
    provider_options: dict[str, Any] | None = None,
    mcp_options: dict[str, Any] | None = None,
    build: Callable[[Any, OAuthProvider], None] | None = None,
) -> Replica:
    """An application that is reached at an address."""
    provider = provider or OAuthProvider.from_standard_oauth2(
        name="forge",
        client_id=service.client_id,
        client_secret=service.client_secret,
        authorize_url=service.authorize_url,
        token_url=service.token_url,
        api_url=service.api_url,
        issuer=service.base_url,
        server_base_url=base_url,
        **{
            "display_name": "DevForge",
            "store": store,
            "key_ring": RING,
            "patience": patience or Patience(hold_seconds=8, rounds=2, asking_seconds=5),
            **(provider_options or {}),
        },
    )
    mcp = build_mcp(flavour, provider, **(mcp_options or {}))
    if build is not None:
        build(mcp, provider)
    app, mcp_app = application(mcp, json_response=json_response, stateless_http=stateless)
    app.include_router(oauth_meta_router(server_base_url=base_url, issuer_url=issuer.issuer_url, scopes=SCOPES))
    app.add_middleware(
        JwtAuthMiddleware,
        issuer_url=issuer.issuer_url,
        server_base_url=base_url,
        current_user=current_user,
        scopes=SCOPES,
        open_paths=("/health",),
        **(middleware_options or {}),
    )
    provider.register(app, mcp if register_mcp else None)
    app.mount("/", mcp_app)
    return Replica(app, mcp, provider)


@contextmanager
def world(
    *,
    issuer_options: dict[str, Any] | None = None,
    service_options: dict[str, Any] | None = None,
    **options: Any,
) -> Iterator[World]:
    """Start it all; everything stops at the end. Further options are those of `replica`."""
    # Generating an RSA key is the slowest part of starting an issuer; the tests of leg 1 cover RSA.
    issuer_options = {"algorithm": "ES256", **(issuer_options or {})}
    with DevIssuer(**issuer_options) as issuer, DevService(**(service_options or {})) as service:
        server = LoopbackServer()
        store = MemoryStore(clock=(options.get("provider_options") or {}).get("clock"))
        built = replica(server.base_url, issuer, service, store, **options)
        here = World(issuer, service, server, built.provider, store, built.app, built.mcp)
        server.app = here.remembering_the_loop
        with server:
            yield here
