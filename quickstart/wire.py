"""Listens to the HTTP exchanges of an MCP client, so that the tour tells what happened and not what should have."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import httpx2

_QUERY = re.compile(r"\?[^\s'\"<>]+")
# A call may be held while somebody clicks, so reading may take long.
_TIMEOUT = httpx2.Timeout(10.0, read=60.0)


@dataclass(frozen=True)
class Exchange:
    """A request of the client and the head of its answer.

    Attributes:
        method: The HTTP method.
        url: The address without its query, where secrets may stand.
        status: The answer's status.
        headers: The answer's header fields by lower-case name.
        sent: The parameters or members of the request's body, or of the query for a visit of the browser.
        answer: The members of a JSON document that was answered to a GET; empty otherwise.
        version: The MCP version the request names, if any.
    """

    method: str
    url: str
    status: int
    headers: Mapping[str, str] = field(repr=False)
    sent: Mapping[str, Any] = field(repr=False)
    answer: Mapping[str, Any] = field(repr=False)
    version: str = ""

    @property
    def path(self) -> str:
        """The path of the address."""
        return urlsplit(self.url).path

    @property
    def rpc(self) -> str:
        """The JSON-RPC method that was called, if it was one."""
        return str(self.sent.get("method", ""))

    def __str__(self) -> str:
        named = f" {self.rpc}" if self.rpc else ""
        return f"{self.method} {self.path}{named} -> {self.status}"


class Wire:
    """Records exchanges and tells a listener about each as it happens."""

    def __init__(self) -> None:
        self.exchanges: list[Exchange] = []
        self.listener: Callable[[Exchange], None] = lambda _exchange: None

    def client(
        self,
        headers: dict[str, str] | None = None,
        timeout: httpx2.Timeout | None = None,
        auth: httpx2.Auth | None = None,
        **options: Any,
    ) -> httpx2.AsyncClient:
        """An HTTP client that is listened to; an `httpx_client_factory` for MCP clients."""
        return httpx2.AsyncClient(
            headers=headers,
            timeout=timeout or _TIMEOUT,
            auth=auth,
            event_hooks={"response": [self._heard]},
            **options,
        )

    def calls_of(self, rpc: str) -> list[Exchange]:
        """The calls of a JSON-RPC method."""
        return [one for one in self.exchanges if one.rpc == rpc]

    def note(self, exchange: Exchange) -> None:
        """Add an exchange that did not go through our client, such as one of the browser."""
        self.exchanges.append(exchange)
        self.listener(exchange)

    async def _heard(self, response: httpx2.Response) -> None:
        request = response.request
        answer: Mapping[str, Any] = {}
        # An MCP answer may be a stream that ends much later, and it is not ours to read.
        if request.method == "GET" and "json" in response.headers.get("content-type", ""):
            answer = _members(await response.aread(), "json")
        exchange = Exchange(
            method=request.method,
            url=str(request.url).partition("?")[0],
            status=response.status_code,
            headers=dict(response.headers),
            sent=_members(request.content, request.headers.get("content-type", "")),
            answer=answer,
            version=request.headers.get("mcp-protocol-version", ""),
        )
        self.note(exchange)


def _members(body: bytes, content_type: str) -> Mapping[str, Any]:
    if "form" in content_type:
        return dict(parse_qsl(body.decode()))
    try:
        found = json.loads(body)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def without_secrets(text: str) -> str:
    """A text with the queries of its addresses cut off: codes, states and flow ids stand there."""
    return _QUERY.sub("?...", text)
