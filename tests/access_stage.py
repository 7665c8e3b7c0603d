"""Servers with rules, people with and without rights, and every way to reach the one as the other."""

from __future__ import annotations

import os
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from fastapi import FastAPI
from fastmcp import Client, FastMCP
from fastmcp.client.transports import SSETransport, StdioTransport, StreamableHttpTransport
from fastmcp.server import create_proxy
from mcp.server.mcpserver import MCPServer

from mcpauthkit import JwtAuthMiddleware, Principal, current_user, oauth_meta_router
from mcpauthkit.access.policy.reading import read_policy
from mcpauthkit.protocol.access.mcpserver import attach_access
from mcpauthkit.protocol.access.middleware import AccessMiddleware
from mcpauthkit.testing import DevIssuer, LoopbackServer
from tests.world import ERA_MODES, Era, application

AUDIENCE = "stage"

POLICY = """
name: stage
description: Each rule shows one way in which people differ.
rules:
  - name: everybody-is-greeted
    effect: allow
    agents: {anyone: true}
    tools: {names: [hello]}
  - name: readers-read-prompts
    effect: allow
    agents: {roles: [reader, editor]}
    prompts: {patterns: ["*review"]}
  - name: readers-read-notes
    effect: allow
    agents: {roles: [reader, editor]}
    resources: {patterns: ["notes://*"]}
  - name: readers-read-tools
    effect: allow
    agents: {roles: [reader, editor]}
    tools: {patterns: ["read_*", "*_read_*"]}
  - name: editors-edit-what-is-small
    effect: allow
    agents: {roles: [editor]}
    tools: {patterns: ["edit", "*_edit"]}
    conditions:
      - {field: tool.args.size, operator: less_than, value: 100}
  - name: nobody-edits-far-away
    effect: deny
    tools: {names: [far_edit]}
  - name: counters-count
    effect: allow
    agents: {roles: [counter]}
    tools: {namespaces: [math]}
  - name: admins-do-everything
    effect: allow
    agents: {roles: [admin]}
  - name: nobody-wipes
    effect: deny
    tools: {tags: [danger]}
  - name: nobody-reads-drafts
    effect: deny
    resources: {patterns: ["*draft*"]}
"""

PEOPLE: dict[str, tuple[str, ...]] = {
    "nobody": (),
    "guest": (),
    "rita": ("reader",),
    "ed": ("editor",),
    "cora": ("counter",),
    "ada": ("admin",),
}
"""Who there is, and the roles they have; `nobody` comes without a token."""

SIZES: tuple[dict[str, int], ...] = ({}, {"size": 1}, {"size": 1000})
"""Arguments to try each tool with: a tool that can be called with any of them can be called."""


def fill_fastmcp(mcp: FastMCP[Any]) -> FastMCP[Any]:
    """Tools, resources, templates and prompts; the same on every server."""

    @mcp.tool
    def read_list() -> str:
        return "read"

    @mcp.tool
    def edit(size: int = 0) -> str:
        return f"edited {size}"

    @mcp.tool(tags={"danger"})
    def wipe() -> str:
        return "wiped"

    @mcp.resource("notes://plan")
    def plan() -> str:
        return "plan"

    @mcp.resource("notes://draft")
    def draft() -> str:
        return "draft"

    @mcp.resource("notes://by/{name}")
    def note(name: str) -> str:
        return name

    @mcp.resource("letters://{name}")
    def letter(name: str) -> str:
        return name

    @mcp.prompt
    def review() -> str:
        return "review it"

    @mcp.prompt
    def rewrite() -> str:
        return "rewrite it"

    return mcp


def fill_mcpserver(server: MCPServer[Any]) -> MCPServer[Any]:
    """The same on an MCPServer, whose tags are in its metadata."""

    @server.tool()
    def read_list() -> str:
        return "read"

    @server.tool()
    def edit(size: int = 0) -> str:
        return f"edited {size}"

    @server.tool(meta={"tags": ["danger"]})
    def wipe() -> str:
        return "wiped"

    @server.resource("notes://plan")
    def plan() -> str:
        return "plan"

    @server.resource("notes://draft")
    def draft() -> str:
        return "draft"

    @server.resource("notes://by/{name}")
    def note(name: str) -> str:
        return name

    @server.resource("letters://{name}")
    def letter(name: str) -> str:
        return name

    @server.prompt()
    def review() -> str:
        return "review it"

    @server.prompt()
    def rewrite() -> str:
        return "rewrite it"

    return server


def composed() -> FastMCP[Any]:
    """A server of its own with one mounted, and one behind a proxy mounted as well."""
    mcp = fill_fastmcp(FastMCP("outer", middleware=[AccessMiddleware(read_policy(POLICY, "stage"))]))

    @mcp.tool
    def hello() -> str:
        return "hello"

    @mcp.tool
    def math_own() -> str:
        """Its name looks like a mounted one's."""
        return "own"

    mcp.mount(fill_fastmcp(FastMCP("inner")), namespace="math")
    mcp.mount(create_proxy(fill_fastmcp(FastMCP("behind"))), namespace="far")
    return mcp


def proxy() -> FastMCP[Any]:
    """A proxy that has the rules, in front of a server that has none."""
    behind = fill_fastmcp(FastMCP("behind"))

    @behind.tool
    def hello() -> str:
        return "hello"

    mcp = create_proxy(behind, name="proxy")
    mcp.add_middleware(AccessMiddleware(read_policy(POLICY, "stage")))
    return mcp


def official() -> MCPServer[Any]:
    """An MCPServer with the rules."""
    server = fill_mcpserver(MCPServer("official"))

    @server.tool()
    def hello() -> str:
        return "hello"

    attach_access(server, read_policy(POLICY, "stage"))
    return server


SERVERS: dict[str, Any] = {"composed": composed, "proxy": proxy, "official": official}


def person(who: str) -> Principal | None:
    """Somebody as they are known where no token is."""
    if who == "nobody":
        return None
    return Principal(
        {"sub": who}, issuer="https://i.example", subject=who, expires_at=None, roles=frozenset(PEOPLE[who])
    )


@dataclass
class Door:
    """A server that listens, and clients for it."""

    server: LoopbackServer
    issuer: DevIssuer
    path: str
    options: dict[str, Any] = field(default_factory=dict)

    @property
    def resource(self) -> str:
        return f"{self.server.base_url}{self.path}"

    def token(self, who: str) -> str | None:
        if who == "nobody":
            return None
        return self.issuer.token(sub=who, audience=AUDIENCE, roles=list(PEOPLE[who]))

    @asynccontextmanager
    async def client(self, who: str, era: Era) -> AsyncIterator[Client[Any]]:
        kind = SSETransport if self.path == "/sse" else StreamableHttpTransport
        async with Client(kind(self.resource, auth=self.token(who)), mode=ERA_MODES[era]) as client:
            yield client


@contextmanager
def listening(mcp: Any, *, sse: bool = False, **options: Any) -> Iterator[Door]:
    """A server over HTTP, behind the kit's middleware."""
    middleware = options.pop("middleware", {})
    paths = ("/sse", "/messages") if sse else ("/mcp",)
    with DevIssuer(algorithm="ES256") as issuer:
        server = LoopbackServer()
        app, mcp_app = _sse_application(mcp) if sse else application(mcp, **options)
        here, theirs = server.base_url, issuer.issuer_url
        app.include_router(
            oauth_meta_router(server_base_url=here, issuer_url=theirs, resource_paths=paths, scopes=["mcp:tools"])
        )
        app.add_middleware(
            JwtAuthMiddleware,
            issuer_url=theirs,
            server_base_url=here,
            audience=AUDIENCE,
            current_user=current_user,
            resource_paths=paths,
            **{"public_tools": ["hello"], **middleware},
        )
        app.mount("/", mcp_app)
        server.app = app
        with server:
            yield Door(server, issuer, paths[0])


def _sse_application(mcp: Any) -> tuple[FastAPI, Any]:
    if isinstance(mcp, FastMCP):
        mcp_app: Any = mcp.http_app(path="/sse", transport="sse")
        return FastAPI(lifespan=mcp_app.lifespan), mcp_app
    return FastAPI(), mcp.sse_app()


@asynccontextmanager
async def on_stdio(server: str, who: str, era: Era, tmp_path: Path) -> AsyncIterator[Client[Any]]:
    """A process of its own, which the environment tells who its caller is."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("MCPAUTHKIT_")}
    if who != "nobody":
        environment |= {"MCPAUTHKIT_STDIO_USER": who, "MCPAUTHKIT_STDIO_ROLES": ",".join(PEOPLE[who])}
    transport = StdioTransport(
        sys.executable,
        ["-m", "tests.access_stage", server],
        env=environment,
        cwd=str(Path(__file__).parents[1]),
        keep_alive=False,
        log_file=tmp_path / "stderr.txt",
    )
    async with Client(transport, mode=ERA_MODES[era]) as client:
        yield client


@asynccontextmanager
async def in_memory(mcp: Any, who: str, era: Era) -> AsyncIterator[Client[Any]]:
    token = current_user.set(person(who))
    try:
        async with Client(mcp, mode=ERA_MODES[era]) as client:
            yield client
    finally:
        current_user.reset(token)


if __name__ == "__main__":
    SERVERS[sys.argv[1]]().run("stdio")
