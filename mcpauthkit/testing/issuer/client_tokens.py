"""Tokens for clients with an id and a secret, asked for in JSON: what other libraries have built in for development."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from starlette.responses import JSONResponse

from mcpauthkit.core.urls import is_loopback_host
from mcpauthkit.errors import ConfigurationError
from mcpauthkit.testing.wire import NO_STORE, OAuthFailure, failure_response, secret_matches

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from starlette.requests import Request
    from starlette.responses import Response

    from mcpauthkit.testing.issuer.context import IssuerContext
    from mcpauthkit.testing.issuer.tokens import TokenMint

_MAX_BODY_BYTES = 16 * 1024
_MEMBERS = frozenset({"secret", "roles", "scopes"})


@dataclass(frozen=True, slots=True)
class TokenClient:
    """A client that gets tokens by itself.

    Attributes:
        secret: Its secret.
        roles: The roles in its tokens.
        scopes: Their scopes.
    """

    secret: str = field(repr=False)
    roles: tuple[str, ...] = ()
    scopes: tuple[str, ...] = ()


def token_clients(clients: Mapping[str, Mapping[str, Any]]) -> dict[str, TokenClient]:
    """The clients as they were written down.

    Args:
        clients: By id, each with a `secret`, and `roles` and `scopes` if it has some.

    Raises:
        ConfigurationError: One has no secret, or something that nobody knows.
    """
    found: dict[str, TokenClient] = {}
    for client_id, members in clients.items():
        unknown = sorted(members.keys() - _MEMBERS)
        if unknown:
            raise ConfigurationError(
                f"The client {client_id!r} has {', '.join(unknown)}, which nobody knows.",
                hint="A client has a secret, roles and scopes.",
            )
        secret = members.get("secret")
        if not isinstance(secret, str) or not secret:
            raise ConfigurationError(f"The client {client_id!r} has no secret.", hint='Give it one: {"secret": "..."}.')
        lists = {name: _texts(client_id, name, members.get(name, ())) for name in ("roles", "scopes")}
        found[client_id] = TokenClient(secret, **lists)
    return found


class ClientTokenEndpoint:
    """`POST` of `{"client_id": ..., "client_secret": ...}`, answered with a token.

    Args:
        context: What the endpoints share.
        mint: What makes tokens.
        clients: The clients by id.
        audience: `aud` of their tokens.
        expires_in: Seconds until a token expires.
    """

    def __init__(
        self,
        context: IssuerContext,
        mint: TokenMint,
        *,
        clients: Mapping[str, TokenClient],
        audience: str | Sequence[str] | None,
        expires_in: int,
    ) -> None:
        self._context = context
        self._mint = mint
        self._clients = clients
        self._audience = audience
        self._expires_in = expires_in

    async def answer(self, request: Request) -> Response:
        """A token, or why there is none."""
        try:
            client_id, client = self._authenticated(await _document(request))
        except OAuthFailure as failure:
            return failure_response(failure)
        token = self._mint.access_token(
            sub=client_id,
            client_id=client_id,
            scope=" ".join(client.scopes),
            audience=self._audience or self._context.settings.audience or client_id,
            expires_in=self._expires_in,
            headers={},
            claims={"roles": list(client.roles)},
        )
        body = {"access_token": token, "token_type": "Bearer", "expires_in": self._expires_in}
        return JSONResponse(body, headers=NO_STORE)

    def _authenticated(self, document: Mapping[str, Any]) -> tuple[str, TokenClient]:
        client_id, secret = document.get("client_id"), document.get("client_secret")
        if not isinstance(client_id, str) or not isinstance(secret, str):
            raise OAuthFailure("invalid_request", "client_id and client_secret are needed, as texts")
        client = self._clients.get(client_id)
        # The same words for both, so that nobody learns which ids there are.
        if client is None or not secret_matches(secret, client.secret):
            raise OAuthFailure("invalid_client", "client id or secret is wrong", status=401)
        return client_id, client


async def _document(request: Request) -> Mapping[str, Any]:
    if not is_loopback_host(request.url.hostname):
        # DNS rebinding makes a page and this one origin; only the name in the request tells them apart.
        raise OAuthFailure("invalid_request", "this is served at localhost and 127.0.0.1 only", status=421)
    # A page of another origin can send a form or a text without asking, and JSON only after asking us first.
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
        raise OAuthFailure("invalid_request", "send JSON, with content-type: application/json", status=415)
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > _MAX_BODY_BYTES:
            raise OAuthFailure("invalid_request", "the request is too large", status=413)
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        document = None
    if not isinstance(document, dict):
        raise OAuthFailure("invalid_request", "the body is no JSON object")
    return document


def _texts(client_id: str, name: str, values: object) -> tuple[str, ...]:
    if isinstance(values, str) or not isinstance(values, list | tuple | set | frozenset):
        raise ConfigurationError(f"The {name} of the client {client_id!r} are no list.", hint='Write ["admin"].')
    if not all(isinstance(one, str) for one in values):
        raise ConfigurationError(f"The {name} of the client {client_id!r} are not all texts.", hint='Write ["admin"].')
    return tuple(sorted(values) if isinstance(values, set | frozenset) else values)
