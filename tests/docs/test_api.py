"""The reference has every public name, once in its place, and no other."""

from __future__ import annotations

import re
from importlib import import_module

import pytest

from tests.docs.snippets import ROOT, text_of

MODULES = ("verifiers", "services", "guards", "policies", "audit", "errors", "testing")
PAGES = {
    "mcpauthkit": ("index", "kit", "leg-one", "leg-two", "state"),
    **{f"mcpauthkit.{one}": (one,) for one in MODULES},
}


def described(page: str) -> list[str]:
    return re.findall(r"^::: ([\w.]+)$", text_of(f"docs/api/{page}.md"), re.MULTILINE)


@pytest.mark.parametrize("module", PAGES)
def test_every_public_name_is_described_and_no_other(module: str) -> None:
    names = [name for page in PAGES[module] for name in described(page)]
    assert sorted(names) == sorted(f"{module}.{name}" for name in import_module(module).__all__)


def test_every_page_of_the_reference_is_known_here() -> None:
    known = {f"{page}.md" for pages in PAGES.values() for page in pages}
    assert {path.name for path in (ROOT / "docs/api").iterdir()} == known
