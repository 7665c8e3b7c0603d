"""The documentation site in a real browser: every diagram is drawn, and nothing comes from elsewhere."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.async_api import async_playwright
from starlette.applications import Starlette
from starlette.routing import Mount
from starlette.staticfiles import StaticFiles

from mcpauthkit.testing import LoopbackServer
from tests.browser.chromium import chromium
from tests.docs.snippets import ROOT, snippets_on

_DRAWN_MILLISECONDS = 30_000
_SECONDS = 240.0


@pytest.fixture
def site(tmp_path: Path) -> LoopbackServer:
    command = [sys.executable, "-m", "mkdocs", "build", "--no-strict", "--quiet", "--site-dir", str(tmp_path)]
    subprocess.run(command, cwd=ROOT, capture_output=True, timeout=_SECONDS, check=True)  # noqa: S603  # our own site
    assert (tmp_path / "assets/mermaid.min.js").is_file(), "`scripts/docs install` brings what draws the diagrams"
    return LoopbackServer(Starlette(routes=[Mount("/", StaticFiles(directory=tmp_path, html=True))]))


async def test_every_diagram_is_drawn_and_nothing_is_loaded_from_another_host(site: LoopbackServer) -> None:
    pages = {
        path.stem: len(found)
        for path in sorted((ROOT / "docs").glob("*.md"))
        if (found := snippets_on(f"docs/{path.name}", "mermaid"))
    }
    assert pages
    asked: set[str | None] = set()
    with site:
        async with async_playwright() as playwright:
            browser = await playwright.chromium.launch(executable_path=chromium(), args=["--no-sandbox"])
            try:
                page = await browser.new_page()
                page.on("request", lambda request: asked.add(urlsplit(request.url).hostname))
                for name, count in pages.items():
                    await page.goto(f"{site.base_url}/{name}/")
                    await page.wait_for_function(
                        "count => document.querySelectorAll('div.mermaid').length === count",
                        arg=count,
                        timeout=_DRAWN_MILLISECONDS,
                    )
            finally:
                await browser.close()
    assert asked == {"127.0.0.1"}
