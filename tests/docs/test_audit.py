"""What docs/audit.md says: its code runs, its commands work, and its tables are those of the record."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from fastmcp import Client

from mcpauthkit.access.audit.schema import MEMBERS
from mcpauthkit.audit import AuditTrail, Event, EventName
from tests.docs.pages import commands_on, execute, first_column, python_blocks, run_command, text_of

PAGE = "docs/audit.md"


@pytest.fixture
def trail(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AuditTrail:
    monkeypatch.chdir(tmp_path)
    made: Any = execute(python_blocks(PAGE)[0], {})["trail"]
    assert isinstance(made, AuditTrail)
    return made


def test_the_commands_work_on_what_the_trail_of_the_page_writes(
    trail: AuditTrail, capsys: pytest.CaptureFixture[str]
) -> None:
    trail.record(Event(event=EventName.CREDENTIAL_CREATED, service="github", credential="c1"))
    commands = commands_on(PAGE)
    assert [words[1] for words in commands] == ["verify", "lives"]
    assert [run_command(words) for words in commands] == [0, 0]
    out = capsys.readouterr().out
    assert "1 record in order." in out
    assert "1 credential, 1 alive" in out


async def test_what_a_tool_notes_never_reaches_its_client() -> None:
    mcp = execute(python_blocks(PAGE)[1], {})["mcp"]
    async with Client(mcp) as client:
        answer = await client.call_tool("search", {"query": "x"})
    assert answer.data == ["report 7"]
    assert "replica" not in str(answer)


def test_the_table_of_members_is_that_of_the_schema_in_its_order() -> None:
    assert first_column(PAGE, "| member | meaning |") == list(MEMBERS)


def test_the_record_on_the_page_has_known_members_in_order() -> None:
    (text,) = re.findall(r"```json\n(.*?)\n```", text_of(PAGE), re.DOTALL)
    members = list(json.loads(text))
    assert members == [name for name in MEMBERS if name in members]


def test_every_event_is_on_the_page_and_no_other() -> None:
    assert set(first_column(PAGE, "| events | of |")) == {str(one) for one in EventName}


def test_every_sink_is_on_the_page() -> None:
    sinks = {re.split(r"\W", one)[0] for one in first_column(PAGE, "| sink | |")}
    assert sinks == {"JsonLines", "JsonFile", "ToLogging", "ToOpenTelemetry", "ToCallable"}
