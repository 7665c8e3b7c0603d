"""Asking the user to connect: what every rung has in common, and the two rungs that do not wait."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

import anyio
import mcp_types

from mcpauthkit.connections.broker import Broker
from mcpauthkit.connections.chronicle import flow_mark
from mcpauthkit.connections.credential import Credential
from mcpauthkit.core.audit import Event, EventName, record
from mcpauthkit.core.entropy import Entropy, SystemEntropy
from mcpauthkit.core.flow_state import Flow, FlowStatus
from mcpauthkit.core.log import RequestLog
from mcpauthkit.core.secret import Secret
from mcpauthkit.errors import (
    ConfigurationError,
    ConnectionBroken,
    ConnectionCancelled,
    ConnectionDeclined,
    ConnectionExpired,
    ConnectionFailed,
    ConnectionRefused,
    ConnectionRequired,
    PermissionMissing,
    SealError,
    StoreUnavailable,
)
from mcpauthkit.principal import Principal, actor_of
from mcpauthkit.protocol.call import Call
from mcpauthkit.protocol.completion import CompletionNotices
from mcpauthkit.protocol.ladder import Rung
from mcpauthkit.telemetry import Measure, Measured

_log = RequestLog("protocol")

_FAILURES: dict[FlowStatus, type[ConnectionFailed]] = {
    FlowStatus.DECLINED: ConnectionDeclined,
    FlowStatus.CANCELLED: ConnectionCancelled,
    FlowStatus.REFUSED: ConnectionRefused,
    FlowStatus.FAILED: ConnectionBroken,
}
ANSWERS: dict[str, FlowStatus] = {"decline": FlowStatus.DECLINED, "cancel": FlowStatus.CANCELLED}
"""What an elicitation's action means for the flow. `accept` means only that the page is open."""


@dataclass(frozen=True, slots=True)
class Patience:
    """How long calls wait for people.

    Args:
        hold_seconds: How long one request is held. Stay below 50: many clients give a request 60 seconds.
        rounds: How many times a modern client may come back without being asked again.
        asking_seconds: How long a question counts as being in front of the user already.
    """

    hold_seconds: float = 45.0
    rounds: int = 4
    asking_seconds: float = 60.0

    def __post_init__(self) -> None:
        if not (self.hold_seconds >= 0 and self.asking_seconds >= 0 and self.rounds >= 0):
            raise ConfigurationError(f"{self!r} holds a negative number.", hint="Give seconds and rounds from 0 up.")


@dataclass(frozen=True, slots=True)
class Need:
    """What a call needs.

    Args:
        principal: Whose credential.
        scopes: What it must permit.
        purpose: For which tool, as people know it.
        fail_fast: Never hold the call.
        account: The name of the principal's connection to use; empty for their default.
        caller_token: The verified token of the call, for grants that exchange it.
    """

    principal: Principal
    scopes: tuple[str, ...]
    purpose: str
    fail_fast: bool = False
    account: str = ""
    caller_token: Secret | None = None


class Asker:
    """What the rungs share.

    Args:
        broker: Where credentials come from.
        connect_url: Our page for a flow.
        patience: How long calls wait.
        notices: Tells clients when a link they were given is done.
        entropy: Source of elicitation ids.
    """

    def __init__(
        self,
        broker: Broker,
        *,
        connect_url: Callable[[Flow], str],
        patience: Patience,
        notices: CompletionNotices,
        entropy: Entropy | None = None,
    ) -> None:
        self.broker = broker
        self.patience = patience
        self._connect_url = connect_url
        self._notices = notices
        self._entropy = entropy or SystemEntropy()
        self._measure = Measure("elicit")

    def measured(self, rung: Rung) -> Measured:
        """Around one turn of a question: it is put to the user, waited for, or comes to its end."""
        return self._measure.begin(service=self.broker.grant.service, rung=rung.name.lower())

    def log_rung(self, rung: Rung, need: Need, flow: Flow) -> None:
        """One line, and one event, per question: which way of asking a call got.

        Raises:
            AuditUnavailable: Nobody is asked without a record.
        """
        event = Event(
            event=EventName.ELICITATION_ASKED,
            outcome=rung.name.lower(),
            actor=actor_of(need.principal),
            service=self.broker.grant.service,
            metadata={"flow": flow_mark(flow), "scopes": list(flow.scopes)},
        )
        record(event)
        _log.info("asking service=%s user=%s rung=%s", self.broker.grant.service, need.principal.digest, rung.name)

    async def lookup(self, need: Need) -> Credential | None:
        """A credential that serves a need now; None when the user has to be asked.

        Raises:
            RemoteError: The service cannot answer.
        """
        return await self.broker.lookup(
            need.principal, need.scopes, account=need.account, caller_token=need.caller_token
        )

    async def open_flow(self, need: Need, *, rejected: Credential | None = None) -> Flow:
        """The flow in force for a need, or a new one; arguments and errors are those of `Broker.open_flow`."""
        return await self.broker.open_flow(
            need.principal, need.scopes, purpose=need.purpose, account=need.account, rejected=rejected
        )

    @property
    def service_name(self) -> str:
        """The service's name for people."""
        return self.broker.grant.display_name

    def elicitation(self, flow: Flow, need: Need) -> mcp_types.ElicitRequestURLParams:
        """The question a client shows before it opens our page."""
        permissions = f"the permission{'s' * (len(flow.scopes) > 1)} {', '.join(flow.scopes)}" if flow.scopes else ""
        account = f'{self.service_name} account "{flow.account}"' if flow.account else f"{self.service_name} account"
        if flow.granted and permissions:
            text = f"{need.purpose} needs {permissions} of your {account} besides. Open the page to allow it."
        else:
            with_them = f" with {permissions}" if permissions else ""
            text = f"{need.purpose} needs your {account}{with_them}. Open the page to connect it."
        return mcp_types.ElicitRequestURLParams(
            message=text, url=self._connect_url(flow), elicitation_id=self._entropy.token(16)
        )

    def link(self, flow: Flow) -> ConnectionRequired:
        """The plain text with the link."""
        return ConnectionRequired(
            self.service_name,
            connect_url=self._connect_url(flow),
            scopes=flow.scopes,
            account=flow.account,
            is_more=bool(flow.granted and flow.scopes),
        )

    @asynccontextmanager
    async def abandoning_if_cancelled(self, flow: Flow) -> AsyncIterator[None]:
        """Forget a flow when its call is cancelled: no question stays behind for a call that nobody waits for."""
        try:
            yield
        except anyio.get_cancelled_exc_class():
            with anyio.CancelScope(shield=True):
                try:
                    await self.broker.ledger.abandon(flow)
                except (StoreUnavailable, SealError) as error:
                    # In the cancellation's place, it would be the answer to a call that nobody waits for; the flow
                    # expires by itself.
                    _log.warning("flow not abandoned service=%s %s", self.broker.grant.service, error.for_log())
            raise

    def url_error(self, call: Call, flow: Flow, need: Need) -> Exception:
        """Error -32042; the client is told when the page is done, because some wait for that."""
        elicitation = self.elicitation(flow, need)
        assert elicitation.elicitation_id is not None
        self._notices.expect(flow, call.session, elicitation.elicitation_id)
        return call.url_error(elicitation)

    async def outcome(self, flow: Flow | None, need: Need) -> Credential | None:
        """What a finished wait means.

        Returns:
            The credential, or None while the flow is still pending.

        Raises:
            ConnectionFailed: The flow ended otherwise, or is gone.
        """
        if flow is None:
            raise ConnectionExpired(self.service_name)
        if flow.is_pending:
            return None
        if flow.status is FlowStatus.FAILED and flow.is_exhausted:
            raise ConnectionBroken(
                self.service_name,
                f"{self.service_name} did not accept what was typed, too often, so nothing was connected. "
                "Call the tool again to be asked again.",
            )
        failure = _FAILURES.get(flow.status)
        if failure is not None:
            raise failure(self.service_name)
        credential = await self.lookup(need)
        if credential is None:
            # The user has just consented, so asking once more would go round in circles.
            missing = await self.broker.missing(need.principal, need.scopes, account=need.account)
            raise PermissionMissing(self.service_name, scopes=missing)
        return credential
