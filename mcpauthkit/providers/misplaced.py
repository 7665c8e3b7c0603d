"""Injections that would inject nothing: `Depends` of another framework, or around what was not called.

The function would run all the same, unguarded, with the `Depends` object as its argument or with what a caller sends
under that name. So such functions are refused when they can be seen: at `register`, and when the application starts.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import Any, Literal, TypeVar

import fastapi.params
from fastmcp import FastMCP
from fastmcp.dependencies import Depends
from mcp.server.mcpserver import MCPServer

from mcpauthkit.errors import ConfigurationError
from mcpauthkit.protocol.hooks import functions_of
from mcpauthkit.protocol.require import refuse_misplaced

F = TypeVar("F", bound=Callable[..., Any])
Framework = Literal["FastMCP", "FastAPI", "MCPServer"]

_INJECTED, _MAKER = "__mcpauthkit_injected__", "__mcpauthkit_makes_injected__"
# FastMCP's `Depends` is a function; this is the class of what it returns.
_FASTMCP_MARK = type(Depends(lambda: None))
_REMEDIES: dict[Framework, str] = {
    "FastMCP": "Write `from fastmcp.dependencies import Depends` where tools are, instead of FastAPI's.",
    "FastAPI": "Write `from fastapi import Depends` where routes are, instead of FastMCP's.",
    "MCPServer": "MCPServer injects nothing: guard the function with @provider.require_...() instead.",
}


def mark_injected(dependency: F) -> F:
    """Mark what the frameworks' `Depends` takes."""
    setattr(dependency, _INJECTED, True)
    return dependency


def makes_injected(maker: F) -> F:
    """Mark what has to be called to get that."""
    setattr(maker, _MAKER, True)
    return maker


def check_server(mcp: FastMCP[Any] | MCPServer[Any]) -> None:
    """Refuse a server with a function into which our dependencies would not be injected, or without its guards.

    Raises:
        ConfigurationError: There is one.
    """
    refuse_misplaced(mcp)
    framework: Framework = "FastMCP" if isinstance(mcp, FastMCP) else "MCPServer"
    for function in functions_of(mcp):
        _check(function, framework, _name_of(function))


def check_routes(routes: Iterable[Any], included_with: Iterable[object] = ()) -> None:
    """Refuse routes of an application likewise, those of included routers and mounted applications among them.

    Args:
        routes: The routes.
        included_with: What their router was included with.

    Raises:
        ConfigurationError: There is one.
    """
    for route in routes:
        endpoint = getattr(route, "endpoint", None)
        if inspect.isroutine(endpoint):
            name = _name_of(endpoint)
            _check(endpoint, "FastAPI", name)
            for mark in (*included_with, *(getattr(route, "dependencies", None) or ())):
                _check_mark(mark, "FastAPI", name)
        inner = getattr(route, "original_router", route)
        more = getattr(getattr(route, "include_context", None), "dependencies", ())
        check_routes(getattr(inner, "routes", None) or (), more)


def _check(function: Callable[..., Any], framework: Framework, name: str) -> None:
    for parameter in _parameters_of(function):
        declared = parameter.default, *getattr(parameter.annotation, "__metadata__", ())
        marks = [one for one in declared if _is_mark(one)]
        # A function for two frameworks carries the marks of both, and each passes the other's by.
        for mark in [one for one in marks if _kind_of(one) == framework] or marks:
            _check_mark(mark, framework, name)


def _check_mark(mark: object, framework: Framework, name: str) -> None:
    dependency = mark.dependency if isinstance(mark, fastapi.params.Depends) else getattr(mark, "factory", None)
    if not callable(dependency):
        return
    if getattr(dependency, _MAKER, False):
        maker = getattr(dependency, "__name__", "token")
        raise ConfigurationError(
            f"{name!r} depends on provider.{maker} itself, which injects nothing.",
            hint=f"Write Depends(provider.{maker}()), with parentheses.",
        )
    if not getattr(dependency, _INJECTED, False):
        # One of the application's own, which may have ours.
        _check(dependency, framework, name)
    elif _kind_of(mark) != framework:
        raise ConfigurationError(
            f"{name!r} has a Depends of {_kind_of(mark)} for a credential, and {framework} passes it by.",
            hint=_REMEDIES[framework],
        )


def _name_of(function: Callable[..., Any]) -> str:
    return getattr(function, "__name__", repr(function))


def _is_mark(value: object) -> bool:
    return isinstance(value, (fastapi.params.Depends, _FASTMCP_MARK))


def _kind_of(mark: object) -> Framework:
    return "FastAPI" if isinstance(mark, fastapi.params.Depends) else "FastMCP"


def _parameters_of(function: Callable[..., Any]) -> Iterable[inspect.Parameter]:
    # Some annotations only the framework can read, and some compiled code tells nothing at all.
    for eval_str in (True, False):
        with suppress(NameError, AttributeError, SyntaxError, TypeError, ValueError):
            return inspect.signature(function, eval_str=eval_str).parameters.values()
    return ()
