"""A world of policy files: a clock that tests move, what was recorded, and who may still do what."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from mcpauthkit import Principal
from mcpauthkit.core.audit import Event, current_recorder
from mcpauthkit.policies import AccessRequest, Action, Caller, Kind, Policies, Target
from mcpauthkit.testing import FakeClock
from tests.access.callers import NOON, someone

ALICE = someone("alice", roles=["staff"])


@dataclass
class Kept:
    """A recorder that keeps everything."""

    events: list[Event] = field(default_factory=list)

    def record(self, event: Event) -> None:
        self.events.append(event)

    @property
    def names(self) -> list[str]:
        return [str(one.event) for one in self.events]


@contextmanager
def kept() -> Iterator[Kept]:
    recorder = Kept()
    token = current_recorder.set(recorder)
    try:
        yield recorder
    finally:
        current_recorder.reset(token)


def may(policies: Policies, tool: str, principal: Principal | None = ALICE) -> bool:
    caller = Caller(principal=principal, now=NOON)
    return policies.engine.decide(AccessRequest(caller, Target(Kind.TOOL, tool), Action.CALL, {})).allowed


async def look(policies: Policies, clock: FakeClock, times: int = 1) -> None:
    """Time passes, and requests come."""
    for _ in range(times):
        clock.advance(1.0)
        await policies.refresh()


def allowing(name: str, *tools: str, deny: str = "", end: str = "...\n") -> str:
    """A policy that allows tools, and then denies one."""
    text = f"name: {name}\nrules:\n  - name: allowed\n    effect: allow\n    tools: {{names: [{', '.join(tools)}]}}\n"
    if deny:
        text += f"  - name: denied\n    effect: deny\n    tools: {{names: [{deny}]}}\n"
    return text + end


def put(path: Path, text: str) -> Path:
    """A file as careful people put it: written beside its place and moved there."""
    beside = path.with_name(f".{path.name}.new")
    beside.write_text(text, encoding="utf-8")
    beside.replace(path)
    return path
