"""What conditions can be about: each field's name, and how its value is read from a request."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from enum import Enum
from typing import Any, Final

from mcpauthkit.access.policy.values import WEEKDAYS
from mcpauthkit.access.request import AccessRequest, Action, Kind
from mcpauthkit.principal import Principal


class Lack(Enum):
    """Why a field has no value."""

    MISSING = "missing"
    """There is none: no such argument or claim, nobody signed in, another kind of target. A JSON null is none."""
    UNDECIDED = "undecided"
    """An argument in a list: it will have a value when somebody calls."""


Reader = Callable[[AccessRequest], Any]
"""Reads a field: gives its value, or why there is none."""

_ARGUMENTS: Final = "tool.args."
_RESOURCES: Final = frozenset({Kind.RESOURCE, Kind.TEMPLATE})


def reader_of(field: str) -> Reader:
    """How a field is read.

    Args:
        field: Its path, as a checked condition has it.
    """
    fixed = _FIXED.get(field)
    if fixed is not None:
        return fixed
    if is_argument(field):
        return _argument(tuple(field.removeprefix(_ARGUMENTS).split(".")))
    prefix = next(one for one in ("user.claims.", "claims.", "user.") if field.startswith(one))
    return _claim(field.removeprefix(prefix))


def is_argument(field: str) -> bool:
    """Whether a field is an argument of a call: chosen by whoever calls, and unknown in lists.

    Args:
        field: Its path.
    """
    return field.startswith(_ARGUMENTS)


def is_of_target(field: str) -> bool:
    """Whether a field is known as soon as the target and the action are.

    Args:
        field: Its path.
    """
    return field in _OF_TARGET


def _argument(path: tuple[str, ...]) -> Reader:
    def read(request: AccessRequest) -> Any:
        if request.target.kind is not Kind.TOOL:
            return Lack.MISSING
        if request.action is Action.LIST:
            return Lack.UNDECIDED
        value: Any = request.arguments
        for name in path:
            # Exactly by this path: if a key with dots were one too, whoever calls could choose which of both counts.
            value = value.get(name) if isinstance(value, Mapping) else None
        return Lack.MISSING if value is None else value

    return read


def _claim(path: str) -> Reader:
    def read(request: AccessRequest) -> Any:
        principal = request.caller.principal
        value = _dig(principal.claims, path) if principal is not None else None
        return Lack.MISSING if value is None else value

    return read


def _dig(claims: Any, path: str) -> Any:
    """A claim by its path. Names with dots in them, such as `https://example.com/roles`, come before nested ones."""
    while isinstance(claims, Mapping):
        whole = claims.get(path)
        if whole is not None:
            return whole
        name, dot, path = path.partition(".")
        claims = claims.get(name) if dot else None
    return None


def _of_tool(read: Reader) -> Reader:
    return lambda request: read(request) if request.target.kind is Kind.TOOL else Lack.MISSING


def _of_principal(read: Callable[[Principal], Any]) -> Reader:
    def of(request: AccessRequest) -> Any:
        principal = request.caller.principal
        return read(principal) if principal is not None else Lack.MISSING

    return of


def _of_moment(read: Callable[[datetime], Any]) -> Reader:
    def of(request: AccessRequest) -> Any:
        now = request.caller.now
        # A time without a zone would be taken for the machine's own.
        return read(now.astimezone(UTC)) if now.tzinfo is not None else Lack.MISSING

    return of


def _connected(request: AccessRequest) -> Any:
    found = request.caller.connected
    return Lack.MISSING if found is None else found


_SUBJECT: Final = _of_principal(lambda principal: principal.subject)

_FIXED: Final[dict[str, Reader]] = {
    "tool.name": _of_tool(lambda request: request.target.name),
    "tool.namespace": _of_tool(lambda request: request.target.namespace),
    "tool.tags": _of_tool(lambda request: request.target.tags),
    "resource.uri": lambda request: request.target.uri if request.target.kind in _RESOURCES else Lack.MISSING,
    "prompt.name": lambda request: request.target.name if request.target.kind is Kind.PROMPT else Lack.MISSING,
    "user.id": _SUBJECT,
    "user.user_id": _SUBJECT,
    "user.subject": _SUBJECT,
    "user.roles": _of_principal(lambda principal: principal.roles),
    "user.scopes": _of_principal(lambda principal: principal.scopes),
    "user.issuer": _of_principal(lambda principal: principal.issuer),
    "user.client_id": _of_principal(lambda principal: principal.client_id or Lack.MISSING),
    "user.tenant": lambda request: request.caller.tenant or Lack.MISSING,
    "user.agent_id": lambda request: request.caller.agent_id or Lack.MISSING,
    "user.authenticated": lambda request: request.caller.principal is not None,
    "request.action": lambda request: str(request.action),
    "request.transport": lambda request: request.caller.transport,
    "time.hour": _of_moment(lambda now: now.hour),
    "time.minute": _of_moment(lambda now: now.minute),
    "time.weekday": _of_moment(lambda now: WEEKDAYS[now.weekday()]),
    "time.date": _of_moment(lambda now: now.date().isoformat()),
    "services.connected": _connected,
}

_OF_TARGET: Final = frozenset(
    {"tool.name", "tool.namespace", "tool.tags", "resource.uri", "prompt.name", "request.action"}
)
