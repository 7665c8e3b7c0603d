"""Credentials per principal, service and connection.

Nearly everybody has one connection per service, so that one costs one read: it is the default and has the plain key.
Further ones have keys with a digest of their names, and an index lists the names.
"""

from __future__ import annotations

import itertools
from dataclasses import replace
from typing import Any

from mcpauthkit.connections.credential import Credential
from mcpauthkit.connections.names import name_digest, name_from, same_name
from mcpauthkit.core.audit import Event, EventName, record_refusal
from mcpauthkit.core.clock import Clock, SystemClock
from mcpauthkit.core.log import RequestLog
from mcpauthkit.errors import SealedElsewhere, SealError, StoreUnavailable
from mcpauthkit.principal import Principal, actor_of, identity_digest_of
from mcpauthkit.stores.sealed import SealedStore

_log = RequestLog("connections")
_KEPT_SECONDS = 365 * 86_400.0
# Of an account's label in a name: short enough for a number behind it.
_NAME_LENGTH = 50
_LOST_KEY = "Give this replica the others' keys; if one is lost, run `mcpauthkit store rotate --forget-key NAME`."


def kept_until(credential: Credential, now: float) -> float:
    """Wall time in seconds at which the store lets a credential go that is written now."""
    if credential.ends_at is None:
        return now + _KEPT_SECONDS
    return min(now + _KEPT_SECONDS, max(now + 1.0, credential.ends_at))


class Vault:
    """Keeps credentials sealed; keys hold digests of issuer, subject and names, never the texts.

    Whoever changes something holds the broker's lock of that principal and service.

    Args:
        store: The sealed store.
        namespace: Separates applications that share one store.
        clock: Time.
    """

    def __init__(self, store: SealedStore, *, namespace: str, clock: Clock | None = None) -> None:
        self._store = store
        self._namespace = namespace
        self._clock = clock or SystemClock()

    async def get(self, principal: Principal, service: str, name: str = "") -> Credential | None:
        """The credential of a connection, or None when there is none that we can read.

        Args:
            principal: Whose.
            service: For which service.
            name: The connection's name, or its account's as the service calls it; empty for the default.
        """
        default, is_readable = await self._default(principal, service)
        if default is not None and (not name or same_name(default.name, name)):
            return default
        named = await self._read(principal, service, self._key(principal, service, name)) if name else None
        if named is not None:
            return named
        if not name and not is_readable:
            # Another account must not be used in the place of one that is there.
            return None
        # The default may have ended where nothing renewed it; then the next one serves.
        held = [*([] if default is None else [default]), *await self._others(principal, service)]
        if not name:
            return next(iter(held), None)
        # A label is the service's word, or its workspace owner's: it means a connection only where it means one alone.
        labelled = [one for one in held if same_name(one.account.label, name)]
        return labelled[0] if len(labelled) == 1 else None

    async def find(self, principal: Principal, service: str, credential: Credential) -> Credential | None:
        """The connection that a credential is of, whatever it is called and wherever it stands by now.

        Args:
            principal: Whose.
            service: For which service.
            credential: As a call holds it; it may have been renewed since.
        """
        held = await self.get(principal, service, credential.name)
        if held is not None and held.is_of(credential):
            return held
        return next((one for one in await self.all(principal, service) if one.is_of(credential)), None)

    async def is_readable(self, principal: Principal, service: str) -> bool:
        """Whether it can be told here what a principal has connected, or was written with a key that others hold."""
        has_names = await self._read_names(principal, service) is not None
        return has_names and (await self._default(principal, service))[1]

    async def all(self, principal: Principal, service: str) -> list[Credential]:
        """Every connection of a principal with a service, the default one first."""
        default = await self._read(principal, service, self._key(principal, service))
        return [*([] if default is None else [default]), *await self._others(principal, service)]

    async def put(self, principal: Principal, service: str, credential: Credential) -> None:
        """Keep a credential under its name, whatever stands there; the first one becomes the default."""
        if not credential.name:
            await self._write(self._key(principal, service), credential)
            return
        if await self.add(principal, service, credential):
            return
        plain = self._key(principal, service)
        default = await self._read(principal, service, plain)
        is_default = default is not None and same_name(default.name, credential.name)
        await self._write(plain if is_default else self._key(principal, service, credential.name), credential)

    async def add(self, principal: Principal, service: str, credential: Credential) -> bool:
        """Keep a credential where none is that we can read; False where there is one by now.

        Args:
            principal: Whose.
            service: For which service.
            credential: It goes under its name, or becomes the default where there is none.
        """
        plain = self._key(principal, service)
        if not credential.name:
            # Where nearly everybody's goes.
            return await self._add(principal, service, plain, credential)
        default, is_readable = await self._default(principal, service)
        if default is not None and same_name(default.name, credential.name):
            return False
        if default is not None or not is_readable:
            is_kept = await self._add(principal, service, self._key(principal, service, credential.name), credential)
            if is_kept:
                await self._list(principal, service, credential.name)
            return is_kept
        is_kept = await self._add(principal, service, plain, credential)
        if is_kept:
            # It stood behind a default that has ended: its old record would come back to life some day.
            await self._remove(principal, service, credential.name)
        return is_kept

    async def exchange(self, principal: Principal, service: str, old: Credential, new: Credential) -> Credential | None:
        """Put a credential where another one stands, if that one still does; what is kept then, or None.

        It is one step at the store. A process that was stopped for longer than a lease lives, just before it, undoes
        nothing that the others have done since.

        Args:
            principal: Whose.
            service: For which service.
            old: As it was read.
            new: It gets the name under which the other one stands.
        """
        kept = new

        def change(record: dict[str, Any]) -> dict[str, Any] | None:
            nonlocal kept
            there = Credential.from_record(record)
            if not (there.is_of(old) and there.is_same(old)):
                return None
            kept = new if new.name == there.name else replace(new, name=there.name)
            return kept.to_record()

        for name in dict.fromkeys(("", old.name)):
            key = self._key(principal, service, name)
            try:
                if await self._store.update(key, change, ttl_seconds=self._life(new)) is not None:
                    return kept
            except SealError:
                # Reported by the store; what was read stands elsewhere, or nowhere any more.
                continue
        return None

    async def delete(self, principal: Principal, service: str, name: str = "") -> None:
        """Forget a credential; when it was the default, the next one takes its place.

        Args:
            principal: Whose.
            service: For which service.
            name: The connection's own name; empty for the default.
        """
        plain = self._key(principal, service)
        default = await self._read(principal, service, plain)
        if default is None or (name and not same_name(default.name, name)):
            await self._remove(principal, service, name)
            return
        successor = next(iter(await self._others(principal, service)), None)
        if successor is None:
            await self._store.delete(plain)
            return
        # Written in its new place before it leaves the old one: a crash in between loses nothing.
        await self._write(plain, successor)
        await self._remove(principal, service, successor.name)

    async def has_unreadable(self, principal: Principal, service: str) -> bool:
        """Whether anything is kept of a principal's connections that does not open here."""
        names = await self._read_names(principal, service) or []
        keys = [self._key(principal, service, name) for name in ("", *names)]
        return not all([await self._opens(key) for key in (self._index_key(principal, service), *keys)])

    async def clear(self, principal: Principal, service: str) -> None:
        """Forget every connection of a principal with a service, those that cannot be read too.

        Raises:
            StoreUnavailable: The list of them cannot be read, so that nobody knows which there are.
        """
        for name in await self._names(principal, service):
            await self._store.delete(self._key(principal, service, name))
        await self._store.delete(self._key(principal, service))
        await self._store.delete(self._index_key(principal, service))

    async def make_default(self, principal: Principal, service: str, name: str) -> bool:
        """Let the connection of this name be the one that tools use which name none; False when there is none."""
        plain = self._key(principal, service)
        default = await self._read(principal, service, plain)
        if default is not None and same_name(default.name, name):
            return True
        chosen = next((one for one in await self._others(principal, service) if same_name(one.name, name)), None)
        if chosen is None:
            return False
        if default is not None:
            # The default of people who connected once has no name; it needs one of its own to stand beside others.
            kept = replace(default, name=default.name or await self._free_name(principal, service, default))
            await self._write(self._key(principal, service, kept.name), kept)
            await self._list(principal, service, kept.name)
        await self._write(plain, chosen)
        await self._remove(principal, service, chosen.name)
        return True

    async def _free_name(self, principal: Principal, service: str, credential: Credential) -> str:
        taken = await self._names(principal, service)
        base = name_from(credential.account.label)[:_NAME_LENGTH].strip() or "first"
        numbered = (base if number == 1 else f"{base} {number}" for number in itertools.count(1))
        return next(one for one in numbered if not any(same_name(one, other) for other in taken))

    async def _remove(self, principal: Principal, service: str, name: str) -> None:
        names = await self._names(principal, service)
        await self._write_names(principal, service, [one for one in names if not same_name(one, name)])
        await self._store.delete(self._key(principal, service, name))

    async def _default(self, principal: Principal, service: str) -> tuple[Credential | None, bool]:
        """The default, and whether it is known that there is this one or none."""
        return await self._look(principal, service, self._key(principal, service))

    async def _opens(self, key: str) -> bool:
        try:
            await self._store.get(key)
        except SealError:
            return False
        return True

    async def _others(self, principal: Principal, service: str) -> list[Credential]:
        names = await self._read_names(principal, service) or []
        found = [await self._read(principal, service, self._key(principal, service, name)) for name in names]
        return [one for one in found if one is not None]

    async def _read(self, principal: Principal, service: str, key: str) -> Credential | None:
        return (await self._look(principal, service, key))[0]

    async def _look(self, principal: Principal, service: str, key: str) -> tuple[Credential | None, bool]:
        try:
            record = await self._store.get(key)
        except SealError:
            # Reported by the store. Left in place: another replica may hold the key that it is sealed under.
            return None, False
        try:
            return (None if record is None else Credential.from_record(record)), True
        except SealError as error:
            _log.warning("credential unreadable service=%s user=%s %s", service, principal.digest, error.for_log())
            return None, False

    async def _write(self, key: str, credential: Credential) -> None:
        await self._store.put(key, credential.to_record(), ttl_seconds=self._life(credential))

    async def _add(self, principal: Principal, service: str, key: str, credential: Credential) -> bool:
        if await self._store.add(key, credential.to_record(), ttl_seconds=self._life(credential)):
            return True
        if await self._read(principal, service, key) is not None:
            return False
        # What stands there cannot be read, and its user has just connected again.
        record_refusal(
            Event(
                event=EventName.RECORD_REMOVED,
                actor=actor_of(principal),
                service=service,
                reason="written over",
                metadata={"written_over_by": credential.connection_id},
            )
        )
        await self._write(key, credential)
        return True

    def _life(self, credential: Credential) -> float:
        now = self._clock.wall()
        return kept_until(credential, now) - now

    async def _names(self, principal: Principal, service: str) -> list[str]:
        names = await self._read_names(principal, service)
        if names is None:
            # Written anew, it would hide those that another replica, with another key, has put into it.
            raise StoreUnavailable(hint=_LOST_KEY, reason="the list of accounts is sealed under a key not known here")
        return names

    async def _read_names(self, principal: Principal, service: str) -> list[str] | None:
        try:
            record = await self._store.get(self._index_key(principal, service))
        except SealedElsewhere:
            return None
        except SealError:
            # Nobody can read it any more, and kept as it is it would keep the user from further accounts for a year.
            return []
        return [] if record is None else [str(one) for one in record["names"]]

    async def _list(self, principal: Principal, service: str, name: str) -> None:
        names = await self._names(principal, service)
        # Written in any case: it has to live as long as what it lists.
        known = any(same_name(one, name) for one in names)
        await self._write_names(principal, service, names if known else [*names, name])

    async def _write_names(self, principal: Principal, service: str, names: list[str]) -> None:
        key = self._index_key(principal, service)
        if names:
            await self._store.put(key, {"names": names}, ttl_seconds=_KEPT_SECONDS)
        else:
            await self._store.delete(key)

    def _key(self, principal: Principal, service: str, name: str = "") -> str:
        slot = f":{name_digest(name)}" if name else ""
        return f"{self._namespace}:credential:{service}:{identity_digest_of(principal)}{slot}"

    def _index_key(self, principal: Principal, service: str) -> str:
        return f"{self._namespace}:accounts:{service}:{identity_digest_of(principal)}"
