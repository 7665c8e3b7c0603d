"""What the page of security says is there: the places, the tests, and the gaps."""

from __future__ import annotations

import re
from importlib import util

import pytest

from tests.docs.snippets import ROOT, text_of
from tests.requirements.table import TABLE, UNMET
from tests.requirements.test_table import names_in

PAGE = "docs/security.md"
ATTACKS = re.findall(r"^\| ([a-z][^|]+) \| ([^|]+) \| `([^`]+)` \| `([^`]+)` \|$", text_of(PAGE), re.MULTILINE)


def test_there_are_as_many_attacks_as_rows() -> None:
    rows = text_of(PAGE).partition("## Getting in")[2].partition("## What the specification")[0].count("\n| ")
    tables = text_of(PAGE).count("| an attacker |")
    assert len(ATTACKS) == rows - tables > 20


@pytest.mark.parametrize(("attack", "stopped", "where", "shown"), ATTACKS)
def test_what_stops_an_attack_is_where_it_is_said_to_be(attack: str, stopped: str, where: str, shown: str) -> None:
    assert attack
    assert stopped
    assert (ROOT / where).is_file()
    file, _, name = shown.partition("::")
    assert name in names_in(file)


def test_the_page_of_requirements_has_every_row_and_every_gap() -> None:
    spec = util.spec_from_file_location("site_requirements", ROOT / "scripts/site/requirements.py")
    assert spec is not None
    assert spec.loader is not None
    module = util.module_from_spec(spec)
    spec.loader.exec_module(module)
    page = module.page()
    assert re.findall(r"^\| ✓ `([\w-]+)`", page, re.MULTILINE) == [
        *(row.id for row in TABLE if row.revisions),
        *(row.id for row in TABLE if not row.revisions),
    ]
    assert re.findall(r"^\| ✗ `([\w-]+)`", page, re.MULTILINE) == [row.id for row in UNMET]
