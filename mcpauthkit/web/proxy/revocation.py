"""`/revoke`: the issuer is told to forget a token (RFC 7009)."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from mcpauthkit.core.log import RequestLog
from mcpauthkit.core.secret import Secret, same_text
from mcpauthkit.errors import OAuthFault, RemoteError, RemoteUnavailable, SealError
from mcpauthkit.oauth.parameters import Parameters
from mcpauthkit.oauth.revocation import TokenKind
from mcpauthkit.oauth.server_token import digest, fault_of
from mcpauthkit.web.proxy.clients import Clients
from mcpauthkit.web.proxy.seals import ProxySeals
from mcpauthkit.web.proxy.upstream import Upstream
from mcpauthkit.web.proxy.wire import check_public, form_of, json_answer

_audit = RequestLog("audit")


class RevocationEndpoint:
    """The revocation endpoint.

    Args:
        clients: Who may ask.
        seals: Open refresh tokens.
        upstream: The issuer.
    """

    def __init__(self, *, clients: Clients, seals: ProxySeals, upstream: Upstream) -> None:
        self._clients = clients
        self._seals = seals
        self._upstream = upstream

    async def revoke(self, request: Request) -> Response:
        """Revoke a token. Unknown tokens are fine: they are of no use any more (RFC 7009 section 2.2).

        Raises:
            OAuthFault: The request is malformed, another client's, or the issuer cannot be reached.
        """
        parameters = await form_of(request)
        check_public(request, parameters)
        self._clients.check_known(parameters.need("client_id"))
        token, kind = self._upstream_token(parameters)
        try:
            done = await self._upstream.revoke(token, kind)
        except RemoteUnavailable as error:
            # The client may try again, and the user must not believe what is not so.
            raise fault_of(error) from error
        except RemoteError as error:
            _audit.warning("revocation refused by the issuer kind=%s %s", kind, error.for_log())
        else:
            _audit.info("token revoked kind=%s at_issuer=%s", kind, done)
        return json_answer({})

    def _upstream_token(self, parameters: Parameters) -> tuple[Secret, TokenKind]:
        token = parameters.need("token")
        try:
            grant = self._seals.refreshes.open(token)
        except SealError:
            # Access tokens are the issuer's own; whoever has one may end it.
            return Secret(token), "access_token"
        if not same_text(grant.client, digest(parameters.need("client_id"))):
            raise OAuthFault("invalid_grant", "The token does not belong to this client.")
        return Secret(grant.upstream_token), "refresh_token"
