"""docs/doctor.md has every code of the doctor, with its cause and its fix, in the catalogue's words and order."""

from __future__ import annotations

import re

from mcpauthkit.cli.main import group_named
from mcpauthkit.doctor.catalogue import CATALOGUE
from mcpauthkit.doctor.finding import Fault
from mcpauthkit.doctor.outside.clients import REFERENCE_CLIENTS
from tests.docs.pages import text_of

PAGE = "docs/doctor.md"


def row_of(fault: Fault) -> str:
    cells = (f"`{fault.code}`", fault.level, f"{fault.title}. {fault.cause}", fault.fix)
    return "| " + " | ".join(cell.replace("|", r"\|") for cell in cells) + " |"


def test_every_code_is_on_the_page_with_its_cause_and_its_fix() -> None:
    told = re.findall(r"^\| `[a-z0-9-]+` \|.*$", text_of(PAGE), re.MULTILINE)
    assert told == [row_of(fault) for fault in CATALOGUE]


def test_commands_that_a_fix_names_are_there() -> None:
    named = {one for fault in CATALOGUE for one in re.findall(r"`mcpauthkit ([a-z -]+)`", fault.fix)}
    assert named
    for command in named:
        group, *verb = command.split()
        assert set(verb) <= set(group_named(group))


def test_every_reference_client_is_named_on_the_page() -> None:
    text = " ".join(text_of(PAGE).split())
    for client in REFERENCE_CLIENTS:
        maker, _, _ = client.name.partition(" (")
        assert maker.partition(" SDK")[0] in text
