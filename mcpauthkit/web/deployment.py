"""What the parts of an application tell of themselves: what it trusts, where it keeps what it has, what seals it.

`Hub` is about paths and pages; this is about what the start, `/ready` and the doctor look at.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Self

from fastmcp import FastMCP
from mcp.server.mcpserver import MCPServer

from mcpauthkit.core.keyring import KeyRing
from mcpauthkit.identity.issuer import Issuer
from mcpauthkit.oauth.token import OAuthClient
from mcpauthkit.stores.environment import Storage
from mcpauthkit.stores.port import Store

_STATE = "mcpauthkit_deployment"

Server = FastMCP[Any] | MCPServer[Any]


@dataclass(slots=True)
class Deployment:
    """What the parts of an application tell of themselves, as far as it matters where it runs.

    Attributes:
        base_url: The public address, as `JwtAuthMiddleware` knows it; empty before it has been started.
        issuers: Whose tokens `JwtAuthMiddleware` accepts; none before it has been started.
        key_rings: What seals in each part, by the part's name.
        stores: Where each provider keeps what it has, by its name.
        servers: The MCP servers whose tools ask users.
        proxy_client: Our client at the issuer, where `oauth_meta_router` is the authorization server of clients; None
            before it has been started.
    """

    base_url: str = ""
    issuers: Sequence[Issuer] = ()
    key_rings: dict[str, KeyRing] = field(default_factory=dict)
    stores: dict[str, Store] = field(default_factory=dict)
    servers: list[Server] = field(default_factory=list)
    proxy_client: OAuthClient | None = None

    @classmethod
    def of(cls, app: Any) -> Self:
        """That of an application, made at the first request for it."""
        state = getattr(app, "state", None)
        found = getattr(state, _STATE, None)
        if not isinstance(found, cls):
            found = cls()
            if state is not None:
                setattr(state, _STATE, found)
        return found

    def add_provider(self, service: str, storage: Storage, mcp: Server | None) -> None:
        """Take note of a provider.

        Args:
            service: The name of its service.
            storage: Where it keeps what it has, and what seals it.
            mcp: The server whose tools need it, if there is one.
        """
        name = _part(service)
        self.stores[name], self.key_rings[name] = storage.store, storage.key_ring
        if mcp is not None and not any(one is mcp for one in self.servers):
            self.servers.append(mcp)

    def parts_by_store(self) -> list[tuple[Store, list[str]]]:
        """Each store once, with the names of the parts that share it."""
        found: dict[int, tuple[Store, list[str]]] = {}
        for part, store in self.stores.items():
            found.setdefault(id(store), (store, []))[1].append(part)
        return list(found.values())

    def looks_after(self, service: str, store: Store) -> bool:
        """Whether a provider is the first of those that share a store, so that one of them looks after it."""
        return next((name for name, one in self.stores.items() if one is store), _part(service)) == _part(service)


def _part(service: str) -> str:
    return f"the {service} provider"
