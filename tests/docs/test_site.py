"""The site is made without a warning, and needs no other host."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.docs.snippets import ROOT

_SECONDS = 240.0
# What a page loads by itself; links are what readers follow.
_LOADED = re.compile(r"<(?:script|link|img|iframe)\b[^>]*\b(?:src|href)=\"?(https?:)?//", re.IGNORECASE)
# Not text of ours: the theme's own pictures and programs, which name standards and their sources.
_TEXTS = ("*.html", "*.css")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    made = subprocess.run(  # noqa: S603  # our own site
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(folder)],
        cwd=ROOT,
        env={**os.environ, "NO_MKDOCS_2_WARNING": "1"},
        capture_output=True,
        text=True,
        timeout=_SECONDS,
        check=False,
    )
    assert made.returncode == 0, made.stderr
    return folder


def test_no_page_loads_anything_from_another_host(site: Path) -> None:
    pages = [path for kind in _TEXTS for path in site.rglob(kind)]
    assert pages
    for page in pages:
        text = page.read_text(encoding="utf-8")
        assert not _LOADED.search(text), page
        assert not re.search(r"@import\s+[^;]*//|url\(\s*[\"']?https?:", text), page


def test_diagrams_are_drawn_by_a_program_that_is_served_here_or_stay_text(site: Path) -> None:
    page = (site / "two-legs/index.html").read_text(encoding="utf-8")
    assert (site / "assets/mermaid.min.js").is_file() == ('class="mermaid"' in page)
    assert "sequenceDiagram" in page


def test_assistants_find_their_page_and_every_other_as_text(site: Path) -> None:
    assert (site / "llms.txt").is_file()
    for target in re.findall(r"\]\(([\w/-]+\.md)\)", (site / "llms.txt").read_text(encoding="utf-8")):
        assert (site / target).read_text(encoding="utf-8").startswith("# ")


def test_every_error_can_be_linked_to(site: Path) -> None:
    assert 'id="mcpauthkit.errors.ConnectionRequired"' in (site / "api/errors/index.html").read_text(encoding="utf-8")
