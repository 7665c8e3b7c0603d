"""From a user's answer to a kept credential: the one way by which flows come to their outcome."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Sequence
from dataclasses import replace
from functools import partial

from mcpauthkit.connections.chronicle import Chronicle
from mcpauthkit.connections.credential import Credential, new_connection_id
from mcpauthkit.connections.grant import Grant, Identifying
from mcpauthkit.connections.ledger import Ledger
from mcpauthkit.connections.locks import Locks
from mcpauthkit.connections.notes import Notes
from mcpauthkit.connections.outlasting import outlasting
from mcpauthkit.connections.overview import Overview
from mcpauthkit.connections.vault import Vault
from mcpauthkit.core.clock import Clock
from mcpauthkit.core.entropy import Entropy
from mcpauthkit.core.flow_state import Flow, FlowStatus
from mcpauthkit.core.log import RequestLog
from mcpauthkit.errors import (
    AuditUnavailable,
    GrantRefused,
    RemoteError,
    RemoteUnavailable,
    StoreBusy,
    StoreUnavailable,
)
from mcpauthkit.oauth.scope_rules import ScopeRules
from mcpauthkit.principal import Principal
from mcpauthkit.stores.uninterrupted import uninterrupted

_log = RequestLog("connections")
_SETTLING_SECONDS = 45.0
_TRIES = 5

Obtained = Callable[[], Awaitable[Credential]]
"""What turns a user's answer, a redirect or a filled form, into a credential."""


class Settlement:
    """Settles the flows of one service.

    Args:
        grant: The service.
        ledger: Where the flows are.
        vault: Where credentials are kept.
        notes: What is noted about them.
        overview: Ends what another account has taken the place of.
        chronicle: Told of what is kept, before it is.
        locks: Held while connections are changed.
        scope_rules: How the service's scopes relate.
        is_incremental: Whether a new consent adds to the scopes before.
        clock: Time.
        entropy: Source of the ids of connections.
        outlast_seconds: Seconds that an outage of the store may last without anything being lost that a service gave.
    """

    def __init__(
        self,
        grant: Grant,
        ledger: Ledger,
        vault: Vault,
        notes: Notes,
        overview: Overview,
        *,
        chronicle: Chronicle,
        locks: Locks,
        scope_rules: ScopeRules,
        is_incremental: bool,
        clock: Clock,
        entropy: Entropy,
        outlast_seconds: float,
    ) -> None:
        self._grant = grant
        self._ledger = ledger
        self._vault = vault
        self._notes = notes
        self._overview = overview
        self._chronicle = chronicle
        self._locks = locks
        self._scope_rules = scope_rules
        self._is_incremental = is_incremental
        self._clock = clock
        self._entropy = entropy
        self._outlast_seconds = outlast_seconds

    async def settle(self, principal: Principal, flow: Flow, obtain: Obtained) -> Flow:
        """Obtain the credential, keep it, finish the flow.

        Only one does so at a time; another tab waits for its outcome.

        Args:
            principal: Whose flow it is.
            flow: The flow.
            obtain: Turns the user's answer into a credential.

        Returns:
            The flow with its outcome.

        Raises:
            RemoteUnavailable: The service cannot answer now; the flow stays open for another try.
            CredentialsRejected: What the user typed is not accepted; the flow stays open.
        """
        # A browser that closes its tab now must not leave a used code and no credential.
        return await uninterrupted(self._settle(principal, flow, obtain))

    async def _settle(self, principal: Principal, flow: Flow, obtain: Obtained) -> Flow:
        async with self._ledger.claim(flow, timeout_seconds=_SETTLING_SECONDS) as is_ours:
            # Read again under the claim: another tab may have finished between the page's look and ours.
            current = await self._ledger.get(flow.flow_id)
            if not is_ours or current is None or not current.is_pending:
                return current or flow
            if await self._ledger.is_ended(principal, current):
                return await self._ledger.finish(current, FlowStatus.CANCELLED)
            settled = await self._settled(principal, current, obtain)
            _log.info("flow finished service=%s user=%s outcome=%s", flow.service, principal.digest, settled.status)
            return settled

    async def _settled(self, principal: Principal, flow: Flow, obtain: Obtained) -> Flow:
        try:
            credential = await self._identified(await obtain())
        except RemoteUnavailable as error:
            self._log_failure(principal, flow, error)
            raise
        except RemoteError as error:
            self._log_failure(principal, flow, error)
            is_no = isinstance(error, GrantRefused) and error.error == "access_denied"
            return await self._ledger.finish(flow, FlowStatus.REFUSED if is_no else FlowStatus.FAILED)
        # Known before it is kept, so that what is done again after an outage is done to the same connection.
        credential = replace(credential, connection_id=new_connection_id(self._entropy))
        told: set[str] = set()
        try:
            settled, unused = await outlasting(
                partial(self._concluded, principal, flow, credential, told), seconds=self._outlast_seconds
            )
        except AuditUnavailable:
            # Nobody recorded it, so it is not kept; the flow stays open for when somebody can.
            await self._overview.revoke_unused(principal, credential)
            raise
        except StoreUnavailable:
            if told:
                self._chronicle.unknown(principal, credential)
            raise
        if unused is not None:
            # Nothing here can use or end it any more.
            await self._overview.revoke_unused(principal, unused)
        return settled

    async def _concluded(
        self, principal: Principal, flow: Flow, credential: Credential, told: set[str]
    ) -> tuple[Flow, Credential | None]:
        """The flow with its outcome, and what is to be ended at the service.

        May run again after an outage; `told` holds the ids whose beginning is recorded already.
        """
        async with self._locks.exclusive(principal):
            # The exchange took its time: the user may have said no meanwhile, or an administrator, and that stands.
            current = await self._ledger.get(flow.flow_id)
            if current is not None and current.status is FlowStatus.CONNECTED:
                # By us, before an outage kept that from us.
                return current, None
            if current is None or not current.is_pending or await self._ledger.is_ended(principal, current):
                await self._take_back(principal, credential)
                ended = flow.finish(FlowStatus.DECLINED) if current is None else current
                return await self._ledger.finish(ended, FlowStatus.CANCELLED), credential
            held, kept = await self._keep(principal, current, credential, told)
            # And once more: this process may have been stopped between that look and the write.
            is_ended = await self._ledger.is_ended(principal, current)
            finished = await self._ledger.conclude(
                current,
                FlowStatus.CANCELLED if is_ended else FlowStatus.CONNECTED,
                connected_as=credential.account.label,
                lacking=self._scope_rules.missing(current.scopes, credential.scopes),
            )
            if finished.status is not FlowStatus.CONNECTED:
                await self._take_back(principal, kept, before=None if is_ended else held)
                return finished, kept
            # After the outcome: a call is waiting for that.
            await self._notes.connected(principal, kept)
        is_other = held is not None and not kept.is_of(held) and held.account.id and kept.account.id
        return finished, held if is_other else None

    async def _identified(self, credential: Credential) -> Credential:
        if credential.account.id or not isinstance(self._grant, Identifying):
            return credential
        account = await self._grant.identify(credential)
        return credential if account is None else replace(credential, account=account)

    async def _keep(
        self, principal: Principal, flow: Flow, credential: Credential, told: set[str]
    ) -> tuple[Credential | None, Credential]:
        """Keep a credential; what stood there before, and what is kept."""
        for _ in range(_TRIES):
            held = await self._vault.get(principal, self._grant.service, flow.account)
            new = replace(credential, name=flow.account, connected_at=credential.connected_at or self._clock.wall())
            new = new if held is None else self._merged(held, new, asked=flow.scopes)
            if new.connection_id not in told:
                self._chronicle.beginning(principal, new, held=held)
                told.add(new.connection_id)
            kept = await self._put(principal, held, new)
            if kept is not None:
                self._tell_kept(principal, held, kept, told - {kept.connection_id}, credential)
                return held, kept
        raise StoreBusy(reason="a connection is changed by others all the time")

    async def _put(self, principal: Principal, held: Credential | None, new: Credential) -> Credential | None:
        if held is not None:
            return await self._vault.exchange(principal, self._grant.service, held, new)
        return new if await self._vault.add(principal, self._grant.service, new) else None

    def _tell_kept(
        self,
        principal: Principal,
        held: Credential | None,
        kept: Credential,
        not_kept: Collection[str],
        credential: Credential,
    ) -> None:
        if credential.connection_id in not_kept:
            # Somebody was first, with the same account: it goes on as theirs.
            self._chronicle.over(principal, credential, reason="kept as another connection")
        if held is not None and held.connection_id != kept.connection_id:
            self._chronicle.over(principal, held, reason="replaced by another account")

    async def _take_back(self, principal: Principal, kept: Credential, *, before: Credential | None = None) -> None:
        """Let a credential not be kept after all; what stood in its place before stands there again."""
        service = self._grant.service
        if before is not None and await self._vault.exchange(principal, service, kept, before) is not None:
            self._chronicle.restored(principal, before, after=kept)
            return
        for one in await self._vault.all(principal, service):
            if one.is_same(kept):
                await self._vault.delete(principal, service, one.name)
                # A strict trail that fails must not keep what its user said no to.
                self._chronicle.over(principal, one, reason="its user said no meanwhile")
                await self._notes.clear(principal, one)

    def _merged(self, held: Credential, new: Credential, *, asked: Sequence[str]) -> Credential:
        """A new consent as the continuation of the old one, if it is the same account's.

        Else one account's rights would be told of another, and a running call would go on under another account.
        """
        if new.account.is_same(held.account):
            # Google sends a refresh token with the first consent only.
            kept = new.keeping_refresh_token(held)
            return replace(kept, connection_id=held.connection_id or new.connection_id)
        if self._is_incremental:
            # The service was not asked for what the other account had granted before.
            return replace(new, scopes=new.scopes - (held.scopes - frozenset(asked)))
        return new

    def _log_failure(self, principal: Principal, flow: Flow, error: RemoteError) -> None:
        _log.warning("service failed service=%s user=%s %s", flow.service, principal.digest, error.for_log())
