"""What `register(app, mcp)` puts into a server: our FastMCP middleware, or our hook in the SDK's MCPServer."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import mcp_types
from fastmcp import FastMCP
from fastmcp.exceptions import FastMCPError
from fastmcp.prompts.base import InputRequiredPromptResult, PromptResult
from fastmcp.resources.base import InputRequiredResourceResult, ResourceResult
from fastmcp.server.middleware import CallNext, Middleware, MiddlewareContext
from fastmcp.tools.base import InputRequiredToolResult, ToolResult
from mcp.server.context import CallNext as CallNextRequest
from mcp.server.context import HandlerResult, ServerRequestContext
from mcp.server.mcpserver import MCPServer
from mcp.shared.exceptions import MCPError

from mcpauthkit.core.audit import Actor
from mcpauthkit.errors import AuditUnavailable, ConfigurationError
from mcpauthkit.protocol.call import CallRefused, UrlElicitationNeeded, fastmcp_hook_active, mcpserver_request
from mcpauthkit.protocol.call_record import CallRecord
from mcpauthkit.protocol.in_request import actor_in, in_request
from mcpauthkit.protocol.injection import QuestionRaised, called_as, refusal_of_dependency
from mcpauthkit.protocol.wrapper import GUARDED, public_text

# By method: what is used, how, and the member that says which.
_USES = {
    "tools/call": ("tool", "call", "name"),
    "resources/read": ("resource", "read", "uri"),
    "prompts/get": ("prompt", "get", "name"),
}

M = TypeVar("M")
R = TypeVar("R")


class UrlElicitationMiddleware(Middleware):
    """Lets reach the wire what FastMCP would turn into other texts: error -32042, and what our dependencies raise."""

    async def on_call_tool(
        self,
        context: MiddlewareContext[mcp_types.CallToolRequestParams],
        call_next: CallNext[mcp_types.CallToolRequestParams, ToolResult],
    ) -> ToolResult:
        """Around a tool."""
        with _edge(context, kind="tool", action="call", target=context.message.name) as told:
            result = await _translated(context, call_next, InputRequiredToolResult, purpose=context.message.name)
            told.came_to(result)
            return result

    async def on_read_resource(
        self,
        context: MiddlewareContext[mcp_types.ReadResourceRequestParams],
        call_next: CallNext[mcp_types.ReadResourceRequestParams, ResourceResult],
    ) -> ResourceResult:
        """Around a resource."""
        with _edge(context, kind="resource", action="read", target=str(context.message.uri)) as told:
            # Never the address: with a template, the caller chooses what would stand on the connect page.
            result = await _translated(context, call_next, InputRequiredResourceResult, purpose="This resource")
            told.came_to(result)
            return result

    async def on_get_prompt(
        self,
        context: MiddlewareContext[mcp_types.GetPromptRequestParams],
        call_next: CallNext[mcp_types.GetPromptRequestParams, PromptResult],
    ) -> PromptResult:
        """Around a prompt."""
        with _edge(context, kind="prompt", action="get", target=context.message.name) as told:
            result = await _translated(context, call_next, InputRequiredPromptResult, purpose=context.message.name)
            told.came_to(result)
            return result


@contextmanager
def _edge(context: MiddlewareContext[Any], *, kind: str, action: str, target: str) -> Iterator[CallRecord]:
    request = None if context.fastmcp_context is None else context.fastmcp_context.request_context
    http = None if request is None else request.request
    scope = None if http is None else http.scope
    try:
        with in_request(scope, request), CallRecord(actor_in(scope), kind=kind, action=action, target=target) as told:
            yield told
    except AuditUnavailable as error:
        raise CallRefused(public_text(error)) from error


async def _translated(
    context: MiddlewareContext[M],
    call_next: CallNext[M, R],
    ask: Callable[[mcp_types.InputRequiredResult], R],
    *,
    purpose: str,
) -> R:
    active, named = fastmcp_hook_active.set(True), called_as.set(purpose)
    try:
        return await call_next(context)
    except (FastMCPError, MCPError) as error:
        # Middleware behind ours, such as FastMCP's ErrorHandlingMiddleware, may have put an error of its own on top.
        for one in (error, error.__cause__):
            if isinstance(one, QuestionRaised):
                return ask(one.question)
            if isinstance(one, UrlElicitationNeeded):
                raise one.to_wire() from error
        refusal = refusal_of_dependency(error)
        if refusal is None:
            raise
        raise refusal from error
    finally:
        called_as.reset(named)
        fastmcp_hook_active.reset(active)


async def _remember_request(ctx: ServerRequestContext[Any, Any], call_next: CallNextRequest) -> HandlerResult:
    token = mcpserver_request.set(ctx)
    scope = getattr(ctx.request, "scope", None)
    try:
        with in_request(scope, ctx):
            return await _recorded(ctx, call_next, actor_in(scope))
    finally:
        mcpserver_request.reset(token)


async def _recorded(
    ctx: ServerRequestContext[Any, Any], call_next: CallNextRequest, actor: Actor | None
) -> HandlerResult:
    use = _USES.get(ctx.method)
    if use is None:
        return await call_next(ctx)
    kind, action, member = use
    target = str((ctx.params or {}).get(member, ""))
    try:
        with CallRecord(actor, kind=kind, action=action, target=target) as told:
            result = await call_next(ctx)
            told.came_to(result)
            return result
    except AuditUnavailable as error:
        text = public_text(error)
        if ctx.method != "tools/call":
            raise MCPError(mcp_types.INTERNAL_ERROR, text) from error
        return mcp_types.CallToolResult(content=[mcp_types.TextContent(type="text", text=text)], is_error=True)


def attach(mcp: FastMCP[Any] | MCPServer[Any]) -> None:
    """Put our hook into a server, once.

    Raises:
        ConfigurationError: It is neither a FastMCP nor an MCPServer object.
    """
    match mcp:
        case FastMCP():
            if not any(isinstance(one, UrlElicitationMiddleware) for one in mcp.middleware):
                mcp.add_middleware(UrlElicitationMiddleware())
        case MCPServer():
            if _remember_request not in mcp.middleware:
                mcp.middleware.append(_remember_request)
        case _:
            raise ConfigurationError(
                f"register() got a {type(mcp).__name__} as mcp.",
                hint="Pass the FastMCP or MCPServer object itself, not its app.",
            )


def registered_functions(mcp: FastMCP[Any] | MCPServer[Any]) -> list[Callable[..., Any]]:
    """The functions an MCPServer calls; it leaves no mark on them. Empty for FastMCP, which does."""
    if not isinstance(mcp, MCPServer):
        return []
    functions = (getattr(one, "fn", None) for one in components_of(mcp))
    return [inspect.unwrap(one, stop=_is_guarded) for one in functions if callable(one)]


def functions_of(mcp: FastMCP[Any] | MCPServer[Any]) -> Iterator[Callable[..., Any]]:
    """The functions of a server and, on FastMCP, of those mounted in it, as far as they are in this process."""
    if isinstance(mcp, MCPServer):
        yield from registered_functions(mcp)
        return
    for one in components_of(mcp):
        if callable(getattr(one, "fn", None)):
            yield one.fn


def components_of(mcp: FastMCP[Any] | MCPServer[Any]) -> list[Any]:
    """The tools, resources and prompts of a server and, on FastMCP, of those mounted in it, as `functions_of`."""
    if isinstance(mcp, MCPServer):
        # There is no public way to the functions. Without these a misplaced guard would go unnoticed.
        return [
            *_listed(mcp, "_tool_manager", "list_tools"),
            *_listed(mcp, "_resource_manager", "list_resources"),
            *_listed(mcp, "_resource_manager", "list_templates"),
            *_listed(mcp, "_prompt_manager", "list_prompts"),
        ]
    found: list[Any] = []
    for provider in mcp.providers:
        # Its public listing is asynchronous, and would ask servers elsewhere as well.
        found.extend(getattr(provider, "_components", {}).values())
        mounted = getattr(getattr(provider, "_inner", provider), "server", None)
        if isinstance(mounted, FastMCP):
            found.extend(components_of(mounted))
    return found


def _listed(mcp: MCPServer[Any], manager: str, method: str) -> list[Any]:
    found = getattr(getattr(mcp, manager, None), method, None)
    return list(found()) if found is not None else []


def _is_guarded(function: Callable[..., Any]) -> bool:
    return getattr(function, GUARDED, False)
