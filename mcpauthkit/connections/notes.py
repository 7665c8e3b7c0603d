"""What is worth knowing about a connection besides its credential: last used, last trouble, how it was lost."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from mcpauthkit.connections.credential import Credential
from mcpauthkit.connections.names import name_digest
from mcpauthkit.core.clock import Clock, SystemClock
from mcpauthkit.errors import SealError
from mcpauthkit.principal import Principal, identity_digest
from mcpauthkit.stores.sealed import SealedStore

_KEPT_SECONDS = 365 * 86_400.0
_COARSE_SECONDS = 300.0
_MAX_REMEMBERED = 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Note:
    """What is known about one connection.

    Args:
        used_at: Wall time in seconds of the last use, within five minutes; 0 for never.
        failed_at: Wall time in seconds of the outage that the last renewal met; 0 when it met none.
        lost_at: Wall time in seconds when the service ended it; 0 while it stands.
        ends_at: Wall time in seconds at which it ends because nothing renews it; 0 where something does.
        label: Whose account at the service it was, for the page that says that it is over.
    """

    used_at: float = 0.0
    failed_at: float = 0.0
    lost_at: float = 0.0
    ends_at: float = 0.0
    label: str = ""


class Notes:
    """Keeps notes beside credentials. Uses are noted coarsely, so that a call costs no write.

    Args:
        store: The sealed store.
        namespace: Separates applications that share one store.
        service: The service.
        clock: Time.
    """

    def __init__(self, store: SealedStore, *, namespace: str, service: str, clock: Clock | None = None) -> None:
        self._store = store
        self._prefix = f"{namespace}:note:{service}"
        self._clock = clock or SystemClock()
        self._noted: dict[str, float] = {}

    async def of(self, principal: Principal, name: str) -> Note:
        """What is known about a connection; an empty note when nothing is."""
        return await self._read(self._key(principal, name))

    async def used(self, principal: Principal, credential: Credential) -> None:
        """Note that a connection is being used."""
        key, now = self._key(principal, credential.name), self._clock.wall()
        if now - self._noted.get(key, float("-inf")) < _COARSE_SECONDS:
            return
        if len(self._noted) >= _MAX_REMEMBERED:
            self._noted.clear()
        self._noted[key] = now
        await self._change(key, used_at=now)

    async def failed(self, principal: Principal, credential: Credential) -> None:
        """Note that a renewal met an outage."""
        await self._change(self._key(principal, credential.name), failed_at=self._clock.wall())

    async def renewed(self, principal: Principal, credential: Credential) -> None:
        """Note that renewals work again."""
        key = self._key(principal, credential.name)
        if (await self._read(key)).failed_at:
            await self._change(key, failed_at=0.0)

    async def lost(self, principal: Principal, credential: Credential) -> None:
        """Note that the service has ended a connection; told as long as there is no other."""
        await self._change(self._key(principal, ""), lost_at=self._clock.wall(), label=credential.account.label)

    async def connected(self, principal: Principal, credential: Credential) -> None:
        """Note a new connection: earlier troubles are over, and when it is going to end, if nothing renews it."""
        await self.clear(principal, credential.name)
        if credential.expires_at is not None and credential.refresh_token is None:
            key = self._key(principal, "")
            await self._change(key, ends_at=credential.expires_at, label=credential.account.label)

    async def clear(self, principal: Principal, name: str) -> None:
        """Forget what was noted: the connection is new, or over by its user's wish."""
        for key in {self._key(principal, name), self._key(principal, "")}:
            self._noted.pop(key, None)
            await self._store.delete(key)

    async def _change(self, key: str, **changes: Any) -> None:
        note = {**asdict(await self._read(key)), **changes}
        await self._store.put(key, note, ttl_seconds=_KEPT_SECONDS)

    async def _read(self, key: str) -> Note:
        try:
            return Note(**(await self._store.get(key) or {}))
        except (SealError, TypeError):
            # Only a note: nothing depends on it.
            return Note()

    def _key(self, principal: Principal, name: str) -> str:
        return f"{self._prefix}:{identity_digest(*principal.key)}:{name_digest(name)}"
