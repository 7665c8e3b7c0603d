"""What the record of an event costs, beside a line of the standard library's logging.

    uv run python benchmarks/audit.py

The event is a decision about a tool's call, with everything that such a decision knows. Each kind of trail writes it to
a file of its own; the line of the standard library says the same in words, through a file handler. The rounds are
interleaved and the best round of each counts. The exit status is 1 when an aim is missed.
"""

from __future__ import annotations

import logging
import sys
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from time import perf_counter_ns

from measuring import Aim, machine, report

from mcpauthkit import KeyRing
from mcpauthkit.audit import Actor, AuditTrail, Event, EventName, JsonFile, ToCallable, verify_files
from mcpauthkit.core.keyring import new_secret

KEYED = "trail: to a file, chained and arguments hashed, keyed"
ROUNDS, EVENTS = 200, 50
# Beside a tool call of some milliseconds it should not be seen.
ALLOWED_MICROSECONDS = 200.0
EVENT = Event(
    event=EventName.ACCESS_DECIDED,
    decision="allow",
    actor=Actor(digest="a1" * 32, name="Alice", issuer="https://id.example.com/realms/staff", client="inspector"),
    action="call",
    kind="tool",
    target="list_pull_requests",
    policy="staff",
    rule="developers-read",
    reason="rule developers-read of policy staff allows it",
    arguments={"repository": "example/example", "state": "open", "limit": 50},
    metadata={"rows": 12},
)


def measure(kinds: Mapping[str, Callable[[], object]]) -> dict[str, float]:
    """Microseconds for one event of each kind, in the best of many rounds."""
    best = dict.fromkeys(kinds, float("inf"))
    for _ in range(ROUNDS):
        for kind, act in kinds.items():
            start = perf_counter_ns()
            for _ in range(EVENTS):
                act()
            best[kind] = min(best[kind], (perf_counter_ns() - start) / 1000 / EVENTS)
    return best


def logged(path: Path) -> Callable[[], object]:
    """A line with the same facts, through a file handler."""
    logger = logging.getLogger("benchmark")
    logger.propagate = False
    logger.setLevel(logging.INFO)
    handler = logging.FileHandler(path)
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s %(message)s"))
    logger.addHandler(handler)

    def act() -> None:
        logger.info(
            "%s decision=%s user=%s tool=%s policy=%s rule=%s reason=%s",
            EVENT.event,
            EVENT.decision,
            "a1a1a1a1a1a1",
            EVENT.target,
            EVENT.policy,
            EVENT.rule,
            EVENT.reason,
        )

    return act


def main() -> int:
    """Measure and print."""
    ring = KeyRing({"2026": new_secret()}, minting="2026")
    print(f"{machine()}; {ROUNDS} rounds of {EVENTS} events\n")
    print(f"{'microseconds per event':<56}{'best':>9}")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        chained = folder / "keyed.jsonl"
        kinds: dict[str, Callable[[], object]] = {
            "logging: one line to a file": logged(folder / "lines.log"),
            "trail: the record alone, to a function": _recording(AuditTrail(ToCallable(_nothing))),
            "trail: to a file": _recording(AuditTrail(JsonFile(folder / "plain.jsonl"))),
            "trail: to a file, arguments in full": _recording(
                AuditTrail(JsonFile(folder / "full.jsonl"), arguments="full")
            ),
            "trail: to a file, chained": _recording(AuditTrail(JsonFile(folder / "chain.jsonl"), chain=True)),
            KEYED: _recording(AuditTrail(JsonFile(chained), chain=True, arguments="hashed", key_ring=ring)),
        }
        best = measure(kinds)
        for kind, figure in best.items():
            print(f"{kind:<56}{figure:>9.1f}")
        start = perf_counter_ns()
        found = verify_files([chained], key_ring=ring)
        each = (perf_counter_ns() - start) / 1000 / max(1, found.records)
        print(f"\nverifying that chain of {found.records:,} records: {each:.1f} microseconds per record")
        size = (folder / "plain.jsonl").stat().st_size / (ROUNDS * EVENTS)
        print(f"a line has {size:.0f} bytes; chained and hashed {chained.stat().st_size / found.records:.0f}")
    return report([Aim("microseconds for an event in a chain under a key", best[KEYED], ALLOWED_MICROSECONDS)])


def _recording(trail: AuditTrail) -> Callable[[], object]:
    def act() -> None:
        trail.record(EVENT)

    return act


def _nothing(_record: dict[str, object]) -> None:
    """Take a record, and keep nothing."""


if __name__ == "__main__":
    sys.exit(main())
