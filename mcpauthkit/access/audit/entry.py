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
from mcpauthkit.access.audit.redaction import Redactor, bounded_text, redacted_text
from mcpauthkit.access.audit.schema import SCHEMA_VERSION
from mcpauthkit.core.audit import Actor, Event
from mcpauthkit.core.clock import Clock
from mcpauthkit.core.keyring import KeyRing
from mcpauthkit.core.request_id import get_request_id
from mcpauthkit.core.secret import Secret

_SHORT, _LONG = 256, 1024
_METADATA_BUDGET, _ARGUMENTS_BUDGET = 8_192, 16_384
_ENCODER = json.JSONEncoder(ensure_ascii=True, allow_nan=False, separators=(",", ":"))
_quoted = json.encoder.encode_basestring_ascii
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
        fields = self._texts(event)
        context = trace.get_current_span().get_span_context()
        if context.is_valid:
            fields["trace_id"] = trace.format_trace_id(context.trace_id)
        if event.duration_ms is not None and math.isfinite(event.duration_ms):
            fields["duration_ms"] = round(event.duration_ms, 3)
        if event.arguments is not None:
            fields |= self._of_arguments(event.arguments)
        if event.metadata:
            fields["metadata"] = _members(event.metadata, _METADATA_BUDGET)
        fields["writer"] = self._writer
        # Nearly all members are texts, and asking the encoder for each is quicker than handing it the whole.
        body = ",".join(
            [
                f'"{name}":{_quoted(value) if isinstance(value, str) else _ENCODER.encode(value)}'
                for name, value in fields.items()
            ]
        )
        # DEL is the one control character that JSON leaves as it is.
        return Entry(fields, "{" + (body.replace("\x7f", "\\u007f") if "\x7f" in body else body))

    def _texts(self, event: Event) -> dict[str, Any]:
        actor = event.actor or _NOBODY
        fields: dict[str, Any] = {
            "schema": SCHEMA_VERSION,
            "time": _rfc3339(self._clock.wall()),
            "event": event.event.value,
            "severity": "WARNING" if event.is_warning else "INFO",
        }
        for name, text, longest, clean in (
            ("decision", event.decision, _SHORT, bounded_text),
            ("outcome", event.outcome, _SHORT, bounded_text),
            ("principal", actor.digest, _SHORT, bounded_text),
            ("name", actor.name if self._names else "", _SHORT, redacted_text),
            ("issuer", actor.issuer, _LONG, bounded_text),
            ("client", actor.client, _LONG, redacted_text),
            ("action", event.action, _SHORT, bounded_text),
            ("kind", event.kind, _SHORT, bounded_text),
            ("target", event.target, _LONG, redacted_text),
            ("policy", event.policy, _SHORT, bounded_text),
            ("rule", event.rule, _SHORT, bounded_text),
            ("service", event.service, _SHORT, bounded_text),
            ("credential", event.credential, _SHORT, bounded_text),
            ("reason", event.reason, _LONG, redacted_text),
            ("request_id", get_request_id(), _SHORT, redacted_text),
        ):
            if text:
                fields[name] = clean(text, longest)
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
