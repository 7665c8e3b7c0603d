"""The one flow of leg 2: look up, use, renew, or lead the user to connect."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from weakref import WeakValueDictionary

import anyio

from mcpauthkit.connections.credential import Credential, Step, next_step
from mcpauthkit.connections.grant import RedirectGrant
from mcpauthkit.connections.ledger import Ledger, Visit
from mcpauthkit.connections.uninterrupted import uninterrupted
from mcpauthkit.connections.vault import Vault
from mcpauthkit.core.clock import Clock, SystemClock
from mcpauthkit.core.flow_state import Flow, FlowStatus
from mcpauthkit.core.log import RequestLog
from mcpauthkit.errors import GrantRefused, RemoteError, RemoteMisbehaved, RemoteUnavailable
from mcpauthkit.principal import Principal

_log = RequestLog("connections")
# RFC 6749 section 5.2, and what GitHub and Slack say instead.
_GRANT_IS_GONE = frozenset({"invalid_grant", "bad_refresh_token", "invalid_refresh_token", "token_revoked"})


class _LockHolder:
    """One lock per identity, alive while somebody holds or awaits it."""

    __slots__ = ("__weakref__", "lock")

    def __init__(self) -> None:
        self.lock = anyio.Lock()


class Broker:
    """Obtains credentials of one service.

    Args:
        grant: How the service gives them.
        vault: Where they are kept.
        ledger: Flows in flight.
        redirect_uri: Where the service sends browsers back to.
        clock: Time.
    """

    def __init__(
        self, grant: RedirectGrant, vault: Vault, ledger: Ledger, *, redirect_uri: str, clock: Clock | None = None
    ) -> None:
        self.grant = grant
        self.ledger = ledger
        self._vault = vault
        self._redirect_uri = redirect_uri
        self.clock = clock or SystemClock()
        self._locks: WeakValueDictionary[tuple[str, str], _LockHolder] = WeakValueDictionary()

    async def lookup(self, principal: Principal, scopes: Sequence[str]) -> Credential | None:
        """A credential that can be used now, renewed if need be; None when the user has to be asked.

        Raises:
            RemoteError: It has to be renewed, and the service cannot answer.
        """
        credential = await self._vault.get(principal, self.grant.service)
        match next_step(credential, scopes=scopes, now=self.clock.wall()):
            case Step.USE:
                return credential
            case Step.RENEW:
                renewed = await self.renew(principal)
                return renewed if renewed is not None and renewed.scopes.issuperset(scopes) else None
            case Step.ASK:
                return None

    async def open_flow(self, principal: Principal, scopes: Sequence[str], *, purpose: str) -> Flow:
        """The flow in force for these scopes, or a new one; with those granted already, so that none is lost."""
        held = await self._vault.get(principal, self.grant.service)
        wanted = set(scopes) | (held.scopes if held else frozenset())
        async with self._exclusive(principal):
            return await self.ledger.open(principal, self.grant.service, sorted(wanted), purpose=purpose)

    async def take_question(self, principal: Principal, flow: Flow, *, seconds: float) -> Flow | None:
        """The right to ask: the flow, marked as asked for the next seconds, or None when there is nothing to ask.

        Somebody may be asking already, or the flow may have come to its outcome; the caller waits for that then.
        """
        async with self._exclusive(principal):
            current = await self.ledger.get(flow.flow_id)
            if current is None or not current.is_pending or current.asked_until > self.clock.wall():
                return None
            return await self.ledger.mark_asked(current, seconds=seconds)

    async def renew(self, principal: Principal, *, rejected: Credential | None = None) -> Credential | None:
        """Renew a credential; one request however many calls need it.

        Args:
            principal: Whose credential.
            rejected: The credential the service has just refused; renewed even if it looks fresh, unless another
                call has replaced it already.

        Returns:
            The credential to use, or None when the user has to be asked.

        Raises:
            RemoteError: The service cannot answer and the old credential is of no use; it is kept.
        """
        async with self._exclusive(principal):
            held = await self._vault.get(principal, self.grant.service)
            if held is None:
                return None
            stale = rejected is not None and held.access_token == rejected.access_token
            if held.is_fresh(self.clock.wall()) and not stale:
                return held
            if held.refresh_token is None:
                await self._vault.delete(principal, self.grant.service)
                return None
            # A caller that goes away between the service's answer and our record would lose a rotated grant.
            return await uninterrupted(self._renew_held(principal, held, must=stale))

    async def forget(self, principal: Principal, *, rejected: Credential | None = None) -> None:
        """Delete the credential here; the next call asks the user.

        Args:
            principal: Whose credential.
            rejected: The one the service has refused; another one that has taken its place since stays.
        """
        async with self._exclusive(principal):
            held = None if rejected is None else await self._vault.get(principal, self.grant.service)
            if held is None or rejected is None or held.access_token == rejected.access_token:
                await self._vault.delete(principal, self.grant.service)

    async def start_visit(self, flow: Flow, *, browser: str) -> str:
        """Begin a visit to the service; the URL to send the browser to."""
        attempt = await self.grant.begin(flow.scopes, redirect_uri=self._redirect_uri)
        await self.ledger.start_visit(attempt.state, Visit(flow.flow_id, browser, attempt.private))
        return attempt.url

    async def finish_visit(self, principal: Principal, flow: Flow, visit: Visit, query: Mapping[str, str]) -> Flow:
        """Exchange what the browser brought back, keep the credential, and give the flow its outcome.

        Returns:
            The flow with its outcome.

        Raises:
            RemoteUnavailable: The service cannot answer now; the flow stays open for another visit.
        """
        if not await self.ledger.claim(flow):
            return flow
        # A browser that closes its tab now must not leave a used code and no credential.
        return await uninterrupted(self._finish_claimed(principal, flow, visit, query))

    async def _finish_claimed(self, principal: Principal, flow: Flow, visit: Visit, query: Mapping[str, str]) -> Flow:
        try:
            # Read again under the claim: another tab may have finished between the page's look and ours.
            current = await self.ledger.get(flow.flow_id)
            if current is None or not current.is_pending:
                return current or flow
            status = await self._exchange(principal, current, visit, query)
            _log.info("flow finished service=%s user=%s outcome=%s", flow.service, principal.digest, status)
            return await self.ledger.finish(current, status)
        finally:
            await self.ledger.release(flow)

    async def _exchange(self, principal: Principal, flow: Flow, visit: Visit, query: Mapping[str, str]) -> FlowStatus:
        try:
            credential = await self.grant.complete(query, visit.private, flow.scopes, redirect_uri=self._redirect_uri)
        except RemoteError as error:
            self._log_failure(principal, error)
            match error:
                case RemoteUnavailable():
                    raise
                case GrantRefused(error="access_denied"):
                    return FlowStatus.REFUSED
                case _:
                    return FlowStatus.FAILED
        async with self._exclusive(principal):
            # The exchange took its time: the user may have said no meanwhile, and that stands.
            current = await self.ledger.get(flow.flow_id)
            if current is None or not current.is_pending:
                return FlowStatus.DECLINED if current is None else current.status
            await self._vault.put(principal, self.grant.service, credential)
        return FlowStatus.CONNECTED

    async def _renew_held(self, principal: Principal, held: Credential, *, must: bool) -> Credential | None:
        try:
            renewed = await self.grant.renew(held)
        except RemoteError as error:
            self._log_failure(principal, error)
            if isinstance(error, GrantRefused) and error.error in _GRANT_IS_GONE:
                return await self._after_refusal(principal, held)
            # An outage is not a revocation: the record stays, and so does a token that still has some seconds.
            if not must and held.is_alive(self.clock.wall()):
                return held
            if isinstance(error, GrantRefused):
                raise self._our_fault(error) from error
            raise
        # Kept before it is used: with rotation, a lost refresh token is a lost grant.
        await self._vault.put(principal, self.grant.service, renewed)
        return renewed

    async def _after_refusal(self, principal: Principal, held: Credential) -> Credential | None:
        # Another replica may have renewed it in the meantime: then it was the old refresh token that was refused.
        now_held = await self._vault.get(principal, self.grant.service)
        if now_held is not None and now_held.access_token != held.access_token:
            return now_held
        await self._vault.delete(principal, self.grant.service)
        return None

    def _our_fault(self, error: GrantRefused) -> RemoteMisbehaved:
        """A refusal of ourselves (a wrong client secret, say): it must not cost every user their connection."""
        return RemoteMisbehaved(
            f"{self.grant.display_name} refused this server itself.",
            hint="Check client_id, client_secret and client_authentication of this provider.",
            reason=error.reason,
        )

    def _log_failure(self, principal: Principal, error: RemoteError) -> None:
        _log.warning("service failed service=%s user=%s %s", self.grant.service, principal.digest, error.for_log())

    @asynccontextmanager
    async def _exclusive(self, principal: Principal) -> AsyncIterator[None]:
        holder = self._locks.setdefault(principal.key, _LockHolder())
        async with holder.lock:
            yield
