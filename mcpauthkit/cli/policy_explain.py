"""`mcpauthkit policy explain`: why something is decided as it is."""

from __future__ import annotations

import json as json_text
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, Literal

from cyclopts import Parameter

from mcpauthkit.access.policy.explaining import Explanation
from mcpauthkit.access.review.cases import NOBODY, case_of, request_of
from mcpauthkit.access.review.running import engine_with
from mcpauthkit.cli.output import Repeated, Switch, print_json
from mcpauthkit.cli.policy_files import policies_at
from mcpauthkit.core.clock import SystemClock
from mcpauthkit.errors import ConfigurationError

_Kind = Literal["tool", "resource", "template", "prompt"]


@Parameter(name="*")
@dataclass(frozen=True, slots=True, kw_only=True)
class WhoAsks:
    """Who asks.

    Args:
        subject: Who asks; nobody unless given.
        issuer: Who vouches for them.
        role: A role of theirs; may be repeated, as may be everything that one can have several of.
        scope: A scope of their token.
        client: The OAuth client they use.
        tenant: Their organisation.
        claim: A claim of their token, as name=value; the value is JSON, or else a text.
        connected: A service they have connected.
    """

    subject: str | None = None
    issuer: str | None = None
    role: Repeated = ()
    scope: Repeated = ()
    client: str | None = None
    tenant: str | None = None
    claim: Repeated = ()
    connected: Repeated = ()

    def said(self) -> dict[str, Any]:
        """What a file of tests would say of them."""
        return _given(
            {
                "subject": self.subject,
                "issuer": self.issuer,
                "roles": self.role,
                "scopes": self.scope,
                "client": self.client,
                "tenant": self.tenant,
                "claims": _pairs("--claim", self.claim),
                "connected": self.connected,
            }
        )


@Parameter(name="*")
@dataclass(frozen=True, slots=True, kw_only=True)
class WhatFor:
    """What is asked for.

    Args:
        call: The tool that is called.
        read: The address that is read.
        get: The prompt that is got.
        listed: What is looked for in a list.
        kind: What kind of thing that is; a tool unless given.
        argument: An argument of the call, as name=value; the value is JSON, or else a text.
        tag: A tag of what is asked for.
        namespace: The namespace it comes from.
        transport: How the request comes: http, sse, stdio or memory.
        at: When, as in 2026-11-23T12:00:00+01:00; now, unless given.
        condition: What a custom condition answers, as name=true or name=false.
    """

    call: str | None = None
    read: str | None = None
    get: str | None = None
    listed: Annotated[str | None, Parameter(name="--list")] = None
    kind: _Kind | None = None
    argument: Repeated = ()
    tag: Repeated = ()
    namespace: str | None = None
    transport: str | None = None
    at: str | None = None
    condition: Repeated = ()

    def said(self) -> dict[str, Any]:
        """What a file of tests would say of it."""
        return _given(
            {
                "call": self.call,
                "read": self.read,
                "get": self.get,
                "list": self.listed,
                "kind": self.kind,
                "arguments": _pairs("--argument", self.argument),
                "tags": self.tag,
                "namespace": self.namespace,
                "transport": self.transport,
                "at": self.at,
                "conditions": _pairs("--condition", self.condition),
            }
        )


_NOBODY = WhoAsks()
_NOTHING = WhatFor()


def explain(
    paths: tuple[Path, ...],
    /,
    *,
    who: WhoAsks = _NOBODY,
    what: WhatFor = _NOTHING,
    json: Switch = False,
) -> int:
    """Say what is decided, by which rule, and why the other rules did not.

    It ends with 0 for an allow, with 1 for a deny, and with 2 when it could not be decided.

    Args:
        paths: Files and folders that a server loads together.
        who: Who asks.
        what: For what.
        json: Print it as JSON.
    """
    user = who.said()
    if user and who.subject is None:
        raise ConfigurationError("Nobody has roles, scopes or claims.", hint="Say who asks: --subject alice.")
    case = case_of({**what.said(), "user": user or NOBODY, "name": "explained", "expect": "allow"})
    at = case.at or datetime.fromtimestamp(SystemClock().wall(), UTC).replace(microsecond=0)
    explanation = engine_with(policies_at(paths), case.conditions).explain(request_of(case, {}, at))
    if json:
        print_json({**asdict(explanation), "at": at.isoformat()})
    else:
        print(*lines_of(explanation), f"decided for {at:%A}, {at.isoformat()}", sep="\n")
    return 0 if explanation.decision.allowed else 1


def lines_of(explanation: Explanation) -> Iterator[str]:
    """An explanation in words: the decision, and below it each rule.

    Args:
        explanation: The explanation.
    """
    decision = explanation.decision
    yield f"{'allowed' if decision.allowed else 'denied'}: {decision.reason}"
    width = max((len(f"{one.policy}/{one.rule}") for one in explanation.rules), default=0)
    for one in sorted(explanation.rules, key=lambda rule: (not rule.decides, not rule.matches)):
        said = "decides" if one.decides else "matches" if one.matches else "does not match"
        why = f": {one.why}" if one.why else ""
        yield f"  {one.effect:<5}  {f'{one.policy}/{one.rule}':<{width}}  {said}{why}"


def _given(values: dict[str, Any]) -> dict[str, Any]:
    return {
        name: list(value) if isinstance(value, tuple) else value
        for name, value in values.items()
        if value is not None and value not in ((), {})
    }


def _pairs(option: str, texts: Sequence[str]) -> dict[str, Any]:
    pairs: dict[str, Any] = {}
    for text in texts:
        name, sign, value = text.partition("=")
        if not (name and sign):
            raise ConfigurationError(f"{option} {text} is no pair.", hint=f"Write {option} name=value.")
        try:
            pairs[name] = json_text.loads(value)
        except ValueError:
            pairs[name] = value
    return pairs
