"""Within mounted servers: calls that a tool makes by name, and guards that only their own server can see.

Theory of operation. `AccessMiddleware` decides about a call and hands it to the mounted server that has the tool. That
server runs its own middleware, and so do calls which the tool makes of its server by a name that a client chose, as
those of FastMCP's search do; the outer server never hears of these. So each mounted server of this process has a
middleware of ours, which does nothing for requests that do not come through the outer server. A decided call arrives
once, at the server and by the name that its component leads to; see `hops`. Every other one is decided by the
outer server's rules, under the name it has there.

Several outer servers may watch the same one, and it may have rules itself. Each looks for what it decided itself.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar

import mcp_types
from fastmcp import FastMCP
from fastmcp.exceptions import NotFoundError
from fastmcp.prompts.base import Prompt, PromptResult
from fastmcp.resources.base import Resource, ResourceResult
from fastmcp.resources.template import ResourceTemplate
from fastmcp.resources.types import TextResource
from fastmcp.server.middleware import CallNext, Middleware, MiddlewareContext
from fastmcp.server.transforms import Transform
from fastmcp.tools.base import Tool, ToolResult
from fastmcp.utilities.components import FastMCPComponent
from pydantic import AnyUrl

from mcpauthkit.access.auth_check import use_of
from mcpauthkit.access.request import Kind, Target
from mcpauthkit.protocol.access.components import (
    auth_guards,
    find_readable,
    find_tool,
    guards_on,
    key_of,
    requested_version,
    target_of,
)
from mcpauthkit.protocol.access.desk import AccessDesk, AccessRefused, FastMCPRequest
from mcpauthkit.protocol.access.hops import Hop, next_hop
from mcpauthkit.protocol.access.inner_guards import Guarded, Versioned
from mcpauthkit.protocol.access.marks import Mounted, Namespaces, mark_providers, mounted_in

C = TypeVar("C", bound=FastMCPComponent)

_NO_NAMES = Namespaces()


@dataclass(frozen=True, slots=True)
class _Use:
    """One use of a component, as the mounted server sees it."""

    kind: Kind
    name: str
    find: Callable[[], Awaitable[FastMCPComponent | None]]
    arguments: Mapping[str, Any] | None


class MountedAccess(Middleware):
    """The rules of an outer server, within one that is mounted in it.

    Args:
        desk: Where the outer server decides.
        outer: The outer server.
    """

    def __init__(self, desk: AccessDesk, outer: FastMCP[Any]) -> None:
        self.desk = desk
        self.outer = outer

    async def on_call_tool(
        self,
        context: MiddlewareContext[mcp_types.CallToolRequestParams],
        call_next: CallNext[mcp_types.CallToolRequestParams, ToolResult],
    ) -> ToolResult:
        """A tool that was decided about, or one that another tool calls."""
        message, server = context.message, self._server(context)
        find = partial(find_tool, server, message.name, requested_version(message.meta))
        used = _Use(Kind.TOOL, message.name, find, message.arguments or {})
        result: ToolResult = await self._used(context, call_next, used)
        return result

    async def on_read_resource(
        self,
        context: MiddlewareContext[mcp_types.ReadResourceRequestParams],
        call_next: CallNext[mcp_types.ReadResourceRequestParams, ResourceResult],
    ) -> ResourceResult:
        """A resource that was decided about, or one that a tool reads."""
        uri, server = str(context.message.uri), self._server(context)
        find = partial(find_readable, server, uri, requested_version(context.message.meta))
        result: ResourceResult = await self._used(context, call_next, _Use(Kind.RESOURCE, uri, find, None))
        return result

    async def on_get_prompt(
        self,
        context: MiddlewareContext[mcp_types.GetPromptRequestParams],
        call_next: CallNext[mcp_types.GetPromptRequestParams, PromptResult],
    ) -> PromptResult:
        """A prompt that was decided about, or one that a tool gets."""
        message, server = context.message, self._server(context)
        find = partial(server.get_prompt, message.name, requested_version(message.meta))
        used = _Use(Kind.PROMPT, message.name, find, message.arguments or {})
        result: PromptResult = await self._used(context, call_next, used)
        return result

    async def on_list_tools(
        self,
        context: MiddlewareContext[mcp_types.ListToolsRequest],
        call_next: CallNext[mcp_types.ListToolsRequest, Sequence[Tool]],
    ) -> Sequence[Tool]:
        """Tools for the outer server's list, or for a tool that looks for others."""
        return await self._listed(context, await call_next(context), Kind.TOOL)

    async def on_list_resources(
        self,
        context: MiddlewareContext[mcp_types.ListResourcesRequest],
        call_next: CallNext[mcp_types.ListResourcesRequest, Sequence[Resource]],
    ) -> Sequence[Resource]:
        """Likewise for resources."""
        return await self._listed(context, await call_next(context), Kind.RESOURCE)

    async def on_list_resource_templates(
        self,
        context: MiddlewareContext[mcp_types.ListResourceTemplatesRequest],
        call_next: CallNext[mcp_types.ListResourceTemplatesRequest, Sequence[ResourceTemplate]],
    ) -> Sequence[ResourceTemplate]:
        """Likewise for templates."""
        return await self._listed(context, await call_next(context), Kind.TEMPLATE)

    async def on_list_prompts(
        self,
        context: MiddlewareContext[mcp_types.ListPromptsRequest],
        call_next: CallNext[mcp_types.ListPromptsRequest, Sequence[Prompt]],
    ) -> Sequence[Prompt]:
        """Likewise for prompts."""
        return await self._listed(context, await call_next(context), Kind.PROMPT)

    def _server(self, context: MiddlewareContext[Any]) -> FastMCP[Any]:
        return self.desk.request(context).server

    async def _used(self, context: MiddlewareContext[Any], call_next: CallNext[Any, Any], used: _Use) -> Any:
        delegation, request = self.desk.delegation, self.desk.request(context)
        if delegation is None:
            return await call_next(context)
        if delegation.arrives(Hop(request.server, used.kind, used.name)):
            namespace = delegation.namespace
            # Looked up again only where it tells something: who is next, or what the outer server cannot see.
            is_last = next(mounted_in(request.server), None) is None
            component = None if is_last and request.transport != "stdio" else await used.find()
            await self._check_guards(request, used, component)
        else:
            component = await used.find()
            if component is None:
                raise NotFoundError(f"Unknown {used.kind}: {used.name!r}")
            targets = await self._outside(request.server, used, component, delegation.namespace)
            for target in targets:
                await self.desk.admit(request, target, use_of(used.kind), used.arguments, component=component)
            namespace = targets[0].namespace
        with self.desk.delegating(namespace, await next_hop(component, used.name)):
            return await call_next(context)

    async def _check_guards(self, request: FastMCPRequest, used: _Use, component: FastMCPComponent | None) -> None:
        """Guards in `auth=` on stdio, which the outer server cannot see."""
        if component is None or request.transport != "stdio":
            return
        denial = await self.desk.control.denial_of(
            auth_guards(component),
            request.principal,
            request.transport,
            target_of(component, _NO_NAMES),
            used.arguments,
        )
        if denial is not None:
            raise AccessRefused(denial)

    async def _listed(self, context: MiddlewareContext[Any], found: Sequence[C], kind: Kind) -> Sequence[C]:
        delegation, request = self.desk.delegation, self.desk.request(context)
        if self.desk.is_listing or delegation is not None:
            self.desk.inner_guards.remember(
                request.server, kind, request.transport, await self._guarded(request, found)
            )
        if self.desk.is_listing or delegation is None:
            return found
        paths = self._paths(request.server, delegation.namespace)
        outside = [[await _outer(one, path) for path in paths] for one in found]
        shown = found
        for targets in zip(*outside, strict=True):
            allowed = await self.desk.shown_as(request, kind, found, list(targets))
            shown = [one for one in shown if any(one is kept for kept in allowed)]
        return shown

    async def _guarded(
        self, request: FastMCPRequest, found: Sequence[FastMCPComponent]
    ) -> dict[Versioned, Guarded | None]:
        """What of a list has guards, with what it is called outside."""
        listed: dict[Versioned, Guarded | None] = {}
        for one in found:
            guards = guards_on(one, request.transport)
            inside = key_of(one), one.version
            listed[inside] = Guarded(await self._called(request.server, one), guards) if guards else None
        return listed

    async def _called(self, server: FastMCP[Any], component: FastMCPComponent) -> list[Versioned]:
        paths = [one for one in mounted_in(self.outer) if one.server is server]
        targets = [await _outer(component, path) for path in paths]
        return [(one.uri or one.name, component.version) for one in targets]

    async def _outside(
        self, server: FastMCP[Any], used: _Use, component: FastMCPComponent, namespace: str
    ) -> list[Target]:
        paths = self._paths(server, namespace)
        if used.kind is not Kind.RESOURCE:
            return [await _outer(component, path) for path in paths]
        # A template answers for many addresses; the one that is read is renamed as a resource would be.
        plain = TextResource(uri=AnyUrl(used.name), name=used.name, text="")
        outside = [await _outer(plain, path) for path in paths]
        return [one._replace(name=component.name, tags=frozenset(component.tags)) for one in outside]

    def _paths(self, server: FastMCP[Any], namespace: str) -> list[Mounted]:
        """How a server is mounted; where that cannot be told apart, every way counts."""
        paths = [one for one in mounted_in(self.outer) if one.server is server]
        taken = [one for one in paths if one.namespace == namespace] or paths
        if not taken:
            # It was unmounted while the call ran, so nothing says by what name to judge it.
            raise AccessRefused("Whether you may do this could not be checked, so it was not done.")
        return taken


async def _outer(component: FastMCPComponent, path: Mounted) -> Target:
    """What a component of a mounted server is to the outer one."""
    renamed: Any = component
    for transform in path.transforms:
        renamed = await _renamed(transform, renamed)
    return target_of(renamed, _NO_NAMES)._replace(namespace=path.namespace)


async def _renamed(transform: Transform, component: Any) -> Any:
    match component:
        case Tool():
            after: Sequence[Any] = await transform.list_tools([component])
        case Resource():
            after = await transform.list_resources([component])
        case ResourceTemplate():
            after = await transform.list_resource_templates([component])
        case _:
            after = await transform.list_prompts([component])
    # A transform that lists something else instead, such as a search, renames nothing.
    return after[0] if len(after) == 1 else component


def watch_mounted(server: FastMCP[Any], desk: AccessDesk) -> None:
    """See to it that mounted servers ask at a desk; to be repeated, as servers may be mounted later.

    Args:
        server: The server that mounts them.
        desk: Where it decides.
    """
    mark_providers(server)
    for mounted in mounted_in(server):
        asking = (one for one in mounted.server.middleware if isinstance(one, MountedAccess))
        if not any(one.desk is desk and one.outer is server for one in asking):
            mounted.server.middleware.insert(0, MountedAccess(desk, server))
