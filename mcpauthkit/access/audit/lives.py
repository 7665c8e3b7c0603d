"""What became of each credential, from the audit log alone."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from mcpauthkit.core.audit import EventName

_PREFIX = b'"event":"credential.'


@dataclass(frozen=True, slots=True)
class Step:
    """Something that happened to a credential. Uses are counted and not listed.

    Args:
        time: When, as the log has it.
        event: What.
        outcome: How it ended, in one word; may be empty.
        reason: Why; may be empty.
    """

    time: str
    event: str
    outcome: str = ""
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Life:
    """The life of one credential, as far as the log goes.

    Args:
        credential: The id of the connection.
        principal: The digest of whose it is.
        service: The service.
        created: When it began; empty where that is not in the log.
        ended: When it ended; empty while it lives.
        end_reason: Why it ended.
        is_default: Whether it was made the default of its user and service, and no other one has been since.
        uses: How often it was used.
        last_used: When last; empty for never.
        renewals: How often it was renewed.
        failed_renewals: How often a renewal failed.
        steps: Everything else, in order.
    """

    credential: str
    principal: str
    service: str
    created: str = ""
    ended: str = ""
    end_reason: str = ""
    is_default: bool = False
    uses: int = 0
    last_used: str = ""
    renewals: int = 0
    failed_renewals: int = 0
    steps: tuple[Step, ...] = ()

    @property
    def is_alive(self) -> bool:
        """Whether it had not ended when the log did."""
        return not self.ended


@dataclass(slots=True)
class _Open:
    """A life that is being read."""

    credential: str
    principal: str = ""
    service: str = ""
    created: str = ""
    ended: str = ""
    end_reason: str = ""
    is_default: bool = False
    last_used: str = ""
    counts: dict[str, int] = field(default_factory=dict)
    steps: list[Step] = field(default_factory=list)


def lives(lines: Iterable[bytes | str]) -> dict[str, Life]:
    """The life of every credential that a log tells of, by the credential's id, in the order of its first event.

    Lines may come from several replicas in any order: they are put in the order of their times. What is no record is
    passed over; `verify_chain` is what finds it.

    Args:
        lines: JSON lines, as the trail's sinks wrote them.
    """
    found: dict[str, _Open] = {}
    events = sorted(_credential_events(lines), key=lambda one: (str(one["time"]), _number(one.get("sequence"))))
    for record in events:
        _live(found, record)
    return {name: _finished(life) for name, life in found.items()}


def _number(value: object) -> int:
    return value if isinstance(value, int) else 0


def _credential_events(lines: Iterable[bytes | str]) -> Iterator[dict[str, Any]]:
    for line in lines:
        data = line if isinstance(line, bytes) else line.encode("utf-8", "surrogateescape")
        # Most lines are about something else, and reading them as JSON is what takes the time.
        if _PREFIX not in data:
            continue
        try:
            record = json.loads(data)
        except (ValueError, RecursionError):
            continue
        if isinstance(record, dict) and record.get("credential") and "time" in record:
            yield record


def _live(found: dict[str, _Open], record: Mapping[str, Any]) -> None:
    name, event, time = str(record["credential"]), record.get("event"), str(record["time"])
    life = found.setdefault(name, _Open(name))
    life.principal = str(record.get("principal") or life.principal)
    life.service = str(record.get("service") or life.service)
    life.counts[str(event)] = life.counts.get(str(event), 0) + 1
    if event == EventName.CREDENTIAL_USED:
        life.last_used = time
        return
    step = Step(time, str(event), str(record.get("outcome", "")), str(record.get("reason", "")))
    life.steps.append(step)
    if event == EventName.CREDENTIAL_CREATED:
        life.created, life.ended, life.end_reason = life.created or time, "", ""
    elif event == EventName.CREDENTIAL_REMOVED:
        life.ended, life.end_reason, life.is_default = time, step.outcome or step.reason, False
    elif event == EventName.CREDENTIAL_MADE_DEFAULT:
        for other in found.values():
            if (other.principal, other.service) == (life.principal, life.service):
                other.is_default = False
        life.is_default = True


def _finished(life: _Open) -> Life:
    return Life(
        credential=life.credential,
        principal=life.principal,
        service=life.service,
        created=life.created,
        ended=life.ended,
        end_reason=life.end_reason,
        is_default=life.is_default,
        uses=life.counts.get(EventName.CREDENTIAL_USED, 0),
        last_used=life.last_used,
        renewals=life.counts.get(EventName.CREDENTIAL_RENEWED, 0),
        failed_renewals=life.counts.get(EventName.CREDENTIAL_RENEWAL_FAILED, 0),
        steps=tuple(life.steps),
    )
