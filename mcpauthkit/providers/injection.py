"""One dependency that FastMCP's `Depends` and FastAPI's both understand."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import replace
from functools import partial
from typing import Annotated, Any, TypeVar

import fastapi
import fastmcp.dependencies
from starlette.requests import HTTPConnection

from mcpauthkit.errors import ConfigurationError
from mcpauthkit.protocol.call import fastmcp_hook_active
from mcpauthkit.protocol.injection import called_as, injected
from mcpauthkit.providers.foundation import Foundation
from mcpauthkit.providers.holding import Wanted
from mcpauthkit.providers.misplaced import mark_injected
from mcpauthkit.web.injection import principal_of, purpose_of, route_edge

T = TypeVar("T")


def injectable(
    foundation: Foundation, wanted: Wanted, *, value: Callable[[], AbstractAsyncContextManager[T]]
) -> Callable[..., Awaitable[T]]:
    """A dependency that holds the caller's credential for the rest of a call or request.

    Args:
        foundation: The provider's parts.
        wanted: What the credential must permit; its purpose is found where it is injected.
        value: What is injected; entered while the credential is held.

    Raises:
        ConfigurationError: FastMCP calls it to get what is injected.
    """
    holding = foundation.holding
    if fastmcp_hook_active.get():
        # FastMCP hides the dependencies of templates and prompts, so this is seen only when it resolves them.
        raise ConfigurationError(
            "A Depends was given what makes dependencies, and injects nothing.",
            hint="Call it there, with parentheses, such as Depends(provider.token()).",
        )
    foundation.accept(wanted)

    @asynccontextmanager
    async def in_call() -> AsyncIterator[T]:
        here = replace(wanted, purpose=called_as.get())
        foundation.remember_use(here)
        find = partial(holding.find, wanted=here)
        async with injected(find, holding.hold, service=holding.service_name), value() as one:
            yield one

    async def in_route(connection: HTTPConnection) -> AsyncIterator[T]:
        here = replace(wanted, purpose=purpose_of(connection))
        foundation.remember_use(here)
        with route_edge(connection, holding.service_name):
            principal = principal_of(connection)
            need, credential = await holding.find_or_link(principal, connection.scope, wanted=here)
            with holding.hold(need, credential):
                async with value() as one:
                    yield one

    async def dependency(one: T) -> T:
        return one

    # Each framework looks for its own mark, resolves it, and passes the other by.
    marks = fastapi.Depends(in_route), fastmcp.dependencies.Depends(in_call)
    dependency.__annotations__ = {"one": Annotated[Any, *marks], "return": Any}
    return mark_injected(dependency)
