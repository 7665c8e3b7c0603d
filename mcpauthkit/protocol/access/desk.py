"""What FastMCP's requests have in common when they are decided: who asks, how it is refused, what is under way."""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from functools import partial
from typing import Any, TypeVar

import mcp_types
from fastmcp import FastMCP
from fastmcp.exceptions import AuthorizationError, NotFoundError
from fastmcp.server.middleware import MiddlewareContext
from fastmcp.utilities.components import FastMCPComponent
from mcp.shared.exceptions import MCPError

from mcpauthkit.access.auth_check import asked_for, asking
from mcpauthkit.access.guard import GuardLike
from mcpauthkit.access.request import Action, Kind, Target
from mcpauthkit.errors import AuditUnavailable
from mcpauthkit.principal import Principal, actor_of
from mcpauthkit.protocol.access.components import (
    auth_guards,
    find_readable,
    guards_on,
    named_target,
    read_target,
    shown_of,
    target_of,
)
from mcpauthkit.protocol.access.control import AccessControl
from mcpauthkit.protocol.access.guards import guards_on_function
from mcpauthkit.protocol.access.hops import Hop
from mcpauthkit.protocol.access.inner_guards import InnerGuards
from mcpauthkit.protocol.access.marks import Namespaces, namespace_of, namespaces_of
from mcpauthkit.protocol.access.side import SideDoor
from mcpauthkit.protocol.access.tasks import StartedTasks
from mcpauthkit.protocol.call import CallRefused
from mcpauthkit.protocol.call_record import CallRecord
from mcpauthkit.protocol.in_request import Message, in_request, principal_in
from mcpauthkit.protocol.wrapper import public_text

C = TypeVar("C", bound=FastMCPComponent)

_TRANSPORTS = {"streamable-http": "http", "http": "http", "sse": "sse", "stdio": "stdio"}
_NO_CONTEXT = "Whether you may do this could not be checked, so it was not done."


class AccessRefused(AuthorizationError):
    """Ends a FastMCP call that is not allowed.

    Args:
        text: What the caller reads.
    """

    def __init__(self, text: str) -> None:
        # A refusal is no fault of the server.
        super().__init__(text, log_level=logging.INFO)


@dataclass(frozen=True, slots=True)
class FastMCPRequest:
    """As much of a request as deciding needs.

    Args:
        server: The server whose middleware runs.
        scope: The ASGI scope; None where there is none.
        transport: `http`, `sse`, `stdio` or `memory`.
        principal: Who asks.
        message: What tells it from others; None where a server is called without a client.
    """

    server: FastMCP[Any]
    scope: Mapping[str, Any] | None = field(repr=False)
    transport: str
    principal: Principal | None
    message: Message | None = field(repr=False)


@dataclass(eq=False, slots=True)
class Delegation:
    """A call that was decided, on its way to what runs it.

    Args:
        desk: Where it was decided.
        namespace: Where it goes.
        hop: The mounted server it comes to next; None when it has come there, or goes to none.
        parent: The call that it came from, which may have been decided elsewhere.
    """

    desk: AccessDesk
    namespace: str
    hop: Hop | None
    parent: Delegation | None

    def arrives(self, at: Hop) -> bool:
        """Whether this is the decided call. It arrives once: whatever comes later is another one."""
        is_there = self.hop == at
        if is_there:
            self.hop = None
        return is_there


current_delegation: ContextVar[Delegation | None] = ContextVar("mcpauthkit_delegation", default=None)
"""The call that was decided last, in this context."""

_listing_for: ContextVar[tuple[AccessDesk, ...]] = ContextVar("mcpauthkit_listing_for", default=())


class AccessDesk:
    """Where a FastMCP server and those mounted in it have their requests decided.

    Args:
        control: Decides and records.
        identity: Who the caller is on stdio; None for nobody.
        namespaces: Namespaces that only names tell.
        require_auth: Whether everything needs a signed-in caller.
    """

    def __init__(
        self,
        control: AccessControl,
        identity: Principal | None,
        *,
        namespaces: Collection[str] = (),
        require_auth: bool = False,
    ) -> None:
        self.control = control
        self.tasks = StartedTasks()
        self.inner_guards = InnerGuards()
        self._require_auth = require_auth
        self._identity = identity
        self._named = tuple(namespaces)

    def request(self, context: MiddlewareContext[Any]) -> FastMCPRequest:
        """The request that a middleware is around.

        Raises:
            MCPError: FastMCP gave no context, so that nobody knows whose it is.
        """
        here = context.fastmcp_context
        if here is None:
            raise MCPError(mcp_types.INTERNAL_ERROR, _NO_CONTEXT)
        request = here.request_context
        http = None if request is None else request.request
        scope = None if http is None else http.scope
        transport = _TRANSPORTS.get(here.transport or "", "memory" if scope is None else "http")
        principal = principal_in(scope)
        if transport == "stdio":
            principal = self._identity or principal
        return FastMCPRequest(here.fastmcp, scope, transport, principal, request)

    @contextmanager
    def serving(self, request: FastMCPRequest) -> Iterator[None]:
        """Let what runs inside be this request's."""
        of_request, of_caller = in_request(request.scope, request.message), self.control.serving(request.principal)
        with of_request, of_caller, asked_for(request.principal):
            yield

    def namespaces(self, server: FastMCP[Any]) -> Namespaces:
        """The namespaces that names of a server's components may tell."""
        return Namespaces(namespaces_of(server), self._named)

    async def admit(
        self,
        request: FastMCPRequest,
        target: Target,
        action: Action,
        arguments: Mapping[str, Any] | None,
        *,
        component: FastMCPComponent | None = None,
        withholding: Sequence[GuardLike] = (),
        unknown: str = "",
    ) -> None:
        """Let one use pass.

        Args:
            request: Who asks.
            target: For what.
            action: What to do with it.
            arguments: With what.
            component: What would run.
            withholding: Guards for which FastMCP would not run it.
            unknown: What is said to those who may use a name that nothing goes by.

        Raises:
            AccessRefused: It is not allowed.
            NotFoundError: It would be, and nothing goes by the name.
        """
        on_stdio = auth_guards(component) if component is not None and request.transport == "stdio" else ()
        guards = (*withholding, *on_stdio, *guards_on_function(component, target.uri, arguments))
        decision = await self.control.decide(
            request.principal, request.transport, target, action, arguments, guards=guards, unknown=unknown
        )
        if not decision.allowed:
            if unknown and decision.public == unknown:
                raise NotFoundError(unknown)
            raise AccessRefused(decision.public)

    async def shown(self, request: FastMCPRequest, kind: Kind, found: Sequence[C], known: Namespaces) -> list[C]:
        """What a list shows.

        Raises:
            MCPError: It cannot be recorded.
        """
        return await self.shown_as(request, kind, found, [target_of(one, known) for one in found])

    async def shown_as(
        self, request: FastMCPRequest, kind: Kind, found: Sequence[C], targets: Sequence[Target]
    ) -> list[C]:
        """What a list shows, where components have other names outside."""
        within = self.inner_guards.of(kind, request.transport)
        guards = [
            (*guards_on(one, request.transport), *within.get((target.uri or target.name, one.version), ()))
            for one, target in zip(found, targets, strict=True)
        ]
        flags = await self.control.decide_all(request.principal, request.transport, targets, guards=guards)
        shown = shown_of(found, flags)
        kept, here = {id(one) for one in shown}, asking.get()
        named = [(one, target.uri or target.name) for one, target in zip(found, targets, strict=True)]
        try:
            self.control.tell_list(
                request.principal,
                kind,
                [name for one, name in named if id(one) in kept],
                [name for one, name in named if id(one) not in kept] + (here.taken() if here is not None else []),
            )
        except AuditUnavailable as error:
            # No other error of a list reaches older clients as what it is.
            raise MCPError(mcp_types.INTERNAL_ERROR, public_text(error)) from error
        return shown

    def side_door(self, request: FastMCPRequest) -> SideDoor:
        """Where requests beside lists and calls are decided."""
        return SideDoor(
            control=self.control,
            principal=request.principal,
            transport=request.transport,
            require_auth=self._require_auth,
            tasks=self.tasks,
            find=partial(self._found, request.server),
        )

    async def _found(self, server: FastMCP[Any], kind: Kind, name: str) -> Target:
        known = self.namespaces(server)
        if kind is Kind.PROMPT:
            return named_target(kind, name, await server.get_prompt(name), known)
        if kind is Kind.RESOURCE:
            return read_target(name, await find_readable(server, name, None), known)
        template = await server.get_resource_template(name)
        if template is None or template.uri_template != name:
            return Target(kind, "", uri=name, namespace=namespace_of(None, "", name, known))
        return target_of(template, known)

    @contextmanager
    def listing(self) -> Iterator[None]:
        """Around the making of a list that is going to be filtered here."""
        token = _listing_for.set((*_listing_for.get(), self))
        try:
            yield
        finally:
            _listing_for.reset(token)

    @property
    def is_listing(self) -> bool:
        """Whether a list is being made that is going to be filtered here."""
        return any(one is self for one in _listing_for.get())

    @property
    def delegation(self) -> Delegation | None:
        """The call that was decided here last; others may have decided since, each by its own rules."""
        found = current_delegation.get()
        while found is not None and found.desk is not self:
            found = found.parent
        return found

    @contextmanager
    def delegating(self, namespace: str, hop: Hop | None) -> Iterator[None]:
        """Around what runs after it was decided.

        Args:
            namespace: Where it goes.
            hop: The mounted server that it comes to first.
        """
        delegation = Delegation(self, namespace, hop, current_delegation.get())
        token, listing = current_delegation.set(delegation), _listing_for.set(())
        try:
            yield
        finally:
            _listing_for.reset(listing)
            current_delegation.reset(token)

    @contextmanager
    def telling(self, request: FastMCPRequest, target: Target, action: Action) -> Iterator[CallRecord]:
        """Around what runs, to record how it ended.

        Raises:
            CallRefused: It ran, and cannot be recorded.
        """
        record = CallRecord(
            actor_of(request.principal), kind=target.kind, action=action, target=target.uri or target.name
        )
        try:
            with record as told:
                yield told
        except AuditUnavailable as error:
            raise CallRefused(public_text(error)) from error
