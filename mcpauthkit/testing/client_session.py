"""Sessions of the two client libraries, which say the same things in different ways."""

from __future__ import annotations

from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, Protocol

import httpx2
import mcp_types
from fastmcp import Client as FastMCPClient
from fastmcp.client.elicitation import ElicitResult
from fastmcp.client.transports import StreamableHttpTransport
from mcp.client.client import Client as SdkClient
from mcp.client.streamable_http import streamable_http_client
from mcp.shared.exceptions import MCPError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from mcpauthkit.testing.client_wire import ClientWire
    from mcpauthkit.testing.profiles import ClientProfile
    from mcpauthkit.testing.visits import Reply

Library = Literal["fastmcp", "mcp"]
"""Whose client it is: FastMCP's, or that of the official SDK."""

# A call may be held while somebody clicks, so reading may take long.
_TIMEOUT = httpx2.Timeout(10.0, read=60.0)


class Session(Protocol):
    """What the clients of both libraries can do."""

    async def call_tool(self, name: str, arguments: dict[str, Any]) -> Any:
        """Call a tool; gives the result as it came, with `content`, `structured_content` and `is_error`."""
        ...

    async def list_tools(self) -> list[str]:
        """The names of the tools."""
        ...


@dataclass(frozen=True, slots=True)
class Endpoint:
    """What a session needs.

    Attributes:
        url: The MCP endpoint.
        wire: What its requests go through.
        profile: The kind of client.
        ask: What somebody does who is asked to open a link; gives what their client replies.
        login: How the client gets its token, if by itself.
    """

    url: str
    wire: ClientWire
    profile: ClientProfile
    ask: Callable[[str], Awaitable[Reply]]
    login: httpx2.Auth | None


@asynccontextmanager
async def session_of(library: Library, endpoint: Endpoint) -> AsyncIterator[Session]:
    """A session, for as long as the block runs.

    Args:
        library: Whose client it is.
        endpoint: Where to, and how.

    Raises:
        MCPError: The server refuses to begin one.
    """
    open_session = _fastmcp_session if library == "fastmcp" else _sdk_session
    async with open_session(endpoint) as session:
        yield session


class _FastMCPSession:
    def __init__(self, client: FastMCPClient[Any]) -> None:
        self._client = client

    async def call_tool(self, name: str, arguments: dict[str, Any]) -> Any:
        return await self._client.call_tool(name, arguments, raise_on_error=False)

    async def list_tools(self) -> list[str]:
        return [tool.name for tool in await self._client.list_tools()]


class _SdkSession:
    def __init__(self, client: SdkClient) -> None:
        self._client = client

    async def call_tool(self, name: str, arguments: dict[str, Any]) -> Any:
        return await self._client.call_tool(name, arguments)

    async def list_tools(self) -> list[str]:
        return [tool.name for tool in (await self._client.list_tools()).tools]


@asynccontextmanager
async def _fastmcp_session(endpoint: Endpoint) -> AsyncIterator[Session]:
    async def answered(_message: str, _type: Any, params: Any, _context: Any) -> ElicitResult[Any]:
        return ElicitResult(action=await _reply(endpoint, params))

    def http(
        headers: dict[str, str] | None = None,
        timeout: httpx2.Timeout | None = None,
        auth: httpx2.Auth | None = None,
        **options: Any,
    ) -> httpx2.AsyncClient:
        return httpx2.AsyncClient(
            transport=endpoint.wire, headers=headers, timeout=timeout or _TIMEOUT, auth=auth, **options
        )

    transport = StreamableHttpTransport(endpoint.url, httpx_client_factory=http, auth=endpoint.login)
    asks = endpoint.profile.elicitation != "none"
    async with FastMCPClient(
        transport, mode=endpoint.profile.mode, elicitation_handler=answered if asks else None
    ) as client:
        yield _FastMCPSession(client)


@asynccontextmanager
async def _sdk_session(endpoint: Endpoint) -> AsyncIterator[Session]:
    async def answered(context: Any, params: Any) -> mcp_types.ElicitResult:  # noqa: ARG001  # the SDK's protocol names it
        return mcp_types.ElicitResult(action=await _reply(endpoint, params))

    asks = endpoint.profile.elicitation != "none"
    async with AsyncExitStack() as opened:
        http = await opened.enter_async_context(
            httpx2.AsyncClient(transport=endpoint.wire, timeout=_TIMEOUT, auth=endpoint.login, follow_redirects=True)
        )
        client = SdkClient(
            streamable_http_client(endpoint.url, http_client=http),
            mode=endpoint.profile.mode,
            elicitation_callback=answered if asks else None,
        )
        try:
            await opened.enter_async_context(client)
        except BaseExceptionGroup as group:
            # A refused beginning comes out of its task groups, wrapped as often as there are some.
            raise _first_of(group) from None
        yield _SdkSession(client)


async def _reply(endpoint: Endpoint, params: Any) -> Reply:
    # A tool that asks for values has nobody here who could fill them in.
    url = getattr(params, "url", None)
    return "decline" if url is None else await endpoint.ask(url)


def _first_of(group: BaseExceptionGroup[BaseException]) -> BaseException:
    found = group.subgroup(MCPError)
    error: BaseException = found or group
    while isinstance(error, BaseExceptionGroup):
        if found is None:
            return group
        error = error.exceptions[0]
    return error
