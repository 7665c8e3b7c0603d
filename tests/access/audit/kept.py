"""What the tests of the trail share: an event with everything in it, and sinks that keep or fail."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mcpauthkit import KeyRing
from mcpauthkit.audit import Actor, AuditTrail, Event, EventName, JsonFile

RING = KeyRing({"2026": "kept-key-of-at-least-32-bytes-length"}, minting="2026")
ALICE = Actor(digest="a1" * 32, name="Alice Example", issuer="https://id.example.com", client="inspector")
FULL = Event(
    event=EventName.ACCESS_DECIDED,
    decision="deny",
    outcome="refused",
    actor=ALICE,
    action="call",
    kind="tool",
    target="delete_repo",
    policy="staff",
    rule="no-deleting",
    service="github",
    credential="c-1",
    reason="rule no-deleting denies it",
    arguments={"repo": "a/b", "force": True},
    metadata={"rows": 3},
    duration_ms=1.5,
    is_warning=True,
)


class Kept:
    """A sink that keeps what it gets, and fails while it has a trouble."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.records: list[Mapping[str, Any]] = []
        self.trouble: Exception | None = None

    def __repr__(self) -> str:
        return "Kept()"

    def write(self, line: str, fields: Mapping[str, Any]) -> None:
        if self.trouble is not None:
            raise self.trouble
        self.lines.append(line)
        self.records.append(fields)


def record_of(event: Event, **options: Any) -> dict[str, Any]:
    """What a reader of the log finds of an event."""
    kept = Kept()
    AuditTrail(kept, **options).record(event)
    found: dict[str, Any] = json.loads(kept.lines[-1])
    return found


def write_chain(path: Path, count: int, *, key_ring: KeyRing | None = None) -> list[bytes]:
    """A chained file of so many records, and its lines."""
    trail = AuditTrail(JsonFile(path), chain=True, key_ring=key_ring)
    for number in range(count):
        trail.record(Event(event=EventName.TOKEN_VERIFIED, actor=ALICE, metadata={"number": number}))
    return path.read_bytes().splitlines(keepends=True)
