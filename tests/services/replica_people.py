"""People who connect through several replicas, one step after the other, and carry on whatever breaks."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

import anyio
import httpx
import httpx2
from anyio.abc import TaskGroup
from fastmcp import Client
from fastmcp.client.elicitation import ElicitResult
from fastmcp.client.transports import StreamableHttpTransport
from fastmcp.exceptions import FastMCPError
from mcp.client.auth import OAuthClientProvider
from mcp.shared.auth import AuthorizationCodeResult, OAuthClientMetadata
from mcp.shared.exceptions import MCPError
from pydantic import AnyUrl

from mcpauthkit.testing import BrowserRobot, Page, RobotError, approve, sign_in
from mcpauthkit.testing.wire import tls_for
from tests.flows.test_stock_clients import Memory
from tests.world import ERA_MODES, Era

if TYPE_CHECKING:
    from tests.services.replicas import Replicas

Tool = Literal["forge", "wiki"]
TOOLS: tuple[Tool, ...] = ("forge", "wiki")
Between = Callable[[str], Awaitable[None]]
"""Called between a step, which it gets the name of, and the next one."""

_CALLBACK = "http://localhost:33418/callback"
_SECONDS = 60.0
_PAUSE_SECONDS = 0.05
_MAX_TRIES = 50
BROKEN = (httpx.HTTPError, httpx2.HTTPError, MCPError, FastMCPError, RobotError, RuntimeError, OSError)
"""What clients and browsers say when a server dies under them."""


class Refused(Exception):
    """A call ended with neither an account nor a link; the text is what the client was told."""


@dataclass(frozen=True)
class Told:
    """How a call ended.

    Attributes:
        text: What the client was told.
        account: Whose account the service saw.
        subject: Whom the tool ran for.
        replica: Where it ran.
        link: What the caller shall open, if that is what the text says.
    """

    text: str = ""
    account: str = ""
    subject: str = ""
    replica: str = ""
    link: str = ""


async def nothing(_step: str) -> None:
    """What happens between steps where nothing shall."""


@dataclass
class Person:
    """Somebody with an MCP client and a browser.

    Attributes:
        here: The replicas.
        sub: Who.
        era: What the client speaks.
        between: Called between every two steps.
        has_url_mode: Whether the client can ask; one that cannot is given the link as text.
        auth: How the client proves who is calling; a token that is made for it unless given.
        go_through: What the user does with the link; `visit` unless given.
        meanwhile: Where the user goes through the pages while the call waits for them; before it goes on unless given.
        questions: The links that the client was asked to open.
        told: How each call ended.
    """

    here: Replicas
    sub: str
    era: Era = "modern"
    between: Between = nothing
    has_url_mode: bool = True
    auth: httpx2.Auth | None = None
    go_through: Callable[[Tool, str], Awaitable[object]] | None = None
    meanwhile: TaskGroup | None = None
    questions: list[str] = field(default_factory=list)
    told: list[Told] = field(default_factory=list)

    @asynccontextmanager
    async def client(self, tool: Tool) -> AsyncIterator[Client[Any]]:
        """A client, which leads its user through the pages when it is asked to."""

        async def ask(_message: str, _type: Any, params: Any, _context: Any) -> ElicitResult[Any]:
            self.questions.append(params.url)
            if self.meanwhile is None:
                await self._asked(tool, params.url)
            else:
                self.meanwhile.start_soon(self._asked, tool, params.url)
            return ElicitResult(action="accept")

        url = self.here.resource
        transport = StreamableHttpTransport(url, auth=self.auth or self.here.token(self.sub), verify=tls_for(url))
        asks = ask if self.has_url_mode else None
        async with Client(transport, mode=ERA_MODES[self.era], elicitation_handler=asks) as client:
            yield client

    async def call(self, tool: Tool) -> Told:
        """Call a tool with a new client."""
        with anyio.fail_after(_SECONDS):
            async with self.client(tool) as client:
                return await self._call(client, tool)

    async def calls(self, tool: Tool, count: int) -> list[Told]:
        """Call a tool with a new client, so many times at once."""
        before = len(self.told)
        with anyio.fail_after(_SECONDS):
            async with self.client(tool) as client, anyio.create_task_group() as tasks:
                for _ in range(count):
                    tasks.start_soon(self._call, client, tool)
        return self.told[before:]

    async def _call(self, client: Client[Any], tool: Tool) -> Told:
        result = await client.call_tool(tool, {}, raise_on_error=False)
        text = " ".join(getattr(block, "text", "") for block in result.content)
        data = result.structured_content
        if result.is_error or data is None:
            links = [word for word in text.replace(",", " ").split() if "/connect/" in word]
            told = Told(text, link=links[0] if links else "")
        else:
            told = Told(text, data["account"], data["subject"], data["replica"])
        self.told.append(told)
        return told

    async def _asked(self, tool: Tool, link: str) -> None:
        await self.between("asked")
        await (self.go_through or self.visit)(tool, link)

    async def obtain(self, tool: Tool) -> Told:
        """Call a tool, go through its pages if it asks, and give what it tells at last.

        Raises:
            Refused: It tells neither an account nor a link.
        """
        told = await self.call(tool)
        if told.link:
            self.questions.append(told.link)
            await self.between("given a link")
            await self.visit(tool, told.link)
            await self.between("connected")
            told = await self.call(tool)
        if not told.account:
            raise Refused(told.text)
        return told

    async def visit(self, tool: Tool, link: str) -> Page:
        """Go through the pages behind a link, one request to the replicas at a time."""
        ours = self.here.base
        async with BrowserRobot() as robot:
            page = await robot.open(link, stop_at=self.here.issuer.base_url)
            if not page.url.startswith(ours):
                await self.between("sent to sign in")
                page = await sign_in(robot, await robot.open(page.url), user=self.sub, stop_at=ours)
                await self.between("signed in")
                page = await robot.open(page.url, stop_at=_is_page_of(ours, f"/connect/{tool}"))
                await self.between("back with a session")
                page = await robot.open(page.url)
            await self.between("page seen")
            page = await (self._consent(robot, page) if tool == "forge" else self._type(robot, page))
        if page.status >= httpx.codes.BAD_REQUEST:
            raise RobotError(f"{page.url} says {page.status} {page.title!r}: {page.text[:300]}")
        return page

    async def _consent(self, robot: BrowserRobot, page: Page) -> Page:
        page = await robot.click(page, "Connect", stop_at=self.here.service.base_url)
        await self.between("sent to the service")
        page = await approve(robot, await robot.open(page.url), account=f"octo-{self.sub}", stop_at=self.here.base)
        await self.between("sent back")
        return await robot.open(page.url)

    async def _type(self, robot: BrowserRobot, page: Page) -> Page:
        values = {"token": await self.here.typed(self.sub)}
        return await robot.submit(page, values, button="Connect Wiki")

    async def insist(self, tool: Tool, link: str) -> int:
        """Go through the pages until they say that it is done; how often it had to be begun again."""
        for tries in range(_MAX_TRIES):
            try:
                await self.visit(tool, link)
            except RobotError:
                await anyio.sleep(_PAUSE_SECONDS)
            else:
                return tries
        raise RobotError(f"{link} leads nowhere")

    async def carry_on(self, *, until: anyio.Event) -> int:
        """Connect and disconnect over and over, and begin again with what breaks; how often it went well."""
        went_well = 0
        while not until.is_set():
            tool = TOOLS[went_well % len(TOOLS)]
            try:
                await self.obtain(tool)
                await self.here.disconnect(self.sub, tool)
            except (*BROKEN, Refused, TimeoutError, ExceptionGroup):
                # Not at once: a server that is being started again has better things to do.
                await anyio.sleep(_PAUSE_SECONDS)
            else:
                went_well += 1
        return went_well

    def signing_in_by_itself(self) -> httpx2.Auth:
        """For a client that knows nothing but the address: finds the issuer, registers, and signs its user in."""
        answers: list[dict[str, str]] = []

        async def browse(url: str) -> None:
            await self.between("issuer found")
            async with BrowserRobot() as robot:
                page = await sign_in(robot, await robot.open(url), user=self.sub, stop_at=_CALLBACK)
            answers.append(dict(page.query))

        async def come_back() -> AuthorizationCodeResult:
            answer = answers.pop()
            return AuthorizationCodeResult(code=answer["code"], state=answer["state"], iss=answer.get("iss"))

        metadata = OAuthClientMetadata(client_name="stock client", redirect_uris=[AnyUrl(_CALLBACK)])
        return OAuthClientProvider(
            self.here.resource, metadata, Memory(), redirect_handler=browse, callback_handler=come_back
        )


@asynccontextmanager
async def busy(bob: Person) -> AsyncIterator[None]:
    """Bob connects and disconnects all the while, with one service and then the other."""
    until = anyio.Event()
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(lambda: bob.carry_on(until=until))
        try:
            yield
        finally:
            until.set()


def _is_page_of(base: str, path: str) -> Callable[[str], bool]:
    return lambda url: url.startswith(base + path)
