"""Leg 2 in plain HTTP routes: what an injected credential answers with instead of the route."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from fastapi import FastAPI, HTTPException
from fastapi.responses import JSONResponse
from starlette.requests import HTTPConnection, Request
from starlette.responses import Response

from mcpauthkit.errors import (
    AccountNameRefused,
    AuditUnavailable,
    AuthKitError,
    ConnectionFailed,
    ConnectionRequired,
    InvalidRequest,
    NoSuchConnection,
    NotSignedIn,
    RemoteError,
    StoreUnavailable,
)
from mcpauthkit.oauth.challenge import bearer_challenge
from mcpauthkit.principal import Principal
from mcpauthkit.protocol.sinks import PRINCIPAL_KEY
from mcpauthkit.protocol.wrapper import error_of_the_kit, public_text

CHALLENGE_KEY = "mcpauthkit.challenge"
"""The key of the ASGI scope under which a request without a user carries a function that makes a 401's challenge."""

_MISSING_USER = 401
_MISSING_CONNECTION = 403
_BROKEN = 500


class RouteRefused(HTTPException):
    """The answer of a route whose user or credential is missing.

    An application that was passed to `register` answers with `detail` itself as JSON. In others, such as a mounted one,
    FastAPI's own handler does, and `detail` is a member of its answer.

    Args:
        error: Why.
        scope: The ASGI scope of the request.
    """

    def __init__(self, error: AuthKitError, scope: Mapping[str, Any]) -> None:
        status = _status(error)
        headers = {"cache-control": "no-store"}
        if status == _MISSING_USER:
            headers["www-authenticate"] = _challenge(scope)
        super().__init__(status, detail=_body(error), headers=headers)


@contextmanager
def route_edge(connection: HTTPConnection, service: str) -> Iterator[None]:
    """The edge to HTTP: whatever the kit itself raises becomes an answer; the route's own errors pass.

    Args:
        connection: The request.
        service: The display name of the service it is about.
    """
    try:
        yield
    except (AuthKitError, BaseExceptionGroup) as raised:
        error = error_of_the_kit(raised)
        if error is None:
            raise
        raise RouteRefused(error.naming(service), connection.scope) from error


def principal_of(connection: HTTPConnection) -> Principal:
    """Who sends a request, from the request itself.

    Raises:
        NotSignedIn: Nobody, as far as this application knows.
    """
    principal = connection.scope.get(PRINCIPAL_KEY)
    if not isinstance(principal, Principal):
        raise NotSignedIn(hint="Add JwtAuthMiddleware to the application, and take the path out of open_paths.")
    return principal


def purpose_of(connection: HTTPConnection) -> str:
    """What the user is told the credential is for: the route's function, as for tools."""
    return getattr(connection.scope.get("endpoint"), "__name__", "This request")


def answer_refusals(app: FastAPI) -> None:
    """Let an application answer refusals with our JSON, unless it has handlers of its own for them.

    Args:
        app: The application. `NotSignedIn` is what `Depends(get_user)` raises on an open path.
    """
    for kind in (RouteRefused, NotSignedIn):
        app.exception_handlers.setdefault(kind, _answer)


def refusal(error: AuthKitError, scope: Mapping[str, Any]) -> Response:
    """The answer of a route of our own to an error."""
    return _of(RouteRefused(error, scope))


async def _answer(request: Request, error: Exception) -> Response:
    refused = RouteRefused(error, request.scope) if isinstance(error, AuthKitError) else error
    assert isinstance(refused, RouteRefused)
    return _of(refused)


def _of(refused: RouteRefused) -> Response:
    return JSONResponse(refused.detail, refused.status_code, headers=refused.headers)


def _status(error: AuthKitError) -> int:
    # A client answers 401 by signing in again, which brings no credential of leg 2, so only leg 1 may say it.
    match error:
        case NotSignedIn():
            return _MISSING_USER
        case ConnectionFailed():
            return _MISSING_CONNECTION
        case RemoteError() | StoreUnavailable() | AuditUnavailable():
            return error.status_hint
        case InvalidRequest() | AccountNameRefused() | NoSuchConnection():
            return error.status_hint
        case _:
            return _BROKEN


def _body(error: AuthKitError) -> dict[str, str]:
    text = public_text(error)
    if not isinstance(error, ConnectionRequired):
        return {"error": error.code, "error_description": text}
    return {
        "error": error.code,
        "error_description": f"{error.missing} Open connect_url in your browser, then repeat the request.",
        "connect_url": error.connect_url,
    }


def _challenge(scope: Mapping[str, Any]) -> str:
    make: Callable[[], str] | None = scope.get(CHALLENGE_KEY)
    return bearer_challenge(resource_metadata=None) if make is None else make()
