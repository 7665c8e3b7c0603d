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


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("era", ERAS)
async def test_a_call_that_a_guard_refuses_is_one_decision_and_does_not_run(kind: str, era: Era) -> None:
    book = Notebook()
    async with client_of(filled(kind, book), someone(), era) as client:
        is_error, text = await says(client, "guarded")
    assert (is_error, "admin" in text) == (True, True)
    assert book.decided() == [("deny", "call", "guarded")]
    assert finished(book) == []


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("era", ERAS)
async def test_nothing_is_allowed_that_does_not_exist(kind: str, era: Era) -> None:
    book = Notebook()
    async with client_of(filled(kind, book), someone(), era) as client:
        is_error, text = await says(client, "nonesuch")
        assert (is_error, "nonesuch" in text) == (True, True)
        with pytest.raises(MCPError, match="nonesuch"):
            await client.read_resource("notes://nonesuch")
        with pytest.raises(MCPError, match="nonesuch"):
            await client.get_prompt("nonesuch")
    assert book.decided() == [
        ("deny", "call", "nonesuch"),
        ("deny", "read", "notes://nonesuch"),
        ("deny", "get", "nonesuch"),
    ]
    assert {one.reason for one in book.events} == {"nothing goes by this name"}
    assert finished(book) == []


def hidden_by_checks(audit: Any) -> FastMCP[Any]:
    server = FastMCP("room", middleware=[AccessMiddleware(audit=audit)])
    inner = FastMCP("inner")
    inner.tool(name="deep", auth=HasRole("admin"))(lambda: "deep")
    server.mount(inner, namespace="in")
    server.tool(name="kept", auth=[HasRole("admin")])(lambda: "kept")
    server.resource("notes://kept", name="kept", auth=HasRole("admin"))(lambda: "kept")
    server.resource("notes://by/{name}", name="by", auth=HasRole("admin"))(lambda name: name)
    server.prompt(name="kept", auth=HasRole("admin"))(lambda: "kept")
    return server


@pytest.mark.parametrize("era", ERAS)
async def test_what_a_check_of_fastmcps_refuses_is_told_in_its_words_and_recorded_once(era: Era) -> None:
    book = Notebook()
    async with client_of(hidden_by_checks(book), someone("alice", "reader"), era) as client:
        assert [one.name for one in await client.list_tools()] == []
        listed = book.events.pop()
        for name in ("kept", "in_deep"):
            is_error, text = await says(client, name)
            assert (is_error, text) == (True, "Requires any of roles [admin], but client has [reader]")
        for uri in ("notes://kept", "notes://by/me"):
            with pytest.raises(MCPError):
                await client.read_resource(uri)
        with pytest.raises(MCPError):
            await client.get_prompt("kept")
    assert "kept" in listed.metadata["hidden_names"]
    assert book.decided() == [
        ("deny", "call", "kept"),
        ("deny", "call", "in_deep"),
        ("deny", "read", "notes://kept"),
        ("deny", "read", "notes://by/me"),
        ("deny", "get", "kept"),
    ]
    assert all("a guard is not met" in one.reason for one in book.events)


@pytest.mark.parametrize("era", ERAS)
async def test_a_check_of_fastmcps_judges_the_caller_that_is_known_without_a_token(era: Era) -> None:
    book = Notebook()
    async with client_of(hidden_by_checks(book), someone("ada", "admin"), era) as client:
        assert {one.name for one in await client.list_tools()} == {"kept", "in_deep"}
        assert await says(client, "kept") == (False, "kept")
        assert await says(client, "in_deep") == (False, "deep")
        await client.read_resource("notes://by/me")
        await client.get_prompt("kept")
    assert {decision for decision, _, _ in book.decided()} == {"allow"}
    assert len(finished(book)) == 4
