"""How the endpoints for clients read and answer: bounded bodies, JSON, and the errors of RFC 6749 section 5.2."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from mcpauthkit.core.headers import media_type
from mcpauthkit.core.log import RequestLog
from mcpauthkit.errors import AuditUnavailable, OAuthFault
from mcpauthkit.oauth.parameters import Parameters
from mcpauthkit.web.cors import CORS_HEADERS, preflight

_log = RequestLog("web")
_SCHEMES = frozenset({"Basic", "Bearer", "DPoP"})
_NO_STORE = {"cache-control": "no-store", "pragma": "no-cache"}
_FORM = "application/x-www-form-urlencoded"
# Beyond the longest code and refresh token that we seal.
_MAX_FORM_BYTES = 64 * 1024
_UNAUTHORIZED, _NOT_ALLOWED, _TOO_LARGE, _FAILED, _BAD_GATEWAY, _UNAVAILABLE = 401, 405, 413, 500, 502, 503
_RETRY_AFTER_SECONDS = 5

ClientEndpoint = Callable[[Request], Awaitable[Response]]


def for_clients(endpoint: ClientEndpoint) -> ClientEndpoint:
    """An endpoint that programs call, from any origin: no cookie has a say in it, so no page can misuse one.

    Whatever happens, the answer is one that a client in a browser may read and no cache keeps.
    """

    async def answered(request: Request) -> Response:
        if request.method == "OPTIONS":
            return preflight()
        if request.method != "POST":
            refusal = json_answer({"error": "invalid_request", "error_description": "Use POST."}, _NOT_ALLOWED)
            refusal.headers["allow"] = "POST, OPTIONS"
            return refusal
        try:
            return await _recordable(endpoint, request)
        except OAuthFault as fault:
            ours = fault.status == _BAD_GATEWAY
            _log.log(
                logging.ERROR if ours else logging.INFO,
                "authorization proxy refused path=%s error=%s %s",
                request.url.path,
                fault.error,
                fault.for_log(),
            )
            return _refusal(fault, request)
        except Exception:  # noqa: BLE001  # the clients' edge, failing closed
            # A bare 500 would carry none of our headers.
            _log.exception("authorization proxy failed path=%s", request.url.path)
            return json_answer({"error": "server_error", "error_description": "The operator finds why."}, _FAILED)

    return answered


async def _recordable(endpoint: ClientEndpoint, request: Request) -> Response:
    try:
        return await endpoint(request)
    except AuditUnavailable as error:
        raise OAuthFault(
            "temporarily_unavailable", error.public, status=_UNAVAILABLE, hint=error.hint, reason=error.reason
        ) from error


def json_answer(content: Mapping[str, Any], status: int = 200) -> JSONResponse:
    """An answer for a client only."""
    return JSONResponse(content, status_code=status, headers={**_NO_STORE, **CORS_HEADERS})


async def form_of(request: Request) -> Parameters:
    """The parameters of a form body.

    Raises:
        OAuthFault: It is no form, too large, or repeats a parameter.
    """
    if media_type(request.headers.get("content-type", "")) != _FORM:
        raise OAuthFault("invalid_request", f"Send the parameters as {_FORM}.")
    return Parameters.of_form(await body_of(request, _MAX_FORM_BYTES))


async def body_of(request: Request, max_bytes: int, *, error: str = "invalid_request") -> bytes:
    """The body, read no further than allowed.

    Raises:
        OAuthFault: It is longer.
    """
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > max_bytes:
            raise OAuthFault(error, f"The body is larger than {max_bytes} bytes.", status=_TOO_LARGE)
    return bytes(body)


def check_public(request: Request, parameters: Parameters) -> None:
    """Refuse a client that tries to prove itself: every client is public here, and PKCE is its proof.

    Raises:
        OAuthFault: It sent a secret or an assertion.
    """
    if "authorization" in request.headers:
        raise OAuthFault("invalid_client", "Clients are public here: send client_id in the body.", status=_UNAUTHORIZED)
    if parameters.get("client_secret") or parameters.get("client_assertion"):
        raise OAuthFault("invalid_client", "Clients are public here and have no secret.")


def _refusal(fault: OAuthFault, request: Request) -> JSONResponse:
    answer = json_answer({"error": fault.error, "error_description": fault.public}, fault.status)
    if fault.status == _UNAVAILABLE:
        answer.headers["retry-after"] = str(_RETRY_AFTER_SECONDS)
    if fault.status == _UNAUTHORIZED:
        # In the scheme the client tried (RFC 6749 section 5.2); the realm is what Basic demands (RFC 7617 section 2).
        scheme = request.headers.get("authorization", "").partition(" ")[0]
        answer.headers["www-authenticate"] = f'{scheme if scheme in _SCHEMES else "Basic"} realm="token"'
    return answer
