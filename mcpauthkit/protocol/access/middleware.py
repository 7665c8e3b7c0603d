"""`AccessMiddleware`: who sees and uses what of a FastMCP server.

Theory of operation. Lists and calls are decided by the same rules for the same target, so what a client sees is what it
may use. A call is decided about the very component that is going to run, in its version. A name that nothing goes by is
decided as well: where the rules refuse it, the words are those for a tool that exists, and where they allow it, the
answer is that there is none. So rules about names and namespaces do not tell what there is; a rule that denies by tag
does, because only what exists has tags. A caller who guesses the name of a hidden tool learns then that it is there.

A mounted server runs its own tools, and one of them may call others of its server by name. Such a call does not come
through here, so every mounted server of this process gets a middleware of its own that asks here; see
`mounted`.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from functools import partial
from typing import Any, TypeVar

import mcp_types
from fastmcp.prompts.base import Prompt, PromptResult
from fastmcp.resources.base import Resource, ResourceResult
from fastmcp.resources.template import ResourceTemplate
from fastmcp.server.middleware import CallNext, Middleware, MiddlewareContext
from fastmcp.tools.base import Tool, ToolResult
from fastmcp.utilities.components import FastMCPComponent

from mcpauthkit.access.request import Action, Kind, Target
from mcpauthkit.access.rules import AccessRules
from mcpauthkit.access.tool_scopes import ToolScopes
from mcpauthkit.core.audit import Recorder
from mcpauthkit.core.clock import Clock
from mcpauthkit.principal import Principal
from mcpauthkit.protocol.access.components import find_readable, find_tool, named_target, read_target, requested_version
from mcpauthkit.protocol.access.control import (
    AccessControl,
    ChangeablePolicies,
    ConnectedServices,
    PolicySources,
    policies_from,
)
from mcpauthkit.protocol.access.desk import AccessDesk, FastMCPRequest
from mcpauthkit.protocol.access.guards import Reached, reach
from mcpauthkit.protocol.access.hops import next_hop
from mcpauthkit.protocol.access.mounted import watch_mounted
from mcpauthkit.protocol.access.order import MiddlewareOrder
from mcpauthkit.protocol.access.private import keep_private
from mcpauthkit.protocol.access.stdout import refuse_trail_on_stdout
from mcpauthkit.protocol.placement import Placement
from mcpauthkit.protocol.stdio_identity import stdio_identity

C = TypeVar("C", bound=FastMCPComponent)


class AccessMiddleware(ChangeablePolicies, Middleware):
    """Filters lists, and refuses calls, by rules.

    Add it as the first middleware, so that nothing answers before it; behind FastMCP's response cache, and beside a
    second one of itself, a server serves nothing, and the log says why. It covers tools, resources, templates and
    prompts, what is mounted, and completions, subscriptions and background tasks of them. A mounted server may have one
    of its own: what it refuses is refused, whatever the outer one allows.

    Args:
        policies: A policy file, a folder of them, a policy, several of these, or a `Policies` of yours.
        tool_scopes: The scopes that tools need, by name; the same table belongs into `JwtAuthMiddleware`.
        require_auth: Whether everything needs a signed-in caller.
        public_tools: Tools that need none all the same.
        audit: Where events go; without it, where those of `JwtAuthMiddleware` do, else to the log.
        connected_services: `Connections(app).connected_services`, or a function of yours; where a rule needs it.
        stdio_principal: Who the caller is on stdio, where no token comes; without it, the environment says
            (`MCPAUTHKIT_STDIO_USER`), and where that does not either, nobody.
        namespaces: Namespaces of what a proxied server has mounted, which only names tell: `weather` for
            `weather_today`.
        clock: Time.

    Raises:
        ConfigurationError: An argument cannot be used.
        PolicyInvalid: A policy cannot be used.
    """

    def __init__(
        self,
        policies: PolicySources | None = None,
        *,
        tool_scopes: ToolScopes | Mapping[str, Sequence[str]] | None = None,
        require_auth: bool = False,
        public_tools: Collection[str] = (),
        audit: Recorder | None = None,
        connected_services: ConnectedServices | None = None,
        stdio_principal: Principal | None = None,
        namespaces: Collection[str] = (),
        clock: Clock | None = None,
    ) -> None:
        given = policies_from(policies, audit=audit, clock=clock)
        super().__init__(given, audit)
        rules = AccessRules(given, tool_scopes=tool_scopes, require_auth=require_auth, public_tools=public_tools)
        self._desk = AccessDesk(
            AccessControl(rules, connected_services=connected_services, audit=audit, clock=clock),
            stdio_identity(stdio_principal),
            namespaces=namespaces,
            require_auth=require_auth,
        )
        self._placement = Placement()
        self._order = MiddlewareOrder(self)

    @property
    def tool_scopes(self) -> ToolScopes:
        """The scopes that tools need."""
        return self._desk.control.rules.tool_scopes

    async def on_request(self, context: MiddlewareContext[Any], call_next: CallNext[Any, Any]) -> Any:
        """Around every request: it runs as its own caller's."""
        request = self._desk.request(context)
        keep_private(request.server)
        self._order.check(request.server)
        self._placement.check(request.server)
        watch_mounted(request.server, self._desk)
        with self._desk.serving(request):
            refuse_trail_on_stdout(request.transport)
            if not isinstance(context.message, Mapping):
                # Lists and calls come as what they are; everything else as it was sent.
                return await call_next(context)
            message = await self._desk.side_door(request).check(context.method or "", context.message)
            return await call_next(context.copy(message=message))

    async def on_list_tools(
        self,
        context: MiddlewareContext[mcp_types.ListToolsRequest],
        call_next: CallNext[mcp_types.ListToolsRequest, Sequence[Tool]],
    ) -> Sequence[Tool]:
        """Leave out tools that the caller may not call."""
        return await self._shown(context, call_next, Kind.TOOL)

    async def on_list_resources(
        self,
        context: MiddlewareContext[mcp_types.ListResourcesRequest],
        call_next: CallNext[mcp_types.ListResourcesRequest, Sequence[Resource]],
    ) -> Sequence[Resource]:
        """Leave out resources that the caller may not read."""
        return await self._shown(context, call_next, Kind.RESOURCE)

    async def on_list_resource_templates(
        self,
        context: MiddlewareContext[mcp_types.ListResourceTemplatesRequest],
        call_next: CallNext[mcp_types.ListResourceTemplatesRequest, Sequence[ResourceTemplate]],
    ) -> Sequence[ResourceTemplate]:
        """Leave out templates that the caller may not read from."""
        return await self._shown(context, call_next, Kind.TEMPLATE)

    async def on_list_prompts(
        self,
        context: MiddlewareContext[mcp_types.ListPromptsRequest],
        call_next: CallNext[mcp_types.ListPromptsRequest, Sequence[Prompt]],
    ) -> Sequence[Prompt]:
        """Leave out prompts that the caller may not get."""
        return await self._shown(context, call_next, Kind.PROMPT)

    async def on_call_tool(
        self,
        context: MiddlewareContext[mcp_types.CallToolRequestParams],
        call_next: CallNext[mcp_types.CallToolRequestParams, ToolResult],
    ) -> ToolResult:
        """Let a call pass that is allowed."""
        request, message = self._desk.request(context), context.message
        find = partial(find_tool, request.server, message.name, requested_version(message.meta))
        tool, withholding = await reach(find, request.principal)
        target = named_target(Kind.TOOL, message.name, tool, self._desk.namespaces(request.server))
        # Nothing runs that was not found: a tool that turns up a moment later has not been decided about.
        unknown = f"Unknown tool: {message.name!r}" if tool is None else ""
        await self._desk.admit(
            request,
            target,
            Action.CALL,
            message.arguments or {},
            component=tool,
            withholding=withholding,
            unknown=unknown,
        )
        delegating = self._desk.delegating(target.namespace, await next_hop(tool))
        with delegating, self._desk.telling(request, target, Action.CALL) as told:
            result = await call_next(context)
            told.came_to(result)
            self._desk.tasks.remember(result, target, message.arguments or {})
            return result

    async def check_resource_access(self, context: MiddlewareContext[mcp_types.ReadResourceRequestParams]) -> None:
        """Let a read pass that is allowed; also asked by extensions that tell of a resource without reading it."""
        await self._admit_read(self._desk.request(context), context.message)

    async def on_read_resource(
        self,
        context: MiddlewareContext[mcp_types.ReadResourceRequestParams],
        call_next: CallNext[mcp_types.ReadResourceRequestParams, ResourceResult],
    ) -> ResourceResult:
        """Let a read pass that is allowed."""
        request = self._desk.request(context)
        target, found = await self._admit_read(request, context.message)
        delegating = self._desk.delegating(target.namespace, await next_hop(found, target.uri))
        with delegating, self._desk.telling(request, target, Action.READ) as told:
            result = await call_next(context)
            told.came_to(result)
            return result

    async def _admit_read(
        self, request: FastMCPRequest, message: mcp_types.ReadResourceRequestParams
    ) -> tuple[Target, Resource | ResourceTemplate | None]:
        uri = str(message.uri)
        find = partial(find_readable, request.server, uri, requested_version(message.meta))
        reached: Reached[Resource | ResourceTemplate] = await reach(find, request.principal)
        found, withholding = reached
        target = read_target(uri, found, self._desk.namespaces(request.server))
        # FastMCP makes the pages of its own apps as they are read; nobody can look them up.
        unknown = f"Unknown resource: {uri!r}" if found is None and not uri.startswith("ui://") else ""
        await self._desk.admit(
            request, target, Action.READ, None, component=found, withholding=withholding, unknown=unknown
        )
        return target, found

    async def on_get_prompt(
        self,
        context: MiddlewareContext[mcp_types.GetPromptRequestParams],
        call_next: CallNext[mcp_types.GetPromptRequestParams, PromptResult],
    ) -> PromptResult:
        """Let a prompt pass that is allowed."""
        request, message = self._desk.request(context), context.message
        find = partial(request.server.get_prompt, message.name, requested_version(message.meta))
        prompt, withholding = await reach(find, request.principal)
        target = named_target(Kind.PROMPT, message.name, prompt, self._desk.namespaces(request.server))
        unknown = f"Unknown prompt: {message.name!r}" if prompt is None else ""
        await self._desk.admit(
            request,
            target,
            Action.GET,
            message.arguments or {},
            component=prompt,
            withholding=withholding,
            unknown=unknown,
        )
        delegating = self._desk.delegating(target.namespace, await next_hop(prompt))
        with delegating, self._desk.telling(request, target, Action.GET) as told:
            result = await call_next(context)
            told.came_to(result)
            return result

    async def _shown(
        self, context: MiddlewareContext[Any], call_next: CallNext[Any, Sequence[C]], kind: Kind
    ) -> list[C]:
        request = self._desk.request(context)
        with self._desk.listing():
            found = await call_next(context)
        return await self._desk.shown(request, kind, found, self._desk.namespaces(request.server))
