"""A server in this process with one or two services, and clients of both eras without any HTTP between."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Literal

import httpx
from fastapi import FastAPI
from fastmcp import Client, FastMCP
from fastmcp.client.elicitation import ElicitResult
from mcp.server.mcpserver import MCPServer

from mcpauthkit import MemoryStore, OAuthProvider, Patience, Principal, current_user
from mcpauthkit.connections.ledger import Ledger
from mcpauthkit.connections.vault import Vault
from mcpauthkit.core.flow_state import FlowStatus
from mcpauthkit.stores.sealed import SealedStore
from mcpauthkit.testing import FakeClock
from tests.connections.small_world import ALICE, RING, HandGrant, credential
from tests.world import ERA_MODES, Era

Does = Literal["connect", "decline", "nothing"]


@dataclass
class Room:
    """Providers over one store, and the people in front of the clients."""

    flavour: str = "fastmcp"
    patience: Patience = field(default_factory=lambda: Patience(hold_seconds=5, rounds=2, asking_seconds=5))
    clock: FakeClock = field(default_factory=FakeClock)
    does: Does = "connect"
    asked: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.store = MemoryStore(clock=self.clock)
        sealed = SealedStore(self.store, RING, clock=self.clock)
        self.vault = Vault(sealed, namespace="mcpauthkit", clock=self.clock)
        self.ledger = Ledger(sealed, namespace="mcpauthkit", clock=self.clock)
        self.mcp: Any = FastMCP("room") if self.flavour == "fastmcp" else MCPServer("room")
        self.forge, self.wiki = self.provider("forge"), self.provider("wiki")
        self.register(self.forge, self.wiki)

    def provider(self, name: str) -> OAuthProvider:
        return OAuthProvider(
            HandGrant(self.clock, service=name, display_name=name.capitalize()),
            server_base_url="https://mcp.example",
            api_url="https://api.example",
            store=self.store,
            key_ring=RING,
            patience=self.patience,
            clock=self.clock,
        )

    def register(self, *providers: OAuthProvider) -> None:
        app = FastAPI()
        for one in providers:
            one.register(app, self.mcp)

    async def hold(self, token: str = "token-of-alice", who: Principal = ALICE, service: str = "forge") -> None:
        await self.vault.put(who, service, credential(token, expires_at=self.clock.wall() + 3600))

    async def answer(self, url: str) -> None:
        """What the page would do once the right user is through with it."""
        flow = await self.ledger.get(httpx.URL(url).params["flow"])
        assert flow is not None
        if self.does == "connect":
            who = Principal({}, issuer=flow.issuer, subject=flow.subject, expires_at=0.0)
            made = credential(f"{flow.service}-token", scopes=flow.scopes, expires_at=self.clock.wall() + 3600)
            await self.vault.put(who, flow.service, made)
            await self.ledger.finish(flow, FlowStatus.CONNECTED)
        elif self.does == "decline":
            await self.ledger.finish(flow, FlowStatus.DECLINED)

    @asynccontextmanager
    async def client(self, era: Era, who: Principal | None = ALICE) -> AsyncIterator[Client[Any]]:
        async def ask(_message: str, _type: Any, params: Any, _context: Any) -> ElicitResult[Any]:
            self.asked.append(params.url)
            if "mcp.example" in params.url:
                await self.answer(params.url)
            return ElicitResult(action="accept")

        token = current_user.set(who)
        try:
            async with Client(self.mcp, mode=ERA_MODES[era], elicitation_handler=ask) as client:
                yield client
        finally:
            current_user.reset(token)


async def said(client: Client[Any], tool: str, **arguments: Any) -> tuple[bool, str]:
    result = await client.call_tool(tool, arguments, raise_on_error=False)
    return result.is_error, " ".join(getattr(block, "text", "") for block in result.content)
