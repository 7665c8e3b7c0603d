"""From an error to an answer on the wire."""

from __future__ import annotations

import json
from typing import Any

from starlette.types import Receive, Scope, Send

from mcpauthkit.errors import (
    AuditUnavailable,
    InsufficientScope,
    InvalidToken,
    IssuerUnavailable,
    MissingToken,
    RequestError,
    UnknownSession,
)
from mcpauthkit.oauth.challenge import bearer_challenge

Headers = list[tuple[bytes, bytes]]
_POLICY_VIOLATION = 1008


def _body(error: RequestError | AuditUnavailable) -> dict[str, Any]:
    if isinstance(error, UnknownSession):
        # Byte for byte what the SDK answers, so that nobody learns that the session exists.
        return {"jsonrpc": "2.0", "id": None, "error": {"code": -32600, "message": "Session not found"}}
    return {"error": error.oauth_error or error.code, "error_description": error.public}


class Refusal:
    """The answer to a request that is not served (RFC 6750 section 3).

    Args:
        error: Why.
        resource_metadata: URL of the protected-resource document, for the challenge.
        scope: The base scopes, space separated; the same in every 401.
    """

    def __init__(self, error: RequestError | AuditUnavailable, *, resource_metadata: str, scope: str) -> None:
        self.status = error.status_hint
        self.headers: Headers = [(b"content-type", b"application/json"), (b"cache-control", b"no-store")]
        self._challenge(error, resource_metadata, scope)
        if isinstance(error, IssuerUnavailable):
            self.headers.append((b"retry-after", str(error.retry_after_seconds).encode("ascii")))
        body = _body(error)
        self.body = json.dumps(body, separators=(",", ":")).encode()
        self.headers.append((b"content-length", str(len(self.body)).encode("ascii")))

    def _challenge(self, error: RequestError | AuditUnavailable, resource_metadata: str, scope: str) -> None:
        match error:
            case MissingToken():
                challenge = bearer_challenge(resource_metadata=resource_metadata, scope=scope)
            case InsufficientScope():
                challenge = bearer_challenge(
                    resource_metadata=resource_metadata,
                    scope=" ".join(error.required),
                    error=error.oauth_error,
                    description=error.public,
                )
            case InvalidToken():
                challenge = bearer_challenge(
                    resource_metadata=resource_metadata,
                    scope=scope,
                    error=error.oauth_error,
                    description=error.public,
                )
            case _:
                # 400 and 503 must not make a client sign in again.
                return
        self.headers.append((b"www-authenticate", challenge.encode("latin-1")))

    async def send_http(self, send: Send) -> None:
        """Answer an HTTP request."""
        await send({"type": "http.response.start", "status": self.status, "headers": self.headers})
        await send({"type": "http.response.body", "body": self.body})

    async def send_websocket(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a WebSocket handshake: with the same response where the server can, else by closing."""
        await receive()
        if "websocket.http.response" in scope.get("extensions", {}):
            await send({"type": "websocket.http.response.start", "status": self.status, "headers": self.headers})
            await send({"type": "websocket.http.response.body", "body": self.body})
        else:
            await send({"type": "websocket.close", "code": _POLICY_VIOLATION})
