"""Guards of `require`, to be decided with the rules before anything runs, so that there is one decision of a call.

The function's own wrapper judges them again, by the arguments that the server has made of what the client sent.
"""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Generic, NamedTuple, TypeVar

from mcpauthkit.access.auth_check import asked_for
from mcpauthkit.access.guard import AllOf, Guard, GuardLike, Verdict, denied_by
from mcpauthkit.access.request import AccessRequest
from mcpauthkit.principal import Principal
from mcpauthkit.protocol.require import guards_of

C = TypeVar("C")


class GuardsOnFunction(Guard):
    """The guards on a function, judged by the arguments that it would get.

    Args:
        guards: Its guards.
        arguments: What it would be called with.
    """

    def __init__(self, guards: Sequence[GuardLike], arguments: Mapping[str, Any]) -> None:
        self._guards = guards
        self._arguments = arguments

    def describe(self) -> str:
        """What all of them ask for."""
        return AllOf(*self._guards).describe()

    async def judge(self, request: AccessRequest) -> Verdict:
        """Judge them in their order; the first that is not met says why."""
        denial = await denied_by(self._guards, request._replace(arguments=self._arguments))
        return Verdict(is_met=True) if denial is None else Verdict(is_met=False, denial=denial)


class Withholding(Guard):
    """Guards in `auth=` for which FastMCP has just said that there is nothing of this name; it tells why.

    Args:
        guards: Those that were asked.
    """

    def __init__(self, guards: Sequence[GuardLike]) -> None:
        self._guards = guards

    async def judge(self, request: AccessRequest) -> Verdict:
        """Never met, whatever they say now: FastMCP would not run it."""
        return Verdict(is_met=False, denial=await denied_by(self._guards, request) or self.describe_denial(request))


class Reached(NamedTuple, Generic[C]):
    """What a use reaches.

    Args:
        component: What goes by the name; None where nothing does.
        withholding: What keeps it from this caller.
    """

    component: C | None
    withholding: tuple[GuardLike, ...] = ()


async def reach(find: Callable[[], Awaitable[C | None]], principal: Principal | None) -> Reached[C]:
    """Look for what a use reaches, also behind guards in `auth=`, which FastMCP takes for there being nothing.

    Args:
        find: Looks for it as FastMCP does.
        principal: Who asks.
    """
    found = await find()
    if found is not None:
        return Reached(found)
    postponed: list[Any] = []
    with asked_for(principal, postponed=postponed):
        hidden = await find()
    return Reached(None) if hidden is None or not postponed else Reached(hidden, (Withholding(postponed),))


def guards_on_function(component: object, key: str, given: Mapping[str, Any] | None) -> tuple[GuardLike, ...]:
    """The guards that `require` put on what runs for a use, of FastMCP or of an MCPServer.

    Args:
        component: The tool, resource, template or prompt; None where nothing was found.
        key: The address that is read, for templates.
        given: The arguments as they were sent.
    """
    function = getattr(component, "fn", None)
    guards = guards_of(function) if callable(function) else ()
    if function is None or not guards:
        return ()
    return (GuardsOnFunction(guards, {**_defaults(component, function), **_sent(component, key, given)}),)


def _sent(component: object, key: str, given: Mapping[str, Any] | None) -> Mapping[str, Any]:
    matches = getattr(component, "matches", None)
    return (matches(key) if callable(matches) else given) or {}


def _defaults(component: object, function: Callable[..., Any]) -> dict[str, Any]:
    """What clients may leave out; what a server injects is none of their arguments."""
    schema = getattr(component, "parameters", None)
    if isinstance(schema, Mapping):
        declared = schema.get("properties", {}).items()
        return {name: one["default"] for name, one in declared if isinstance(one, Mapping) and "default" in one}
    parameters = inspect.signature(function).parameters.values()
    return {one.name: one.default for one in parameters if one.default is not inspect.Parameter.empty}
