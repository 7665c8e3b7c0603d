"""Connecting a service that the browser visits: leave for it, and come back."""

from __future__ import annotations

from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from mcpauthkit.core.audit import EventName
from mcpauthkit.core.flow_state import Flow, FlowStatus
from mcpauthkit.core.log import RequestLog
from mcpauthkit.errors import RemoteError, RemoteUnavailable, SealError
from mcpauthkit.principal import Principal
from mcpauthkit.web.browser_login import BrowserSession
from mcpauthkit.web.csrf import CSRF_FIELD
from mcpauthkit.web.flow_pages import FlowPages
from mcpauthkit.web.login_pages import session_of, sign_in_of
from mcpauthkit.web.pages import redirect
from mcpauthkit.web.query import is_ambiguous, only_value
from mcpauthkit.web.refused import tell_refused

_log = RequestLog("web")
_START = "/start"


class RedirectPages:
    """The pages of a redirect grant.

    Args:
        flows: What all services share.
    """

    def __init__(self, flows: FlowPages) -> None:
        self._flows = flows
        self._broker = flows.broker
        self._pages = flows.pages

    @property
    def routes(self) -> list[Route]:
        """What to add to the application."""
        edge, path = self._pages.edge, self._flows.path
        return [
            Route(f"{path}{_START}", edge(self.start), methods=["GET"]),
            Route(f"{path}/callback", edge(self.come_back), methods=["GET"]),
        ]

    def ask(
        self, request: Request, flow: Flow, session: BrowserSession, *, notice: str = "", status: int = 200
    ) -> Response:
        """The page that leads to the service."""
        view = self._flows.view(request, flow, session)
        token = sign_in_of(request).csrf.token_for(session, self._start(flow))
        start_url = f"{self._flows.url(flow, _START)}&{urlencode({CSRF_FIELD: token})}"
        return self._pages.connect(view, start_url=start_url, notice=notice, status=status)

    async def start(self, request: Request) -> Response:
        """Leave for the service. A GET, because a redirected form answer would be blocked by our own policy.

        Only from our page, which says who asks for what: where the service remembers a consent, nothing else would.
        """
        session = await self._flows.session(request)
        flow = await self._flows.own_flow(self._flows.flow_id(request), session)
        if not flow.is_pending:
            return self._flows.finished(flow)
        try:
            sign_in_of(request).csrf.check(session, self._start(flow), only_value(request.query_params, CSRF_FIELD))
        except SealError:
            return redirect(self._flows.url(flow))
        try:
            return redirect(await self._broker.start_visit(flow, browser=session.session_id))
        except RemoteError as error:
            _log.warning("visit not started service=%s %s", flow.service, error.for_log())
            return self._no_answer(request, flow, session)

    async def come_back(self, request: Request) -> Response:
        """The service's redirect: single use, only in the browser session that left, only for the flow's user."""
        query = request.query_params
        # Which of two codes or states counts is for nobody to choose.
        visit = None if is_ambiguous(query) else await self._broker.ledger.take_visit(only_value(query, "state"))
        if visit is None:
            self._tell("unknown or used state", None)
            return self._pages.message(
                "This link has been used or is too old",
                "Nothing was changed. Go back to your assistant and repeat what you were doing; "
                "you will get a new link if one is needed.",
                status=400,
                tone="bad",
            )
        session = await session_of(request)
        if session is None or session.session_id != visit.browser:
            self._tell("in another browser", session)
            return self._wrong_browser()
        flow = await self._flows.own_flow(visit.flow_id, session)
        if not flow.is_pending:
            # Another tab was first, or a no; this code stays unused.
            self._tell("of a finished flow", session)
            return redirect(self._flows.url(flow))
        principal = Principal.bare(session.issuer, session.subject)
        try:
            finished = await self._broker.finish_visit(principal, flow, visit, query)
        except RemoteUnavailable:
            return self._no_answer(request, flow, session)
        if finished.status is FlowStatus.FAILED:
            # A code of somebody else's, or another server's answer: the service and PKCE have seen through it.
            self._tell("no credential for its code", session)
        return self._flows.done(finished)

    def _start(self, flow: Flow) -> str:
        return self._flows.address(flow.flow_id, _START)

    def _tell(self, what: str, session: BrowserSession | None) -> None:
        actor = None if session is None else session.actor
        tell_refused(EventName.CALLBACK_REFUSED, what, actor=actor, service=self._broker.grant.service)

    def _no_answer(self, request: Request, flow: Flow, session: BrowserSession) -> Response:
        notice = f"{self._flows.service} did not answer just now. Nothing is lost: try again in a moment."
        return self.ask(request, flow, session, notice=notice, status=502)

    def _wrong_browser(self) -> Response:
        return self._pages.message(
            "Please finish in the browser you started in",
            "This sign-in was started in another browser or has been signed out since. Nothing was connected.",
            "Go back to your assistant and open the link again.",
            status=403,
            tone="bad",
        )
