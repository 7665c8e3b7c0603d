"""Servers with rules and clients of both eras in one process, and a recorder that shows what it got."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from fastmcp import Client

from mcpauthkit import Principal, current_user
from mcpauthkit.audit import Event, EventName
from mcpauthkit.errors import AuditUnavailable
from mcpauthkit.policies import Policy, read_policy
from tests.world import ERA_MODES, Era

ERAS: tuple[Era, ...] = ("legacy", "modern")


def rules(*lines: str) -> Policy:
    """A policy from its rules, each in YAML's one-line form."""
    return read_policy("name: room\nrules:\n" + "".join(f"  - {one}\n" for one in lines), "room")


EVERYTHING = "{name: everything, effect: allow, agents: {anyone: true}}"


def someone(subject: str = "alice", *roles: str, scopes: tuple[str, ...] = ()) -> Principal:
    return Principal(
        {"sub": subject},
        issuer="https://i.example",
        subject=subject,
        expires_at=None,
        roles=frozenset(roles),
        scopes=frozenset(scopes),
    )


@dataclass
class Notebook:
    """Keeps events; can be made to fail as a trail does that must not miss any."""

    events: list[Event] = field(default_factory=list)
    is_full: bool = False

    def record(self, event: Event) -> None:
        if self.is_full:
            raise AuditUnavailable(reason="the disk is full")
        self.events.append(event)

    def decided(self) -> list[tuple[str, str, str]]:
        """Decision, action and target of every decision."""
        return [(one.decision, one.action, one.target) for one in self.events if one.event is EventName.ACCESS_DECIDED]


@asynccontextmanager
async def client_of(mcp: Any, who: Principal | None, era: Era = "modern") -> AsyncIterator[Client[Any]]:
    token = current_user.set(who)
    try:
        async with Client(mcp, mode=ERA_MODES[era]) as client:
            yield client
    finally:
        current_user.reset(token)


async def says(client: Client[Any], tool: str, **arguments: Any) -> tuple[bool, str]:
    """Whether a call was refused or failed, and its text."""
    result = await client.call_tool(tool, arguments, raise_on_error=False)
    return result.is_error, " ".join(getattr(block, "text", "") for block in result.content)


async def names(client: Client[Any]) -> set[str]:
    return {one.name for one in await client.list_tools()}
