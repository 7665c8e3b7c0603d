"""The connect pages of leg 2: each checks that the flow's own user is in front of the browser."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from mcpauthkit.connections.broker import Broker
from mcpauthkit.connections.form_grant import FormGrant
from mcpauthkit.core.audit import EventName
from mcpauthkit.core.flow_state import Flow, FlowStatus
from mcpauthkit.errors import SealError
from mcpauthkit.web.connect_form import FormPages
from mcpauthkit.web.connect_redirect import RedirectPages
from mcpauthkit.web.csrf import CSRF_FIELD
from mcpauthkit.web.flow_pages import FlowPages
from mcpauthkit.web.form_body import FormTooLarge, read_form
from mcpauthkit.web.login_pages import session_of, sign_in_of, start_login
from mcpauthkit.web.pages import Pages, redirect
from mcpauthkit.web.refused import tell_refused


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
        self._pages = pages
        grant = broker.grant
        self._flows = FlowPages(
            broker, path=connect_path(grant.service), base_url=base_url, pages=pages, on_finished=on_finished
        )
        self._way = FormPages(self._flows, grant) if isinstance(grant, FormGrant) else RedirectPages(self._flows)

    @property
    def routes(self) -> list[Route]:
        """What to add to the application."""
        path = self._flows.path
        return [
            Route(path, self._pages.edge(self.show), methods=["GET"]),
            Route(f"{path}/decline", self._pages.edge(self.decline), methods=["POST"]),
            # What answered it may stand in the address bar, where people press return.
            Route(f"{path}/decline", self._pages.edge(self.go_back), methods=["GET"]),
            *self._way.routes,
        ]

    def url(self, flow: Flow) -> str:
        """The page of a flow: no user in it, nothing signed in by it."""
        return self._flows.url(flow)

    async def show(self, request: Request) -> Response:
        """The connect page, or what became of the flow."""
        flow_id = self._flows.flow_id(request)
        session = await session_of(request)
        if session is None:
            # The user is known at the issuer whose token came with the call, which need not be the first one.
            sought = await self._broker.ledger.get(flow_id)
            issuer_url = None if sought is None else sought.issuer
            return await start_login(self._pages, request, self._flows.address(flow_id), issuer_url=issuer_url)
        flow = await self._flows.own_flow(flow_id, session)
        if not flow.is_pending:
            return self._flows.finished(flow)
        await self._broker.ledger.mark_opened(flow)
        return self._way.ask(request, flow, session)

    async def go_back(self, request: Request) -> Response:
        """From the address of a form to its page."""
        return redirect(f"{self._flows.base_url}{self._flows.address(self._flows.flow_id(request))}")

    async def decline(self, request: Request) -> Response:
        """The user says no on our page."""
        session = await self._flows.session(request)
        flow = await self._flows.own_flow(self._flows.flow_id(request), session)
        try:
            token = (await read_form(request)).get(CSRF_FIELD, "")
            sign_in_of(request).csrf.check(session, self._flows.address(flow.flow_id, "/decline"), token)
        except SealError:
            return self._once_more(flow, status=403)
        except FormTooLarge:
            tell_refused(EventName.FORM_REFUSED, "oversized form", actor=session.actor, service=flow.service)
            return self._once_more(flow, status=413)
        return self._flows.done(await self._broker.ledger.finish(flow, FlowStatus.DECLINED))

    def _once_more(self, flow: Flow, *, status: int) -> Response:
        return self._pages.message(
            "Please say that once more",
            "This page was open for too long, or your answer did not come from it. "
            f"{self._flows.service} is neither connected nor refused.",
            status=status,
            tone="bad",
            action="Back to the question",
            action_url=self._flows.url(flow),
        )


def connect_path(service: str) -> str:
    """The path of a service's connect page."""
    return f"/connect/{service}"
