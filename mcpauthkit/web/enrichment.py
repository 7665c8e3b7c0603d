"""The application's own hook after authentication."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Awaitable, Callable

import anyio.to_thread
from starlette.requests import HTTPConnection

from mcpauthkit.principal import Principal

OnAuthenticate = Callable[[Principal, HTTPConnection], Awaitable[None] | None]
"""Fills `principal.extra`, for instance with the organisation from a database. Raising a `RequestError`, such as
`InvalidToken("This account is locked.")`, refuses the request; any other exception ends it with a 500."""


async def enrich(hook: OnAuthenticate, principal: Principal, connection: HTTPConnection) -> None:
    """Run the hook; a synchronous one in a worker thread, because it may wait for a database."""
    if inspect.iscoroutinefunction(hook):
        await hook(principal, connection)
        return
    result = await anyio.to_thread.run_sync(functools.partial(hook, principal, connection))
    # An object with an asynchronous __call__, or a partial of one, shows only now what it is.
    if inspect.isawaitable(result):
        await result
