"""Renewing: one request upstream however many calls need it, and nothing lost whatever the service does.

Calls that need the same renewal share one flight and its outcome. After a failed one there is a short rest, so that a
service that is down is not asked by every call, and after a refusal the record goes, unless somebody else has renewed
it in the meantime.
"""

from __future__ import annotations

from functools import partial

import anyio

from mcpauthkit.connections.chronicle import Chronicle
from mcpauthkit.connections.credential import Credential
from mcpauthkit.connections.grant import Grant
from mcpauthkit.connections.locks import Locks
from mcpauthkit.connections.notes import Notes
from mcpauthkit.connections.outlasting import outlasting
from mcpauthkit.connections.overview import Overview
from mcpauthkit.connections.resting import Resting
from mcpauthkit.connections.single_flight import SingleFlight
from mcpauthkit.connections.vault import Vault
from mcpauthkit.core.clock import Clock
from mcpauthkit.core.log import RequestLog
from mcpauthkit.errors import GrantRefused, RemoteError, RemoteMisbehaved, RemoteUnavailable, StoreBusy
from mcpauthkit.principal import Principal, identity_digest_of
from mcpauthkit.telemetry import Measure

_log = RequestLog("connections")
_PAUSES_SECONDS = (0.1, 0.4)
_TRIES = 5


class Renewal:
    """Renews the credentials of one service.

    Args:
        grant: How.
        vault: Where they are kept.
        notes: What is noted about them.
        overview: Ends at the service what was ended here meanwhile.
        chronicle: Told of renewals, before the service is asked and after.
        locks: Held while connections are changed.
        clock: Time.
        outlast_seconds: Seconds that an outage of the store may last without a renewed credential being lost.
    """

    def __init__(
        self,
        grant: Grant,
        vault: Vault,
        notes: Notes,
        overview: Overview,
        *,
        chronicle: Chronicle,
        locks: Locks,
        clock: Clock,
        outlast_seconds: float,
    ) -> None:
        self._grant = grant
        self._overview = overview
        self._chronicle = chronicle
        self._vault = vault
        self._notes = notes
        self._locks = locks
        self._clock = clock
        self._outlast_seconds = outlast_seconds
        self._flights: SingleFlight[Credential | None] = SingleFlight()
        self._resting = Resting(clock)
        self._measure = Measure("refresh")

    async def renew(self, principal: Principal, known: Credential, *, is_rejected: bool) -> Credential | None:
        """The renewed credential of the same connection, or None when the user has to be asked.

        Args:
            principal: Whose.
            known: The credential as the call knows it.
            is_rejected: Whether the service has just refused it: then it is renewed even if it looks fresh, unless it
                has been replaced.

        Raises:
            RemoteError: The service cannot answer and the old credential is of no use; it is kept.
        """
        key = f"{identity_digest_of(principal)}:{known.connection_id or known.name.casefold()}"
        work = partial(self._alone, key, principal, known, is_rejected)
        found = await self._flights.run(key, work)
        if is_rejected and known.is_same(found):
            # A flight for another reason brought back the very one that has been refused since.
            found = await self._flights.run(key, work)
        return found

    async def _alone(self, key: str, principal: Principal, known: Credential, is_rejected: bool) -> Credential | None:
        async with self._locks.exclusive(principal):
            return await self._renew_held(key, principal, known, is_rejected)

    async def _renew_held(
        self, key: str, principal: Principal, known: Credential, is_rejected: bool
    ) -> Credential | None:
        held = await self._vault.find(principal, self._grant.service, known)
        if held is None:
            return None
        now = self._clock.wall()
        must = is_rejected and held.is_same(known)
        if not must and not held.is_due(now) and held.is_fresh(now):
            return held
        if held.refresh_token is None:
            # Whether it is dead, or only no good for one request, is for those to say who saw the service's answer.
            return held if not must and held.is_alive(now) else None
        # An outage is not a revocation: the record stays, and so does a token that still has some seconds.
        spare = held if not must and held.is_alive(now) else None
        try:
            self._resting.check(key)
            return await self._measured(key, principal, held, pauses=() if spare else _PAUSES_SECONDS)
        except RemoteError:
            if spare is None:
                raise
            return spare

    async def _measured(
        self, key: str, principal: Principal, held: Credential, *, pauses: tuple[float, ...]
    ) -> Credential | None:
        with self._measure.begin(service=self._grant.service) as work:
            kept = await self._renewed(key, principal, held, pauses=pauses)
            work.outcome = "ok" if kept is not None else "gone"
            return kept

    async def _renewed(
        self, key: str, principal: Principal, held: Credential, *, pauses: tuple[float, ...]
    ) -> Credential | None:
        self._chronicle.renewing(principal, held)
        try:
            renewed = await self._ask(held, pauses=pauses)
        except RemoteError as error:
            _log.warning("service failed service=%s user=%s %s", self._grant.service, principal.digest, error.for_log())
            if isinstance(error, GrantRefused) and error.is_gone:
                return await self._after_refusal(principal, held)
            problem = self._our_fault(error) if isinstance(error, GrantRefused) else error
            self._resting.rest(key, problem)
            await self._notes.failed(principal, held)
            self._chronicle.renewal_failed(principal, held, problem)
            raise problem from error
        # Whose connection it is is not the grant's to say.
        renewed = renewed.following(held)
        kept = await self._keep(principal, held, renewed)
        if kept is not None:
            await self._notes.renewed(principal, kept)
            if kept.is_same(renewed):
                # Another replica's own is recorded there.
                self._chronicle.renewed(principal, kept)
        return kept

    async def _keep(self, principal: Principal, held: Credential, renewed: Credential) -> Credential | None:
        # Kept before it is used: with rotation, a lost refresh token is a lost grant.
        return await outlasting(partial(self._put, principal, held, renewed), seconds=self._outlast_seconds)

    async def _put(self, principal: Principal, held: Credential, renewed: Credential) -> Credential | None:
        # Another replica may have ended, replaced or renamed the connection while the service answered, or renewed it
        # as well, if our lease was lost.
        for _ in range(_TRIES):
            now_held = await self._vault.find(principal, self._grant.service, renewed)
            if now_held is None and not await self._vault.is_readable(principal, self._grant.service):
                # Renewed there as well, and written with a newer key: that one is in force.
                return None
            if now_held is None:
                await self._overview.revoke_unused(principal, renewed)
                return None
            if not now_held.is_same(held):
                return now_held
            kept = await self._vault.exchange(principal, self._grant.service, now_held, renewed)
            if kept is not None:
                return kept
        raise StoreBusy(reason="a connection is changed by others all the time")

    async def _ask(self, held: Credential, *, pauses: tuple[float, ...]) -> Credential:
        for pause in pauses:
            try:
                return await self._grant.renew(held)
            except RemoteUnavailable:
                await anyio.sleep(pause)
        return await self._grant.renew(held)

    async def _after_refusal(self, principal: Principal, held: Credential) -> Credential | None:
        # Another replica may have renewed it in the meantime: then it was the old refresh token that was refused.
        now_held = await self._vault.find(principal, self._grant.service, held)
        if now_held is not None and not now_held.is_same(held):
            return now_held
        if now_held is not None:
            await self._lose(principal, now_held)
        return None

    async def _lose(self, principal: Principal, held: Credential) -> None:
        with self._chronicle.ending(principal, held, reason="ended by the service"):
            await self._vault.delete(principal, self._grant.service, held.name)
        await self._notes.lost(principal, held)

    def _our_fault(self, error: GrantRefused) -> RemoteMisbehaved:
        """A refusal of ourselves (a wrong client secret, say): it must not cost every user their connection."""
        return RemoteMisbehaved(
            f"{self._grant.display_name} refused this server itself.",
            hint="Check client_id, client_secret and client_authentication of this provider.",
            reason=error.reason,
        )
