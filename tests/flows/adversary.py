"""A stage for attacks on our pages: two people, their browsers, and what became of them afterwards."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from urllib.parse import urlencode

import httpx

from mcpauthkit.testing import BrowserRobot, Page, approve, sign_in
from mcpauthkit.testing.page import read_page
from tests.flows.test_ladder import link_in, text_of
from tests.world import World

MARKUP = "<img src=x onerror=alert(1)>\"'&lt;/title>"
"""What an attacker would like to see on a page of ours; no page may hold its first characters as they are."""
SESSION_COOKIE = "mcpauthkit-session"
BROWSERS = {"alice": "octo-alice", "bob": "octo-bob"}


@dataclass(frozen=True, slots=True)
class Reply:
    """What an attack got.

    Args:
        status: The HTTP status of the page at the end.
        html: The page.
    """

    status: int
    html: str

    @classmethod
    def of(cls, answer: Page | httpx.Response) -> Reply:
        """The reply of a robot's page or of a plain request."""
        if isinstance(answer, httpx.Response):
            return cls(answer.status_code, answer.text)
        return cls(answer.status, answer.html)


@dataclass
class Stage:
    """Alice, who wants to connect, and Bob, who wants her connection or wants her to have his.

    Args:
        here: The world.
        alice: Her browser.
        bob: His browser.
    """

    here: World
    alice: BrowserRobot
    bob: BrowserRobot

    async def link(self, sub: str = "alice") -> str:
        """A fresh connect link of somebody's."""
        return await self.link_of("list_repos", sub)

    async def link_of(self, tool: str, sub: str = "alice") -> str:
        """The link that a tool gives somebody."""
        async with self.here.client(sub=sub) as client:
            return link_in((await text_of(client, tool))[1])

    async def signed_in(self, sub: str, url: str) -> Page:
        """A page as somebody's browser shows it once they have signed in."""
        robot = self.robot(sub)
        return await sign_in(robot, await robot.open(url), user=sub)

    async def callback(self, sub: str = "alice", link: str = "") -> httpx.URL:
        """The address that the service sends somebody back to; their browser has not followed it."""
        page = await self.signed_in(sub, link or await self.link(sub))
        robot = self.robot(sub)
        at_service = await robot.click(page, "Connect")
        stopped = await approve(robot, at_service, account=BROWSERS[sub], stop_at=self.here.base)
        return httpx.URL(stopped.url)

    async def login_callback(self, sub: str = "alice") -> httpx.URL:
        """The address that the issuer sends somebody back to; their browser has not followed it."""
        robot = self.robot(sub)
        page = await robot.open(await self.link(sub))
        stopped = await sign_in(robot, page, user=sub, stop_at=self.here.base)
        return httpx.URL(stopped.url)

    async def open(self, sub: str, url: httpx.URL | str) -> Reply:
        """What somebody's browser shows at an address."""
        return Reply.of(await self.robot(sub).open(str(url)))

    async def send(
        self,
        url: httpx.URL | str,
        *,
        cookies: Mapping[str, str] | None = None,
        method: str = "GET",
        body: bytes = b"",
        content_type: str = "application/x-www-form-urlencoded",
    ) -> Reply:
        """A request that no browser made."""
        headers = {"cookie": "; ".join(f"{name}={value}" for name, value in (cookies or {}).items())}
        if method == "POST":
            headers |= {"content-type": content_type, "sec-fetch-site": "same-origin", "origin": self.here.base}
        async with httpx.AsyncClient(timeout=20) as http:
            return Reply.of(await http.request(method, url, headers=headers, content=body))

    def robot(self, sub: str) -> BrowserRobot:
        """Somebody's browser."""
        return self.alice if sub == "alice" else self.bob

    async def connected(self) -> dict[str, str]:
        """Whose calls work now, and as which account."""
        found = {}
        for sub in BROWSERS:
            async with self.here.client(sub=sub) as client:
                answers = [await text_of(client, tool) for tool in ("account", "typed")]
            accounts = [text for is_error, text in answers if not is_error]
            if accounts:
                found[sub] = " ".join(accounts)
        return found


@dataclass(frozen=True, slots=True)
class Attack:
    """One row of the table.

    Args:
        name: What is tried, as a sentence without its end.
        do: Tries it; gives the page at the end.
        audit: The event and the reason of the one refusal in the audit log.
        status: The status of the page at the end.
        connected: Who is connected afterwards, as which account: nobody, unless the attack came after a success.
    """

    name: str
    do: Callable[[Stage], Awaitable[Reply]]
    audit: str
    status: int
    connected: Mapping[str, str] | None = None


@asynccontextmanager
async def stage(here: World) -> AsyncIterator[Stage]:
    """Open the curtain."""
    async with BrowserRobot() as alice, BrowserRobot() as bob:
        yield Stage(here, alice, bob)


def with_query(url: httpx.URL | str, pairs: list[tuple[str, str]]) -> str:
    """An address with exactly these parameters, repeated ones too."""
    return f"{str(url).partition('?')[0]}?{urlencode(pairs)}"


def page_of(reply: Reply) -> Page:
    """A reply as a user without eyes sees it."""
    headers = {"content-type": "text/html"}
    return read_page(url="", status=reply.status, headers=headers, html=reply.html, history=())
