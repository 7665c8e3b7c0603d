"""What happened, as a value; and the recorder that keeps it.

Every room reports with `record(Event(...))`. Where it goes is decided at the edge, which sets `current_recorder` for
each request, as it does with the request's id; nothing in between has to hand a recorder on.
"""

from __future__ import annotations

import inspect
import json
import re
from collections.abc import Mapping
from contextlib import suppress
from contextvars import ContextVar
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Literal, Protocol, cast

from mcpauthkit.core.log import RequestLog
from mcpauthkit.errors import AuditUnavailable, ConfigurationError

_log = RequestLog("audit")
_PLAIN = re.compile(r"[!#-\[\]-~]{1,1000}")
_LONGEST = 1000


class EventName(StrEnum):
    """Everything that is recorded. The names are stable; new ones may come.

    A credential's life is told by its id: `created` begins it, `removed` ends it, whatever ended it; in between it is
    `replaced` (the same account was connected again: same id, new content), `renewed` and `used`. Where another account
    takes its place, the old id is removed and a new one created.
    """

    # Leg 1: who is calling.
    TOKEN_VERIFIED = "token.verified"  # noqa: S105  # a name
    TOKEN_REFUSED = "token.refused"  # noqa: S105  # a name
    REQUEST_REFUSED = "request.refused"
    """Well identified, and not served: a scope is missing, the origin is foreign, the session is somebody else's."""

    # Between the legs: what may be seen and used.
    ACCESS_DECIDED = "access.decided"
    POLICY_LOADED = "policy.loaded"
    POLICY_REFUSED = "policy.refused"
    CALL_FINISHED = "call.finished"
    """A tool, resource or prompt has run: its `outcome` is `done`, `asked` or `failed`, its metadata the tool's own."""
    CALL_NOTED = "call.noted"
    """Metadata of a tool around which no server of ours told of the call, such as in a background task."""

    # Leg 2: the user is asked, in the client and in the browser.
    ELICITATION_ASKED = "elicitation.asked"
    ELICITATION_ENDED = "elicitation.ended"
    """Its `outcome` says how: connected, declined, cancelled, expired, refused or failed."""
    SIGNED_IN = "browser.signed_in"
    SIGN_IN_REFUSED = "browser.sign_in_refused"
    SIGNED_OUT = "browser.signed_out"
    LINK_REFUSED = "link.refused"
    """A link that was forwarded, made up, or belongs to somebody else."""
    CALLBACK_REFUSED = "callback.refused"
    """A service's answer whose state is unknown or used up, in another browser, or with a code that is no good."""
    FORM_REFUSED = "form.refused"

    # Leg 2: what is kept in a user's name.
    CREDENTIAL_CREATED = "credential.created"
    CREDENTIAL_REPLACED = "credential.replaced"
    CREDENTIAL_USED = "credential.used"
    CREDENTIAL_RENEWING = "credential.renewing"
    """The service is about to be asked; what it gives then has to be kept, whatever becomes of the record."""
    CREDENTIAL_RENEWED = "credential.renewed"
    CREDENTIAL_RENEWAL_FAILED = "credential.renewal_failed"
    CREDENTIAL_MADE_DEFAULT = "credential.made_default"
    CREDENTIAL_REVOKED = "credential.revoked"
    """The service was told that it is over; `outcome` says whether it heard it."""
    CREDENTIAL_REMOVED = "credential.removed"
    """Without an id: all that this user has at this service, what cannot be read too."""
    CREDENTIAL_UNKNOWN = "credential.unknown"
    """The store failed in the middle of what was told last: nobody can say whether it has come about."""
    USER_ENDED = "credential.user_ended"
    """An administrator ended everything of a user."""
    RECORD_REFUSED = "record.refused"
    """What stood in the store under a key of ours does not open: changed, moved, or nothing of ours."""
    RECORD_REMOVED = "record.removed"

    # The authorization server that clients see in proxy mode.
    CLIENT_REGISTERED = "proxy.client_registered"
    CLIENT_REFUSED = "proxy.client_refused"
    CONSENT_GIVEN = "proxy.consent_given"
    CONSENT_REMEMBERED = "proxy.consent_remembered"
    CONSENT_DECLINED = "proxy.consent_declined"
    CONSENT_REFUSED = "proxy.consent_refused"
    LOGIN_REFUSED = "proxy.login_refused"
    CODE_ISSUED = "proxy.code_issued"
    CODE_REDEEMED = "proxy.code_redeemed"
    CODE_REFUSED = "proxy.code_refused"
    TOKEN_RENEWED = "proxy.token_renewed"  # noqa: S105  # a name
    RENEWAL_REFUSED = "proxy.renewal_refused"
    TOKEN_REVOKED = "proxy.token_revoked"  # noqa: S105  # a name

    # The record itself.
    AUDIT_LOST = "audit.lost"
    """A sink works again; `metadata.lost` says how many events it has not got."""
    AUDIT_RESUMED = "audit.resumed"
    """A chained file ended in half a line, as after a crash; `metadata.torn` is the SHA-256 of that piece."""


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
        outcome: How it ended, in one word, where it may end in several ways.
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
    outcome: str = ""
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


def checked_recorder(given: object) -> Recorder | None:
    """A recorder as given by a caller; None for none.

    Args:
        given: What was given as `audit=`.

    Raises:
        ConfigurationError: It records nothing, as a file, a path or a function do not.
    """
    if given is None or (callable(getattr(given, "record", None)) and not inspect.isclass(given)):
        return cast("Recorder | None", given)
    what = f"the class {given.__name__}" if inspect.isclass(given) else f"a {type(given).__name__}"
    raise ConfigurationError(
        f"audit is {what}, which records nothing.",
        hint="Give AuditTrail(JsonFile(...)), or an object with a method record(event).",
    )


def _shown(value: str) -> str:
    # A name that somebody else chose may hold the end of a line, and a second line behind it.
    return value if _PLAIN.fullmatch(value) else json.dumps(value[:_LONGEST])


def _own_metadata(event: Event) -> dict[str, str]:
    # What tools say is for trails, which look for secrets in it.
    if event.event in {EventName.CALL_FINISHED, EventName.CALL_NOTED}:
        return {}
    return {name: value for name, value in event.metadata.items() if isinstance(value, str)}


class LogRecorder:
    """Writes events to the logger `mcpauthkit.audit`: what is done where no trail is set up."""

    def record(self, event: Event) -> None:
        """Write one line."""
        level = 30 if event.is_warning else 20
        if not _log.isEnabledFor(level):
            return
        fields = {
            "decision": event.decision,
            "outcome": event.outcome,
            "service": event.service,
            "user": event.actor.digest[:12] if event.actor else "",
            event.kind: event.target,
            "action": event.action,
            "policy": event.policy,
            "rule": event.rule,
            "credential": event.credential,
            "reason": event.reason,
            **_own_metadata(event),
        }
        text = " ".join(f"{name}={_shown(value)}" for name, value in fields.items() if value)
        _log.log(level, "%s %s", event.event, text)


class NoRecorder:
    """Keeps nothing, for operators who have said so."""

    def record(self, event: Event) -> None:
        """Let it go."""


_DEFAULT = LogRecorder()

current_recorder: ContextVar[Recorder] = ContextVar("mcpauthkit_recorder", default=_DEFAULT)
"""Where events of the current request go."""


def record(event: Event) -> None:
    """Keep an event with the current recorder.

    Raises:
        AuditUnavailable: It could not be kept, and nothing may happen without a record.
    """
    current_recorder.get().record(event)


def record_refusal(event: Event) -> None:
    """The same for what is refused, or over, whether it can be recorded or not."""
    with suppress(AuditUnavailable):
        record(event)
