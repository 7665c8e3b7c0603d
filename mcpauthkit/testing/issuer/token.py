"""The token endpoint: codes and refresh tokens in, tokens out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from starlette.responses import JSONResponse

from mcpauthkit.oauth.token_exchange import JWT_BEARER, TOKEN_EXCHANGE
from mcpauthkit.testing.issuer.authorization_request import checked_resources, find_client
from mcpauthkit.testing.issuer.exchange import Exchange
from mcpauthkit.testing.wire import (
    NO_STORE,
    OAuthFailure,
    client_credentials,
    failure_response,
    form_parameters,
    pkce_matches,
)

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

    from mcpauthkit.testing.issuer.clients import Client
    from mcpauthkit.testing.issuer.context import IssuerContext
    from mcpauthkit.testing.issuer.grants import Grant
    from mcpauthkit.testing.issuer.tokens import TokenMint
    from mcpauthkit.testing.wire import Parameters


class TokenEndpoint:
    """`POST /token` (RFC 6749 section 3.2)."""

    def __init__(self, context: IssuerContext, mint: TokenMint) -> None:
        self._context = context
        self._mint = mint
        self._exchange = Exchange(context, mint)

    async def exchange(self, request: Request) -> Response:
        """Answer with tokens or an OAuth error."""
        try:
            parameters = await form_parameters(request)
            client = await authenticated_client(self._context, request, parameters)
            body = self._tokens(client, parameters)
        except OAuthFailure as failure:
            return failure_response(failure)
        return JSONResponse(body, headers=NO_STORE)

    def _tokens(self, client: Client, parameters: Parameters) -> dict[str, Any]:
        grant_type = parameters.need("grant_type")
        if grant_type in {TOKEN_EXCHANGE, JWT_BEARER}:
            by = self._exchange.by_exchange if grant_type == TOKEN_EXCHANGE else self._exchange.by_assertion
            return by(_permitted(client, grant_type), parameters)
        match grant_type:
            case "authorization_code":
                return self._by_code(client, parameters)
            case "refresh_token":
                return self._by_refresh(client, parameters)
            case _:
                raise OAuthFailure("unsupported_grant_type", "use one that the metadata names")

    def _by_code(self, client: Client, parameters: Parameters) -> dict[str, Any]:
        redeemed = self._context.grants.redeem_code(parameters.need("code"), client.client_id)
        if redeemed is None:
            raise OAuthFailure("invalid_grant", "the code is unknown, expired or used")
        grant, terms = redeemed
        if parameters.get("redirect_uri") != terms.redirect_uri:
            raise OAuthFailure("invalid_grant", "redirect_uri differs from the authorization request")
        if not pkce_matches(parameters.need("code_verifier"), terms.code_challenge):
            raise OAuthFailure("invalid_grant", "code_verifier does not match")
        return self._answer(grant, grant.scopes, parameters)

    def _by_refresh(self, client: Client, parameters: Parameters) -> dict[str, Any]:
        asked = [scope for scope in parameters.get("scope").split() if scope in self._context.settings.scopes]

        def check(grant: Grant) -> None:
            if not set(asked) <= set(grant.scopes):
                raise OAuthFailure("invalid_scope", "a refresh cannot widen the scope")
            _targets(grant, parameters)

        token = parameters.need("refresh_token")
        grant = self._context.grants.use_refresh(token, client.client_id, check=check)
        if grant is None:
            raise OAuthFailure("invalid_grant", "the refresh token is unknown, revoked or used")
        return self._answer(grant, tuple(asked) or grant.scopes, parameters)

    def _answer(self, grant: Grant, scopes: tuple[str, ...], parameters: Parameters) -> dict[str, Any]:
        targets = _targets(grant, parameters)
        body: dict[str, Any] = {
            "access_token": self._mint.granted_access_token(grant, scopes, targets),
            "token_type": "Bearer",
            "expires_in": self._context.settings.access_token_ttl_seconds,
            "scope": " ".join(scopes),
        }
        if grant.refreshable:
            body["refresh_token"] = self._context.grants.issue_refresh(grant)
        if "openid" in scopes:
            body["id_token"] = self._mint.id_token(grant)
        return body


async def authenticated_client(context: IssuerContext, request: Request, parameters: Parameters) -> Client:
    """The client that makes this request, after it proved to be that client.

    Raises:
        OAuthFailure: It is unknown or did not.
    """
    credentials = client_credentials(request, parameters)
    client = await find_client(context, credentials.client_id, refresh=False)
    client.authenticate(credentials)
    return client


def _permitted(client: Client, grant_type: str) -> Client:
    # A public client proves nothing: whoever finds a token could exchange it in its name.
    if grant_type not in client.grant_types or client.client_secret is None:
        raise OAuthFailure("unauthorized_client", "this client may not use that grant")
    return client


def _targets(grant: Grant, parameters: Parameters) -> tuple[str, ...]:
    asked = checked_resources(parameters.resources)
    # RFC 8707 section 2.2: a token may be for fewer resources than were granted, never for others.
    if not set(asked) <= set(grant.resources):
        raise OAuthFailure("invalid_target", "resource differs from the authorization request")
    return asked or grant.resources
