"""The rooms of leg 2 over a real memory store, and a grant that tests hold in their hands."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from mcpauthkit import Account, KeyRing, MemoryStore, Principal, Store
from mcpauthkit.connections.broker import Broker
from mcpauthkit.connections.credential import Credential
from mcpauthkit.connections.grant import Attempt
from mcpauthkit.connections.ledger import Ledger
from mcpauthkit.connections.vault import Vault
from mcpauthkit.core.flow_state import Flow
from mcpauthkit.core.secret import Secret
from mcpauthkit.errors import RemoteError
from mcpauthkit.stores.sealed import SealedStore
from mcpauthkit.testing import FakeClock
from tests.stores.content import texts_of

RING = KeyRing({"a": "first-key-of-at-least-32-bytes-length"}, minting="a")
OTHER_RING = KeyRing({"a": "other-key-of-at-least-32-bytes-length"}, minting="a")
ISSUER = "https://issuer.example"
REDIRECT = "https://mcp.example/connect/forge/callback"


def principal(subject: str = "alice", issuer: str = ISSUER) -> Principal:
    return Principal({"sub": subject}, issuer=issuer, subject=subject, expires_at=0.0)


ALICE, BOB = principal("alice"), principal("bob")


def credential(
    token: str = "access-canary",
    *,
    scopes: Sequence[str] = ("repo",),
    refresh: str | None = "refresh-canary",
    expires_at: float | None = None,
) -> Credential:
    return Credential.of_token(
        Secret(token),
        scopes=frozenset(scopes),
        refresh_token=Secret(refresh) if refresh else None,
        expires_at=expires_at,
    )


async def _nothing() -> None:
    return None


@dataclass
class HandGrant:
    """A grant whose answers a test decides; every renewal rotates the refresh token."""

    clock: FakeClock
    service: str = "forge"
    display_name: str = "DevForge"
    renewals: list[str] = field(default_factory=list)
    completions: list[Mapping[str, str]] = field(default_factory=list)
    trouble: Exception | None = None
    before_answer: Callable[[], Awaitable[None]] = _nothing
    granted: Sequence[str] | None = None
    lifetime_seconds: float = 3600.0
    refreshes: bool = True
    account: Account = field(default_factory=Account)
    revocation: bool | RemoteError = True
    revoked: list[Secret] = field(default_factory=list)

    async def begin(self, scopes: Sequence[str], *, redirect_uri: str) -> Attempt:
        address = f"https://forge.example/authorize?scope={'+'.join(scopes)}&redirect_uri={redirect_uri}"
        return Attempt(address, "state-1", {"verifier": "v"})

    async def complete(
        self, query: Mapping[str, str], private: Mapping[str, Any], scopes: Sequence[str], *, redirect_uri: str
    ) -> Credential:
        assert private == {"verifier": "v"}
        assert redirect_uri.endswith(f"/connect/{self.service}/callback")
        self.completions.append(dict(query))
        await self.before_answer()
        if self.trouble is not None:
            raise self.trouble
        again = f"-{len(self.completions)}" if len(self.completions) > 1 else ""
        return self._made(f"connected{again}", scopes)

    async def renew(self, old: Credential) -> Credential:
        assert old.refresh_token is not None
        self.renewals.append(old.refresh_token.reveal())
        number = len(self.renewals)
        await self.before_answer()
        if self.trouble is not None:
            raise self.trouble
        return self._made(f"renewed-{number}", sorted(old.scopes))

    async def revoke(self, held: Credential) -> bool:
        self.revoked.append(held.access_token)
        await self.before_answer()
        if isinstance(self.revocation, RemoteError):
            raise self.revocation
        return self.revocation

    async def aclose(self) -> None:
        """Nothing is open."""

    def _made(self, token: str, scopes: Sequence[str]) -> Credential:
        made = credential(
            token,
            scopes=scopes if self.granted is None else self.granted,
            refresh=f"refresh-of-{token}" if self.refreshes else None,
            expires_at=self.clock.wall() + self.lifetime_seconds,
        )
        return replace(made, account=self.account)


@dataclass
class SmallWorld:
    """One broker and everything below it."""

    clock: FakeClock = field(default_factory=FakeClock)
    store: Store | None = None
    namespace: str = "test"
    is_incremental: bool = False

    def __post_init__(self) -> None:
        self.memory = MemoryStore(clock=self.clock)
        self.sealed = SealedStore(self.memory if self.store is None else self.store, RING, clock=self.clock)
        self.vault = Vault(self.sealed, namespace=self.namespace, clock=self.clock)
        self.ledger = Ledger(self.sealed, namespace=self.namespace, clock=self.clock)
        self.grant = HandGrant(self.clock)
        self.broker = self.another_broker()

    def another_broker(self) -> Broker:
        return Broker(
            self.grant,
            self.sealed,
            namespace=self.namespace,
            redirect_uri=REDIRECT,
            is_incremental=self.is_incremental,
            clock=self.clock,
            outlast_seconds=1.0,
        )

    async def hold(self, token: str = "access-canary", *, seconds: float | None = 3600.0, **options: Any) -> Credential:
        """Give Alice a credential that lives for so long."""
        held = credential(token, expires_at=None if seconds is None else self.clock.wall() + seconds, **options)
        await self.vault.put(ALICE, "forge", held)
        return held

    async def open(self, *scopes: str) -> Flow:
        return await self.ledger.open(ALICE, "forge", scopes or ("repo",), purpose="list_repos")

    async def held_token(self) -> str | None:
        held = await self.vault.get(ALICE, "forge")
        return None if held is None else held.access_token.reveal()

    async def texts(self) -> list[str]:
        """Keys and values as somebody reads them who gets hold of the storage."""
        return await texts_of(self.memory)
