"""Somebody in front of a browser, who looks closely at every page."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal
from urllib.parse import parse_qsl, urlsplit

import pytest
from playwright.async_api import Page, Response

from tests.browser.chromium import browsing
from tests.browser.record import SCREENSHOTS, SEVERE, Finding, Sight, Ugly

_AXE = Path(__file__).parent / "node_modules" / "axe-core" / "axe.min.js"
_PRESSED: tuple[Literal["button", "link"], ...] = ("button", "link")
_SCHEMES: tuple[Literal["light", "dark"], ...] = ("light", "dark")
# WCAG 2.2 section 1.4.10: what a desk's 1280 pixels are at four times their size.
_NARROWEST = 320
_MOST_TABS = 60

_SETTLED = "() => Promise.all(document.getAnimations().map(one => one.finished)).then(() => null)"
_TOO_WIDE = """() => document.documentElement.scrollWidth - document.documentElement.clientWidth"""
_FOCUSED = """() => {
  const one = document.activeElement;
  if (one === null || one === document.body) return null;
  const style = getComputedStyle(one), box = one.getBoundingClientRect();
  const label = one.labels?.length ? one.labels[0].innerText : one.innerText || one.getAttribute("aria-label") || "";
  return {
    name: label.trim(), tag: one.tagName.toLowerCase(), height: box.height,
    is_marked: style.outlineStyle === "auto" || style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 2,
    is_in_view: box.top >= 0 && box.bottom <= innerHeight,
  };
}"""
_RUN_AXE = """() => axe.run(document, {resultTypes: ["violations"]}).then(result => result.violations.map(one => ({
  rule: one.id, impact: one.impact ?? "serious", help: one.help, where: one.nodes.map(node => String(node.target)),
})))"""


@dataclass(frozen=True)
class Screen:
    """Where the browser runs.

    Attributes:
        width: CSS pixels.
        height: CSS pixels.
    """

    width: int
    height: int


SCREENS = {"phone": Screen(390, 844), "desktop": Screen(1280, 800)}


@dataclass
class Visitor:
    """Drives one tab through one journey.

    Attributes:
        page: The tab.
        journey: The journey's name, which starts the names of its pictures.
        screen: Where it happens.
        pictures: The folder of the pictures.
    """

    page: Page
    journey: str
    screen: Screen
    pictures: Path
    _statuses: dict[str, int] = field(default_factory=dict)

    @property
    def query(self) -> dict[str, str]:
        """The parameters in the address bar."""
        return dict(parse_qsl(urlsplit(self.page.url).query))

    async def open(self, url: str) -> None:
        """Type an address."""
        await self.page.goto(url)

    async def press(self, name: str) -> None:
        """Press the button or link of a name."""
        page = self.page
        button, link = (page.get_by_role(role, name=name, exact=True) for role in _PRESSED)
        await button.or_(link).click()

    async def unfold(self, summary: str) -> None:
        """Press what hides a part of the page."""
        await self.page.locator("summary", has_text=re.compile(f"^{re.escape(summary)}$")).click()

    async def sign_in(self, user: str = "alice") -> None:
        """Choose a user on the development issuer's page."""
        await self.page.locator(f"input[name=username][value={user}]").check()
        await self.press("Sign in")

    async def look(self, step: str, *, title: str, status: int = 200) -> None:
        """Take pictures of the page, and check what holds of every page whatever it says."""
        page = self.page
        await page.wait_for_load_state()
        seen = (await page.title(), self._statuses[page.url.partition("#")[0]])
        if seen != (title, status):
            raise Ugly(f"the page is {seen} instead of {(title, status)}")
        name = f"{self.journey}-{step}-{self.screen.width}"
        findings: list[Finding] = []
        for scheme in _SCHEMES:
            await page.emulate_media(color_scheme=scheme)
            await page.evaluate(_SETTLED)
            suffix = "" if scheme == "light" else f"-{scheme}"
            await page.screenshot(path=self.pictures / f"{name}{suffix}.png", full_page=True)
            findings += await self._ask_axe(scheme)
        await page.emulate_media(color_scheme="light")
        Sight(name, title, tuple(findings)).keep(self.pictures)
        severe = [one for one in findings if one.impact in SEVERE]
        if severe:
            raise Ugly(*severe)
        await self._check_fit()

    async def tab_to(self, name: str) -> dict[str, Any]:
        """Press the tabulator key until something of a name has the focus; everything on the way has to show it."""
        for _ in range(_MOST_TABS):
            await self.page.keyboard.press("Tab")
            focused = await self.page.evaluate(_FOCUSED)
            if focused is None:
                continue
            if not (focused["is_marked"] and focused["is_in_view"]):
                raise Ugly(f"nobody sees that {focused['name']!r} has the focus")
            if focused["name"] == name:
                return dict(focused)
        raise Ugly(f"the tabulator key does not lead to {name!r}")

    def note_status(self, response: Response) -> None:
        """Remember the status of a page."""
        if response.request.is_navigation_request():
            self._statuses[response.url] = response.status

    async def _ask_axe(self, scheme: str) -> list[Finding]:
        # By the debugger: a script element would have to pass the page's policy, which allows none.
        await self.page.evaluate(_AXE.read_text(encoding="utf-8"))
        violations: list[dict[str, Any]] = await self.page.evaluate(_RUN_AXE)
        return [Finding(one["rule"], one["impact"], one["help"], tuple(one["where"]), scheme) for one in violations]

    async def _check_fit(self) -> None:
        for width in (self.screen.width, _NARROWEST):
            await self.page.set_viewport_size({"width": width, "height": self.screen.height})
            excess = await self.page.evaluate(_TOO_WIDE)
            if excess > 0:
                raise Ugly(f"{excess} pixels too wide for {width}")
        await self.page.set_viewport_size({"width": self.screen.width, "height": self.screen.height})


@asynccontextmanager
async def visiting(journey: str, screen: Screen, *, pictures: Path = SCREENSHOTS) -> AsyncIterator[Visitor]:
    """A visitor with a new browser.

    Raises:
        Ugly: The browser said or did something that it should not have.
    """
    _prepare(pictures)
    async with browsing(width=screen.width, height=screen.height) as page:
        visitor = Visitor(page, journey, screen, pictures)
        page.on("response", visitor.note_status)
        yield visitor


def _prepare(pictures: Path) -> None:
    if not _AXE.is_file():
        pytest.fail("axe-core is not installed; `scripts/browser run` installs it")
    pictures.mkdir(parents=True, exist_ok=True)
