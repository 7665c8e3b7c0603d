"""What the record learns of one service's credentials.

Theory of operation. What begins, ends or changes is recorded before it is done: where that fails, it is not done, and
nothing is ever kept that the record does not know of. Should the store fail then, nobody can say whether it came about,
and that is recorded, too. Renewals are the exception. What a service gives for a refresh token has to be kept, since
the old one is good no more; so it is recorded that the service is going to be asked, and once more what came of it.

The store lets credentials go by themselves when nothing can be done with them any more. No event tells of that moment,
for nobody may be there to see it; `kept_until` in the metadata of what went before says when it is.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from mcpauthkit.connections.connection import Revoked
from mcpauthkit.connections.credential import Credential
from mcpauthkit.connections.vault import kept_until
from mcpauthkit.core.audit import Event, EventName, record, record_refusal
from mcpauthkit.core.clock import Clock
from mcpauthkit.core.encoding import sha256_hex
from mcpauthkit.core.flow_state import Flow
from mcpauthkit.core.moment import iso_moment
from mcpauthkit.errors import AuthKitError
from mcpauthkit.principal import Principal, actor_of

_FLOW_LENGTH = 12


class Chronicle:
    """Tells of the credentials of one service.

    Args:
        service: The service.
        clock: Time.
    """

    def __init__(self, service: str, clock: Clock) -> None:
        self._service = service
        self._clock = clock

    def used(self, principal: Principal, credential: Credential) -> None:
        """Record that a call or request is about to use a credential.

        Raises:
            AuditUnavailable: It must not.
        """
        record(self._event(EventName.CREDENTIAL_USED, principal, credential))

    def beginning(self, principal: Principal, new: Credential, *, held: Credential | None) -> None:
        """Record that a credential is about to be kept.

        Args:
            principal: Whose.
            new: The credential.
            held: What it takes the place of; its life ends with that, if it is of another connection.

        Raises:
            AuditUnavailable: It must not be kept.
        """
        if held is None:
            record(self._kept(EventName.CREDENTIAL_CREATED, principal, new))
        elif held.connection_id == new.connection_id:
            record(self._kept(EventName.CREDENTIAL_REPLACED, principal, new))
        else:
            # In one event, so that there is no moment at which the record has both, or neither.
            begun = self._kept(EventName.CREDENTIAL_CREATED, principal, new)
            record(replace(begun, metadata={**begun.metadata, "instead_of": held.connection_id}))

    @contextmanager
    def keeping(
        self, principal: Principal, new: Credential, *, held: Credential | None, seconds: float
    ) -> Iterator[None]:
        """Record that a credential is kept which asked nobody, around what keeps it.

        Args:
            principal: Who calls.
            new: The credential.
            held: What it renews.
            seconds: For how long it is kept.

        Raises:
            AuditUnavailable: It must not be kept.
        """
        name = EventName.CREDENTIAL_CREATED if held is None else EventName.CREDENTIAL_RENEWED
        with self._ahead(self._kept(name, principal, new, until=self._clock.wall() + seconds)):
            yield

    def renewing(self, principal: Principal, held: Credential) -> None:
        """Record that the service is about to be asked for a renewal.

        Raises:
            AuditUnavailable: It must not be asked.
        """
        record(self._event(EventName.CREDENTIAL_RENEWING, principal, held))

    def renewed(self, principal: Principal, kept: Credential) -> None:
        """Record a renewal that is kept.

        Raises:
            AuditUnavailable: It must not be used now; the next use is recorded for itself.
        """
        record(self._kept(EventName.CREDENTIAL_RENEWED, principal, kept))

    def renewal_failed(self, principal: Principal, held: Credential, error: AuthKitError) -> None:
        """Record that a renewal brought nothing."""
        event = self._event(EventName.CREDENTIAL_RENEWAL_FAILED, principal, held, reason=error.code)
        record_refusal(replace(event, is_warning=True))

    def restored(self, principal: Principal, before: Credential, *, after: Credential) -> None:
        """Record that what stood somewhere before stands there again."""
        is_same = before.connection_id == after.connection_id
        if not is_same:
            self.over(principal, after, reason="its user said no meanwhile")
        name = EventName.CREDENTIAL_REPLACED if is_same else EventName.CREDENTIAL_CREATED
        record_refusal(replace(self._kept(name, principal, before), reason="put back"))

    def over(self, principal: Principal, credential: Credential, *, reason: str) -> None:
        """Record that a credential is not kept any more."""
        record_refusal(self._event(EventName.CREDENTIAL_REMOVED, principal, credential, reason=reason))

    def revoked(self, principal: Principal, credential: Credential, told: Revoked) -> None:
        """Record what a service said to being told that a credential is over."""
        event = self._event(EventName.CREDENTIAL_REVOKED, principal, credential)
        record_refusal(replace(event, outcome=told.name.lower()))

    @contextmanager
    def ending(self, principal: Principal, credential: Credential | None, *, reason: str) -> Iterator[None]:
        """Record that a credential ends, around what ends it.

        Args:
            principal: Whose.
            credential: Which; None for all that there is, what cannot be read too.
            reason: Why.

        Raises:
            AuditUnavailable: It must not be ended.
        """
        with self._ahead(self._event(EventName.CREDENTIAL_REMOVED, principal, credential, reason=reason)):
            yield

    @contextmanager
    def making_default(self, principal: Principal, credential: Credential) -> Iterator[None]:
        """Record that a connection is the default from now on, around what makes it so.

        Raises:
            AuditUnavailable: It must not become it.
        """
        with self._ahead(self._event(EventName.CREDENTIAL_MADE_DEFAULT, principal, credential)):
            yield

    def unknown(self, principal: Principal, credential: Credential) -> None:
        """Record that nobody can say whether what was told last of a credential has come about."""
        record_refusal(self._unknown(self._event(EventName.CREDENTIAL_UNKNOWN, principal, credential)))

    @contextmanager
    def _ahead(self, event: Event) -> Iterator[None]:
        record(event)
        is_done = False
        try:
            yield
            is_done = True
        finally:
            if not is_done:
                record_refusal(self._unknown(event))

    @staticmethod
    def _unknown(event: Event) -> Event:
        return replace(event, event=EventName.CREDENTIAL_UNKNOWN, reason="interrupted", is_warning=True)

    def _kept(
        self, name: EventName, principal: Principal, credential: Credential, *, until: float | None = None
    ) -> Event:
        ends = kept_until(credential, self._clock.wall()) if until is None else until
        metadata: dict[str, Any] = {"scopes": sorted(credential.scopes), "kept_until": iso_moment(ends)}
        if credential.origin != "user":
            metadata["origin"] = credential.origin
        return replace(self._event(name, principal, credential), metadata=metadata)

    def _event(
        self, name: EventName, principal: Principal, credential: Credential | None, *, reason: str = ""
    ) -> Event:
        return Event(
            event=name,
            actor=actor_of(principal),
            service=self._service,
            credential="" if credential is None else credential.connection_id,
            reason=reason,
        )


def elicitation_ended(flow: Flow, *, outcome: str = "") -> None:
    """Record the outcome of asking a user to connect; nothing depends on the record of it.

    Args:
        flow: The flow, with its outcome.
        outcome: Another one, for a flow that was forgotten.
    """
    principal = Principal.bare(flow.issuer, flow.subject)
    record_refusal(
        Event(
            event=EventName.ELICITATION_ENDED,
            outcome=outcome or str(flow.status),
            actor=actor_of(principal),
            service=flow.service,
            metadata={"flow": flow_mark(flow)},
        )
    )


def flow_mark(flow: Flow) -> str:
    """What tells a flow from others in the record; the link cannot be made of it."""
    return sha256_hex("audited flow", flow.flow_id)[:_FLOW_LENGTH]
