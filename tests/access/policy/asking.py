"""Engines of a few rules, and requests to them."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from mcpauthkit import Principal
from mcpauthkit.access.policy.custom import CustomFunction
from mcpauthkit.access.policy.document import Policy
from mcpauthkit.access.policy.engine import PolicyEngine
from mcpauthkit.guards import AccessRequest, Action, Caller, Kind, Target
from tests.access.callers import NOON, someone

ALICE = someone("alice", roles=["user"])


def engine_of(
    *rules: Mapping[str, Any], conditions: Mapping[str, CustomFunction] | None = None, **policy: Any
) -> PolicyEngine:
    """One policy of these rules, which allow unless they say otherwise."""
    named = [{"name": f"rule {number}", "effect": "allow", **rule} for number, rule in enumerate(rules)]
    return PolicyEngine([Policy.model_validate({"name": "policy", "rules": named, **policy})], conditions or {})


def request_for(
    name: str = "pay",
    action: str = "call",
    *,
    kind: str = "tool",
    uri: str = "",
    namespace: str = "",
    tags: Iterable[str] = (),
    user: Principal | None = ALICE,
    now: datetime = NOON,
    connected: Collection[str] | None = None,
    arguments: Mapping[str, Any] | None = None,
) -> AccessRequest:
    caller = Caller(principal=user, now=now, connected=None if connected is None else frozenset(connected))
    target = Target(Kind(kind), name, uri=uri, namespace=namespace, tags=frozenset(tags))
    return AccessRequest(caller, target, Action(action), arguments)


def is_allowed(engine: PolicyEngine, *names: Any, **asked: Any) -> bool:
    """Whether a request may be: see `request_for`."""
    return engine.decide(request_for(*names, **asked)).allowed


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)
