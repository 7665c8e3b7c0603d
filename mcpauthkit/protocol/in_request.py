"""The request that a call came with, where the context is another's.

A legacy session runs all its calls in the context of the request that began it. The id of the request and the recorder
of its events are read from the call's own request instead, as the principal is.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from mcpauthkit.core.audit import Actor, current_recorder
from mcpauthkit.core.request_id import current_request_id
from mcpauthkit.principal import Principal, actor_of, current_user
from mcpauthkit.protocol.fastmcp_auth import principal_of_user
from mcpauthkit.protocol.sinks import PRINCIPAL_KEY, RECORDER_KEY


@contextmanager
def in_request(scope: Mapping[str, Any] | None) -> Iterator[None]:
    """Let what runs inside be recorded and logged as part of a request.

    Args:
        scope: The request's ASGI scope; None where there is none, as on stdio.
    """
    request_id = None if scope is None else (scope.get("state") or {}).get("request_id")
    recorder = None if scope is None else scope.get(RECORDER_KEY)
    tokens: list[tuple[Any, Any]] = []
    if isinstance(request_id, str):
        tokens.append((current_request_id, current_request_id.set(request_id)))
    if recorder is not None:
        tokens.append((current_recorder, current_recorder.set(recorder)))
    try:
        yield
    finally:
        for variable, token in tokens:
            variable.reset(token)


def principal_in(scope: Mapping[str, Any] | None) -> Principal | None:
    """Who sent a request, from the request itself; without one, who is known in this context."""
    if scope is None:
        return current_user.get()
    found = scope.get(PRINCIPAL_KEY)
    return found if isinstance(found, Principal) else principal_of_user(scope.get("user"))


def actor_in(scope: Mapping[str, Any] | None) -> Actor | None:
    """The same as the record knows them."""
    return actor_of(principal_in(scope))
