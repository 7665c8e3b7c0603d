"""Not giving up what can be had only once because the store is out for a while.

Codes and rotating refresh tokens are good once: what a service gave for one has to be kept, or only the user can give
it again.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeVar

import anyio

from mcpauthkit.errors import StoreBusy, StoreUnavailable

T = TypeVar("T")

OUTLAST_SECONDS = 20.0
"""How long an outage may last that loses nothing; browsers and clients wait for longer than that."""

# Short, because other processes go on as soon as the store does, and with a refresh token that is used up.
_PAUSE_SECONDS = 0.25


async def outlasting(keep: Callable[[], Awaitable[T]], *, seconds: float) -> T:
    """Do something at the store, and again while the store is out.

    Args:
        keep: What to do; it may be done twice.
        seconds: For how long to try.

    Raises:
        StoreUnavailable: The store was out for longer.
    """
    until = anyio.current_time() + seconds
    while True:
        try:
            return await keep()
        except StoreBusy:
            # The store answers, and somebody else was waited for already.
            raise
        except StoreUnavailable:
            if anyio.current_time() >= until:
                raise
        await anyio.sleep(_PAUSE_SECONDS)
