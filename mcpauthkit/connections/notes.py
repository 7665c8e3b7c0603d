"""What is worth knowing about a connection besides its credential: last used, last trouble, how it was lost."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import Any

from mcpauthkit.connections.credential import Credential
from mcpauthkit.connections.names import name_digest
from mcpauthkit.core.clock import Clock, SystemClock
from mcpauthkit.core.log import RequestLog
from mcpauthkit.errors import SealError, StoreUnavailable
from mcpauthkit.principal import Principal, identity_digest_of
from mcpauthkit.stores.sealed import SealedStore

_log = RequestLog("connections")
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
        ends_at: Wall time in seconds at which it ends unless it is renewed before; 0 where nobody knows.
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

    async def of(self, principal: Principal, credential: Credential) -> Note:
        """What is known about a connection; an empty note when nothing is."""
        return await self._read(self._key(principal, credential))

    async def of_last(self, principal: Principal) -> Note:
        """What is known about the connection that was there last, or ends last, for when there is none."""
        return await self._read(self._last_key(principal))

    async def used(self, principal: Principal, credential: Credential) -> None:
        """Note that a connection is being used."""
        key, now = self._key(principal, credential), self._clock.wall()
        if now - self._noted.get(key, float("-inf")) < _COARSE_SECONDS:
            return
        if len(self._noted) >= _MAX_REMEMBERED:
            self._noted.clear()
        self._noted[key] = now
        await self._change(key, used_at=now)

    async def failed(self, principal: Principal, credential: Credential) -> None:
        """Note that a renewal met an outage."""
        await self._change(self._key(principal, credential), failed_at=self._clock.wall())

    async def renewed(self, principal: Principal, credential: Credential) -> None:
        """Note that renewals work again, and when the connection is going to end, if it is not renewed once more."""
        key = self._key(principal, credential)
        if (await self._read(key)).failed_at:
            await self._change(key, failed_at=0.0)
        await self._note_end(principal, credential)

    async def lost(self, principal: Principal, credential: Credential) -> None:
        """Note that the service has ended a connection; told as long as there is no other."""
        used_at = (await self.of(principal, credential)).used_at
        await self._change(
            self._last_key(principal), lost_at=self._clock.wall(), used_at=used_at, label=credential.account.label
        )

    async def connected(self, principal: Principal, credential: Credential) -> None:
        """Note a new connection: earlier troubles are over, and when it is going to end, if nothing renews it."""
        await self.clear(principal, credential)
        await self._note_end(principal, credential)

    async def clear(self, principal: Principal, credential: Credential) -> None:
        """Forget what was noted: the connection is new, or over by its user's wish."""
        key = self._key(principal, credential)
        self._noted.pop(key, None)
        with self._at_leisure():
            await self._store.delete(key)
        await self.clear_last(principal)

    async def clear_last(self, principal: Principal) -> None:
        """Forget what was noted of the connection that was there last."""
        with self._at_leisure():
            await self._store.delete(self._last_key(principal))

    async def _note_end(self, principal: Principal, credential: Credential) -> None:
        if credential.ends_at is not None:
            await self._change(self._last_key(principal), ends_at=credential.ends_at, label=credential.account.label)

    async def _change(self, key: str, **changes: Any) -> None:
        with self._at_leisure():
            note = {**asdict(await self._read(key)), **changes}
            await self._store.put(key, note, ttl_seconds=_KEPT_SECONDS)

    @contextmanager
    def _at_leisure(self) -> Iterator[None]:
        # A note is worth no failed call, and no credential that was kept already.
        try:
            yield
        except StoreUnavailable as error:
            _log.warning("not noted %s", error.for_log())

    async def _read(self, key: str) -> Note:
        try:
            return Note(**(await self._store.get(key) or {}))
        except (SealError, TypeError):
            # Only a note: nothing depends on it.
            return Note()

    def _key(self, principal: Principal, credential: Credential) -> str:
        # By the id, because a connection's name changes when it becomes the default or gives way to another.
        which = credential.connection_id or name_digest(credential.name)
        return f"{self._prefix}:{identity_digest_of(principal)}:{which}"

    def _last_key(self, principal: Principal) -> str:
        return f"{self._prefix}:{identity_digest_of(principal)}:last"
