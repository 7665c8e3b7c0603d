"""The README's code runs as pasted, and its numbers are right."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from fastmcp import Client, FastMCP

from mcpauthkit import AuthKit
from mcpauthkit.connections.key_services import KEY_SERVICES
from mcpauthkit.connections.presets import PRESETS
from tests.docs.both_legs import both_legs
from tests.docs.pages import execute, text_of, write_files
from tests.docs.snippets import snippets_on

PAGE = "README.md"


async def test_the_application_on_one_screen_serves_both_legs() -> None:
    await both_legs(snippets_on(PAGE, "python")[:1])


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    write_files("docs/policies.md", tmp_path)
    return tmp_path


async def test_guards_policies_and_the_record_are_put_together(folder: Path) -> None:
    mcp: FastMCP = FastMCP("reports")
    kit = execute(snippets_on(PAGE, "python")[1].code, {"mcp": mcp, "AuthKit": AuthKit})["kit"]
    kit.app(mcp)
    # Without HTTP nobody is signed in.
    async with Client(mcp) as client:
        assert await client.list_tools() == []
        assert (await client.call_tool("archive", {"number": 7}, raise_on_error=False)).is_error
    events = [json.loads(line) for line in (folder / "audit.jsonl").read_text(encoding="utf-8").splitlines()]
    assert next(one["event"] for one in events) == "policy.loaded"
    assert {"list", "call"} == {one["action"] for one in events if one["event"] == "access.decided"}


def test_the_testing_snippet_mints_a_token() -> None:
    names: dict[str, Any] = execute(snippets_on(PAGE, "python")[2].code, {})
    assert names["token"].count(".") == 2


@pytest.mark.parametrize("page", [PAGE, "docs/two-legs.md"])
def test_as_many_services_are_known_by_name_as_it_says(page: str) -> None:
    words = " ".join(text_of(page).split())
    assert f"{len(PRESETS)} OAuth services and {len(KEY_SERVICES)} with keys" in words
