"""Work that is finished once begun, whoever loses interest in it."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

import anyio

T = TypeVar("T")


async def uninterrupted(work: Coroutine[Any, Any, T]) -> T:
    """Await something to its end; a cancellation of the caller is passed on after that.

    Such work leaves damage when it is cut off: a lease that nobody gives back, a refresh token that is spent while its
    successor is lost. A shield of anyio's stops anyio's cancellation only; tools use `asyncio.timeout` and
    `asyncio.wait_for` as well, and those throw into whatever is awaited. So the work has a task of its own.

    Args:
        work: Bounded in time by itself, since nothing else can end it.
    """
    task = asyncio.ensure_future(work)
    cancelled: asyncio.CancelledError | None = None
    with anyio.CancelScope(shield=True):
        while not task.done():
            try:
                await asyncio.wait([task])
            except asyncio.CancelledError as error:
                cancelled = error
    if cancelled is not None:
        if not task.cancelled():
            # Looked at, so that asyncio does not complain about a failure that nobody saw.
            task.exception()
        raise cancelled
    return task.result()
