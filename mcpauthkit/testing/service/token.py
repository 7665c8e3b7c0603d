"""The service's token and revocation endpoints."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from starlette.responses import JSONResponse, Response

from mcpauthkit.testing.service.dialects import dead_token, token_answer, token_failure
from mcpauthkit.testing.service.grants import AccountGrant
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

    from mcpauthkit.testing.service.context import ServiceContext
    from mcpauthkit.testing.wire import Parameters


class ServiceTokenEndpoints:
    """`POST /login/oauth/access_token` and `POST /login/oauth/revoke`."""

    def __init__(self, context: ServiceContext) -> None:
        self._context = context

    async def exchange(self, request: Request) -> Response:
        """Answer with tokens or an OAuth error."""
        refreshing = False
        try:
            parameters = await self._authenticated(request)
            refreshing = parameters.get("grant_type") == "refresh_token"
            body = self._tokens(parameters)
        except OAuthFailure as failure:
            return token_failure(self._context.settings.error_style, failure, refreshing=refreshing)
        return JSONResponse(body, headers=NO_STORE)

    async def revoke(self, request: Request) -> Response:
        """Revoke a token; unknown ones are fine too (RFC 7009 section 2.2)."""
        if self._context.conduct.now().refuse_revocation:
            return failure_response(OAuthFailure("unsupported_token_type", "tokens of this kind are not revoked"))
        if self._context.settings.error_style == "slack":
            return self._revoke_itself(request)
        try:
            parameters = await self._authenticated(request)
            self._context.grants.revoke_token(parameters.need("token"))
        except OAuthFailure as failure:
            return failure_response(failure)
        return Response(status_code=200, headers=NO_STORE)

    def _revoke_itself(self, request: Request) -> Response:
        token = request.headers.get("authorization", "").removeprefix("Bearer ")
        grant = self._context.grants.grant_of(token)
        if grant is None:
            return dead_token(self._context.settings.error_style)
        self._context.grants.revoke_grant(grant)
        return JSONResponse({"ok": True, "revoked": True})

    async def _authenticated(self, request: Request) -> Parameters:
        parameters = await form_parameters(request)
        if not self._context.settings.is_client(client_credentials(request, parameters)):
            raise OAuthFailure("invalid_client", "client id or secret is wrong", status=401)
        return parameters

    def _tokens(self, parameters: Parameters) -> dict[str, Any]:
        # GitHub's code exchange has no grant_type.
        match parameters.get("grant_type"):
            case "" | "authorization_code":
                return self._answer(self._by_code(parameters), by_code=True)
            case "refresh_token":
                once = self._context.settings.rotates_refresh_tokens
                grant = self._context.grants.use_refresh(parameters.need("refresh_token"), once=once)
                if grant is None:
                    raise OAuthFailure("invalid_grant", "the refresh token is unknown, revoked or used")
                return self._answer(grant, refreshable=once)
            case "client_credentials":
                # RFC 6749 section 4.4.3: the client can ask again, so there is nothing to refresh.
                return self._answer(self._by_client(parameters), refreshable=False)
            case _:
                raise OAuthFailure(
                    "unsupported_grant_type", "use authorization_code, refresh_token or client_credentials"
                )

    def _by_client(self, parameters: Parameters) -> AccountGrant:
        known = self._context.settings.scopes
        asked = parameters.get("scope").replace(",", " ").split() or known
        login = self._context.service_account.login
        return AccountGrant(self._context.entropy.token(12), login, tuple(one for one in asked if one in known))

    def _by_code(self, parameters: Parameters) -> AccountGrant:
        redeemed = self._context.grants.redeem_code(parameters.need("code"))
        if redeemed is None:
            raise OAuthFailure("invalid_grant", "the code is unknown, expired or used")
        grant, terms = redeemed
        if parameters.get("redirect_uri") != terms.redirect_uri:
            raise OAuthFailure("invalid_grant", "redirect_uri differs from the authorization request")
        verifier = parameters.get("code_verifier")
        # A verifier without a challenge means that somebody stripped the challenge (RFC 9700 section 2.1.1).
        if bool(verifier) != bool(terms.code_challenge):
            raise OAuthFailure("invalid_grant", "code_verifier and code_challenge come together")
        if verifier and not pkce_matches(verifier, terms.code_challenge):
            raise OAuthFailure("invalid_grant", "code_verifier does not match")
        return grant

    def _answer(self, grant: AccountGrant, *, refreshable: bool = True, by_code: bool = False) -> dict[str, Any]:
        settings = self._context.settings
        body: dict[str, Any] = {
            "access_token": self._context.grants.issue_access(grant, settings.access_token_ttl_seconds),
            "token_type": "bearer",
            "scope": " ".join(grant.scopes),
        }
        if settings.access_token_ttl_seconds is not None:
            body["expires_in"] = settings.access_token_ttl_seconds
            if refreshable:
                body["refresh_token"] = self._context.grants.issue_refresh(grant)
        return token_answer(settings.error_style, body, login=grant.login, by_code=by_code)
