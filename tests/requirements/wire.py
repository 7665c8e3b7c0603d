"""MCP requests as plain HTTP, so that a test decides every byte a client would send."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Protocol

import httpx

if TYPE_CHECKING:
    from tests.world import Era, World

URL_MODE: dict[str, Any] = {"elicitation": {"url": {}}}
_NAMESPACE = "io.modelcontextprotocol/"
_VERSIONS: dict[Era, str] = {"legacy": "2025-11-25", "modern": "2026-07-28"}
_WHO = {"name": "raw", "version": "1"}


class Reachable(Protocol):
    """Where an MCP server is, such as a world."""

    @property
    def resource(self) -> str: ...


class RawClient:
    """One client of one world, in one era, with one token (or none)."""

    def __init__(
        self, here: Reachable, era: Era, *, capabilities: Mapping[str, Any] | None = None, token: str | None = None
    ) -> None:
        self.era: Era = era
        self.session: str | None = None
        self._here = here
        self._capabilities = dict(capabilities or {})
        self.token = token
        # Set to send everything over connections that stay open.
        self.http: httpx.Client | None = None

    def open(self) -> RawClient:
        """Begin a session where the era has them."""
        if self.era == "legacy":
            params = {"protocolVersion": _VERSIONS["legacy"], "capabilities": self._capabilities, "clientInfo": _WHO}
            answer = self.send("initialize", params)
            assert answer.status_code == 200
            self.session = answer.headers["mcp-session-id"]
        return self

    def call(self, tool: str, *, extra_headers: Mapping[str, str] | None = None, **params: Any) -> httpx.Response:
        """Call a tool."""
        return self.send("tools/call", {"name": tool, "arguments": {}, **params}, extra_headers=extra_headers)

    def send(
        self,
        method: str,
        params: dict[str, Any],
        *,
        extra_headers: Mapping[str, str] | None = None,
        verb: str = "POST",
    ) -> httpx.Response:
        """Send one message."""
        headers = {"accept": "application/json, text/event-stream"}
        if method != "initialize":
            headers["mcp-protocol-version"] = _VERSIONS[self.era]
        if self.era == "modern":
            headers |= {"mcp-method": method, "mcp-name": params.get("name", "")}
            params = {**params, "_meta": self._envelope()}
        if self.session is not None:
            headers["mcp-session-id"] = self.session
        if self.token is not None:
            headers["authorization"] = f"Bearer {self.token}"
        headers |= dict(extra_headers or {})
        message = {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}
        request = httpx.request if self.http is None else self.http.request
        return request(verb, self._here.resource, headers=headers, json=message, timeout=15)

    def _envelope(self) -> dict[str, Any]:
        return {
            f"{_NAMESPACE}protocolVersion": _VERSIONS["modern"],
            f"{_NAMESPACE}clientInfo": _WHO,
            f"{_NAMESPACE}clientCapabilities": self._capabilities,
        }


def client(
    here: World, era: Era, *, sub: str = "alice", capabilities: Mapping[str, Any] | None = None, **claims: Any
) -> RawClient:
    """A client that is signed in and, in the legacy era, has its session."""
    return RawClient(here, era, capabilities=capabilities, token=here.token(sub, **claims)).open()


def messages(answer: httpx.Response) -> list[dict[str, Any]]:
    """The JSON-RPC messages of an answer, whether it is JSON or an event stream."""
    if answer.headers["content-type"].startswith("application/json"):
        return [answer.json()]
    lines = [line.removeprefix("data:").strip() for line in answer.text.splitlines() if line.startswith("data:")]
    return [json.loads(line) for line in lines if line]
