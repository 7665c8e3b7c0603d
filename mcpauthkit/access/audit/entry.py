"""From an event to the record that is written."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal

from opentelemetry import trace

from mcpauthkit.access.audit.chain import ArgumentHasher
from mcpauthkit.access.audit.redaction import Redactor, redacted_text
from mcpauthkit.access.audit.schema import SCHEMA_VERSION
from mcpauthkit.core.audit import Actor, Event
from mcpauthkit.core.clock import Clock
from mcpauthkit.core.keyring import KeyRing
from mcpauthkit.core.request_id import get_request_id
from mcpauthkit.core.secret import Secret

_SHORT, _LONG = 256, 1024
_METADATA_BUDGET, _ARGUMENTS_BUDGET = 8_192, 16_384
_ENCODER = json.JSONEncoder(ensure_ascii=True, allow_nan=False, separators=(",", ":"))
_NOBODY = Actor(digest="")

Arguments = Literal["off", "hashed", "full"]
"""What becomes of a tool's arguments: nothing, a hash that cannot be reversed, or the redacted values."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A record of an event, but for what depends on where it is written.

    Args:
        fields: Its members, in order.
        body: The same as JSON, on one line, with the last brace still open.
    """

    fields: Mapping[str, Any]
    body: str


class EntryMaker:
    """Makes records of events.

    Args:
        names: Whether people's names go in.
        arguments: What becomes of a tool's arguments.
        hasher: Hashes them, where they are to be hashed.
        writer: The trail's own name.
        clock: Time.
    """

    def __init__(
        self, *, names: bool, arguments: Arguments, hasher: ArgumentHasher | None, writer: str, clock: Clock
    ) -> None:
        self._names = names
        self._arguments = arguments
        self._hasher = hasher
        self._writer = writer
        self._clock = clock

    def make(self, event: Event) -> Entry:
        """The record of an event of this moment."""
        fields = self._plain_fields(event)
        fields |= _traced()
        if event.duration_ms is not None and math.isfinite(event.duration_ms):
            fields["duration_ms"] = round(event.duration_ms, 3)
        if event.arguments is not None:
            fields |= self._of_arguments(event.arguments)
        if event.metadata:
            fields["metadata"] = _members(event.metadata, _METADATA_BUDGET)
        fields["writer"] = self._writer
        # DEL is the one control character that JSON leaves as it is.
        body = _ENCODER.encode(fields)[:-1].replace("\x7f", "\\u007f")
        return Entry(fields, body)

    def _plain_fields(self, event: Event) -> dict[str, Any]:
        actor = event.actor or _NOBODY
        texts = (
            ("principal", actor.digest, _SHORT),
            ("name", actor.name if self._names else "", _SHORT),
            ("issuer", actor.issuer, _LONG),
            ("client", actor.client, _LONG),
            ("action", event.action, _SHORT),
            ("kind", event.kind, _SHORT),
            ("target", event.target, _LONG),
            ("policy", event.policy, _SHORT),
            ("rule", event.rule, _SHORT),
            ("service", event.service, _SHORT),
            ("credential", event.credential, _SHORT),
            ("reason", event.reason, _LONG),
            ("request_id", get_request_id(), _SHORT),
        )
        fields: dict[str, Any] = {
            "schema": SCHEMA_VERSION,
            "time": _rfc3339(self._clock.wall()),
            "event": str(event.event),
            "severity": "WARNING" if event.is_warning else "INFO",
        }
        if event.decision:
            fields["decision"] = event.decision
        if event.outcome:
            fields["outcome"] = redacted_text(event.outcome, _SHORT)
        for name, text, longest in texts:
            if text:
                fields[name] = redacted_text(text, longest)
        return fields

    def _of_arguments(self, arguments: Mapping[str, Any]) -> dict[str, Any]:
        if self._arguments == "off":
            return {}
        if self._hasher is None:
            return {"arguments": _members(arguments, _ARGUMENTS_BUDGET)}
        return {"arguments_hash": self._hasher.of(_canonical(arguments))}


def hash_arguments(arguments: Mapping[str, Any], key_ring: KeyRing) -> str:
    """What stands in the record as `arguments_hash` for these arguments, to look for a call that one knows.

    Args:
        arguments: What the tool was called with.
        key_ring: The key ring of the trail; its minting key is used.
    """
    return ArgumentHasher(key_ring).of(_canonical(arguments))


def _members(values: Mapping[str, Any], budget: int) -> dict[str, Any]:
    return Redactor(budget, _LONG).mapping(values)


def _canonical(arguments: Mapping[str, Any]) -> str:
    return json.dumps(arguments, sort_keys=True, separators=(",", ":"), ensure_ascii=True, default=_plain)


def _plain(value: object) -> Any:
    if isinstance(value, Secret):
        return value.reveal()
    return dict(value) if isinstance(value, Mapping) else type(value).__name__


def _rfc3339(seconds: float) -> str:
    return f"{datetime.fromtimestamp(seconds, UTC).isoformat(timespec='microseconds')[:-6]}Z"


def _traced() -> dict[str, str]:
    context = trace.get_current_span().get_span_context()
    return {"trace_id": trace.format_trace_id(context.trace_id)} if context.is_valid else {}
