"""One dependency that FastMCP's `Depends` and FastAPI's both understand."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from functools import partial
from typing import Annotated, Any, TypeVar

import fastapi
import fastmcp.dependencies
from starlette.requests import HTTPConnection

from mcpauthkit.protocol.injection import called_as, injected
from mcpauthkit.providers.holding import Holding, Wanted
from mcpauthkit.web.injection import principal_of, purpose_of, route_edge

T = TypeVar("T")


def injectable(
    holding: Holding,
    scopes: tuple[str, ...],
    *,
    fail_fast: bool,
    value: Callable[[], AbstractAsyncContextManager[T]],
) -> Callable[..., Awaitable[T]]:
    """A dependency that holds the caller's credential for the rest of a call or request.

    Args:
        holding: Finds and holds the credential.
        scopes: What it must permit.
        fail_fast: Never hold a call.
        value: What is injected; entered while the credential is held.
    """

    @asynccontextmanager
    async def in_call() -> AsyncIterator[T]:
        wanted = Wanted(scopes, called_as.get(), fail_fast)
        async with injected(partial(holding.find, wanted=wanted), partial(holding.hold, wanted=wanted)), value() as one:
            yield one

    async def in_route(connection: HTTPConnection) -> AsyncIterator[T]:
        wanted = Wanted(scopes, purpose_of(connection))
        with route_edge(connection):
            principal = principal_of(connection)
            credential = await holding.find_or_link(principal, wanted=wanted)
            with holding.hold(principal, credential, wanted=wanted):
                async with value() as one:
                    yield one

    async def dependency(one: T) -> T:
        return one

    # Each framework looks for its own mark, resolves it, and passes the other by.
    marks = fastapi.Depends(in_route), fastmcp.dependencies.Depends(in_call)
    dependency.__annotations__ = {"one": Annotated[Any, *marks], "return": Any}
    return dependency
