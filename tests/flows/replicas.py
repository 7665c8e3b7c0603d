"""Three applications behind one public address, over one store and one key ring; a test says who answers what."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Iterator
from contextlib import AsyncExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any

import anyio.to_thread

from mcpauthkit import KeyRing, MemoryStore, request_state_security
from mcpauthkit.testing import DevIssuer, DevService, LoopbackServer
from tests.asgi import lifespan
from tests.world import Replica, World, replica

NAMES = "ABC"
MCP = "/mcp"
SESSION = b"mcp-session-id"
RING_KEY = "test-key-of-at-least-32-bytes-length"


@dataclass
class Balancer:
    """What stands in front of replicas: each request goes to the next one, unless it is somebody's.

    Attributes:
        apps: The replicas by name.
        owners: Who answers at a path and below it; the longest one counts.
        is_sticky: Whether whoever opened an MCP session answers all of it, as sessions need it.
        served: Who has answered what.
    """

    apps: dict[str, Any]
    owners: dict[str, str] = field(default_factory=dict)
    is_sticky: bool = True
    served: list[tuple[str, str]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._turns = itertools.cycle(self.apps)
        self._sessions: dict[bytes, str] = {}

    def who_served(self, path: str) -> list[str]:
        """The replicas that have answered a path, in order."""
        return [name for name, at in self.served if at == path]

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            await self._live(receive, send)
            return
        name, path = self._chosen(scope), scope["path"]
        self.served.append((name, path))
        if path != MCP:
            # What a replica is called behind the balancer is nothing that a page may depend on. The servers themselves
            # refuse other hosts than theirs, on loopback.
            headers = [(key, value) for key, value in scope["headers"] if key != b"host"]
            inside = f"{name.lower()}.internal"
            scope = {**scope, "headers": [*headers, (b"host", inside.encode())], "server": (inside, 8000)}

        async def watching(message: Any) -> None:
            for key, value in message.get("headers", ()):
                if key.lower() == SESSION:
                    self._sessions[value] = name
            await send(message)

        await self.apps[name](scope, receive, watching)

    def _chosen(self, scope: Any) -> str:
        session = dict(scope["headers"]).get(SESSION)
        if self.is_sticky and session in self._sessions:
            return self._sessions[session]
        path = scope["path"]
        owned = [one for one in self.owners if path == one or path.startswith(f"{one}/")]
        return self.owners[max(owned, key=len)] if owned else next(self._turns)

    async def _live(self, receive: Any, send: Any) -> None:
        await receive()
        async with AsyncExitStack() as running:
            for app in self.apps.values():
                await running.enter_async_context(lifespan(app))
            await send({"type": "lifespan.startup.complete"})
            await receive()
        await send({"type": "lifespan.shutdown.complete"})


@dataclass
class Replicas:
    """A world whose server is many.

    Attributes:
        here: The world; its application is that of the first replica.
        options: What the replicas are built with.
        built: The replicas by name.
        front: What stands in front of them.
    """

    here: World
    options: dict[str, Any]
    built: dict[str, Replica]
    front: Balancer = field(init=False)

    def __post_init__(self) -> None:
        self._put_in_place(self.built, {})

    async def restart(self) -> None:
        """Stop them all and start others in their place: nothing is left but the store and the key ring."""
        here = self.here
        await anyio.to_thread.run_sync(here.server.stop)
        self._put_in_place(build(here.base, here.issuer, here.service, here.store, self.options), self.front.owners)
        await anyio.to_thread.run_sync(here.server.start)

    async def remembering_the_loop(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            self.here.loops[:] = [asyncio.get_running_loop()]
        await self.front(scope, receive, send)

    def _put_in_place(self, built: dict[str, Replica], owners: dict[str, str]) -> None:
        self.built = built
        self.front = Balancer({name: one.app for name, one in built.items()}, owners)
        self.here.server.app = self.remembering_the_loop


def build(
    base_url: str, issuer: DevIssuer, service: DevService, store: MemoryStore, options: dict[str, Any]
) -> dict[str, Replica]:
    """New application objects, each with a key ring of its own that holds the same keys, as in another process."""
    built = {}
    for name in NAMES:
        ring = KeyRing({"test": RING_KEY}, minting="test")
        wired = {
            "mcp_options": {"request_state_security": request_state_security(ring, audience="flow-tests")},
            "middleware_options": {"key_ring": ring},
            **options,
        }
        built[name] = replica(base_url, issuer, service, store, **wired)
    return built


@contextmanager
def replicas(*, service_options: dict[str, Any] | None = None, **options: Any) -> Iterator[Replicas]:
    """Start it all; everything stops at the end. Further options are those of `tests.world.replica`."""
    with DevIssuer(algorithm="ES256") as issuer, DevService(**(service_options or {})) as service:
        server, store = LoopbackServer(), MemoryStore()
        built = build(server.base_url, issuer, service, store, options)
        first = built["A"]
        here = World(issuer, service, server, first.provider, store, first.app, first.mcp)
        many = Replicas(here, options, built)
        with server:
            yield many
