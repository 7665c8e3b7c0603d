"""Connecting a service by a form: what the user types is tried at the service, and kept only if it works there."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from mcpauthkit.connections.credential import Credential
from mcpauthkit.connections.form import MAX_TYPED_BYTES
from mcpauthkit.connections.form_grant import FormGrant
from mcpauthkit.core.audit import EventName
from mcpauthkit.core.flow_state import Flow, FlowStatus
from mcpauthkit.core.headers import media_type
from mcpauthkit.core.urls import is_loopback_host
from mcpauthkit.errors import CredentialsRejected, RemoteUnavailable, SealError, SealExpired
from mcpauthkit.principal import Principal, actor_named
from mcpauthkit.web.browser_login import BrowserSession
from mcpauthkit.web.connect_view import FormView, field_views
from mcpauthkit.web.csrf import CSRF_FIELD
from mcpauthkit.web.flow_pages import FlowPages
from mcpauthkit.web.form_body import Form as SentForm
from mcpauthkit.web.form_body import FormTooLarge, read_form
from mcpauthkit.web.guide import render_guide
from mcpauthkit.web.login_pages import sign_in_of
from mcpauthkit.web.pages import Answered, redirect
from mcpauthkit.web.refused import tell_refused

# Percent-encoding makes three characters of a byte.
_MAX_BODY_BYTES = 3 * MAX_TYPED_BYTES + 8 * 1024
_FORM_TYPE = "application/x-www-form-urlencoded"


class FormPages:
    """The pages of a form grant.

    Args:
        flows: What all services share.
        grant: The service's grant.
    """

    def __init__(self, flows: FlowPages, grant: FormGrant) -> None:
        self._flows = flows
        self._pages = flows.pages
        self._grant = grant
        self._guide = render_guide(grant.form.guide)
        self._on_loopback = is_loopback_host(urlsplit(flows.base_url).hostname)

    @property
    def routes(self) -> list[Route]:
        """What to add to the application."""
        return [Route(self._flows.path, self._pages.edge(self.submit), methods=["POST"])]

    def ask(
        self,
        request: Request,
        flow: Flow,
        session: BrowserSession,
        *,
        values: Mapping[str, str] | None = None,
        problems: Mapping[str, str] | None = None,
        status: int = 200,
    ) -> Response:
        """The page with the form.

        Args:
            request: The request.
            flow: The flow.
            session: Who is in front of the browser.
            values: What was typed before; secrets among it are not shown.
            problems: What is wrong with it, by field; with all of it under the empty name.
            status: The HTTP status.
        """
        problems = problems or {}
        here = self._flows.address(flow.flow_id)
        form = FormView(
            fields=field_views(self._grant.form.fields, values or {}, problems),
            submit_url=f"{self._flows.base_url}{here}",
            token=sign_in_of(request).csrf.token_for(session, here),
            problem=problems.get("", ""),
        )
        return self._pages.form(self._flows.view(request, flow, session), form, guide=self._guide, status=status)

    async def submit(self, request: Request) -> Response:
        """Check what was typed, try it at the service, and keep it if it works there."""
        session = await self._flows.session(request)
        flow = await self._flows.own_flow(self._flows.flow_id(request), session)
        typed = await self._typed(request, flow, session)
        if not flow.is_pending:
            return redirect(self._flows.url(flow))
        answers = self._grant.form.check(typed, on_loopback=self._on_loopback)
        if answers.problems:
            return self.ask(request, flow, session, values=answers.values, problems=answers.problems, status=422)
        principal = Principal.bare(session.issuer, session.subject)
        try:
            finished = await self._flows.broker.settle(principal, flow, partial(self._try, flow, answers.values))
        except CredentialsRejected as error:
            current = await self._flows.broker.ledger.get(flow.flow_id)
            if current is not None and not current.is_pending:
                return self._flows.done(current)
            problems, status = {self._beside(error.field): error.public}, 422
        except RemoteUnavailable:
            problem = f"{self._flows.service} could not be asked just now, so nothing was kept. Try again in a moment."
            problems, status = {"": problem}, 502
        else:
            return self._flows.done(finished)
        return self.ask(request, flow, session, values=answers.values, problems=problems, status=status)

    async def _try(self, flow: Flow, values: Mapping[str, str]) -> Credential:
        # Counted while the flow is claimed, so that forms that are sent at once are counted one by one.
        try:
            return await self._grant.fill(values)
        except CredentialsRejected:
            ledger = self._flows.broker.ledger
            tried = await ledger.mark_tried(flow)
            if tried.is_pending and tried.is_exhausted:
                actor = actor_named(flow.issuer, flow.subject)
                tell_refused(EventName.FORM_REFUSED, "too many wrong tries", actor=actor, service=flow.service)
                await ledger.finish(tried, FlowStatus.FAILED)
            raise

    def _beside(self, field: str) -> str:
        return field if field in {one.name for one in self._grant.form.fields} else ""

    async def _typed(self, request: Request, flow: Flow, session: BrowserSession) -> Mapping[str, str]:
        """What was typed into a page of ours, by field; else the page that says why not."""
        sent = await self._sent(request, flow, session)
        typed = {one.name: sent.get(one.name, "") for one in self._grant.form.fields}
        here, token = self._flows.address(flow.flow_id), sent.get(CSRF_FIELD, "")
        try:
            sign_in_of(request).csrf.check(session, here, token)
        except SealExpired as error:
            late = {"": "This page was open for too long. Send it once more."}
            raise Answered(self.ask(request, flow, session, values=typed, problems=late, status=403)) from error
        except SealError as error:
            # Values of somebody else's are not shown: an address among them would get what the user types next.
            foreign = {"": "This did not come from this page, and nothing was changed. Fill it in here."}
            raise Answered(self.ask(request, flow, session, problems=foreign, status=403)) from error
        return typed

    async def _sent(self, request: Request, flow: Flow, session: BrowserSession) -> SentForm:
        if media_type(request.headers.get("content-type", "")) != _FORM_TYPE:
            raise Answered(self._refused(request, flow, session, "no form", status=415))
        try:
            _check_declared(request)
            sent = await read_form(request, max_bytes=_MAX_BODY_BYTES)
        except FormTooLarge as error:
            raise Answered(self._refused(request, flow, session, "oversized form", status=413)) from error
        if len(sent.multi_items()) != len(sent):
            raise Answered(self._refused(request, flow, session, "form with a doubled field", status=400))
        return sent

    def _refused(self, request: Request, flow: Flow, session: BrowserSession, what: str, *, status: int) -> Response:
        tell_refused(EventName.FORM_REFUSED, what, actor=session.actor, service=flow.service)
        problem = "This is not what this page sends, or far too long. Nothing was changed; fill it in again here."
        return self.ask(request, flow, session, problems={"": problem}, status=status)


def _check_declared(request: Request) -> None:
    declared = request.headers.get("content-length", "0")
    if not (declared.isdecimal() and int(declared[:20]) <= _MAX_BODY_BYTES):
        raise FormTooLarge
