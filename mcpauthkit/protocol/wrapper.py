"""Guarding a function: the wrapper around tools, resources and prompts."""

from __future__ import annotations

import asyncio
import functools
import inspect
import logging
from collections.abc import Awaitable, Callable, Collection, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from typing import Any, TypeVar, cast

import anyio.to_thread
import mcp_types

from mcpauthkit.connections.credential import Credential
from mcpauthkit.core.log import RequestLog
from mcpauthkit.errors import AuthKitError, ConfigurationError, NotSignedIn, RemoteError, RemoteUnavailable
from mcpauthkit.protocol.ask import Need
from mcpauthkit.protocol.call import Call, current_call
from mcpauthkit.protocol.in_request import in_request

_log = RequestLog("protocol")

F = TypeVar("F", bound=Callable[..., Any])

Obtain = Callable[[Call, Mapping[str, Any]], Awaitable[tuple[Need, Credential | mcp_types.InputRequiredResult]]]
"""Finds what a call with these arguments needs and its credential, or the question to end this round with."""

Hold = Callable[[Need, Credential], AbstractContextManager[None]]
"""Makes a credential available to the body for as long as it runs."""


GUARDED = "__mcpauthkit_guarded__"
"""The mark on a guarded function."""


def guard(function: F, obtain: Obtain, hold: Hold, *, service: str) -> F:
    """The function, run only with a credential.

    Name, annotations and defaults stay, so that the schema the server derives does not change. Synchronous
    functions run in a worker thread, as the server would run them itself.

    Args:
        function: A tool, resource or prompt function.
        obtain: Finds the credential.
        hold: Makes it available to the body.
        service: The service's name for people.
    """
    body = body_of(function)
    signature = inspect.signature(function)

    def arguments_of(args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Mapping[str, Any]:
        bound = signature.bind_partial(*args, **kwargs)
        bound.apply_defaults()
        return bound.arguments

    @functools.wraps(function)
    async def guarded(*args: Any, **kwargs: Any) -> Any:
        call = current_call(args, kwargs)
        with in_request(call.scope, call), edge(call, service):
            need, found = await obtain(call, arguments_of(args, kwargs))
            if isinstance(found, mcp_types.InputRequiredResult):
                return found
            with hold(need, found):
                return await body(*args, **kwargs)

    setattr(guarded, GUARDED, True)
    return cast("F", guarded)


def body_of(function: Callable[..., Any]) -> Callable[..., Awaitable[Any]]:
    """What a wrapper awaits to run a function as the server would: a synchronous one in a worker thread.

    Args:
        function: A tool, resource or prompt function.
    """
    if inspect.iscoroutinefunction(function):
        return function

    async def run(*args: Any, **kwargs: Any) -> Any:
        result = await anyio.to_thread.run_sync(functools.partial(function, *args, **kwargs))
        # A decorator in between may hide that the function is asynchronous.
        return await result if inspect.isawaitable(result) else result

    return run


@contextmanager
def edge(call: Call, service: str = "") -> Iterator[None]:
    """The edge to the model: whatever the kit itself raises becomes a text for it; the tool's own errors pass.

    Args:
        call: The call.
        service: The display name of the service it is about, if it is about one.
    """
    try:
        yield
    except (AuthKitError, BaseExceptionGroup) as raised:
        error = error_of_the_kit(raised)
        if error is None:
            raise
        raise call.refuse(public_text(error.naming(service))) from error


def error_of_the_kit(raised: BaseException) -> AuthKitError | None:
    """What the kit raised, also from several tasks of a body at once; None where something else went wrong as well."""
    if isinstance(raised, BaseExceptionGroup):
        failed = [one for one in raised.exceptions if not isinstance(one, asyncio.CancelledError)]
        found = [error_of_the_kit(one) for one in failed]
        return None if None in found else next(iter(found), None)
    return raised if isinstance(raised, AuthKitError) else None


def public_text(error: AuthKitError) -> str:
    """What the caller reads, with what to do about it; the rest goes to the log."""
    level = logging.WARNING if isinstance(error, ConfigurationError | NotSignedIn) else logging.INFO
    _log.log(level, "call refused %s", error.for_log())
    match error:
        case RemoteUnavailable():
            return f"{error.public} Try again in a moment."
        case ConfigurationError() | RemoteError():
            return f"{error.public} The server's operator finds the cause in the log."
        case _:
            return error.public


def refuse_registered(function: Callable[..., Any], registered: Collection[Callable[..., Any]] = ()) -> None:
    """Refuse a function that a server would call without its guard.

    `@mcp.tool` returns the plain function after registering it, so a guard put on top guards nothing. FastMCP leaves
    a mark on such a function; MCPServer does not, so its registered functions are compared.

    Raises:
        ConfigurationError: The function is registered already.
    """
    if getattr(function, "__fastmcp__", None) is not None or any(one is function for one in registered):
        name = getattr(function, "__name__", repr(function))
        raise ConfigurationError(
            f"{name!r} is registered with the server already, so this guard would never run.",
            hint="Put @mcp.tool, @mcp.resource or @mcp.prompt above the guards, such as @require(...), not below them.",
        )
