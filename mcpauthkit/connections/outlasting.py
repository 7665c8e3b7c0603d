"""Keeping what can be had only once, also through an outage of the store.

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
"""How long an outage of the store may last without loss; browsers and clients wait for longer than that."""

# Short, because other processes go on as soon as the store does, and with a refresh token that is used up.
_PAUSE_SECONDS = 0.25


async def outlasting(keep: Callable[[], Awaitable[T]], *, seconds: float) -> T:
    """Do something at the store, and again until an outage of it is over.

    Args:
        keep: What to do. It may be done more than once, also after it has had its effect.
        seconds: For how long to begin again.

    Raises:
        StoreUnavailable: The outage lasted for longer.
        StoreBusy: Somebody else held what is needed; that is no outage, and not tried again.
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
