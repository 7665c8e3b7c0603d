"""The request that a call came with, where the context is another's.

A legacy session runs all its calls in the context of the request that began it. The id of the request and the recorder
of its events are read from the call's own request instead, as the principal is. Where no HTTP request is, each message
gets an id here, so that what is recorded of one call can be told from what is recorded of the next.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, NamedTuple, Protocol

from mcpauthkit.core.audit import Actor, current_recorder
from mcpauthkit.core.entropy import Entropy, SystemEntropy
from mcpauthkit.core.request_id import current_request_id, made_request_id
from mcpauthkit.principal import Principal, actor_of, current_user
from mcpauthkit.protocol.fastmcp_auth import principal_of_user
from mcpauthkit.protocol.sinks import PRINCIPAL_KEY, RECORDER_KEY


class Message(Protocol):
    """What tells one message of a client from others."""

    @property
    def session(self) -> object:
        """The session that it came in."""
        ...

    @property
    def request_id(self) -> str | int | None:
        """Its JSON-RPC id, which clients choose, and which begins anew with each session."""
        ...


class _Named(NamedTuple):
    session: object
    message: str


_named: ContextVar[_Named | None] = ContextVar("mcpauthkit_named_message", default=None)


@contextmanager
def in_request(
    scope: Mapping[str, Any] | None, message: Message | None, *, entropy: Entropy | None = None
) -> Iterator[None]:
    """Let what runs inside be recorded and logged as part of a request.

    Args:
        scope: The request's ASGI scope; None where there is none, as on stdio.
        message: What came; its id is made by the outermost of several around it.
        entropy: Where ids come from.
    """
    request_id = None if scope is None else (scope.get("state") or {}).get("request_id")
    recorder = None if scope is None else scope.get(RECORDER_KEY)
    tokens: list[tuple[Any, Any]] = []
    if scope is None and not _is_named(message):
        request_id = made_request_id(entropy or SystemEntropy())
        named = None if message is None else _Named(message.session, str(message.request_id))
        tokens.append((_named, _named.set(named)))
    if isinstance(request_id, str):
        tokens.append((current_request_id, current_request_id.set(request_id)))
    if recorder is not None:
        tokens.append((current_recorder, current_recorder.set(recorder)))
    try:
        yield
    finally:
        for variable, token in tokens:
            variable.reset(token)


def _is_named(message: Message | None) -> bool:
    """Whether the id of this context is that of a message, and not of what its session began in."""
    if message is None:
        return bool(current_request_id.get())
    known = _named.get()
    return known is not None and known.session is message.session and known.message == str(message.request_id)


def principal_in(scope: Mapping[str, Any] | None) -> Principal | None:
    """Who sent a request, from the request itself; without one, who is known in this context."""
    if scope is None:
        return current_user.get()
    found = scope.get(PRINCIPAL_KEY)
    return found if isinstance(found, Principal) else principal_of_user(scope.get("user"))


def actor_in(scope: Mapping[str, Any] | None) -> Actor | None:
    """The same as the record knows them."""
    return actor_of(principal_in(scope))
