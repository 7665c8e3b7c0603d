"""The caller's own access token, for grants that exchange it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mcp.server.auth.middleware.bearer_auth import AuthenticatedUser

from mcpauthkit.core.headers import header_values
from mcpauthkit.core.secret import Secret, same_text
from mcpauthkit.protocol.fastmcp_auth import principal_of_user
from mcpauthkit.protocol.sinks import PRINCIPAL_KEY, VERIFIED_KEY

_BEARER = b"bearer"


def caller_token(scope: Mapping[str, Any] | None) -> Secret | None:
    """The bearer token that the caller of this request was verified by.

    A request may carry a bearer token beside what it was verified by, such as an API key or the headers of a proxy.
    That one was judged by nobody, may be somebody else's, and is not given out. An API key is not either: it is meant
    for us alone, and an authorization server would learn it.

    Args:
        scope: The ASGI scope of the request; None on stdio and in background tasks, where there is no such token.

    Returns:
        The token, or None where the caller came with something else.
    """
    verified = None if scope is None else _verified(scope)
    if scope is None or verified is None:
        return None
    values = header_values(scope.get("headers", ()), b"authorization")
    scheme, _, token = values[0].partition(b" ") if len(values) == 1 else (b"", b"", b"")
    text = token.strip(b" ").decode("latin-1")
    if scheme.lower() != _BEARER or not text or not same_text(text, verified):
        return None
    return Secret(text)


def _verified(scope: Mapping[str, Any]) -> str | None:
    """The text that was verified: by `JwtAuthMiddleware`, or behind FastMCP's own `auth=`."""
    user = scope.get(VERIFIED_KEY) if PRINCIPAL_KEY in scope else None
    if user is None and principal_of_user(scope.get("user")) is not None:
        user = scope["user"]
    return user.access_token.token if isinstance(user, AuthenticatedUser) else None
