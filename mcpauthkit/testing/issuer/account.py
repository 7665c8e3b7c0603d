"""What a signed-in user or a client does afterwards: userinfo, logout, revocation."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.responses import JSONResponse, Response

from mcpauthkit.testing.html import Pages
from mcpauthkit.testing.issuer.authorize import SESSION_COOKIE
from mcpauthkit.testing.issuer.live_tokens import live_claims
from mcpauthkit.testing.issuer.token import authenticated_client
from mcpauthkit.testing.wire import (
    NO_STORE,
    OAuthFailure,
    failure_response,
    form_parameters,
    redirect_matches,
    redirect_with,
)

if TYPE_CHECKING:
    from starlette.requests import Request

    from mcpauthkit.testing.issuer.context import IssuerContext


class AccountEndpoints:
    """`/userinfo`, `/logout` and `/revoke`."""

    def __init__(self, context: IssuerContext) -> None:
        self._context = context
        self._pages = Pages()

    async def userinfo(self, request: Request) -> Response:
        """The claims of the user whose access token this is (OpenID Connect Core section 5.3)."""
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        claims = live_claims(self._context, token) if scheme.lower() == "bearer" else None
        if claims is None:
            challenge = {"www-authenticate": 'Bearer error="invalid_token"'}
            return JSONResponse({"error": "invalid_token"}, status_code=401, headers=challenge)
        if "openid" not in str(claims.get("scope", "")).split():
            challenge = {"www-authenticate": 'Bearer error="insufficient_scope", scope="openid"'}
            return JSONResponse({"error": "insufficient_scope"}, status_code=403, headers=challenge)
        user = self._context.user_of(str(claims["sub"]))
        return JSONResponse({"sub": claims["sub"], **(user.profile() if user else {})}, headers=NO_STORE)

    async def logout(self, request: Request) -> Response:
        """End the browser's session, and go back to the client if its address is registered."""
        self._context.grants.close_session(request.cookies.get(SESSION_COOKIE, ""))
        query = request.query_params
        client = self._context.clients.get(query.get("client_id", ""))
        target = query.get("post_logout_redirect_uri", "")
        # Anything else would be an open redirect (RP-Initiated Logout section 3).
        if client is not None and redirect_matches(target, client.post_logout_redirect_uris):
            response: Response = redirect_with(target, state=query.get("state", ""))
        else:
            response = self._pages.message("Signed out", "You are signed out of the development issuer.")
        response.delete_cookie(SESSION_COOKIE)
        return response

    async def revoke(self, request: Request) -> Response:
        """Revoke a token of the asking client; unknown tokens are fine too (RFC 7009 section 2.2)."""
        try:
            parameters = await form_parameters(request)
            client = await authenticated_client(self._context, request, parameters)
            token = parameters.need("token")
        except OAuthFailure as failure:
            return failure_response(failure)
        if not self._context.grants.revoke_refresh(token, client.client_id):
            claims = live_claims(self._context, token)
            if claims is not None and claims.get("client_id") == client.client_id:
                self._context.grants.revoke_access(str(claims["jti"]))
        return Response(status_code=200, headers=NO_STORE)
