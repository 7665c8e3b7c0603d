"""The pages of leg 2: connect, leave for the service, come back. Each checks that the same user is in front."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from urllib.parse import urlencode

from starlette.background import BackgroundTask
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from mcpauthkit.connections.broker import Broker
from mcpauthkit.core.flow_state import Flow, FlowStatus
from mcpauthkit.core.log import RequestLog
from mcpauthkit.errors import RemoteUnavailable
from mcpauthkit.principal import Principal, log_digest
from mcpauthkit.web.browser_login import BrowserSession, issuer_mark
from mcpauthkit.web.login_pages import sign_in_of, start_login
from mcpauthkit.web.pages import Answered, Pages, redirect

_audit = RequestLog("audit")
_MAX_FLOW_LENGTH = 128


class ConnectPages:
    """The pages of one service.

    Args:
        broker: The service's broker.
        base_url: The public address of the application.
        pages: The renderer.
        on_finished: Called with a flow that has just got its outcome.
    """

    def __init__(
        self,
        broker: Broker,
        *,
        base_url: str,
        pages: Pages,
        on_finished: Callable[[Flow], Awaitable[None]],
    ) -> None:
        self._broker = broker
        self._base_url = base_url
        self._pages = pages
        self._on_finished = on_finished
        self._path = connect_path(broker.grant.service)

    @property
    def routes(self) -> list[Route]:
        """What to add to the application."""
        return [
            Route(self._path, self._pages.edge(self.show), methods=["GET"]),
            Route(f"{self._path}/start", self._pages.edge(self.start), methods=["GET"]),
            Route(f"{self._path}/callback", self._pages.edge(self.come_back), methods=["GET"]),
            Route(f"{self._path}/decline", self._pages.edge(self.decline), methods=["POST"]),
        ]

    def url(self, flow: Flow) -> str:
        """The page of a flow: no user in it, nothing signed in by it."""
        return f"{self._base_url}{self._here(flow.flow_id)}"

    async def show(self, request: Request) -> Response:
        """The connect page, or what became of the flow."""
        flow_id, login = _flow_id(request), sign_in_of(request)
        session = login.session(request.headers.raw)
        if session is None:
            # The user is known at the issuer whose token came with the call, which need not be the first one.
            sought = await self._broker.ledger.get(flow_id)
            issuer_url = None if sought is None else sought.issuer
            return await start_login(self._pages, login, self._here(flow_id), issuer_url=issuer_url)
        flow = await self._own_flow(flow_id, session)
        if not flow.is_pending:
            return self._finished(flow)
        await self._broker.ledger.mark_opened(flow)
        return self._ask(flow, session)

    async def start(self, request: Request) -> Response:
        """Leave for the service. A GET, because a redirected form answer would be blocked by our own policy."""
        session = self._session(request)
        flow = await self._own_flow(_flow_id(request), session)
        if not flow.is_pending:
            return self._finished(flow)
        return redirect(await self._broker.start_visit(flow, browser=session.session_id))

    async def come_back(self, request: Request) -> Response:
        """The service's redirect: single use, only in the browser session that left, only for the flow's user."""
        visit = await self._broker.ledger.take_visit(request.query_params.get("state", ""))
        if visit is None:
            _audit.warning("callback with an unknown or used state refused service=%s", self._broker.grant.service)
            return self._pages.message(
                "This link has been used or is too old",
                "Nothing was changed. Go back to your assistant and repeat what you were doing; "
                "you will get a new link if one is needed.",
                status=400,
                tone="bad",
            )
        session = sign_in_of(request).session(request.headers.raw)
        if session is None or session.session_id != visit.browser:
            _audit.warning(
                "callback in another browser refused service=%s user=%s",
                self._broker.grant.service,
                "-" if session is None else session.digest,
            )
            return self._wrong_browser()
        flow = await self._own_flow(visit.flow_id, session)
        principal = Principal({}, issuer=session.issuer, subject=session.subject, expires_at=0.0)
        try:
            finished = await self._broker.finish_visit(principal, flow, visit, request.query_params)
        except RemoteUnavailable:
            return self._ask(
                flow,
                session,
                notice=f"{self._name} did not answer just now. Nothing is lost: try again in a moment.",
                status=502,
            )
        return self._done(finished)

    async def decline(self, request: Request) -> Response:
        """The user says no on our page. The session cookie is SameSite=Lax, so no other site can say it for them."""
        flow = await self._own_flow(_flow_id(request), self._session(request))
        return self._done(await self._broker.ledger.finish(flow, FlowStatus.DECLINED))

    @property
    def _name(self) -> str:
        return self._broker.grant.display_name

    def _here(self, flow_id: str) -> str:
        return f"{self._path}?{urlencode({'flow': flow_id})}"

    def _session(self, request: Request) -> BrowserSession:
        """The session; without one, back to the page, which signs in."""
        session = sign_in_of(request).session(request.headers.raw)
        if session is None:
            raise Answered(redirect(f"{self._base_url}{self._here(_flow_id(request))}"))
        return session

    async def _own_flow(self, flow_id: str, session: BrowserSession) -> Flow:
        """The flow, if it is the session's own; else the page that says why not."""
        flow = await self._broker.ledger.get(flow_id)
        if flow is None or flow.service != self._broker.grant.service:
            raise Answered(
                self._pages.message(
                    "This link does not work any more",
                    f"It has expired, or it was not copied completely. Nothing was connected to {self._name}.",
                    "Go back to your assistant and repeat what you were doing; you will get a new link.",
                    status=410,
                    tone="bad",
                )
            )
        if not flow.belongs_to(session.issuer, session.subject):
            _audit.warning(
                "forwarded link refused service=%s flow_user=%s browser_user=%s",
                flow.service,
                log_digest(flow.issuer, flow.subject),
                session.digest,
            )
            raise Answered(self._wrong_user(flow, session))
        return flow

    def _ask(self, flow: Flow, session: BrowserSession, *, notice: str | None = None, status: int = 200) -> Response:
        return self._pages.connect(
            service=self._name,
            purpose=flow.purpose,
            scopes=flow.scopes,
            user=session.name,
            start_url=f"{self._base_url}{self._path}/start?{urlencode({'flow': flow.flow_id})}",
            decline_url=f"{self._base_url}{self._path}/decline?{urlencode({'flow': flow.flow_id})}",
            notice=notice,
            status=status,
        )

    def _done(self, flow: Flow) -> Response:
        # Back to the plain page: code and state leave the address bar, and a reload does no harm.
        response = redirect(self.url(flow))
        if not flow.is_pending:
            response.background = BackgroundTask(self._on_finished, flow)
        return response

    def _finished(self, flow: Flow) -> Response:
        back = "You can close this page and go back to your assistant."
        match flow.status:
            case FlowStatus.CONNECTED:
                return self._pages.message(f"{self._name} is connected", back, tone="good")
            case FlowStatus.DECLINED | FlowStatus.CANCELLED:
                return self._pages.message(f"{self._name} was not connected", "You said no.", back)
            case FlowStatus.REFUSED:
                return self._pages.message(
                    f"{self._name} was not connected", f"{self._name} says that access was refused.", back
                )
            case _:
                return self._pages.message(
                    f"{self._name} could not be connected",
                    f"Something between this server and {self._name} does not fit. The operator finds it in the log.",
                    back,
                    tone="bad",
                )

    def _wrong_user(self, flow: Flow, session: BrowserSession) -> Response:
        return self._pages.message(
            "This link belongs to somebody else",
            f"You are signed in as {session.name}, and this link was made for another user. Nothing was connected.",
            "If somebody sent you this link, do not go on: it would have connected your account to their assistant.",
            "If it is yours, sign in with the account that your assistant uses.",
            status=403,
            tone="bad",
            action="Sign in as somebody else",
            action_url=f"{self._base_url}/connect/login?"
            + urlencode({"service": flow.service, "flow": flow.flow_id, "at": issuer_mark(flow.issuer)}),
        )

    def _wrong_browser(self) -> Response:
        return self._pages.message(
            "Please finish in the browser you started in",
            "This sign-in was started in another browser or has been signed out since. Nothing was connected.",
            "Go back to your assistant and open the link again.",
            status=403,
            tone="bad",
        )


def _flow_id(request: Request) -> str:
    return request.query_params.get("flow", "")[:_MAX_FLOW_LENGTH]


def connect_path(service: str) -> str:
    """The path of a service's connect page."""
    return f"/connect/{service}"
