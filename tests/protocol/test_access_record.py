"""What the record says of calls: how they ended, which events are of one call, and what is not there."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from fastmcp import FastMCP
from mcp.server.mcpserver import MCPServer
from mcp.shared.exceptions import MCPError

from mcpauthkit import AccessMiddleware, JwtAuthMiddleware, attach_access
from mcpauthkit.audit import AuditTrail, EventName, JsonFile, ToCallable
from mcpauthkit.errors import ConfigurationError
from mcpauthkit.guards import HasRole, require
from tests.protocol.access_room import ERAS, Notebook, client_of, says, someone
from tests.world import Era

ADDRESSES: dict[str, Any] = {"issuer_url": "https://i.example", "server_base_url": "https://mcp.example"}
KINDS = ("fastmcp", "official")


def server_of(kind: str, audit: Any) -> Any:
    """A server of either kind, with the rules of nobody."""
    if kind == "fastmcp":
        return FastMCP("room", middleware=[AccessMiddleware(audit=audit)])
    server = MCPServer("room")
    attach_access(server, audit=audit)
    return server


def filled(kind: str, audit: Any) -> Any:
    """One with a tool that works, and others that do not."""
    server = server_of(kind, audit)

    @server.tool()
    def works() -> str:
        return "done"

    @server.tool()
    def breaks() -> str:
        raise ValueError

    @server.tool()
    @require(HasRole("admin"))
    def guarded() -> str:
        return "guarded"

    @server.resource("notes://broken")
    def broken() -> str:
        raise ValueError

    @server.prompt()
    def blank() -> str:
        raise ValueError

    return server


def finished(book: Notebook) -> list[tuple[str, str]]:
    """Of each call that is over, what was called and how it ended."""
    return [(one.target, one.outcome) for one in book.events if one.event is EventName.CALL_FINISHED]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("era", ERAS)
async def test_a_call_that_failed_is_not_recorded_as_done(kind: str, era: Era) -> None:
    book = Notebook()
    async with client_of(filled(kind, book), someone(), era) as client:
        assert await says(client, "works") == (False, "done")
        assert (await says(client, "breaks"))[0]
        with pytest.raises(MCPError):
            await client.read_resource("notes://broken")
        with pytest.raises(MCPError):
            await client.get_prompt("blank")
    assert finished(book) == [
        ("works", "done"),
        ("breaks", "failed"),
        ("notes://broken", "failed"),
        ("blank", "failed"),
    ]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("era", ERAS)
async def test_the_events_of_one_call_have_its_own_request_id_where_there_is_no_http(kind: str, era: Era) -> None:
    records: list[dict[str, Any]] = []
    trail = AuditTrail(ToCallable(lambda one: records.append(dict(one))))
    async with client_of(filled(kind, trail), someone(), era) as client:
        for _ in range(2):
            await says(client, "works")
        await says(client, "guarded")
    calls = [(one["event"], one["request_id"]) for one in records if one.get("target") == "works"]
    assert [event for event, _ in calls] == ["access.decided", "call.finished"] * 2
    assert calls[0][1] == calls[1][1] != calls[2][1] == calls[3][1]
    assert all(one["request_id"] for one in records)


@pytest.mark.parametrize("given", ["file", "audit.jsonl", print, AuditTrail, Path("audit.jsonl")], ids=str)
def test_what_records_nothing_is_refused_where_it_is_given(given: Any, tmp_path: Path) -> None:
    audit: Any = JsonFile(tmp_path / "audit.jsonl") if given == "file" else given
    for use in (
        lambda: AccessMiddleware(audit=audit),
        lambda: attach_access(MCPServer("room"), audit=audit),
        lambda: JwtAuthMiddleware(FastMCP("room").http_app(), **ADDRESSES, audit=audit),
    ):
        with pytest.raises(ConfigurationError, match=r"AuditTrail\(JsonFile\(...\)\)"):
            use()
