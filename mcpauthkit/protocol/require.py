"""Guards on a function: `@require(...)` for tools, resources and prompts of FastMCP and MCPServer."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any, TypeVar, cast

from fastmcp import FastMCP
from fastmcp.server.context import Context as FastMCPContext
from mcp.server.mcpserver import Context as MCPServerContext
from mcp.server.mcpserver import MCPServer

from mcpauthkit.access.auth_check import use_of
from mcpauthkit.access.guard import GuardLike, check_guards, denied_by
from mcpauthkit.access.request import AccessRequest, Caller, Kind, Target
from mcpauthkit.core.audit import Event, EventName, record
from mcpauthkit.core.clock import Clock, SystemClock
from mcpauthkit.errors import AccessDenied, ConfigurationError, NotSignedIn
from mcpauthkit.principal import Principal, actor_of
from mcpauthkit.protocol.call import Call, current_call
from mcpauthkit.protocol.hooks import functions_of
from mcpauthkit.protocol.in_request import in_request
from mcpauthkit.protocol.wrapper import GUARDED, body_of, edge, refuse_registered

F = TypeVar("F", bound=Callable[..., Any])

_GUARDS, _MISPLACED = "__mcpauthkit_guards__", "__mcpauthkit_has_guards_elsewhere__"
_KINDS = {"tools/call": Kind.TOOL, "resources/read": Kind.RESOURCE, "prompts/get": Kind.PROMPT}


def require(*guards: GuardLike, clock: Clock | None = None) -> Callable[[F], F]:
    """A decorator that runs a tool, resource or prompt only for callers who meet every guard.

    It stands below `@mcp.tool` and above `@provider.require_token()`, so that nobody is asked to connect for what they
    may not do. The guards are checked in order, and the first that is not met says why. With `AccessMiddleware`, or
    `attach_access` on an MCPServer, callers who may not use a function do not see it in lists either.

    Args:
        guards: Conditions on who is calling.
        clock: Time, for guards that look at it.

    Raises:
        ConfigurationError: There is no guard, one is none, or the function is registered with the server already.
    """
    checked = check_guards(guards, "require")
    time = clock or SystemClock()

    def decorate(function: F) -> F:
        if not callable(function):
            raise ConfigurationError(
                f"@require(...) got a {type(function).__name__}, not a function.",
                hint="Put it directly above the function, below @mcp.tool.",
            )
        if inspect.isasyncgenfunction(function) or inspect.isgeneratorfunction(function):
            raise ConfigurationError(
                f"{getattr(function, '__name__', function)!r} is a generator, which no server calls as a tool.",
                hint="Return a value instead of yielding.",
            )
        refuse_registered(function)
        return _guarded(function, checked, time)

    return decorate


def guards_of(function: Callable[..., Any]) -> tuple[GuardLike, ...]:
    """The guards that `require` put on a function, in the order in which they are checked.

    Args:
        function: A function as it was registered, also inside of other decorators that keep what they wrap.
    """
    found: tuple[GuardLike, ...] = getattr(function, _GUARDS, ())
    return found


def refuse_misplaced(mcp: FastMCP[Any] | MCPServer[Any]) -> None:
    """Refuse a server that would call a function without its guards, because it has got the function from below them.

    Args:
        mcp: The server.

    Raises:
        ConfigurationError: There is such a function.
    """
    for function in functions_of(mcp):
        if getattr(function, _MISPLACED, False):
            name = getattr(function, "__name__", repr(function))
            raise ConfigurationError(
                f"{name!r} is registered with the server without the guards that @require(...) puts on it.",
                hint="Put @mcp.tool, @mcp.resource or @mcp.prompt above @require(...), not below it.",
            )


def _guarded(function: F, guards: tuple[GuardLike, ...], clock: Clock) -> F:
    body = body_of(function)
    signature = inspect.signature(function)

    @functools.wraps(function)
    async def guarded(*args: Any, **kwargs: Any) -> Any:
        call = current_call(args, kwargs)
        with in_request(call.scope, call), edge(call):
            request = _request_of(call, function, clock, _arguments(signature, args, kwargs))
            denial = await denied_by(guards, request)
            if denial is not None:
                _tell(request, denial)
                raise AccessDenied(denial)
        return await body(*args, **kwargs)

    setattr(guarded, _GUARDS, (*guards, *guards_of(function)))
    setattr(guarded, GUARDED, True)
    # What the function is marked with stands here as well by now.
    setattr(guarded, _MISPLACED, False)
    with suppress(AttributeError):
        setattr(function, _MISPLACED, True)
    return cast("F", guarded)


def _request_of(call: Call, function: Callable[..., Any], clock: Clock, arguments: Mapping[str, Any]) -> AccessRequest:
    kind = _KINDS.get(call.method, Kind.TOOL)
    name = call.target or getattr(function, "__name__", "")
    target = Target(kind, name, uri=call.target if kind is Kind.RESOURCE else "")
    now = datetime.fromtimestamp(clock.wall(), UTC)
    caller = Caller(principal=_principal_of(call), now=now, transport=call.transport)
    return AccessRequest(caller, target, use_of(kind), arguments)


def _tell(request: AccessRequest, denial: str) -> None:
    record(
        Event(
            event=EventName.ACCESS_DECIDED,
            decision="deny",
            actor=actor_of(request.principal),
            action=request.action,
            kind=request.target.kind,
            target=request.target.name,
            rule="require",
            reason=denial,
        )
    )


def _principal_of(call: Call) -> Principal | None:
    try:
        return call.principal(None)
    except NotSignedIn:
        return None


def _arguments(signature: inspect.Signature, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Mapping[str, Any]:
    bound = signature.bind_partial(*args, **kwargs)
    bound.apply_defaults()
    return {
        name: one for name, one in bound.arguments.items() if not isinstance(one, FastMCPContext | MCPServerContext)
    }
