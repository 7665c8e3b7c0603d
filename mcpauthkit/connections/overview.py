"""What a user has connected, as they see it, and ending it."""

from __future__ import annotations

from contextlib import ExitStack

from mcpauthkit.connections.chronicle import Chronicle
from mcpauthkit.connections.connection import Connection, Disconnected, Health, Revoked
from mcpauthkit.connections.credential import Account, Credential
from mcpauthkit.connections.grant import Grant, Revocable
from mcpauthkit.connections.locks import Locks
from mcpauthkit.connections.names import same_name
from mcpauthkit.connections.notes import Note, Notes
from mcpauthkit.connections.vault import Vault
from mcpauthkit.core.clock import Clock
from mcpauthkit.core.log import RequestLog
from mcpauthkit.errors import RemoteError
from mcpauthkit.principal import Principal
from mcpauthkit.stores.uninterrupted import uninterrupted

_log = RequestLog("connections")
_SOON_SECONDS = 7 * 86_400.0


class Overview:
    """The connections of one service's users.

    Args:
        grant: The service.
        vault: Where credentials are kept.
        notes: What is noted about them.
        chronicle: Told of what ends, before it does.
        locks: Held while connections are changed.
        clock: Time.
    """

    def __init__(
        self, grant: Grant, vault: Vault, notes: Notes, *, chronicle: Chronicle, locks: Locks, clock: Clock
    ) -> None:
        self._grant = grant
        self._vault = vault
        self._notes = notes
        self._chronicle = chronicle
        self._locks = locks
        self._clock = clock

    async def connections(self, principal: Principal) -> list[Connection]:
        """Every connection, the default one first; one that says so when the only one is over."""
        held = await self._vault.all(principal, self._grant.service)
        if not held:
            return await self._lost(principal)
        return [await self._seen(principal, one, is_default=index == 0) for index, one in enumerate(held)]

    async def disconnect(
        self, principal: Principal, *, name: str | None = None, reason: str = "disconnected"
    ) -> list[Disconnected]:
        """End a connection here and, where the service can be told, there.

        Args:
            principal: Whose.
            name: The connection's own name; None for all of them.
            reason: Why, for the record.

        Returns:
            What was ended and whether the service agreed; empty when there was nothing. What could not be read was not
            ended there, and stands for itself at the end.
        """
        # The user's wish is carried out even if their browser goes away in the middle.
        return await uninterrupted(self._disconnect(principal, name, reason))

    async def make_default(self, principal: Principal, *, name: str) -> bool:
        """Let tools that name no account use this connection; False when there is none of this name."""
        async with self._locks.exclusive(principal):
            held = await self._vault.all(principal, self._grant.service)
            chosen = next((one for one in held if same_name(one.name, name)), None)
            if chosen is None:
                return False
            with self._chronicle.making_default(principal, chosen):
                return await self._vault.make_default(principal, self._grant.service, name)

    async def revoke(self, principal: Principal, credential: Credential) -> Revoked:
        """End a credential at the service, if it can be told; what it answered.

        Args:
            principal: Whose.
            credential: It is used here no more.
        """
        told = await self._told(principal, credential)
        self._chronicle.revoked(principal, credential, told)
        return told

    async def _told(self, principal: Principal, credential: Credential) -> Revoked:
        if not isinstance(self._grant, Revocable):
            return Revoked.NOT_SUPPORTED
        try:
            return Revoked.YES if await self._grant.revoke(credential) else Revoked.NOT_SUPPORTED
        except RemoteError as error:
            _log.warning(
                "revocation failed service=%s user=%s %s", self._grant.service, principal.digest, error.for_log()
            )
            return Revoked.NO

    async def revoke_unused(self, principal: Principal, credential: Credential) -> None:
        """End a credential at the service, unless another one of the same account is kept here.

        Services may end a whole consent, and the other one must not go with this one.

        Args:
            principal: Whose.
            credential: It is used here no more.
        """
        others = await self._vault.all(principal, self._grant.service)
        if not any(one.account.is_same(credential.account) for one in others):
            await self.revoke(principal, credential)

    async def _disconnect(self, principal: Principal, name: str | None, reason: str) -> list[Disconnected]:
        async with self._locks.exclusive(principal):
            held = await self._vault.all(principal, self._grant.service)
            is_dark = name is None and await self._vault.has_unreadable(principal, self._grant.service)
            chosen = [one for one in held if name is None or same_name(one.name, name)]
            seen = [await self._seen(principal, one, is_default=one is held[0]) for one in chosen]
            # Gone here first: whatever the service answers, and however late, nothing uses it any more.
            for one in chosen:
                with self._chronicle.ending(principal, one, reason=reason):
                    await self._vault.delete(principal, self._grant.service, one.name)
                await self._notes.clear(principal, one)
            if name is None:
                await self._clear(principal, reason if is_dark else "")
            if not held:
                await self._notes.clear_last(principal)
        ended = [
            Disconnected(connection, await self.revoke(principal, one))
            for connection, one in zip(seen, chosen, strict=True)
        ]
        if is_dark:
            # Forgotten here, and nobody can tell the service of it: whoever has a copy of the record may put it back.
            ended.append(Disconnected(self._unreadable(), Revoked.NO))
        return ended

    async def _clear(self, principal: Principal, reason_in_the_dark: str) -> None:
        with ExitStack() as stack:
            if reason_in_the_dark:
                stack.enter_context(self._chronicle.ending(principal, None, reason=reason_in_the_dark))
            await self._vault.clear(principal, self._grant.service)

    async def _lost(self, principal: Principal) -> list[Connection]:
        note = await self._notes.of_last(principal)
        has_ended = 0 < note.ends_at <= self._clock.wall()
        if not note.lost_at and not has_ended:
            return []
        return [
            Connection(
                service=self._grant.service,
                display_name=self._grant.display_name,
                account=Account(label=note.label),
                last_used_at=note.used_at or None,
                expires_at=note.ends_at or None,
                health=Health.LOST if note.lost_at else Health.EXPIRED,
            )
        ]

    def _unreadable(self) -> Connection:
        return Connection(
            service=self._grant.service, display_name=self._grant.display_name, account=Account(), health=Health.LOST
        )

    async def _seen(self, principal: Principal, held: Credential, *, is_default: bool) -> Connection:
        note = await self._notes.of(principal, held)
        return Connection(
            service=self._grant.service,
            display_name=self._grant.display_name,
            name=held.name,
            account=held.account,
            scopes=tuple(sorted(held.scopes)),
            connected_at=held.connected_at or None,
            last_used_at=note.used_at or None,
            expires_at=held.expires_at,
            renews_itself=held.refresh_token is not None,
            health=self._health(held, note),
            is_default=is_default,
        )

    def _health(self, held: Credential, note: Note) -> Health:
        if held.refresh_token is not None:
            return Health.FAILING if note.failed_at else Health.GOOD
        if held.expires_at is None:
            return Health.GOOD
        left = held.expires_at - self._clock.wall()
        if left <= 0:
            return Health.EXPIRED
        return Health.EXPIRES_SOON if left <= _SOON_SECONDS else Health.GOOD
