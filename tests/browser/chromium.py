"""A real Chromium, and everything it says or does that a page of ours has no business with."""

from __future__ import annotations

import os
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import pytest
from playwright.async_api import ConsoleMessage, Error, Page, Request, Response, async_playwright

from tests.browser.record import Ugly

_ARGUMENTS = ("--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking")
_LOOPBACK = frozenset({"127.0.0.1", "localhost"})
_PATIENCE_MILLISECONDS = 15_000


def chromium() -> str:
    """Where Chromium is; a test without it fails, since somebody has promised it."""
    path = os.environ.get("CHROMIUM") or shutil.which("chromium")
    if path is None:
        pytest.fail("there is no chromium on the path, and CHROMIUM names none; `scripts/browser run` installs it")
    return path


@dataclass
class Watch:
    """Notes what a browser says and where it goes.

    Attributes:
        complaints: Console messages, errors of scripts, requests that failed or left this machine.
    """

    complaints: list[str] = field(default_factory=list)
    _documents: set[str] = field(default_factory=set)

    def over(self, page: Page) -> None:
        """Watch a page."""
        page.on("console", self._console)
        page.on("pageerror", self._script_error)
        page.on("request", self._request)
        page.on("requestfailed", self._failed)
        page.on("response", self._response)

    def _console(self, message: ConsoleMessage) -> None:
        # Chromium says of every document with an error status that it has one; the test asserts the status itself.
        said_of_status = message.text.startswith("Failed to load resource: the server responded with a status of")
        # Advice for developers, such as to ask for a user name with every secret. Playwright's types do not know it.
        is_advice = str(message.type) == "verbose"
        if not is_advice and not (said_of_status and message.location["url"] in self._documents):
            self.complaints.append(f"console {message.type}: {message.text}")

    def _script_error(self, error: Error) -> None:
        self.complaints.append(f"script error: {error}")

    def _request(self, request: Request) -> None:
        if request.is_navigation_request():
            self._documents.add(request.url)
        if urlsplit(request.url).hostname not in _LOOPBACK:
            self.complaints.append(f"request to another host: {request.url}")

    def _failed(self, request: Request) -> None:
        self.complaints.append(f"request failed: {request.url} {request.failure}")

    def _response(self, response: Response) -> None:
        if not response.request.is_navigation_request():
            self.complaints.append(f"something besides the page was loaded: {response.url}")


@asynccontextmanager
async def browsing(*, width: int, height: int) -> AsyncIterator[Page]:
    """A tab of a new browser without a past.

    Raises:
        Ugly: The browser said or did something that it should not have.
    """
    watch = Watch()
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=chromium(), args=_ARGUMENTS)
        try:
            page = await browser.new_page(viewport={"width": width, "height": height}, color_scheme="light")
            page.set_default_timeout(_PATIENCE_MILLISECONDS)
            watch.over(page)
            yield page
        finally:
            await browser.close()
    if watch.complaints:
        raise Ugly(*watch.complaints)
