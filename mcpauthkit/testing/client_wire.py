"""The wire of a test's MCP client: real HTTP, on which the token and the declared capabilities are what a test wants.

The clients of FastMCP and of the SDK declare that they open links as soon as they can ask their user anything. Clients
that know only forms exist all the same, so the declaration is edited on its way out, and the client stays a real one.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import httpx2

from mcpauthkit.testing.wire import tls_for

if TYPE_CHECKING:
    from collections.abc import Callable

_MODERN_CAPABILITIES = "io.modelcontextprotocol/clientCapabilities"
_FIRST_ERROR = 400


@dataclass(frozen=True, slots=True)
class HttpRefusal:
    """How a server refused a request before MCP saw it."""

    status: int
    challenge: str


class ClientWire(httpx2.AsyncBaseTransport):
    """Sends what a client sends, and remembers how it was refused.

    Args:
        url: The MCP endpoint.
        token: The bearer token of the moment; empty for none.
        forms_only: Whether the client says that it knows forms, and nothing of links.

    Attributes:
        refusal: How the latest POST was refused, if it was.
        has_session: Whether the server has given the client a session.
    """

    def __init__(self, url: str, *, token: Callable[[], str], forms_only: bool) -> None:
        self.refusal: HttpRefusal | None = None
        self.has_session = False
        self._token = token
        self._forms_only = forms_only
        self._network = httpx2.AsyncHTTPTransport(verify=tls_for(url))

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        """Send one request."""
        if token := self._token():
            request.headers["authorization"] = f"Bearer {token}"
        response = await self._network.handle_async_request(self._edited(request) if self._forms_only else request)
        self.has_session = self.has_session or "mcp-session-id" in response.headers
        # The stream that a legacy client opens by GET may be refused without harm.
        if request.method == "POST":
            is_refused = response.status_code >= _FIRST_ERROR
            challenge = response.headers.get("www-authenticate", "")
            self.refusal = HttpRefusal(response.status_code, challenge) if is_refused else None
        return response

    async def aclose(self) -> None:
        """Close the connections."""
        await self._network.aclose()

    def _edited(self, request: httpx2.Request) -> httpx2.Request:
        try:
            message = json.loads(request.content)
        except (ValueError, httpx2.RequestNotRead):
            return request
        if not any(map(_take_urls, _declarations(message))):
            return request
        headers = [(name, value) for name, value in request.headers.raw if name.lower() != b"content-length"]
        return httpx2.Request(
            request.method, request.url, headers=headers, content=json.dumps(message), extensions=request.extensions
        )


def _declarations(message: Any) -> list[Any]:
    parameters = message.get("params") if isinstance(message, dict) else None
    if not isinstance(parameters, dict):
        return []
    meta = parameters.get("_meta")
    return [parameters.get("capabilities"), meta.get(_MODERN_CAPABILITIES) if isinstance(meta, dict) else None]


def _take_urls(capabilities: Any) -> bool:
    elicitation = capabilities.get("elicitation") if isinstance(capabilities, dict) else None
    return isinstance(elicitation, dict) and elicitation.pop("url", None) is not None
