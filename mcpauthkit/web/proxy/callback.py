"""`/oauth/callback`: the issuer's answer comes back to us and goes on to the client, under our own name."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from mcpauthkit.core.audit import Event, EventName, record
from mcpauthkit.errors import GrantRefused, RemoteError, RemoteUnavailable
from mcpauthkit.oauth.parameters import Parameters
from mcpauthkit.oauth.server_authorization import ERRORS_PASSED_ON
from mcpauthkit.oauth.server_token import CodeGrant, digest
from mcpauthkit.web.pages import Pages
from mcpauthkit.web.proxy.answers import ClientAnswers
from mcpauthkit.web.proxy.consent import BrowserMemory, Login
from mcpauthkit.web.proxy.seals import ProxySeals
from mcpauthkit.web.proxy.upstream import Upstream
from mcpauthkit.web.refused import tell_refused


class CallbackPage:
    """The redirect URI that is registered at the issuer.

    Args:
        seals: Seal our codes.
        browser: The cookies.
        upstream: The issuer.
        answers: Sends answers back to clients.
        pages: The renderer.
    """

    def __init__(
        self,
        *,
        seals: ProxySeals,
        browser: BrowserMemory,
        upstream: Upstream,
        answers: ClientAnswers,
        pages: Pages,
    ) -> None:
        self._seals = seals
        self._browser = browser
        self._upstream = upstream
        self._answers = answers
        self._pages = pages

    async def come_back(self, request: Request) -> Response:
        """The issuer's redirect: good only in the browser that left for it."""
        query = Parameters.of(request.query_params.multi_items())
        state = query.get("state")
        login = None if query.repeated or not state else self._browser.login(request.headers.raw, state)
        if login is None:
            tell_refused(EventName.LOGIN_REFUSED, "not started in this browser")
            return self._pages.message(
                "This sign-in was not started in this browser",
                "It may also have taken too long, or have been finished already. Nothing was done.",
                "Go back to your assistant and start signing in again.",
                status=400,
                tone="bad",
            )
        response = await self._answer(query, login)
        self._browser.forget(response, state)
        return response

    async def _answer(self, query: Parameters, login: Login) -> Response:
        asked = login.asked
        try:
            upstream_code = await self._upstream.code_of(query.values)
        except RemoteError as error:
            tell_refused(EventName.LOGIN_REFUSED, error.for_log(), client=asked.client[:12])
            return self._answers.to(asked, error=_error_for_client(error))
        grant = CodeGrant(
            client=asked.client,
            redirect=digest(asked.redirect_uri),
            code_challenge=asked.code_challenge,
            scope=asked.scope,
            resource=asked.resource,
            upstream_code=upstream_code,
            upstream_verifier=login.code_verifier,
        )
        record(Event(event=EventName.CODE_ISSUED, metadata={"client": asked.client[:12]}))
        return self._answers.to(asked, code=self._seals.codes.close(grant))


def _error_for_client(error: RemoteError) -> str:
    if isinstance(error, GrantRefused) and error.error in ERRORS_PASSED_ON:
        return error.error
    return "temporarily_unavailable" if isinstance(error, RemoteUnavailable) else "server_error"
