"""Dynamic client registration (RFC 7591)."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from starlette.responses import JSONResponse

from mcpauthkit.testing.issuer.clients import (
    AUTH_METHODS,
    GRANT_TYPES,
    Client,
    checked_redirect_uris,
)
from mcpauthkit.testing.wire import NO_STORE, OAuthFailure, failure_response

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

    from mcpauthkit.testing.issuer.context import IssuerContext


class RegistrationEndpoint:
    """`POST /register`: anybody may become a client, on our terms."""

    def __init__(self, context: IssuerContext) -> None:
        self._context = context

    async def register(self, request: Request) -> Response:
        """Answer 201 with the client's data, or the reason of the refusal."""
        try:
            self._check_open()
            metadata = _json_object(await request.body())
            client = self._client_of(metadata)
        except OAuthFailure as failure:
            return failure_response(failure)
        self._context.clients.add(client)
        return JSONResponse(self._answer(client, metadata), status_code=201, headers=NO_STORE)

    def _check_open(self) -> None:
        if not self._context.settings.dynamic_registration:
            raise OAuthFailure("access_denied", "dynamic registration is switched off", status=403)

    def _client_of(self, metadata: dict[str, Any]) -> Client:
        method = metadata.get("token_endpoint_auth_method", "client_secret_basic")
        if method not in AUTH_METHODS:
            raise OAuthFailure("invalid_client_metadata", "unsupported token_endpoint_auth_method")
        response_types = metadata.get("response_types", ["code"])
        if not isinstance(response_types, list) or "code" not in response_types:
            raise OAuthFailure("invalid_client_metadata", "the only response type is code")
        post_logout = metadata.get("post_logout_redirect_uris")
        return Client(
            client_id=f"dyn-{self._context.entropy.token(12)}",
            redirect_uris=checked_redirect_uris(metadata.get("redirect_uris")),
            client_secret=None if method == "none" else self._context.entropy.token(),
            auth_method=method,
            grant_types=grant_types_of(metadata),
            client_name=str(metadata.get("client_name", "An unnamed client")),
            post_logout_redirect_uris=checked_redirect_uris(post_logout) if post_logout else (),
        )

    def _answer(self, client: Client, metadata: dict[str, Any]) -> dict[str, Any]:
        secret: dict[str, Any] = {}
        if client.client_secret is not None:
            secret = {"client_secret": client.client_secret, "client_secret_expires_at": 0}
        return {
            **{name: value for name, value in metadata.items() if not name.startswith("client_secret")},
            "client_id": client.client_id,
            "client_id_issued_at": int(self._context.clock.wall()),
            "client_name": client.client_name,
            "redirect_uris": list(client.redirect_uris),
            "grant_types": list(client.grant_types),
            "response_types": ["code"],
            "token_endpoint_auth_method": client.auth_method,
            **secret,
        }


def grant_types_of(metadata: dict[str, Any]) -> tuple[str, ...]:
    """The grants of a client's metadata that we have; others are dropped, as RFC 7591 section 2 allows.

    Raises:
        OAuthFailure: The authorization code grant is not among them.
    """
    asked = metadata.get("grant_types", ["authorization_code"])
    if not isinstance(asked, list) or "authorization_code" not in asked:
        raise OAuthFailure("invalid_client_metadata", "grant_types must hold authorization_code")
    return tuple(name for name in GRANT_TYPES if name in asked)


def _json_object(body: bytes) -> dict[str, Any]:
    try:
        value = json.loads(body)
    except ValueError as error:
        raise OAuthFailure("invalid_client_metadata", "the body is not JSON") from error
    if not isinstance(value, dict):
        raise OAuthFailure("invalid_client_metadata", "the body is not a JSON object")
    return value
