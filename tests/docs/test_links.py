"""Every link between our pages leads somewhere, down to the heading."""

from __future__ import annotations

import posixpath
import re
from functools import cache

import pytest
import yaml
from markdown.extensions.toc import slugify  # type: ignore[import-untyped]  # it has no types

from tests.docs.snippets import ROOT, pages, text_of

_FENCE = re.compile(r"^ *```.*?^ *```$", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"\]\(([^)\s]+)\)")
_HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)
# Made when the site is made, from what stands beside docs/.
_GENERATED = {"docs/changelog.md": "CHANGELOG.md", "docs/requirements.md": "tests/requirements/table.py"}
ELSEWHERE = re.compile(r"https?://|mailto:|vscode:|cursor:")


def prose(page: str) -> str:
    """A page without its code."""
    return _FENCE.sub("", text_of(page))


@cache
def anchors(page: str) -> frozenset[str]:
    """What can stand behind the # of a link to the page, as the site makes it of headings."""
    found: set[str] = set()
    for title in _HEADING.findall(prose(page)):
        plain = re.sub(r"\[([^\]]*)\]\([^)]*\)|[`*]", r"\1", title)
        slug = slugify(re.sub(r" *\{[^}]*\}$", "", plain), "-")
        count = 0
        while (named := f"{slug}_{count}" if count else slug) in found:
            count += 1
        found.add(named)
        found.update(re.findall(r"\{ ?#([\w-]+) ?\}", title))
    return frozenset(found)


def links_of(page: str) -> list[tuple[str, str]]:
    """The links of a page to others of ours: the file, from the root, and what stands behind the #."""
    found = []
    for target in _LINK.findall(prose(page)):
        if not ELSEWHERE.match(target):
            path, _, anchor = target.partition("#")
            file = posixpath.normpath(posixpath.join(posixpath.dirname(page), path)) if path else page
            found.append((_GENERATED.get(file, file), anchor))
    return found


@pytest.mark.parametrize("page", pages())
def test_a_link_leads_to_a_file_and_a_heading(page: str) -> None:
    for file, anchor in links_of(page):
        assert (ROOT / file).exists(), f"{page} links to {file}"
        assert not anchor or anchor in anchors(file), f"{page} links to {file}#{anchor}"


def test_every_page_is_in_the_navigation_and_every_entry_is_a_page() -> None:
    nav = yaml.safe_load((ROOT / "mkdocs.yml").read_text(encoding="utf-8"))["nav"]
    entries = re.findall(r"[\w/-]+\.md", str(nav))
    assert len(set(entries)) == len(entries)
    written = {page.removeprefix("docs/") for page in pages() if page.startswith("docs/") and page.endswith(".md")}
    assert written | {page.removeprefix("docs/") for page in _GENERATED} == set(entries)
