"""A healthy world with policies, guards or a record that cannot do what they are there for: exactly that is named."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from fastmcp.server.middleware.caching import ResponseCachingMiddleware
from mcp.server.mcpserver import MCPServer

from mcpauthkit import AccessMiddleware, attach_access
from mcpauthkit.audit import AuditTrail, JsonFile
from mcpauthkit.guards import RequireAuth, require
from tests.doctor.healthy import Parts, healthy
from tests.doctor.test_inside_assembly import Built

GOOD = """\
name: callers
rules:
  - name: everybody
    effect: allow
    tools:
      names: [list_repos]
...
"""
DENIES = GOOD.replace("effect: allow", "effect: deny")
BROKEN = GOOD.replace("effect: allow", "effect: maybe")
no_modes = pytest.mark.skipif(sys.platform == "win32", reason="no modes of files")


def ruled(prepare: Callable[[Any], None]) -> Callable[[Parts], FastAPI]:
    """A healthy application whose MCP server is prepared before it is mounted."""

    def build(parts: Parts) -> FastAPI:
        built = Built(parts)
        prepare(built.mcp)
        return built.finish()

    return build


def with_policies(path: Path) -> Callable[[Any], None]:
    def prepare(mcp: Any) -> None:
        if isinstance(mcp, MCPServer):
            attach_access(mcp, path)
        else:
            mcp.add_middleware(AccessMiddleware(path))

    return prepare


def written(folder: Path, text: str) -> Path:
    path = folder / "policies" / "callers.yaml"
    path.parent.mkdir(mode=0o700)
    path.write_text(text, encoding="utf-8")
    path.chmod(0o600)
    return path


@pytest.mark.parametrize("flavour", ["fastmcp", "mcpserver"])
async def test_policies_that_are_good_have_no_finding(folder: Path, flavour: Any) -> None:
    with healthy(build=ruled(with_policies(written(folder, GOOD))), flavour=flavour) as world:
        assert await world.codes() == []


@pytest.mark.parametrize("flavour", ["fastmcp", "mcpserver"])
async def test_policies_that_deny_everything_are_named(folder: Path, flavour: Any) -> None:
    with healthy(build=ruled(with_policies(written(folder, DENIES))), flavour=flavour) as world:
        assert await world.codes() == ["policy-denies-everything"]


async def test_a_policy_that_was_broken_after_the_start_is_named(folder: Path) -> None:
    path = written(folder, GOOD)
    with healthy(build=ruled(with_policies(path))) as world:
        path.write_text(BROKEN, encoding="utf-8")
        report = await world.report()
    assert [one.code for one in report.findings] == ["policy-invalid"]
    assert f"{path}:4" in report.findings[0].evidence


@pytest.mark.parametrize(("text", "code"), [(BROKEN, "policy-invalid"), (DENIES, "policy-denies-everything")])
async def test_policies_of_the_settings_are_looked_at(
    folder: Path, text: str, code: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MCPAUTHKIT_POLICIES", str(written(folder, text)))
    with healthy() as world:
        assert await world.codes() == [code]


@no_modes
@pytest.mark.parametrize("what", ["file", "folder"])
async def test_policies_that_others_can_change_are_named(folder: Path, what: str) -> None:
    path = written(folder, GOOD)
    source = path if what == "file" else path.parent
    source.chmod(0o777 if what == "folder" else 0o666)
    with healthy(build=ruled(with_policies(source))) as world:
        assert await world.codes() == ["policy-file-writable"]


def cached(mcp: Any) -> None:
    mcp.add_middleware(ResponseCachingMiddleware())
    mcp.add_middleware(AccessMiddleware(require_auth=True))


def ruled_twice(mcp: Any) -> None:
    mcp.add_middleware(AccessMiddleware(require_auth=True))
    mcp.add_middleware(AccessMiddleware(require_auth=True))


@pytest.mark.parametrize(
    ("prepare", "code"),
    [
        (cached, "cache-before-access"),
        (ruled_twice, "access-middleware-twice"),
    ],
)
async def test_what_a_server_has_in_the_wrong_place_is_named(prepare: Callable[[Any], None], code: str) -> None:
    with healthy(build=ruled(prepare)) as world:
        assert await world.codes() == [code]


async def test_a_guard_above_the_tool_decorator_is_named() -> None:
    def build(parts: Parts) -> FastAPI:
        built = Built(parts)
        app = built.finish()

        async def report() -> str:
            return "for everybody"

        # The server gets the function itself, as with @mcp.tool below the guard.
        require(RequireAuth())(report)
        built.mcp.tool(report)
        return app

    with healthy(build=build) as world:
        assert await world.codes() == ["guard-misplaced"]


@no_modes
async def test_an_audit_file_that_others_read_is_named(folder: Path) -> None:
    path = folder / "audit.jsonl"
    trail = AuditTrail(JsonFile(path))
    with healthy(middleware={"audit": trail}) as world:
        assert await world.codes() == []
        path.chmod(0o644)
        assert await world.codes() == ["audit-file-readable"]


@pytest.mark.parametrize("place", ["folder", "below a file"])
async def test_an_audit_file_that_cannot_be_written_is_named(
    folder: Path, place: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "file").touch()
    monkeypatch.setenv("MCPAUTHKIT_AUDIT", str(folder if place == "folder" else folder / "file" / "audit.jsonl"))
    with healthy() as world:
        assert await world.codes() == ["audit-file-unwritable"]
