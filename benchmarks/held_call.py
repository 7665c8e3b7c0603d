"""A tool call over HTTP that is held until its user is back from the service, with everybody who takes part in it."""

from __future__ import annotations

import asyncio
import multiprocessing
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import Any

from fastapi import FastAPI
from fastmcp import Client, FastMCP
from fastmcp.client.elicitation import ElicitResult
from fastmcp.client.transports import StreamableHttpTransport
from forge import KEY_RING

from mcpauthkit import JwtAuthMiddleware, MemoryStore, OAuthProvider, RedisStore, Store, oauth_meta_router
from mcpauthkit.testing import BrowserRobot, DevIssuer, DevService, LoopbackServer, approve, sign_in

_SCOPES = ("openid", "mcp:tools")
# So long the client has to come back and be held, once the user is at the service.
_PAUSE_SECONDS = 0.05
_END_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class Around:
    """What an application has to know.

    Args:
        public_url: Where browsers find it.
        issuer_url: Who signs its users in.
        service_url: The service of its tool.
        client_id: Its id there.
        client_secret: Its secret there.
    """

    public_url: str
    issuer_url: str
    service_url: str
    client_id: str
    client_secret: str


def application(around: Around, store: Store) -> FastAPI:
    """An application with one tool that needs the service, and one that forgets."""
    mcp: FastMCP[Any] = FastMCP("benchmark")
    provider = OAuthProvider.from_standard_oauth2(
        name="forge",
        client_id=around.client_id,
        client_secret=around.client_secret,
        authorize_url=f"{around.service_url}/login/oauth/authorize",
        token_url=f"{around.service_url}/login/oauth/access_token",
        api_url=f"{around.service_url}/api",
        issuer=around.service_url,
        server_base_url=around.public_url,
        store=store,
        key_ring=KEY_RING,
    )

    @mcp.tool
    @provider.require_token(scopes=["repo"])
    async def use() -> str:
        """Needs the credential."""
        return "used"

    @mcp.tool
    @provider.require_token(scopes=["repo"])
    async def forget() -> str:
        """Drops it."""
        await provider.invalidate_token()
        return "forgotten"

    mcp_app = mcp.http_app(path="/mcp", stateless_http=True, json_response=True)
    app = FastAPI(lifespan=mcp_app.lifespan)
    common: dict[str, Any] = {"server_base_url": around.public_url, "issuer_url": around.issuer_url}
    app.include_router(oauth_meta_router(**common, scopes=_SCOPES))
    app.add_middleware(JwtAuthMiddleware, **common, scopes=_SCOPES, key_ring=KEY_RING)
    provider.register(app, mcp)
    app.mount("/", mcp_app)
    return app


class HeldCall:
    """One user's client and browser.

    Args:
        around: Where everything is.
        mcp_url: The server that the client calls; the browser goes to the public address.
        issuer: Gives the client its token.
        answered: When the service gave its latest token answer, by the monotonic clock in nanoseconds.
    """

    def __init__(self, around: Around, mcp_url: str, issuer: DevIssuer, answered: list[int]) -> None:
        self._token = issuer.token(sub="alice", audience=f"{around.public_url}/mcp", scope="mcp:tools", expires_in=3600)
        self._mcp_url = mcp_url
        self._answered = answered
        self._robot = BrowserRobot()

    async def measured(self, _number: int) -> float:
        """Milliseconds from the service's token answer to the client's result."""
        asked: asyncio.Future[str] = asyncio.get_running_loop().create_future()

        async def ask(_message: str, _type: Any, params: Any, _context: Any) -> ElicitResult[Any]:
            asked.set_result(params.url)
            return ElicitResult(action="accept")

        async def call() -> int:
            await client.call_tool("use", {})
            return time.monotonic_ns()

        transport = StreamableHttpTransport(self._mcp_url, auth=self._token)
        async with Client(transport, mode="2026-07-28", elicitation_handler=ask) as client:
            # Clients look up what a result has to look like; this one has done so before.
            await client.list_tools()
            calling = asyncio.create_task(call())
            page = await sign_in(self._robot, await self._robot.open(await asked), user="alice")
            page = await self._robot.click(page, "Connect")
            await asyncio.sleep(_PAUSE_SECONDS)
            await approve(self._robot, page, account="octo-alice")
            ended_ns = await calling
            await client.call_tool("forget", {})
        return (ended_ns - self._answered[-1]) / 1e6


@asynccontextmanager
async def held_calls(redis_url: str) -> AsyncIterator[dict[str, Callable[[int], Awaitable[float]]]]:
    """Start an issuer, a service and three servers: one on memory, and two processes on one Redis."""
    async with AsyncExitStack() as stack:
        issuer = await stack.enter_async_context(DevIssuer(algorithm="ES256"))
        service, answered = DevService(), list[int]()
        service.app = _noting_token_answers(service.app, answered)
        await stack.enter_async_context(service)

        def around(public_url: str) -> Around:
            return Around(public_url, issuer.issuer_url, service.base_url, service.client_id, service.client_secret)

        alone, here, there = LoopbackServer(), LoopbackServer(), LoopbackServer()
        there.stop()  # the other process takes the port over
        alone.app = application(around(alone.base_url), MemoryStore())
        here.app = application(around(there.base_url), RedisStore(redis_url))
        await stack.enter_async_context(alone)
        await stack.enter_async_context(here)
        await stack.enter_async_context(_other_process(around(there.base_url), there.port, redis_url))
        yield {
            "over HTTP, on memory": HeldCall(
                around(alone.base_url), f"{alone.base_url}/mcp", issuer, answered
            ).measured,
            "over HTTP, on Redis": HeldCall(around(there.base_url), f"{here.base_url}/mcp", issuer, answered).measured,
        }


def _noting_token_answers(app: Any, answered: list[int]) -> Any:
    async def noting(scope: Any, receive: Any, send: Any) -> None:
        async def sent(message: Any) -> None:
            await send(message)
            if scope["path"].endswith("/access_token") and message["type"] == "http.response.body":
                answered.append(time.monotonic_ns())

        await app(scope, receive, send if scope["type"] != "http" else sent)

    return noting


@asynccontextmanager
async def _other_process(around: Around, port: int, redis_url: str) -> AsyncIterator[None]:
    spawning = multiprocessing.get_context("spawn")
    ours, theirs = spawning.Pipe()
    process = spawning.Process(target=_serve, args=(around, port, redis_url, theirs), daemon=True)
    process.start()
    try:
        await asyncio.to_thread(ours.recv)
        yield
    finally:
        ours.send(None)
        process.join(_END_SECONDS)
        process.kill()


def _serve(around: Around, port: int, redis_url: str, pipe: Connection[None, None]) -> None:
    with LoopbackServer(application(around, RedisStore(redis_url)), port=port):
        pipe.send(None)
        pipe.recv()
