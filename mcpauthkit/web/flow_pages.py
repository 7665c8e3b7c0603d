"""What the connect pages of every service share: whose flow it is, what is asked, and what became of it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from urllib.parse import urlencode

from starlette.background import BackgroundTask
from starlette.requests import Request
from starlette.responses import Response

from mcpauthkit.connections.broker import Broker
from mcpauthkit.core.audit import Actor, EventName
from mcpauthkit.core.flow_state import Flow, FlowStatus
from mcpauthkit.principal import log_digest
from mcpauthkit.web.browser_login import BrowserSession, issuer_mark
from mcpauthkit.web.connect_view import ConnectView
from mcpauthkit.web.login_pages import CONNECTIONS_PATH, session_of, sign_in_first, sign_in_of
from mcpauthkit.web.outcome import AGAIN, outcome_of
from mcpauthkit.web.pages import Answered, Pages, redirect
from mcpauthkit.web.query import only_value
from mcpauthkit.web.refused import tell_refused

_MAX_ID_BYTES = 128


class FlowPages:
    """The flows of one service, as they appear in a browser.

    Args:
        broker: The service's broker.
        path: The path of its connect page.
        base_url: The public address of the application.
        pages: The renderer.
        on_finished: Called with a flow that has just got its outcome.
    """

    def __init__(
        self,
        broker: Broker,
        *,
        path: str,
        base_url: str,
        pages: Pages,
        on_finished: Callable[[Flow], Awaitable[None]],
    ) -> None:
        self.broker = broker
        self.base_url = base_url
        self.pages = pages
        self.path = path
        self._on_finished = on_finished

    @property
    def service(self) -> str:
        """The service's name for people."""
        return self.broker.grant.display_name

    def address(self, flow_id: str, action: str = "") -> str:
        """The path and query of a flow's page, or of one of its actions such as `/start`."""
        return f"{self.path}{action}?{urlencode({'flow': flow_id})}"

    def url(self, flow: Flow, action: str = "") -> str:
        """The same with the public address in front: no user in it, nothing signed in by it."""
        return f"{self.base_url}{self.address(flow.flow_id, action)}"

    def flow_id(self, request: Request) -> str:
        """The flow that a request is about; empty when it says none, or several.

        What is longer than ours never was one. It goes no further, where it would be kept in a cookie for after signing
        in, or asked of the store.
        """
        flow_id = only_value(request.query_params, "flow")
        if len(flow_id.encode()) > _MAX_ID_BYTES:
            raise Answered(self._unknown(None))
        return flow_id

    async def session(self, request: Request) -> BrowserSession:
        """The session; without one, back to the page, which signs in."""
        session = await session_of(request)
        if session is None:
            here = f"{self.base_url}{self.address(self.flow_id(request))}"
            raise Answered(sign_in_first(self.pages, here) if request.method == "POST" else redirect(here))
        return session

    async def own_flow(self, flow_id: str, session: BrowserSession) -> Flow:
        """The flow, if it is the session's own; else the page that says why not."""
        flow = await self.broker.ledger.get(flow_id)
        if flow is None or flow.service != self.broker.grant.service:
            raise Answered(self._unknown(session.actor))
        if not flow.belongs_to(session.issuer, session.subject):
            owner = log_digest(flow.issuer, flow.subject)
            tell_refused(
                EventName.LINK_REFUSED, "forwarded", actor=session.actor, service=flow.service, flow_user=owner
            )
            raise Answered(self._wrong_user(flow, session))
        return flow

    def view(self, request: Request, flow: Flow, session: BrowserSession) -> ConnectView:
        """What a page says about a flow that is still open."""
        decline = self.address(flow.flow_id, "/decline")
        return ConnectView(
            service=self.service,
            purpose=flow.purpose,
            account=flow.account,
            held_as=flow.held_as,
            scopes=flow.scopes,
            granted=flow.granted,
            user=session.name,
            decline_url=f"{self.base_url}{decline}",
            decline_token=sign_in_of(request).csrf.token_for(session, decline),
        )

    def done(self, flow: Flow) -> Response:
        """Back to the plain page: codes, states and typed values leave the browser, and a reload does no harm."""
        response = redirect(self.url(flow))
        if not flow.is_pending:
            response.background = BackgroundTask(self._on_finished, flow)
        return response

    def finished(self, flow: Flow) -> Response:
        """What became of a flow."""
        outcome = outcome_of(flow, self.service)
        leads_on = flow.status is FlowStatus.CONNECTED
        connections_url = f"{self.base_url}{CONNECTIONS_PATH}?{urlencode({'at': issuer_mark(flow.issuer)})}"
        return self.pages.message(
            outcome.heading,
            *outcome.lines,
            tone=outcome.tone,
            action="See what is connected" if leads_on else "",
            action_url=connections_url if leads_on else "",
        )

    def _unknown(self, actor: Actor | None) -> Response:
        tell_refused(EventName.LINK_REFUSED, "unknown", actor=actor, service=self.broker.grant.service)
        return self.pages.message(
            "This link does not work any more",
            f"It has expired, or it was not copied completely. Nothing was connected to {self.service}.",
            AGAIN,
            status=410,
            tone="bad",
        )

    def _wrong_user(self, flow: Flow, session: BrowserSession) -> Response:
        return self.pages.message(
            "This link belongs to somebody else",
            f"You are signed in as {session.name}, and this link was made for another user. Nothing was connected.",
            "If somebody sent you this link, do not go on: it would have connected your account to their assistant.",
            "If it is yours, sign in with the account that your assistant uses.",
            status=403,
            tone="bad",
            action="Sign in as somebody else",
            action_url=f"{self.base_url}/connect/login?"
            + urlencode({"service": flow.service, "flow": flow.flow_id, "at": issuer_mark(flow.issuer)}),
        )
