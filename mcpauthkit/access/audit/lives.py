"""What became of each credential, from the audit log alone."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from mcpauthkit.core.audit import EventName

_PREFIXES = (b'"event":"credential.', b'"event":"record.removed"')
# Which credential it was that could not be read, nobody can say.
_CAST_DOUBT = frozenset({EventName.CREDENTIAL_UNKNOWN, EventName.RECORD_REMOVED})
# After these a credential is there, whatever was doubtful before.
_SHOW_LIFE = frozenset(
    {
        EventName.CREDENTIAL_USED,
        EventName.CREDENTIAL_RENEWING,
        EventName.CREDENTIAL_RENEWED,
        EventName.CREDENTIAL_REPLACED,
    }
)


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
        kept_until: When the store lets it go by itself, which no record tells; empty where nothing was said of that.
        is_uncertain: Whether nobody knows if it is there: the store failed during what was told last; or a record of
            its user and service was written over that could not be read, and it may have been this one's.
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
    kept_until: str = ""
    is_uncertain: bool = False
    is_default: bool = False
    uses: int = 0
    last_used: str = ""
    renewals: int = 0
    failed_renewals: int = 0
    steps: tuple[Step, ...] = ()

    @property
    def is_alive(self) -> bool:
        """Whether nothing had ended it when the log did; `kept_until` may have passed."""
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
    ended_with_all: bool = False
    kept_until: str = ""
    is_uncertain: bool = False
    is_default: bool = False
    last_used: str = ""
    counts: Counter[str] = field(default_factory=Counter)
    steps: list[Step] = field(default_factory=list)

    def end(self, time: str, reason: str) -> None:
        self.ended, self.end_reason, self.is_default = time, reason, False

    def finished(self) -> Life:
        return Life(
            credential=self.credential,
            principal=self.principal,
            service=self.service,
            created=self.created,
            ended=self.ended,
            end_reason=self.end_reason,
            kept_until=self.kept_until,
            is_uncertain=self.is_uncertain,
            is_default=self.is_default,
            uses=self.counts[EventName.CREDENTIAL_USED],
            last_used=self.last_used,
            renewals=self.counts[EventName.CREDENTIAL_RENEWED],
            failed_renewals=self.counts[EventName.CREDENTIAL_RENEWAL_FAILED],
            steps=tuple(self.steps),
        )


def lives(lines: Iterable[bytes | str]) -> dict[str, Life]:
    """The life of every credential that a log tells of, by the credential's id, in the order of its first event.

    Lines may come from several replicas in any order: they are put in the order of their times. What is no record is
    passed over; `verify_chain` is what finds it.

    Args:
        lines: JSON lines, as the trail's sinks wrote them.
    """
    found: dict[str, _Open] = {}
    for record in sorted(_credential_events(lines), key=_order):
        for life in _concerned(found, record):
            _live(found, life, record)
    return {name: life.finished() for name, life in found.items()}


def _order(record: Mapping[str, Any]) -> tuple[str, int]:
    sequence = record.get("sequence")
    return str(record["time"]), sequence if isinstance(sequence, int) else 0


def _credential_events(lines: Iterable[bytes | str]) -> Iterator[dict[str, Any]]:
    for line in lines:
        data = line if isinstance(line, bytes) else line.encode("utf-8", "surrogateescape")
        # Most lines are about something else, and reading them as JSON is what takes the time.
        if not any(one in data for one in _PREFIXES):
            continue
        try:
            record = json.loads(data)
        except (ValueError, RecursionError):
            continue
        if isinstance(record, dict) and "time" in record:
            yield record


def _concerned(found: dict[str, _Open], record: Mapping[str, Any]) -> list[_Open]:
    """Whose life an event belongs to: one, or, where it names none, all that its user has at its service."""
    name, principal, service = (str(record.get(key, "")) for key in ("credential", "principal", "service"))
    if record.get("event") == EventName.RECORD_REMOVED:
        metadata = record.get("metadata")
        new = metadata.get("written_over_by") if isinstance(metadata, dict) else None
        return [
            one
            for one in found.values()
            if principal
            and (one.principal, one.service, one.ended) == (principal, service, "")
            and one.credential != new
        ]
    if not name:
        is_doubt = record.get("event") == EventName.CREDENTIAL_UNKNOWN
        return [
            one
            for one in found.values()
            if (one.principal, one.service) == (principal, service)
            and (not one.ended or (is_doubt and one.ended_with_all))
        ]
    life = found.setdefault(name, _Open(name))
    life.principal, life.service = principal or life.principal, service or life.service
    return [life]


def _live(found: dict[str, _Open], life: _Open, record: Mapping[str, Any]) -> None:
    event, time = str(record.get("event")), str(record["time"])
    step = Step(time, event, str(record.get("outcome", "")), str(record.get("reason", "")))
    life.counts[event] += 1
    if event == EventName.CREDENTIAL_USED:
        life.last_used = time
    else:
        life.steps.append(step)
    if event in _SHOW_LIFE and life.is_uncertain:
        life.ended = life.end_reason = ""
    life.is_uncertain = event in _CAST_DOUBT
    _read_metadata(found, life, record)
    if event == EventName.CREDENTIAL_CREATED:
        life.created, life.ended, life.end_reason = life.created or time, "", ""
    elif event == EventName.CREDENTIAL_REMOVED:
        life.end(time, step.outcome or step.reason)
        life.ended_with_all = not record.get("credential")
    elif event == EventName.CREDENTIAL_MADE_DEFAULT:
        for other in found.values():
            if (other.principal, other.service) == (life.principal, life.service):
                other.is_default = other is life


def _read_metadata(found: dict[str, _Open], life: _Open, record: Mapping[str, Any]) -> None:
    metadata = record.get("metadata")
    if not isinstance(metadata, dict):
        return
    if "kept_until" in metadata:
        life.kept_until = str(metadata["kept_until"] or "")
    former = found.get(str(metadata.get("instead_of", "")))
    if former is not None:
        former.end(str(record["time"]), "replaced")
