"""What a record consists of: the one table that is documented, written by and checked against."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from mcpauthkit.core.audit import EventName

SCHEMA_VERSION = 1
_HASH = {"type": "string", "pattern": "^[0-9a-f]{64}$"}


def _text(description: str, **more: Any) -> dict[str, Any]:
    return {"type": "string", "description": description, **more}


MEMBERS: Mapping[str, Mapping[str, Any]] = MappingProxyType(
    {
        "schema": {"const": SCHEMA_VERSION, "description": "The version of this schema."},
        "time": _text(
            "When, in UTC, as RFC 3339 writes it.",
            format="date-time",
            pattern=r"^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\.\d{6}Z$",
        ),
        "event": _text("What happened. New names may come.", examples=[str(one) for one in EventName]),
        "severity": {"enum": ["INFO", "WARNING"], "description": "WARNING where somebody should look at it."},
        "decision": {"enum": ["allow", "deny"], "description": "What was decided, where something was."},
        "outcome": _text("How it ended, in one word."),
        "principal": _text("Who did it: the SHA-256 of issuer and subject, whose first 12 digits stand in logs."),
        "name": _text("What people call them; only with `names=True`."),
        "issuer": _text("Who vouches for them."),
        "client": _text("The OAuth client they used."),
        "action": _text("What was to be done.", examples=["list", "call", "read", "get"]),
        "kind": _text("With what.", examples=["tool", "resource", "template", "prompt"]),
        "target": _text("Its name, or its address."),
        "policy": _text("The policy that decided."),
        "rule": _text("The rule in it."),
        "service": _text("The service it is about."),
        "credential": _text("The id of the connection it is about."),
        "reason": _text("Why."),
        "request_id": _text(
            "The id of the request, as log lines and answers have it; without HTTP, one that was made for it."
        ),
        "trace_id": _text("The OpenTelemetry trace.", pattern="^[0-9a-f]{32}$"),
        "duration_ms": {"type": "number", "description": "How long it took, in milliseconds."},
        "arguments": {"type": "object", "description": 'What a tool was called with; only with `arguments="full"`.'},
        "arguments_hash": _text(
            "Key name, fingerprint and HMAC-SHA-256 of what a tool was called with, as `hash_arguments` gives it; only"
            ' with `arguments="hashed"`.',
            pattern=r"^[A-Za-z0-9-]{1,64}\.[0-9a-f]{8}:[0-9a-f]{64}$",
        ),
        "metadata": {"type": "object", "description": "What else belongs to it; what a tool notes goes here."},
        "writer": _text("The trail that wrote it: another one in each process, and after each start."),
        "sequence": {
            "type": "integer",
            "minimum": 1,
            "description": "Counts what one writer wrote to one place; in a chain, what stands in the chain.",
        },
        "key": _text(
            "Chain: name and fingerprint of the key in the key ring.", pattern=r"^[A-Za-z0-9-]{1,64}\.[0-9a-f]{8}$"
        ),
        "previous": {**_HASH, "description": "Chain: the hash of the record before; zeros in the first one."},
        "hash": {
            **_HASH,
            "description": "Chain: SHA-256, or HMAC-SHA-256 under the key, of the line up to the comma before this.",
        },
    }
)
"""The members of a record, in the order in which they stand. What does not apply is absent."""

_ALWAYS = ("schema", "time", "event", "severity", "writer", "sequence")


def json_schema() -> dict[str, Any]:
    """The JSON Schema (draft 2020-12) of one line of the audit log."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "A record of mcpauthkit's audit trail",
        "description": "One line of the log. What does not apply is absent; members stand in this order.",
        "type": "object",
        "properties": {name: dict(member) for name, member in MEMBERS.items()},
        "required": list(_ALWAYS),
        "dependentRequired": {"previous": ["hash"], "hash": ["previous"], "key": ["hash"]},
        "additionalProperties": False,
    }
