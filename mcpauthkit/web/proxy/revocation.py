"""`/revoke`: the issuer is told to forget a token (RFC 7009)."""

from __future__ import annotations

from collections import OrderedDict

from starlette.requests import Request
from starlette.responses import Response

from mcpauthkit.core.audit import Event, EventName, record_refusal
from mcpauthkit.core.clock import Clock
from mcpauthkit.core.encoding import sha256_hex
from mcpauthkit.core.secret import Secret, same_text
from mcpauthkit.errors import OAuthFault, RemoteError, RemoteUnavailable, SealError
from mcpauthkit.oauth.parameters import Parameters
from mcpauthkit.oauth.revocation import TokenKind
from mcpauthkit.oauth.server_token import digest, fault_of
from mcpauthkit.web.proxy.clients import Clients
from mcpauthkit.web.proxy.seals import ProxySeals, is_sealed
from mcpauthkit.web.proxy.upstream import Upstream
from mcpauthkit.web.proxy.wire import check_public, form_of, json_answer

_MAX_AT_ONCE = 8
_MAX_REMEMBERED = 1000
_REMEMBERED_SECONDS = 600.0


class RevocationEndpoint:
    """The revocation endpoint.

    Args:
        clients: Who may ask.
        seals: Open refresh tokens.
        upstream: The issuer.
        clock: Time.
    """

    def __init__(self, *, clients: Clients, seals: ProxySeals, upstream: Upstream, clock: Clock) -> None:
        self._clients = clients
        self._seals = seals
        self._upstream = upstream
        self._clock = clock
        self._asking = 0
        self._answers: OrderedDict[str, tuple[float, bool]] = OrderedDict()

    async def revoke(self, request: Request) -> Response:
        """Revoke a token. Unknown tokens are fine: they are of no use any more (RFC 7009 section 2.2).

        Anybody can register and then call this. What the issuer cannot know is answered here, and so is what it was
        asked a while ago; otherwise each request to us would become one of ours to the issuer, with our secret.

        Raises:
            OAuthFault: The request is malformed, another client's, or the issuer cannot be reached.
        """
        parameters = await form_of(request)
        check_public(request, parameters)
        self._clients.check_known(parameters.need("client_id"))
        found = self._upstream_token(parameters)
        if found is None:
            return json_answer({})
        token, kind = found
        name = sha256_hex("proxy-revoked", token.reveal())
        until, done = self._answers.get(name, (0.0, False))
        if self._clock.monotonic() < until:
            return _answer(done=done)
        if self._asking >= _MAX_AT_ONCE:
            raise fault_of(RemoteUnavailable(reason=f"{_MAX_AT_ONCE} revocations are under way"))
        self._asking, why = self._asking + 1, ""
        try:
            done = await self._upstream.revoke(token, kind)
        except RemoteUnavailable as error:
            # The client may try again, and the user must not believe what is not so.
            raise fault_of(error) from error
        except RemoteError as error:
            done, why = False, error.for_log()
        finally:
            self._asking -= 1
        outcome = "yes" if done else "no"
        record_refusal(
            Event(
                event=EventName.TOKEN_REVOKED,
                outcome=outcome,
                reason=why,
                metadata={"token_kind": kind},
                is_warning=bool(why),
            )
        )
        self._remember(name, done=done)
        return _answer(done=done)

    def _remember(self, name: str, *, done: bool) -> None:
        self._answers[name] = (self._clock.monotonic() + _REMEMBERED_SECONDS, done)
        self._answers.move_to_end(name)
        while len(self._answers) > _MAX_REMEMBERED:
            self._answers.popitem(last=False)

    def _upstream_token(self, parameters: Parameters) -> tuple[Secret, TokenKind] | None:
        token = parameters.need("token")
        try:
            grant = self._seals.refreshes.open(token)
        except SealError:
            # Access tokens are the issuer's own; whoever has one may end it.
            is_theirs = not is_sealed(token) and self._upstream.may_have_issued(token)
            return (Secret(token), "access_token") if is_theirs else None
        if not same_text(grant.client, digest(parameters.need("client_id"))):
            raise OAuthFault("invalid_grant", "The token does not belong to this client.")
        return Secret(grant.upstream_token), "refresh_token"


def _answer(*, done: bool) -> Response:
    if not done:
        # The token lives on, and nobody shall believe otherwise (RFC 7009 section 2.2.1).
        raise OAuthFault("unsupported_token_type", "The issuer does not revoke this token; it ends by itself.")
    return json_answer({})
