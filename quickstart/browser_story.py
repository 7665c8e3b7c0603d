"""What Alice and Bob do in their browsers with a link to connect DevForge."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Literal
from urllib.parse import urlsplit

from mcpauthkit.testing import BrowserRobot, DevService, Page, RobotError, approve, sign_in
from quickstart.logbook import Logbook
from quickstart.narrator import Narrator, StepFailed, expect
from quickstart.settings import Settings
from quickstart.wire import without_secrets

_OK = 200
_FORBIDDEN = 403
_BAD_REQUEST = 400
_CALLBACK_PATH = "/connect/github/callback"

Era = Literal["legacy", "modern"]
"""The two protocol eras: 2025-11-25 with sessions, 2026-07-28 without."""


@dataclass(frozen=True)
class Stage:
    """What a story is told with.

    Attributes:
        era: Which protocol the client speaks.
        settings: The settings of the running server.
        service: The stand-in for GitHub.
        narrator: Who tells it.
        logbook: What the server logs.
    """

    era: Era
    settings: Settings
    service: DevService
    narrator: Narrator
    logbook: Logbook


class BrowserStory:
    """Two people, two browsers, one link that is Alice's.

    Args:
        stage: What the story is told with.
        alice: Her browser, in which she has signed in at the issuer already.
        bob: His.
    """

    def __init__(self, stage: Stage, *, alice: BrowserRobot, bob: BrowserRobot) -> None:
        self._narrator = stage.narrator
        self._service = stage.service
        self._logbook = stage.logbook
        self._alice = alice
        self._bob = bob
        self._callback_url = ""
        self._names = {
            stage.settings.issuer_url: "issuer",
            stage.settings.base_url: "server",
            stage.service.base_url: "DevForge",
        }

    async def bob_tries(self, link: str) -> None:
        """Bob got hold of the link; he signs in as himself and is refused.

        Raises:
            StepFailed: He was not, or something was stored.
        """
        with self._scene("Bob got hold of Alice's link and opens it: he is refused."):
            before = self._traces()
            login = await self._bob.open(link)
            page = await sign_in(self._bob, login, user="bob")
            self._narrator.wire(*self._way(login, page), f"audit: {self._logbook.audit()}")
            expect(page.status == _FORBIDDEN, f"HTTP {_FORBIDDEN} for Bob", _seen(page))
            expect(self._traces() == before, "no request to DevForge, nothing stored", "a request to DevForge")
            self._narrator.wire("requests to DevForge: none; stored: nothing")

    async def alice_connects(self, link: str) -> None:
        """Alice opens her link, is known already, and connects her account.

        Raises:
            StepFailed: She could not.
        """
        with self._scene("Alice opens it: the issuer knows her, so she need not sign in again."):
            page = await self._alice.open(link)
            self._narrator.wire(*self._way(page))
            expect(
                page.status == _OK and page.title == "Connect DevForge",
                'the page "Connect DevForge"',
                _seen(page),
            )
        with self._scene("She goes on to DevForge, allows access, and comes back."):
            consent = await self._alice.click(page, "Connect")
            page = await approve(self._alice, consent, account="octo-alice")
            self._narrator.wire(*self._way(consent, page))
            expect(page.title == "DevForge is connected", 'the page "DevForge is connected"', _seen(page))
            self._callback_url = next(one.url for one in page.history if urlsplit(one.url).path == _CALLBACK_PATH)

    async def replay(self) -> None:
        """The address that brought Alice back, once more: it is worth nothing now.

        Raises:
            StepFailed: It did something.
        """
        with self._scene("Somebody replays the address that brought Alice back: nothing happens."):
            before = self._traces()
            page = await self._alice.open(self._callback_url)
            self._narrator.wire(*self._way(page))
            expect(page.status == _BAD_REQUEST, f"HTTP {_BAD_REQUEST}", _seen(page))
            expect(self._traces() == before, "no request to DevForge, nothing stored", "a request to DevForge")
            self._narrator.wire("requests to DevForge: none; stored: nothing")

    def _traces(self) -> tuple[int, tuple[str, ...]]:
        """What would change if anybody got anything from DevForge."""
        return self._service.requests.count(), self._service.live_tokens()

    def _way(self, *pages: Page) -> tuple[str, ...]:
        """The requests of a browser up to the last page, without the queries."""
        visits = [visit for page in pages for visit in page.history]
        lines = [f"{one.method} {self._place(one.url)} -> {one.status}" for one in visits]
        return *lines, f'"{pages[-1].title}"'

    def _place(self, url: str) -> str:
        base = next((base for base in self._names if url.startswith(base)), "")
        return f"{self._names.get(base, '')} {url.removeprefix(base).partition('?')[0]}"

    @contextmanager
    def _scene(self, title: str) -> Iterator[None]:
        """A step in a browser: a page that is not what the script says is an outcome like any other."""
        with self._narrator.step(title):
            try:
                yield
            except RobotError as error:
                raise StepFailed("a page to go on with", without_secrets(str(error))) from error


def _seen(page: Page) -> str:
    return f'HTTP {page.status}, "{page.title}": {page.text[:200]}'
