"""Ways to a credential whose answers a test decides, over a memory store."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Sequence
from dataclasses import dataclass, field
from typing import Any

from mcpauthkit import MemoryStore, Principal, Secret
from mcpauthkit.connections.credential import Credential, Origin
from mcpauthkit.connections.grant import UserlessGrant
from mcpauthkit.connections.userless import Userless
from mcpauthkit.stores.sealed import SealedStore
from mcpauthkit.testing import FakeClock
from tests.connections.small_world import ISSUER, RING
from tests.stores.content import texts_of

ALICE, BOB = Principal.bare(ISSUER, "alice"), Principal.bare(ISSUER, "bob")
STRONG, WEAK = Secret("callers-strong-canary"), Secret("callers-weak-canary")


async def _nothing() -> None:
    return None


@dataclass
class HandWay:
    """A way whose answers a test decides."""

    clock: FakeClock
    origin: Origin = "exchange"
    way: str = "exchange"
    issuers: Collection[str] | None = None
    asked: list[tuple[tuple[str, ...], str | None]] = field(default_factory=list)
    trouble: Exception | None = None
    granted: Sequence[str] | None = None
    lifetime_seconds: float | None = 3600.0
    same_token: bool = False
    before_answer: Callable[[], Awaitable[None]] = _nothing

    async def obtain(self, scopes: Sequence[str], *, caller_token: Secret | None) -> Credential:
        self.asked.append((tuple(scopes), None if caller_token is None else caller_token.reveal()))
        number = 1 if self.same_token else len(self.asked)
        await self.before_answer()
        if self.trouble is not None:
            raise self.trouble
        now = self.clock.wall()
        return Credential.of_token(
            Secret(f"{self.way}-{number}-canary"),
            scopes=frozenset(scopes if self.granted is None else self.granted),
            refresh_token=Secret("refresh-canary"),
            obtained_at=now,
            expires_at=None if self.lifetime_seconds is None else now + self.lifetime_seconds,
        )

    async def aclose(self) -> None:
        self.asked.append((("closed",), None))


class Place:
    """Some ways over a memory store."""

    def __init__(self, *ways: HandWay, clock: FakeClock | None = None) -> None:
        self.clock = clock or FakeClock()
        self.memory = MemoryStore(clock=self.clock)
        self.way = HandWay(self.clock)
        self.ways: list[UserlessGrant] = list(ways or [self.way])
        self.userless = self.another()

    def another(self, *ways: UserlessGrant, ring: Any = RING) -> Userless:
        sealed = SealedStore(self.memory, ring, clock=self.clock)
        return Userless(ways or self.ways, sealed, namespace="test", service="forge", clock=self.clock)

    async def find(
        self, *scopes: str, who: Principal = ALICE, token: Secret | None = STRONG, of: Userless | None = None
    ) -> Credential | None:
        return await (of or self.userless).find(who, scopes or ("repo",), caller_token=token)

    async def needed(self, *scopes: str, who: Principal = ALICE, token: Secret | None = STRONG) -> Credential:
        found = await self.find(*scopes, who=who, token=token)
        assert found is not None
        return found

    async def texts(self) -> list[str]:
        """Keys and values as somebody reads them who gets hold of the storage."""
        return await texts_of(self.memory)


def service_account(clock: FakeClock, **options: Any) -> HandWay:
    return HandWay(clock, origin="service-account", way="account", **options)
