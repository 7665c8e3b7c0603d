"""Callers and requests as values."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from mcpauthkit import Principal
from mcpauthkit.guards import AccessRequest, Action, Caller, Kind, Target

NOON = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)


def someone(
    subject: str = "alice",
    *,
    roles: Iterable[str] = (),
    scopes: Iterable[str] = (),
    client_id: str | None = None,
    **claims: Any,
) -> Principal:
    return Principal(
        {"sub": subject, **claims},
        issuer="https://issuer.example",
        subject=subject,
        expires_at=None,
        client_id=client_id,
        roles=frozenset(roles),
        scopes=frozenset(scopes),
    )


def call_of(
    principal: Principal | None, tool: str = "report", arguments: Mapping[str, Any] | None = None
) -> AccessRequest:
    """Somebody, or nobody, calls a tool."""
    caller = Caller(principal=principal, now=NOON)
    return AccessRequest(caller, Target(Kind.TOOL, tool), Action.CALL, arguments)
