"""The MCP call in progress, on FastMCP and on the official SDK's MCPServer, in either era."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from contextvars import ContextVar
from dataclasses import dataclass, field, replace
from typing import Any

import mcp_types
from fastmcp.exceptions import FastMCPError
from fastmcp.server.context import Context as FastMCPContext
from fastmcp.server.dependencies import FastMCPRequestContext, get_access_token, get_context
from mcp.server.context import ServerRequestContext
from mcp.server.mcpserver import Context as MCPServerContext
from mcp.server.mcpserver.exceptions import ResourceError, ToolError
from mcp.server.session import ServerSession
from mcp.shared.exceptions import MCPError, UrlElicitationRequiredError
from mcp_types.version import MODERN_PROTOCOL_VERSIONS

from mcpauthkit.access.auth_check import principal_of_token
from mcpauthkit.errors import NotSignedIn
from mcpauthkit.principal import Principal, current_user
from mcpauthkit.protocol.fastmcp_auth import principal_of_user
from mcpauthkit.protocol.sinks import PRINCIPAL_KEY

UserContext = ContextVar[Any]
_TRANSPORTS = {"streamable-http": "http", "http": "http", "sse": "sse", "stdio": "stdio", None: "memory"}

mcpserver_request: ContextVar[ServerRequestContext[Any, Any] | None] = ContextVar(
    "mcpauthkit_mcpserver_request", default=None
)
"""Set by the hook that `register(app, mcp)` puts into an MCPServer, which has no context accessor of its own."""

fastmcp_hook_active: ContextVar[bool] = ContextVar("mcpauthkit_fastmcp_hook_active", default=False)
"""Whether our FastMCP middleware is around this call, so that a URL elicitation error can reach the wire."""


class CallRefused(FastMCPError):
    """Ends a FastMCP call with a text for the model; FastMCP passes its own errors on unchanged.

    Args:
        text: What the model reads.
    """

    def __init__(self, text: str) -> None:
        # Asking a user to connect is no fault of the server: nobody has to be paged for it.
        super().__init__(text, log_level=logging.INFO)


class UrlElicitationNeeded(FastMCPError):
    """Asks our FastMCP middleware to answer with error -32042, which a tool body cannot do itself.

    Args:
        elicitation: What the client has to show.
    """

    def __init__(self, elicitation: mcp_types.ElicitRequestURLParams) -> None:
        super().__init__(elicitation.message, log_level=logging.INFO)
        self.elicitation = elicitation

    def to_wire(self) -> UrlElicitationRequiredError:
        """The error as the protocol spells it."""
        return _url_error(self.elicitation)


@dataclass(frozen=True, slots=True)
class Call:
    """One tool call, resource read or prompt, as much of it as asking a user needs.

    Args:
        session: The SDK's session, for what goes to the client.
        protocol_version: As negotiated.
        request_id: The JSON-RPC id; ties our questions to the call's own stream.
        scope: The ASGI scope of the HTTP request, or None on stdio and in background tasks.
        input_responses: Answers to an earlier input-required result.
        request_state: State of an earlier input-required result, unsealed.
        in_background: Whether a worker runs it, with nobody waiting.
        can_raise_url_error: Whether error -32042 can reach the wire from here.
        refuse: Makes the exception that ends the call with a text.
        url_error: Makes the exception that ends the call with error -32042.
        end_round: Takes our state and the answer to a service's question away from what the tool is going to see.
        method: What the client asks for, such as `tools/call`; empty in background tasks.
        target: The name or address it asks it of; empty in background tasks.
        transport: `http`, `sse`, `stdio` or `memory`; empty where the server does not tell.
    """

    session: ServerSession
    protocol_version: str
    request_id: str | int | None
    # Headers, and so the caller's token, are in it: a tool that reports variables must not send it anywhere.
    scope: Mapping[str, Any] | None = field(repr=False)
    input_responses: Mapping[str, Any] | None = field(repr=False)
    request_state: str | None = field(repr=False)
    in_background: bool
    can_raise_url_error: bool
    refuse: Callable[[str], Exception]
    url_error: Callable[[mcp_types.ElicitRequestURLParams], Exception]
    end_round: Callable[[str], None] = field(default=lambda _service: None)
    method: str = ""
    target: str = ""
    transport: str = ""

    @property
    def is_modern(self) -> bool:
        """Whether this is the 2026-07-28 era."""
        return self.protocol_version in MODERN_PROTOCOL_VERSIONS

    @property
    def declares_url_mode(self) -> bool:
        """Whether the client declared URL elicitation.

        Read from the declaration itself: the SDK's `check_client_capability` says yes for form mode too.
        """
        capabilities = self.session.client_capabilities
        elicitation = capabilities.elicitation if capabilities is not None else None
        return elicitation is not None and elicitation.url is not None

    @property
    def has_back_channel(self) -> bool:
        """Whether the server can send requests while the call runs."""
        return self.session.can_send_request

    def principal(self, user_context: UserContext | None) -> Principal:
        """Who is calling: from the request itself, else from the context.

        A context variable is frozen where some servers start their session, so the request comes first.

        Raises:
            NotSignedIn: Nobody, as far as this server knows.
        """
        principal = self.scope.get(PRINCIPAL_KEY) if self.scope is not None else None
        if isinstance(principal, Principal):
            return principal
        verified = None if self.scope is None else principal_of_user(self.scope.get("user"))
        if verified is not None:
            return verified
        if self.scope is None:
            candidates = (
                user_context.get(None) if user_context is not None else None,
                current_user.get(),
                # In a background task: from the token FastMCP restores there.
                principal_of_token(get_access_token()),
            )
            for candidate in candidates:
                if isinstance(candidate, Principal):
                    return candidate
        raise NotSignedIn(
            hint="Put JwtAuthMiddleware in front of the MCP server.",
        )


def current_call(args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Call:
    """The call in progress.

    Args:
        args: Positional arguments of the tool; one of them may be a context.
        kwargs: Keyword arguments of the tool.

    Raises:
        NotSignedIn: There is no MCP call in progress.
    """
    context = next((one for one in (*args, *kwargs.values()) if isinstance(one, MCPServerContext)), None)
    if context is not None:
        return replace(_from_mcpserver(context.request_context), end_round=lambda service: _end_there(context, service))
    request = mcpserver_request.get()
    if request is not None:
        return _from_mcpserver(request)
    try:
        return _from_fastmcp(get_context())
    except RuntimeError as error:
        raise NotSignedIn(
            "This function guards an MCP call, and none is in progress.",
            hint=(
                "On an MCPServer, call attach_access(mcp) or register(app, mcp), or give the tool a Context parameter. "
                "In a route use Depends(provider.token(...)) or Depends(provider.credentials())."
            ),
        ) from error


def _from_fastmcp(context: FastMCPContext) -> Call:
    request = context.request_context
    http = request.request if request is not None else None
    session = context.session
    sdk_request: ServerRequestContext[Any, Any] | None = getattr(request, "_srctx", None)
    return Call(
        session=session,
        protocol_version=session.protocol_version if request is None else request.protocol_version,
        request_id=request.request_id if request is not None else None,
        scope=http.scope if http is not None else None,
        input_responses=context.input_responses,
        request_state=context.request_state,
        in_background=context.is_background_task,
        can_raise_url_error=fastmcp_hook_active.get(),
        refuse=CallRefused,
        url_error=UrlElicitationNeeded,
        end_round=lambda service: _end_here(request, service),
        method="" if sdk_request is None else sdk_request.method,
        target="" if sdk_request is None else _target_of(sdk_request),
        transport=_TRANSPORTS.get(context.transport, ""),
    )


# Neither server has a public way to say that a round was somebody else's. A tool with rounds of its own would take our
# state for its own, so both are told where they keep it; where they keep it elsewhere some day, tests will say so.


def _end_here(request: FastMCPRequestContext | None, service: str) -> None:
    context = getattr(request, "_srctx", None)
    if context is not None and context.params is not None:
        context.params = _without_round(context.params, service)


def _end_there(context: MCPServerContext[Any, Any], service: str) -> None:
    params = _without_round(context.request_context.params or {}, service)
    context._input_params = mcp_types.InputResponseRequestParams.model_validate(params)  # noqa: SLF001  # see above


def _without_round(params: Mapping[str, Any], service: str) -> dict[str, Any]:
    answers = {name: one for name, one in (params.get("inputResponses") or {}).items() if name != service}
    kept = {name: one for name, one in params.items() if name not in {"requestState", "inputResponses"}}
    return {**kept, "inputResponses": answers} if answers else kept


def _from_mcpserver(request: ServerRequestContext[Any, Any]) -> Call:
    scope = getattr(request.request, "scope", None)
    again = mcp_types.InputResponseRequestParams.model_validate(dict(request.params or {}))
    return Call(
        session=request.session,
        protocol_version=request.protocol_version,
        request_id=request.request_id,
        scope=scope,
        input_responses=again.input_responses,
        request_state=again.request_state,
        in_background=False,
        can_raise_url_error=True,
        refuse=_MCPSERVER_REFUSALS.get(request.method, _refuse_on_the_wire),
        url_error=_url_error,
        method=request.method,
        target=_target_of(request),
        # In memory or on stdio, it does not tell which.
        transport="" if scope is None else "http",
    )


def _target_of(request: ServerRequestContext[Any, Any]) -> str:
    asked = request.params or {}
    return str(asked.get("uri") or asked.get("name") or "")


def _refuse_on_the_wire(text: str) -> Exception:
    return MCPError(mcp_types.INTERNAL_ERROR, text)


_MCPSERVER_REFUSALS: dict[str, Callable[[str], Exception]] = {"tools/call": ToolError, "resources/read": ResourceError}


def _url_error(elicitation: mcp_types.ElicitRequestURLParams) -> UrlElicitationRequiredError:
    # Clients that do not know this error show its message, or give it to the model.
    text = f"{elicitation.message} Its address is {elicitation.url} and after that, call the tool again."
    return UrlElicitationRequiredError([elicitation], text)
