"""`attach_access`: who sees and uses what of the official SDK's MCPServer.

Theory of operation. The SDK's middleware sees messages as they were sent and answers as they are going to be sent.
Lists are filtered in the answer, calls are decided before the server looks at them, and both by the same rules for the
same target. The SDK reads members by the protocol's names only, so what is read here is what it reads.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import replace
from typing import Any

import mcp_types
from mcp.server.context import CallNext, HandlerResult, ServerRequestContext
from mcp.server.mcpserver import MCPServer
from mcp.server.sse import SseServerTransport
from mcp.shared.exceptions import MCPError

from mcpauthkit.access.policy.policies import Policies
from mcpauthkit.access.request import Action, Kind, Target
from mcpauthkit.access.rules import AccessRules
from mcpauthkit.access.tool_scopes import ToolScopes
from mcpauthkit.core.audit import Recorder
from mcpauthkit.core.clock import Clock
from mcpauthkit.errors import AuditUnavailable, ConfigurationError
from mcpauthkit.principal import Principal, actor_of
from mcpauthkit.protocol.access.control import (
    AccessControl,
    ChangeablePolicies,
    ConnectedServices,
    PolicySources,
    policies_from,
)
from mcpauthkit.protocol.access.guards import guards_on_function
from mcpauthkit.protocol.access.offered import Offered
from mcpauthkit.protocol.access.private import keep_private
from mcpauthkit.protocol.access.side import SideDoor, refused
from mcpauthkit.protocol.access.stdout import refuse_trail_on_stdout
from mcpauthkit.protocol.access.tasks import StartedTasks
from mcpauthkit.protocol.call import mcpserver_request
from mcpauthkit.protocol.call_record import CallRecord
from mcpauthkit.protocol.in_request import in_request, principal_in
from mcpauthkit.protocol.placement import Placement
from mcpauthkit.protocol.stdio_identity import stdio_identity
from mcpauthkit.protocol.wrapper import public_text

_LISTS = {
    "tools/list": (Kind.TOOL, "tools"),
    "resources/list": (Kind.RESOURCE, "resources"),
    "resources/templates/list": (Kind.TEMPLATE, "resourceTemplates"),
    "prompts/list": (Kind.PROMPT, "prompts"),
}
_USES = {
    "tools/call": (Kind.TOOL, Action.CALL, "name"),
    "resources/read": (Kind.RESOURCE, Action.READ, "uri"),
    "prompts/get": (Kind.PROMPT, Action.GET, "name"),
}

_on_stdio: ContextVar[bool] = ContextVar("mcpauthkit_mcpserver_on_stdio", default=False)


class ServerAccess(ChangeablePolicies):
    """The rules of one MCPServer; `attach_access` makes it and puts it into the server.

    Args:
        server: The server.
        policies: Its policies, if it has any.
        audit: Where changes of these are recorded.
        control: Decides and records.
        identity: Who the caller is on stdio; None for nobody.
        namespaces: Namespaces that names tell.
        require_auth: Whether everything needs a signed-in caller.
    """

    def __init__(
        self,
        server: MCPServer[Any],
        policies: Policies | None,
        audit: Recorder | None,
        control: AccessControl,
        identity: Principal | None,
        *,
        namespaces: Collection[str],
        require_auth: bool,
    ) -> None:
        super().__init__(policies, audit)
        self._server = server
        self._control = control
        self._identity = identity
        self._offered = Offered(server, namespaces)
        self._require_auth = require_auth
        self._tasks = StartedTasks()
        self._placement = Placement()

    async def __call__(self, ctx: ServerRequestContext[Any, Any], call_next: CallNext) -> HandlerResult:
        """Around every message."""
        if ctx.request_id is None:
            return await call_next(ctx)
        keep_private(self._server)
        self._placement.check(self._server)
        scope = getattr(ctx.request, "scope", None)
        transport = _transport_of(scope)
        principal = principal_in(scope)
        if transport == "stdio":
            principal = self._identity or principal
        with in_request(scope, ctx), self._control.serving(principal), _known_to_functions(ctx):
            refuse_trail_on_stdout(transport)
            if ctx.method in _LISTS:
                return await self._listed(ctx, call_next, principal, transport)
            if ctx.method in _USES:
                return await self._used(ctx, call_next, principal, transport)
            params = await self._side_door(principal, transport).check(ctx.method, ctx.params or {})
            return await call_next(replace(ctx, params=params) if params != (ctx.params or {}) else ctx)

    async def _listed(
        self, ctx: ServerRequestContext[Any, Any], call_next: CallNext, principal: Principal | None, transport: str
    ) -> HandlerResult:
        kind, member = _LISTS[ctx.method]
        result = await call_next(ctx)
        found = result.get(member) if isinstance(result, dict) else None
        if not isinstance(result, dict) or not isinstance(found, list):
            raise refused("This list could not be checked, so it is not shown.")
        targets = [self._offered.listed(kind, one) for one in found]
        guards = self._offered.guards(kind, targets)
        shown = await self._control.decide_all(principal, transport, targets, guards=guards)
        names = [target.uri or target.name for target in targets]
        try:
            self._control.tell_list(
                principal,
                kind,
                [name for name, is_shown in zip(names, shown, strict=True) if is_shown],
                [name for name, is_shown in zip(names, shown, strict=True) if not is_shown],
            )
        except AuditUnavailable as error:
            raise refused(public_text(error)) from error
        result[member] = [one for one, is_shown in zip(found, shown, strict=True) if is_shown]
        return result

    async def _used(
        self, ctx: ServerRequestContext[Any, Any], call_next: CallNext, principal: Principal | None, transport: str
    ) -> HandlerResult:
        kind, action, member = _USES[ctx.method]
        params = ctx.params or {}
        name, arguments = params.get(member), params.get("arguments")
        if not isinstance(name, str):
            # The SDK says what is wrong with it.
            return await call_next(ctx)
        given = arguments if isinstance(arguments, Mapping) else {}
        if kind is Kind.TOOL and given:
            given = self._offered.received(name, given)
            ctx = replace(ctx, params={**params, "arguments": given})
        target = self._offered.used(kind, name)
        found = self._offered.found(kind, name)
        unknown = "" if found is not None else f"Unknown {kind}: {name}"
        decision = await self._control.decide(
            principal,
            transport,
            target,
            action,
            None if kind is Kind.RESOURCE else given,
            guards=guards_on_function(found, name, given),
            unknown=unknown,
        )
        if not decision.allowed:
            if unknown and decision.public == unknown and ctx.method != "tools/call":
                raise MCPError(mcp_types.INVALID_PARAMS, unknown)
            return _refusal(ctx.method, decision.public)
        record = CallRecord(actor_of(principal), kind=kind, action=action, target=name)
        try:
            with record as told:
                result = await call_next(ctx)
                told.came_to(result)
        except AuditUnavailable as error:
            return _refusal(ctx.method, public_text(error))
        self._tasks.remember(result, target, given)
        return result

    def _side_door(self, principal: Principal | None, transport: str) -> SideDoor:
        return SideDoor(
            control=self._control,
            principal=principal,
            transport=transport,
            require_auth=self._require_auth,
            tasks=self._tasks,
            find=self._found,
        )

    async def _found(self, kind: Kind, name: str) -> Target:
        return self._offered.used(kind, name)


def attach_access(
    server: MCPServer[Any],
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
) -> ChangeablePolicies:
    """Let an MCPServer show and do only what rules allow; `AccessMiddleware` is the same for FastMCP.

    Call it after what else goes into `server.middleware`, so that nothing changes a call after it was decided. Tags
    are read from `meta={"tags": [...]}`.

    Args:
        server: The server.
        policies: A policy file, a folder of them, a policy, several of these, or a `Policies` of yours.
        tool_scopes: The scopes that tools need, by name; the same table belongs into `JwtAuthMiddleware`.
        require_auth: Whether everything needs a signed-in caller.
        public_tools: Tools that need none all the same.
        audit: Where events go; without it, where those of `JwtAuthMiddleware` do, else to the log.
        connected_services: `Connections(app).connected_services`, or a function of yours; where a rule needs it.
        stdio_principal: Who the caller is on stdio; without it the environment says (`MCPAUTHKIT_STDIO_USER`).
        namespaces: Namespaces that names tell: `weather` for `weather_today`.
        clock: Time.

    Returns:
        What changes its policies while it runs.

    Raises:
        ConfigurationError: It is no MCPServer, has rules already, or an argument cannot be used.
        PolicyInvalid: A policy cannot be used.
    """
    if not isinstance(server, MCPServer):
        raise ConfigurationError(
            f"attach_access() got a {type(server).__name__}.",
            hint="On FastMCP write mcp.add_middleware(AccessMiddleware(...)); of an MCPServer pass the object itself.",
        )
    if any(isinstance(one, ServerAccess) for one in server.middleware):
        raise ConfigurationError(
            "attach_access() was called twice for one server.", hint="Give one call all policies, as a list."
        )
    given = policies_from(policies, audit=audit, clock=clock)
    rules = AccessRules(given, tool_scopes=tool_scopes, require_auth=require_auth, public_tools=public_tools)
    access = ServerAccess(
        server,
        given,
        audit,
        AccessControl(rules, connected_services=connected_services, audit=audit, clock=clock),
        stdio_identity(stdio_principal),
        namespaces=namespaces,
        require_auth=require_auth,
    )
    server.middleware.append(access)
    vars(server)["run_stdio_async"] = _telling_of_stdio(server.run_stdio_async)
    return access


@contextmanager
def _known_to_functions(ctx: ServerRequestContext[Any, Any]) -> Iterator[None]:
    """Let guards and providers find the call, for which an MCPServer has no accessor."""
    token = mcpserver_request.set(ctx)
    try:
        yield
    finally:
        mcpserver_request.reset(token)


def _telling_of_stdio(run: Callable[[], Awaitable[None]]) -> Callable[[], Awaitable[None]]:
    """The SDK does not tell a handler that it runs on stdio.

    An identity of the environment must not be given to requests that merely come without HTTP.
    """

    async def run_stdio() -> None:
        token = _on_stdio.set(True)
        try:
            await run()
        finally:
            _on_stdio.reset(token)

    return run_stdio


def _transport_of(scope: Mapping[str, Any] | None) -> str:
    if scope is None:
        return "stdio" if _on_stdio.get() else "memory"
    # Not by the address: whoever calls chooses that.
    return "sse" if isinstance(getattr(scope.get("endpoint"), "__self__", None), SseServerTransport) else "http"


def _refusal(method: str, text: str) -> mcp_types.CallToolResult:
    if method != "tools/call":
        raise MCPError(mcp_types.INTERNAL_ERROR, text)
    return mcp_types.CallToolResult(content=[mcp_types.TextContent(type="text", text=text)], is_error=True)
