"""A flow: one attempt to connect one service for one principal, from the first question to its outcome."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any, Self

from mcpauthkit.errors import SealError

MAX_TRIES = 20
"""How often something that the service does not accept can be typed for one flow. More is guessing."""


class FlowStatus(StrEnum):
    """Where a flow stands. Everything but `PENDING` is final."""

    PENDING = "pending"
    CONNECTED = "connected"
    DECLINED = "declined"
    CANCELLED = "cancelled"
    REFUSED = "refused"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Flow:
    """What is known of a flow.

    Args:
        flow_id: The unguessable value in the connect link. It leads to our page and proves nothing by itself.
        service: The service's name.
        issuer: Issuer of the principal it belongs to.
        subject: Subject of the principal it belongs to.
        scopes: The scopes that are asked for; what the user granted before is not among them.
        expires_at: Wall time in seconds at which the link stops working.
        purpose: For which tool, as people know it; shown on the page.
        status: Where it stands.
        asked_until: Until this wall time somebody is presumably looking at the question already.
        opened: Whether the right user has opened the page.
        account: What the user calls the connection this is for; empty for the default one.
        granted: What the user granted before; it is kept.
        tries: How often something was typed that the service did not accept.
        held_as: What the service calls the account of this connection before the flow; empty when it says nothing.
        connected_as: The same after it.
        lacking: Which of `scopes` were not granted, where it led to a connection all the same.
        waited_until: By process, until which wall time calls there wait for the outcome at most.
    """

    flow_id: str
    service: str
    issuer: str
    subject: str
    scopes: tuple[str, ...]
    expires_at: float
    purpose: str = ""
    status: FlowStatus = FlowStatus.PENDING
    asked_until: float = 0.0
    opened: bool = False
    account: str = ""
    granted: tuple[str, ...] = ()
    tries: int = 0
    held_as: str = ""
    connected_as: str = ""
    lacking: tuple[str, ...] = ()
    waited_until: Mapping[str, float] = field(default_factory=dict)

    @property
    def is_pending(self) -> bool:
        """Whether there is no outcome yet."""
        return self.status is FlowStatus.PENDING

    @property
    def is_exhausted(self) -> bool:
        """Whether as much has been typed in vain as may be."""
        return self.tries >= MAX_TRIES

    def belongs_to(self, issuer: str, subject: str) -> bool:
        """Whether a principal is the one this flow was opened for; both halves count."""
        return (self.issuer, self.subject) == (issuer, subject)

    def finish(self, status: FlowStatus, *, connected_as: str = "", lacking: Sequence[str] = ()) -> Self:
        """The flow with an outcome. The first outcome stays.

        Args:
            status: The outcome.
            connected_as: What the service calls the account that was connected.
            lacking: Which of the scopes that were asked for it did not grant.
        """
        if not self.is_pending:
            return self
        return replace(self, status=status, connected_as=connected_as, lacking=tuple(lacking))

    def to_record(self) -> dict[str, Any]:
        """The flow as JSON for the store."""
        return {
            "flow_id": self.flow_id,
            "service": self.service,
            "issuer": self.issuer,
            "subject": self.subject,
            "scopes": list(self.scopes),
            "expires_at": self.expires_at,
            "purpose": self.purpose,
            "status": self.status.value,
            "asked_until": self.asked_until,
            "opened": self.opened,
            "account": self.account,
            "granted": list(self.granted),
            "tries": self.tries,
            "held_as": self.held_as,
            "connected_as": self.connected_as,
            "lacking": list(self.lacking),
            "waited_until": dict(self.waited_until),
        }

    @classmethod
    def from_record(cls, record: dict[str, Any]) -> Self:
        """The flow of a record we wrote.

        Raises:
            SealError: It is the record of another version of ours.
        """
        try:
            read = {
                "scopes": tuple(record["scopes"]),
                "granted": tuple(record["granted"]),
                "lacking": tuple(record["lacking"]),
                "status": FlowStatus(record["status"]),
                "waited_until": dict(record["waited_until"]),
            }
            return cls(**{**record, **read})
        except (KeyError, TypeError, ValueError) as error:
            raise SealError(reason="flow record of another version") from error
