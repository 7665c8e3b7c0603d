"""What enforcement adds to a server: one call, and one list of 1,000 tools, beside the bare server and FastMCP's own.

    uv run python benchmarks/enforcement.py

A call has no arguments here. Before one that has, the SDK looks over HTTP at the tool's schema, and of FastMCP it gets
that from a whole list, with enforcement or without: such a call costs a list more.

Every server is called in process, as its ASGI application, with what a client would send; so there is neither a network
nor a client in the numbers. The rows take turns, and the best round of each counts, as processor time. What a row adds
is what it costs more than the bare server. Run it on a machine that does nothing else; the exit status is 1 when an aim
is missed.

`AuthMiddleware` is FastMCP's, with one scope for everything. `AccessMiddleware` and `attach_access` are ours, with one
policy of one rule, and record decisions as they do where no trail is set up. Everybody is let through, so that all
lists are equally long.
"""

from __future__ import annotations

import asyncio
import gc
import json
import sys
import time
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Any

from fastmcp import FastMCP
from fastmcp.server.auth import require_scopes
from fastmcp.server.middleware import AuthMiddleware
from mcp.server.mcpserver import MCPServer
from measuring import Aim, machine, report

from mcpauthkit import AccessMiddleware, Principal, attach_access
from mcpauthkit.policies import Policy, read_policy
from mcpauthkit.protocol.sinks import SdkIdentity

TOOLS = 1_000
ROUNDS = 25
CALLS_A_ROUND = 20
VERSION = "2026-07-28"
RULE = "{name: staff reads, effect: allow, agents: {roles: [staff]}, tools: {patterns: [report_*]}}"

FASTMCP, FASTMCP_SCOPES, FASTMCP_OURS = "FastMCP", "FastMCP, AuthMiddleware", "FastMCP, AccessMiddleware"
SDK, SDK_OURS = "MCPServer", "MCPServer, attach_access"

MEMBERS: dict[str, dict[str, Any]] = {
    "tools/list": {},
    "tools/call": {"name": "report_500", "arguments": {}},
}


@dataclass(frozen=True, slots=True)
class Cost:
    """Milliseconds of one row.

    Args:
        call: Of one call.
        listing: Of one list.
    """

    call: float = float("inf")
    listing: float = float("inf")


def policy() -> Policy:
    """One rule, which allows everything here."""
    return read_policy(f"name: benchmark\nrules:\n  - {RULE}\n", "benchmark")


def filled(mcp: Any) -> Any:
    """A server with its tools."""

    def read(month: int = 1) -> str:
        """Reads a report."""
        return f"month {month}"

    for number in range(TOOLS):
        mcp.tool(name=f"report_{number}")(read)
    return mcp


def applications() -> dict[str, Any]:
    """What is compared, by the name of its row."""
    servers = {name: filled(FastMCP(name)) for name in (FASTMCP, FASTMCP_SCOPES, FASTMCP_OURS)}
    # Otherwise it sets up logging for the whole process.
    servers |= {name: filled(MCPServer(name, log_level="WARNING")) for name in (SDK, SDK_OURS)}
    servers[FASTMCP_SCOPES].add_middleware(AuthMiddleware(auth=require_scopes("reports")))
    servers[FASTMCP_OURS].add_middleware(AccessMiddleware(policies=policy()))
    attach_access(servers[SDK_OURS], policy())
    return {
        name: one.http_app(path="/mcp", stateless_http=True, json_response=True)
        if isinstance(one, FastMCP)
        else one.streamable_http_app(stateless_http=True, json_response=True)
        for name, one in servers.items()
    }


class Caller:
    """Somebody on the staff, who calls one server.

    Args:
        app: The server.
    """

    def __init__(self, app: Any) -> None:
        self._app = app
        self._principal = Principal(
            {"sub": "alice"},
            issuer="https://issuer.example",
            subject="alice",
            expires_at=None,
            roles=frozenset({"staff"}),
            scopes=frozenset({"reports"}),
        )
        self._identity = SdkIdentity(self._principal, "token", "http://127.0.0.1:8000/mcp")
        self._bodies = {method: self._body(method) for method in MEMBERS}

    @staticmethod
    def _body(method: str) -> bytes:
        meta = {
            "io.modelcontextprotocol/protocolVersion": VERSION,
            "io.modelcontextprotocol/clientInfo": {"name": "benchmark", "version": "1"},
            "io.modelcontextprotocol/clientCapabilities": {},
        }
        params = {**MEMBERS[method], "_meta": meta}
        return json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}).encode()

    async def send(self, method: str) -> bytes:
        """One request, as if it had come through `JwtAuthMiddleware`; gives the answer's body."""
        answer: list[bytes] = []
        body = self._bodies[method]

        async def receive() -> dict[str, Any]:
            return {"type": "http.request", "body": body, "more_body": False}

        async def send(message: dict[str, Any]) -> None:
            answer.append(message.get("body", b""))

        scope = self._scope(method, len(body))
        entered = self._identity.enter(scope, self._principal)
        try:
            await self._app(scope, receive, send)
        finally:
            self._identity.leave(entered)
        return b"".join(answer)

    @staticmethod
    def _scope(method: str, length: int) -> dict[str, Any]:
        headers = {
            "host": "127.0.0.1:8000",
            "accept": "application/json, text/event-stream",
            "content-type": "application/json",
            "content-length": str(length),
            "mcp-protocol-version": VERSION,
            "mcp-method": method,
            **({"mcp-name": MEMBERS[method]["name"]} if "name" in MEMBERS[method] else {}),
        }
        return {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "method": "POST",
            "scheme": "http",
            "path": "/mcp",
            "raw_path": b"/mcp",
            "query_string": b"",
            "root_path": "",
            "headers": [(name.encode(), value.encode()) for name, value in headers.items()],
            "client": ("127.0.0.1", 40_000),
            "server": ("127.0.0.1", 8_000),
            "state": {},
        }

    async def check(self, name: str) -> None:
        """Let everything be warm, and see that it does what is to be measured."""
        for _ in range(3):
            shown = len(json.loads(await self.send("tools/list"))["result"]["tools"])
            said = await self.send("tools/call")
            if shown != TOOLS or b"month 1" not in said:
                print(f"{name}: shows {shown} tools and says {said[:200]!r}, so its numbers mean nothing")

    async def milliseconds(self, method: str, times: int) -> float:
        """Processor time of one request, of so many."""
        started = time.process_time()
        for _ in range(times):
            await self.send(method)
        return (time.process_time() - started) / times * 1e3


async def callers(stack: AsyncExitStack) -> dict[str, Caller]:
    """A caller of each server, which runs."""
    found = {}
    for name, app in applications().items():
        await stack.enter_async_context(app.router.lifespan_context(app))
        found[name] = Caller(app)
        await found[name].check(name)
    return found


async def measure() -> dict[str, Cost]:
    """The best round of each row."""
    async with AsyncExitStack() as stack:
        all_callers = await callers(stack)
        best = dict.fromkeys(all_callers, Cost())
        # The tools of all servers are in one process here; looking through them is not what one server costs.
        gc.collect()
        gc.freeze()
        for _ in range(ROUNDS):
            for name, known in best.items():
                call = await all_callers[name].milliseconds("tools/call", CALLS_A_ROUND)
                listing = await all_callers[name].milliseconds("tools/list", 1)
                best[name] = Cost(min(known.call, call), min(known.listing, listing))
    return best


def print_rows(costs: dict[str, Cost]) -> list[Aim]:
    """The table; gives the aims."""
    print(f"{'milliseconds':<28}{'a call':>9}{'added':>9}{f'a list of {TOOLS:,}':>17}{'added':>9}")
    for name, cost in costs.items():
        bare = costs[name.partition(",")[0]]
        added = (f"{cost.call - bare.call:.2f}", f"{cost.listing - bare.listing:.1f}") if cost is not bare else ("", "")
        print(f"{name:<28}{cost.call:>9.2f}{added[0]:>9}{cost.listing:>17.1f}{added[1]:>9}")
    aims = []
    for ours, bare in ((FASTMCP_OURS, costs[FASTMCP]), (SDK_OURS, costs[SDK])):
        cost = costs[ours]
        aims.append(Aim(f"milliseconds added to a call: {ours}", cost.call - bare.call, 0.4))
        aims.append(Aim(f"milliseconds added to a list: {ours}", cost.listing - bare.listing, 10))
    return aims


def main() -> int:
    """Measure, print, and say how the aims stand."""
    print(machine(), "\n")
    return report(print_rows(asyncio.run(measure())))


if __name__ == "__main__":
    sys.exit(main())
