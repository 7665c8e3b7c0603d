"""What must not happen without a record, and where records must not go."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from fastmcp import Client
from fastmcp.client.transports import StdioTransport
from mcp.shared.exceptions import MCPError
from pydantic import BaseModel

from mcpauthkit.access.request import Kind, Target
from mcpauthkit.access.rules import AccessRules
from mcpauthkit.core.audit import Recorder
from mcpauthkit.policies import Policies
from mcpauthkit.protocol.access.control import AccessControl, recording_to
from mcpauthkit.protocol.access.side import SideDoor
from mcpauthkit.protocol.access.tasks import StartedTasks
from tests.protocol.access_room import ERAS, EVERYTHING, Notebook, rules, someone
from tests.world import ERA_MODES, Era

SERVERS = {
    "fastmcp": "mcp = FastMCP('room'); mcp.add_middleware(AccessMiddleware(audit=trail)); mcp.run(show_banner=False)",
    "mcpserver": "mcp = MCPServer('room'); attach_access(mcp, audit=trail); mcp.run()",
}
SCRIPT = """
import sys
from fastmcp import FastMCP
from mcp.server.mcpserver import MCPServer
from mcpauthkit import AccessMiddleware, attach_access
from mcpauthkit.audit import AuditTrail, JsonLines
trail = AuditTrail(JsonLines({stream}))
{server}
"""


class Started(BaseModel):
    task_id: str


@pytest.mark.parametrize("era", ERAS)
@pytest.mark.parametrize("flavour", list(SERVERS))
async def test_a_trail_on_standard_output_is_refused_on_stdio(flavour: str, era: Era, tmp_path: Path) -> None:
    for stream, is_good in (("", False), ("sys.stderr", True)):
        script = tmp_path / f"server{is_good}.py"
        script.write_text(SCRIPT.format(stream=stream, server=SERVERS[flavour]), encoding="utf-8")
        client = Client(StdioTransport(sys.executable, [str(script)]), mode=ERA_MODES[era])
        if is_good:
            async with client:
                assert await client.list_tools() == []
            continue
        with pytest.raises(Exception, match=r"JsonLines\(sys.stderr\)"):
            async with client:
                await client.list_tools()


@contextmanager
def recorded(recorder: Recorder) -> Iterator[SideDoor]:
    async def find(kind: Kind, name: str) -> Target:
        return Target(kind, name)

    with recording_to(recorder):
        yield SideDoor(
            control=AccessControl(AccessRules(Policies(rules(EVERYTHING)))),
            principal=someone(),
            transport="http",
            require_auth=False,
            tasks=StartedTasks(),
            find=find,
        )


async def test_a_task_that_nobody_knows_is_recorded_or_not_told_of() -> None:
    notebook = Notebook()
    with recorded(notebook) as door:
        await door.check("tasks/get", {"taskId": "unknown"})
        assert notebook.decided() == [("allow", "call", "unknown task")]
        notebook.is_full = True
        with pytest.raises(MCPError, match="cannot be recorded"):
            await door.check("tasks/get", {"taskId": "unknown"})


def test_arguments_of_tasks_take_no_more_memory_than_is_set_aside() -> None:
    tasks = StartedTasks()
    for number in range(40):
        tasks.remember(Started(task_id=str(number)), Target(Kind.TOOL, "t"), {"text": "x" * 1024 * 1024})
    kept = [number for number in range(40) if tasks.get(str(number)) is not None]
    assert 10 <= len(kept) <= 16
    assert kept[-1] == 39
