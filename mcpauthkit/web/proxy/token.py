"""`/token`: our codes and refresh tokens in, the issuer's access tokens out."""

from __future__ import annotations

from collections.abc import Mapping

from starlette.requests import Request
from starlette.responses import Response

from mcpauthkit.core.log import RequestLog
from mcpauthkit.core.secret import Secret, same_text
from mcpauthkit.errors import OAuthFault, RemoteError, SealError
from mcpauthkit.oauth.parameters import Parameters
from mcpauthkit.oauth.server_authorization import target
from mcpauthkit.oauth.server_token import RefreshGrant, check_target, digest, fault_of, token_answer
from mcpauthkit.oauth.token import TokenSet
from mcpauthkit.web.proxy.clients import Clients
from mcpauthkit.web.proxy.seals import ProxySeals
from mcpauthkit.web.proxy.upstream import Upstream
from mcpauthkit.web.proxy.wire import check_public, form_of, json_answer

_audit = RequestLog("audit")


class TokenEndpoint:
    """The token endpoint (RFC 6749 section 3.2).

    Args:
        targets: The protected resources by every spelling accepted for them.
        clients: Who may ask.
        seals: Open codes and refresh tokens, and seal the latter.
        upstream: The issuer.
    """

    def __init__(self, *, targets: Mapping[str, str], clients: Clients, seals: ProxySeals, upstream: Upstream) -> None:
        self._targets = targets
        self._clients = clients
        self._seals = seals
        self._upstream = upstream

    async def exchange(self, request: Request) -> Response:
        """Answer with tokens.

        Raises:
            OAuthFault: There are none for this request.
        """
        parameters = await form_of(request)
        check_public(request, parameters)
        grant_type = parameters.need("grant_type")
        # Before anything else is looked at: clients register again on `invalid_client`, and on nothing else.
        self._clients.check_known(parameters.need("client_id"))
        try:
            if grant_type == "authorization_code":
                return await self._by_code(parameters)
            if grant_type == "refresh_token":
                return await self._by_refresh(parameters)
        except SealError as error:
            raise OAuthFault("invalid_grant", error.public, reason=error.reason) from error
        except RemoteError as error:
            raise fault_of(error) from error
        raise OAuthFault("unsupported_grant_type", "Use authorization_code or refresh_token.")

    async def _by_code(self, parameters: Parameters) -> Response:
        grant = self._seals.codes.open(parameters.need("code"))
        grant.check(parameters, resource=self._resource(parameters))
        tokens = await self._upstream.exchange(grant)
        _audit.info("code redeemed client=%s", grant.client[:12])
        asked = RefreshGrant(grant.client, grant.scope, grant.scope, grant.resource, "")
        return self._answer(tokens, asked, scope=grant.scope)

    async def _by_refresh(self, parameters: Parameters) -> Response:
        grant = self._seals.refreshes.open(parameters.need("refresh_token"))
        if not same_text(grant.client, digest(parameters.need("client_id"))):
            raise OAuthFault("invalid_grant", "The refresh token does not belong to this client.")
        check_target(grant.resource, self._resource(parameters))
        scopes = grant.narrowed(parameters.scopes())
        tokens = await self._upstream.refresh(Secret(grant.upstream_token), scopes=scopes, resource=grant.resource)
        _audit.info("refresh token used client=%s", grant.client[:12])
        return self._answer(tokens, grant, scope=" ".join(scopes) or grant.scope)

    def _answer(self, tokens: TokenSet, before: RefreshGrant, *, scope: str) -> Response:
        upstream = before.upstream_token if tokens.refresh_token is None else tokens.refresh_token.reveal()
        granted = scope if tokens.scopes is None else " ".join(tokens.scopes)
        # The same token of the issuer is sealed anew, so that it moves on when the minting key changes. What was
        # granted at first stays the bound: a narrower access token does not narrow the grant (RFC 6749 section 6).
        bound = before.scope if before.upstream_token else granted
        grant = RefreshGrant(before.client, bound, before.asked, before.resource, upstream)
        sealed = self._seals.refreshes.close(grant) if upstream else None
        return json_answer(token_answer(tokens, scopes=scope.split(), refresh_token=sealed))

    def _resource(self, parameters: Parameters) -> str | None:
        return target(parameters.resources, self._targets) if parameters.resources else None
