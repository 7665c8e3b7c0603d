"""Credentials per principal and service."""

from __future__ import annotations

from mcpauthkit.connections.credential import Credential
from mcpauthkit.core.clock import Clock, SystemClock
from mcpauthkit.core.log import RequestLog
from mcpauthkit.errors import SealError
from mcpauthkit.principal import Principal, identity_digest
from mcpauthkit.stores.sealed import SealedStore

_log = RequestLog("connections")
_KEPT_SECONDS = 365 * 86_400.0


class Vault:
    """Keeps credentials sealed; keys hold a digest of issuer and subject, never the user's name.

    Args:
        store: The sealed store.
        namespace: Separates applications that share one store.
        clock: Time.
    """

    def __init__(self, store: SealedStore, *, namespace: str, clock: Clock | None = None) -> None:
        self._store = store
        self._namespace = namespace
        self._clock = clock or SystemClock()

    async def get(self, principal: Principal, service: str) -> Credential | None:
        """The credential, or None when there is none that we can read."""
        key = self._key(principal, service)
        try:
            record = await self._store.get(key)
            return None if record is None else Credential.from_record(record)
        except SealError as error:
            # Left in place: it may be readable with a key that another replica still holds.
            _log.warning("credential unreadable service=%s user=%s %s", service, principal.digest, error.for_log())
            return None

    async def put(self, principal: Principal, service: str, credential: Credential) -> None:
        """Keep a credential, replacing the one before."""
        ttl = _KEPT_SECONDS
        if credential.expires_at is not None and credential.refresh_token is None:
            ttl = min(_KEPT_SECONDS, max(1.0, credential.expires_at - self._clock.wall()))
        await self._store.put(self._key(principal, service), credential.to_record(), ttl_seconds=ttl)

    async def delete(self, principal: Principal, service: str) -> None:
        """Forget a credential."""
        await self._store.delete(self._key(principal, service))

    def _key(self, principal: Principal, service: str) -> str:
        return f"{self._namespace}:credential:{service}:{identity_digest(*principal.key)}"
