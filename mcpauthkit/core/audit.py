"""What happened, as a value; and the recorder that keeps it.

Every room reports with `record(Event(...))`. Where it goes is decided at the edge, which sets `current_recorder` for
each request, as it does with the request's id; nothing in between has to hand a recorder on.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextvars import ContextVar
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Literal, Protocol

from mcpauthkit.core.log import RequestLog

_log = RequestLog("audit")


class EventName(StrEnum):
    """Everything that is recorded. The names are stable; new ones may come."""

    TOKEN_VERIFIED = "token.verified"  # noqa: S105  # a name
    TOKEN_REFUSED = "token.refused"  # noqa: S105  # a name
    ACCESS_DECIDED = "access.decided"
    POLICY_LOADED = "policy.loaded"
    POLICY_REFUSED = "policy.refused"


@dataclass(frozen=True, slots=True, kw_only=True)
class Actor:
    """Who did it.

    Args:
        digest: The digest of issuer and subject, as logs and store keys have it; the latter show its first part.
        name: What people call them; recorded only where the trail is told to.
        issuer: Who vouches for them.
        client: The OAuth client they used.
    """

    digest: str
    name: str = field(default="", repr=False)
    issuer: str = ""
    client: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One thing that happened. What does not apply is empty.

    Args:
        event: What it is.
        decision: Whether something was allowed, where something was decided.
        actor: Who did it, if known.
        action: `list`, `call`, `read` or `get`.
        kind: `tool`, `resource`, `template` or `prompt`.
        target: Its name, or its address.
        policy: The policy that decided.
        rule: The rule in it.
        service: The service it is about.
        credential: The id of the connection it is about; never the credential.
        reason: Why, for the operator. Never a secret.
        arguments: What a tool was called with; the trail leaves it out or hashes it, unless it is told otherwise.
        metadata: What else belongs into the record; a tool's own goes here.
        duration_ms: How long it took.
        is_warning: Whether somebody should look at it.
    """

    event: EventName
    decision: Literal["allow", "deny", ""] = ""
    actor: Actor | None = None
    action: str = ""
    kind: str = ""
    target: str = ""
    policy: str = ""
    rule: str = ""
    service: str = ""
    credential: str = ""
    reason: str = ""
    arguments: Mapping[str, Any] | None = field(default=None, repr=False)
    metadata: Mapping[str, Any] = field(default_factory=dict, repr=False)
    duration_ms: float | None = None
    is_warning: bool = False


class Recorder(Protocol):
    """Keeps events."""

    def record(self, event: Event) -> None:
        """Keep one.

        Raises:
            AuditUnavailable: It could not be kept, and nothing may happen without a record.
        """
        ...


class LogRecorder:
    """Writes events to the logger `mcpauthkit.audit`: what is done where no trail is set up."""

    def record(self, event: Event) -> None:
        """Write one line."""
        fields = {
            "decision": event.decision,
            "service": event.service,
            "user": event.actor.digest[:12] if event.actor else "",
            event.kind: event.target,
            "action": event.action,
            "policy": event.policy,
            "rule": event.rule,
            "credential": event.credential,
            "reason": event.reason,
        }
        text = " ".join(f"{name}={value}" for name, value in fields.items() if value)
        level = 30 if event.is_warning else 20
        _log.log(level, "%s %s", event.event, text)


_DEFAULT = LogRecorder()

current_recorder: ContextVar[Recorder] = ContextVar("mcpauthkit_recorder", default=_DEFAULT)
"""Where events of the current request go."""


def record(event: Event) -> None:
    """Keep an event with the current recorder.

    Raises:
        AuditUnavailable: It could not be kept, and nothing may happen without a record.
    """
    current_recorder.get().record(event)
