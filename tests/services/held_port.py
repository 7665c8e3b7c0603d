"""A port of 127.0.0.1 that outlives who listens there."""

from __future__ import annotations

import socket
from contextlib import suppress

from tests.services.keycloak import free_ports


class HeldPort:
    """A port that stays ours while nobody listens there, so that a server finds it free when it comes back."""

    def __init__(self) -> None:
        self._holder = socket.socket()
        while True:
            (self.number,) = free_ports(1)
            with suppress(OSError):
                self._holder.bind(("127.0.0.1", self.number))
                break
        # Bound and not listening keeps everybody away but who binds with this option too, as redis-server does.
        self._holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)

    def close(self) -> None:
        """Give it up."""
        self._holder.close()
