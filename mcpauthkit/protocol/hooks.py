"""What `register(app, mcp)` puts into a server: our FastMCP middleware, or our hook in the SDK's MCPServer."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
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

from mcpauthkit.errors import ConfigurationError
from mcpauthkit.protocol.call import UrlElicitationNeeded, fastmcp_hook_active, mcpserver_request
from mcpauthkit.protocol.injection import QuestionRaised, called_as, refusal_of_dependency
from mcpauthkit.protocol.wrapper import GUARDED

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
        return await _translated(context, call_next, InputRequiredToolResult, purpose=context.message.name)

    async def on_read_resource(
        self,
        context: MiddlewareContext[mcp_types.ReadResourceRequestParams],
        call_next: CallNext[mcp_types.ReadResourceRequestParams, ResourceResult],
    ) -> ResourceResult:
        """Around a resource."""
        # Never the address: with a template, the caller chooses what would stand on the connect page.
        return await _translated(context, call_next, InputRequiredResourceResult, purpose="This resource")

    async def on_get_prompt(
        self,
        context: MiddlewareContext[mcp_types.GetPromptRequestParams],
        call_next: CallNext[mcp_types.GetPromptRequestParams, PromptResult],
    ) -> PromptResult:
        """Around a prompt."""
        return await _translated(context, call_next, InputRequiredPromptResult, purpose=context.message.name)


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
    try:
        return await call_next(ctx)
    finally:
        mcpserver_request.reset(token)


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
    # There is no public way to the functions. Without these a misplaced guard would go unnoticed.
    listed = (
        *_listed(mcp, "_tool_manager", "list_tools"),
        *_listed(mcp, "_resource_manager", "list_resources"),
        *_listed(mcp, "_resource_manager", "list_templates"),
        *_listed(mcp, "_prompt_manager", "list_prompts"),
    )
    functions = (getattr(one, "fn", None) for one in listed)
    return [inspect.unwrap(one, stop=_is_guarded) for one in functions if callable(one)]


def functions_of(mcp: FastMCP[Any] | MCPServer[Any]) -> Iterator[Callable[..., Any]]:
    """The functions of a server and, on FastMCP, of those mounted in it, as far as they are in this process."""
    if isinstance(mcp, MCPServer):
        yield from registered_functions(mcp)
        return
    for provider in mcp.providers:
        # Its public listing is asynchronous, and would ask servers elsewhere as well.
        for one in getattr(provider, "_components", {}).values():
            if callable(getattr(one, "fn", None)):
                yield one.fn
        mounted = getattr(getattr(provider, "_inner", provider), "server", None)
        if isinstance(mounted, FastMCP):
            yield from functions_of(mounted)


def _listed(mcp: MCPServer[Any], manager: str, method: str) -> list[Any]:
    found = getattr(getattr(mcp, manager, None), method, None)
    return list(found()) if found is not None else []


def _is_guarded(function: Callable[..., Any]) -> bool:
    return getattr(function, GUARDED, False)
