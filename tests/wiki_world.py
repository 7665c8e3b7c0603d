"""The world of `tests.world` with one more service: a wiki whose users type in a token."""

from __future__ import annotations

import threading
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from typing import Any

import anyio
import httpx

from mcpauthkit import Account, Checked, CredentialsProvider
from mcpauthkit.errors import CredentialsRejected
from mcpauthkit.testing import BrowserRobot, Page, sign_in
from tests.flows.test_ladder import link_in, text_of
from tests.world import RING, Answer, Human, World, world

GOOD, BAD = "good-canary-token", "wrong-canary-token"
VARIABLES: dict[str, dict[str, Any]] = {
    "base_url": {"label": "Address", "type": "url", "hint": "Where your wiki is."},
    "pat": {"label": "Personal Access Token", "type": "password", "hint": "Settings, then tokens."},
    "region": {"label": "Region", "type": "select", "options": ["eu", "us"], "required": False},
    "notes": {"label": "Notes", "type": "textarea", "required": False},
}
TYPED = {"base_url": "https://wiki.example.com", "pat": GOOD, "region": "eu", "notes": "my first note\nmy second"}
SEND = "Connect Wiki"


@dataclass
class Wiki:
    """What the tests of forms touch."""

    here: World
    tried: list[dict[str, str]] = field(default_factory=list)
    fails_with: BaseException | None = None
    expires_at: float | None = None
    gate: threading.Event = field(default_factory=threading.Event)

    async def validate(self, values: Mapping[str, str]) -> Checked | None:
        self.tried.append(dict(values))
        await anyio.to_thread.run_sync(self.gate.wait, 5)
        if self.fails_with is not None:
            raise self.fails_with
        if values["pat"] != GOOD:
            raise CredentialsRejected("The wiki does not know this token.", field="pat")
        return Checked(account=Account(id="7", label="alice@wiki"), expires_at=self.expires_at)

    async def link(self, sub: str = "alice") -> str:
        """A connect link, as a client without URL mode gets it."""
        async with self.here.client(sub=sub) as client:
            return link_in((await text_of(client, "read_wiki"))[1])

    @asynccontextmanager
    async def form(self, sub: str = "alice") -> AsyncIterator[tuple[BrowserRobot, Page]]:
        """Somebody in front of the form."""
        link = await self.link(sub)
        async with BrowserRobot() as robot:
            yield robot, await sign_in(robot, await robot.open(link), user=sub)

    def person(self, *tries: Mapping[str, str], sub: str = "alice") -> Human:
        """Somebody who fills in the form, once for each of the tries."""

        async def act(url: str) -> Answer:
            async with BrowserRobot() as robot:
                page = await sign_in(robot, await robot.open(url), user=sub)
                for values in tries or (TYPED,):
                    page = await robot.submit(page, values, button=SEND)
            return "accept"

        return act

    async def result(self, sub: str = "alice") -> tuple[bool, str]:
        """What the tool answers to somebody whose client asks nothing."""
        async with self.here.client(sub=sub) as client:
            return await text_of(client, "read_wiki")


def token_of(page: Page) -> str:
    """What proves that the form is ours."""
    form = next(one for one in page.forms if any(entry.name == "pat" for entry in one.fields))
    return next(entry.value for entry in form.fields if entry.name == "csrf")


async def send(robot: BrowserRobot, url: str, body: Any, **headers: str) -> httpx.Response:
    """A POST by hand, with the cookies of a browser."""
    async with httpx.AsyncClient(cookies=robot.cookies) as http:
        kind = {"content-type": "application/x-www-form-urlencoded"} if isinstance(body, bytes) else {}
        arguments: dict[str, Any] = {"content": body} if isinstance(body, bytes) else {"data": body}
        return await http.post(url, headers={**kind, **headers}, **arguments)


@contextmanager
def wiki_world(
    *,
    build: Callable[[Any, CredentialsProvider], None] | None = None,
    middleware_options: dict[str, Any] | None = None,
    **options: Any,
) -> Iterator[tuple[Wiki, CredentialsProvider]]:
    """Start it all; everything stops at the end."""
    given = {"variables": VARIABLES, **options}
    with world(middleware_options=middleware_options) as here:
        wiki = Wiki(here)
        wiki.gate.set()
        provider = CredentialsProvider(
            **{
                "name": "wiki",
                "server_base_url": here.base,
                "validate": wiki.validate,
                "store": here.store,
                "key_ring": RING,
                **given,
            }
        )

        @here.mcp.tool()
        @provider.require_credentials()
        async def read_wiki() -> dict[str, str]:
            """What the caller typed, but for the secret."""
            return {name: value for name, value in provider.get_credentials().items() if name != "pat"}

        @here.mcp.tool()
        @provider.require_credentials()
        async def forget_wiki() -> str | None:
            """Drop it, and say what the reminder says."""
            reminder = provider.get_reminder()
            await provider.invalidate_credentials()
            return reminder

        if build is not None:
            build(here.mcp, provider)
        provider.register(here.app, here.mcp)
        yield wiki, provider
