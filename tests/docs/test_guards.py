"""What docs/guards.md says: its code runs, and its tables are those there are."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from fastmcp import Client

import mcpauthkit.guards
from mcpauthkit import Principal
from mcpauthkit.guards import AccessRequest, Action, Caller, Guard, Kind, Target
from mcpauthkit.settings import StdioSettings
from tests.docs.pages import commands_on, execute, first_column, python_blocks, run_command, text_of, write_files

PAGE = "docs/guards.md"
NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    assert write_files(PAGE, tmp_path) == ["scopes.yaml"]
    return tmp_path


async def test_guarded_tools_are_hidden_from_nobody_and_refuse_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MCPAUTHKIT_STDIO_USER", raising=False)
    mcp = execute(python_blocks(PAGE)[0], {})["mcp"]
    async with Client(mcp) as client:
        assert await client.list_tools() == []
        assert (await client.call_tool("archive_report", {"number": 7}, raise_on_error=False)).is_error


def test_the_guard_of_ones_own_lets_its_organisation_through() -> None:
    guard = execute(python_blocks(PAGE)[1], {})["InTenant"]("acme")
    assert isinstance(guard, Guard)

    def asked(tenant: str) -> AccessRequest:
        principal = Principal({"tenant": tenant}, issuer="https://i", subject="ann", expires_at=None)
        return AccessRequest(Caller(principal=principal, now=NOW), Target(Kind.TOOL, "x"), Action.CALL, {})

    assert guard.check(asked("acme"))
    assert not guard.check(asked("other"))
    assert "acme" in guard.describe_denial(asked("other"))


@pytest.mark.usefixtures("folder")
def test_the_table_of_scopes_is_read_and_listed() -> None:
    first = execute(python_blocks(PAGE)[0], {})
    names: dict[str, Any] = execute(python_blocks(PAGE)[2], first)
    assert names["scopes"].needed("change_report") == ("reports:read", "reports:write")
    for words in commands_on(PAGE):
        assert run_command(words) == 0


def test_every_guard_on_the_page_is_there_and_no_other() -> None:
    named = {re.match(r"\w+", one)[0] for one in first_column(PAGE, "| guard | lets through |") if one[0].isupper()}  # type: ignore[index]
    classes = {
        name
        for name in mcpauthkit.guards.__all__
        if isinstance(found := getattr(mcpauthkit.guards, name), type) and issubclass(found, Guard)
    }
    assert named == classes - {"Guard"}


def test_every_variable_of_stdio_is_on_the_page() -> None:
    listed = {one for one in first_column(PAGE, "| variable | meaning |") if one.isupper()}
    assert listed == {name.upper() for name in StdioSettings.model_fields}


async def test_the_denial_on_the_page_is_the_one_that_is_given() -> None:
    (quoted,) = re.findall(r'"(Requires any of roles [^"]+)"', text_of(PAGE))
    principal = Principal({}, issuer="https://i", subject="ann", expires_at=None, roles=frozenset({"viewer"}))
    request = AccessRequest(Caller(principal=principal, now=NOW), Target(Kind.TOOL, "x"), Action.CALL, {})
    assert mcpauthkit.guards.HasRole("admin", "manager").describe_denial(request) == quoted
