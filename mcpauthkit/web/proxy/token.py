"""`/token`: our codes and refresh tokens in, the issuer's access tokens out.

A refresh token of ours is the issuer's, sealed to one client. That it is good once only is the issuer's doing: the
proxy keeps no state, so where the issuer does not rotate, an old one of ours stays as good as the new one (RFC 9700
section 2.2.2). What bounds them here is time: each dies when it is not used, and all of a login some time after it.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace

from starlette.requests import Request
from starlette.responses import Response

from mcpauthkit.core.audit import Event, EventName, record, record_refusal
from mcpauthkit.core.clock import Clock
from mcpauthkit.core.log import RequestLog
from mcpauthkit.core.secret import Secret, same_text
from mcpauthkit.errors import OAuthFault, RemoteError, SealError
from mcpauthkit.oauth.parameters import Parameters
from mcpauthkit.oauth.server_authorization import target
from mcpauthkit.oauth.server_scopes import ScopeRules
from mcpauthkit.oauth.server_token import RefreshGrant, check_target, digest, fault_of, token_answer
from mcpauthkit.oauth.token import TokenSet
from mcpauthkit.web.proxy.clients import Clients
from mcpauthkit.web.proxy.seals import ProxySeals
from mcpauthkit.web.proxy.upstream import Upstream
from mcpauthkit.web.proxy.wire import check_public, form_of, json_answer

_log = RequestLog("web")


class TokenEndpoint:
    """The token endpoint (RFC 6749 section 3.2).

    Args:
        targets: The protected resources by every spelling accepted for them.
        clients: Who may ask.
        seals: Open codes and refresh tokens, and seal the latter.
        upstream: The issuer.
        scopes: What clients may have.
        clock: Time.
        refresh_lifetime_seconds: How long after the login refresh tokens work at all.
    """

    def __init__(
        self,
        *,
        targets: Mapping[str, str],
        clients: Clients,
        seals: ProxySeals,
        upstream: Upstream,
        scopes: ScopeRules,
        clock: Clock,
        refresh_lifetime_seconds: float,
    ) -> None:
        self._targets = targets
        self._clients = clients
        self._seals = seals
        self._upstream = upstream
        self._scopes = scopes
        self._clock = clock
        self._refresh_lifetime = refresh_lifetime_seconds
        self._has_warned = False

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
        way = {"authorization_code": self._by_code, "refresh_token": self._by_refresh}.get(grant_type)
        if way is None:
            raise OAuthFault("unsupported_grant_type", "Use authorization_code or refresh_token.")
        try:
            return await _translated(way, parameters)
        except OAuthFault as fault:
            _tell_refused(parameters, fault)
            raise

    async def _by_code(self, parameters: Parameters) -> Response:
        grant = self._seals.codes.open(parameters.need("code"))
        grant.check(parameters, resource=self._resource(parameters))
        tokens = await self._upstream.exchange(grant)
        record(Event(event=EventName.CODE_REDEEMED, metadata={"client": grant.client[:12]}))
        asked = grant.scope.split()
        told = self._told(asked, tokens)
        refresh = RefreshGrant(grant.client, " ".join(told), grant.scope, grant.resource, self._clock.wall(), "")
        return self._answer(tokens, refresh, told=told)

    async def _by_refresh(self, parameters: Parameters) -> Response:
        grant = self._seals.refreshes.open(parameters.need("refresh_token"))
        if not same_text(grant.client, digest(parameters.need("client_id"))):
            raise OAuthFault("invalid_grant", "The refresh token does not belong to this client.")
        if not self._clock.wall() < grant.signed_in_at + self._refresh_lifetime:
            raise OAuthFault("invalid_grant", "The sign-in was too long ago.")
        check_target(grant.resource, self._resource(parameters))
        scopes = grant.narrowed(parameters.scopes(), self._scopes)
        tokens = await self._upstream.refresh(Secret(grant.upstream_token), scopes=scopes, resource=grant.resource)
        record(Event(event=EventName.TOKEN_RENEWED, metadata={"client": grant.client[:12]}))
        return self._answer(tokens, grant, told=self._told(scopes or grant.scope.split(), tokens))

    def _answer(self, tokens: TokenSet, grant: RefreshGrant, *, told: Sequence[str]) -> Response:
        upstream = grant.upstream_token if tokens.refresh_token is None else tokens.refresh_token.reveal()
        # The same token of the issuer is sealed anew: its time starts again, and it moves on when the minting key
        # changes. What was granted at first stays the bound: a narrower access token does not narrow the grant (RFC
        # 6749 section 6).
        sealed = self._seals.refreshes.close(replace(grant, upstream_token=upstream)) if upstream else None
        return json_answer(token_answer(tokens, scopes=told, refresh_token=sealed))

    def _told(self, asked: Sequence[str], tokens: TokenSet) -> tuple[str, ...]:
        # What nobody asked for was not agreed to on the consent page: it is neither told nor handed out by refreshes.
        beyond = self._scopes.beyond(asked, tokens.scopes)
        if beyond and not self._has_warned:
            self._has_warned = True
            _log.warning(
                "the issuer granted scopes that were not asked for, such as %r; limit what our client may have there",
                beyond[0][:100],
            )
        return self._scopes.granted(asked, tokens.scopes)

    def _resource(self, parameters: Parameters) -> str | None:
        return target(parameters.resources, self._targets) if parameters.resources else None


def _tell_refused(parameters: Parameters, fault: OAuthFault) -> None:
    is_code = parameters.get("grant_type") == "authorization_code"
    record_refusal(
        Event(
            event=EventName.CODE_REFUSED if is_code else EventName.RENEWAL_REFUSED,
            decision="deny",
            reason=fault.error,
            metadata={"client": digest(parameters.get("client_id"))[:12]},
            # Refresh tokens come to their end in the ordinary course of things; codes are good at once or stolen.
            is_warning=is_code,
        )
    )


async def _translated(way: Callable[[Parameters], Awaitable[Response]], parameters: Parameters) -> Response:
    try:
        return await way(parameters)
    except SealError as error:
        raise OAuthFault("invalid_grant", error.public, reason=error.reason) from error
    except RemoteError as error:
        raise fault_of(error) from error
