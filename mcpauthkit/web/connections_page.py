"""The page on which users see and change what is connected in their name.

Every change is a POST with a token of ours, for the user of the browser session only: a form says which service and
which of the user's own connections, and never whose.
"""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from mcpauthkit.connections.connection import Connection
from mcpauthkit.connections.names import check_account_name, is_called
from mcpauthkit.core.audit import EventName
from mcpauthkit.errors import AccountNameRefused, NoSuchConnection, SealError
from mcpauthkit.principal import Principal
from mcpauthkit.protocol.connected_service import ConnectedService, in_order, service_named
from mcpauthkit.web.browser_login import BrowserLogin, BrowserSession, issuer_mark
from mcpauthkit.web.connections_view import (
    Notice,
    Problem,
    ServiceView,
    choices_of,
    connection_view,
    notice_of,
)
from mcpauthkit.web.csrf import CSRF_FIELD
from mcpauthkit.web.form_body import Form, FormTooLarge, read_form
from mcpauthkit.web.login_pages import (
    CONNECTIONS_PATH,
    SWITCH_PATH,
    session_of,
    sign_in_first,
    sign_in_of,
    sign_out,
    start_login,
)
from mcpauthkit.web.pages import Answered, Pages, redirect
from mcpauthkit.web.refused import tell_refused


class ConnectionsPage:
    """`/connections` and what its forms do.

    Args:
        services: The services of the application, which may still become more.
        base_url: The public address of the application.
        pages: The renderer.
    """

    def __init__(self, services: Mapping[str, ConnectedService], *, base_url: str, pages: Pages) -> None:
        self._services = services
        self._base_url = base_url
        self._pages = pages
        self._actions = {
            "connect": self.connect,
            "another": self.connect_another,
            "reconnect": self.reconnect,
            "more": self.ask_for_more,
            "default": self.make_default,
            "disconnect": self.disconnect,
            "sign-out": self.sign_out,
        }

    @property
    def routes(self) -> list[Route]:
        """What to add to the application."""
        return [
            Route(CONNECTIONS_PATH, self._pages.edge(self.show), methods=["GET"]),
            *(Route(_path(one), self._pages.edge(does), methods=["POST"]) for one, does in self._actions.items()),
            # What answered a form stands in the address bar, where people press return.
            *(Route(_path(one), self._pages.edge(self.go_back), methods=["GET"]) for one in self._actions),
        ]

    async def show(self, request: Request) -> Response:
        """The page. Users of another issuer than the first one come with its mark as `at`."""
        login, session = sign_in_of(request), await session_of(request)
        if session is None:
            issuer_url = login.issuer_marked(request.query_params.get("at", ""))
            return await start_login(self._pages, request, CONNECTIONS_PATH, issuer_url=issuer_url)
        return await self._page(login, session)

    async def go_back(self, request: Request) -> Response:  # noqa: ARG002  # what endpoints are given
        """From the address of a form to the page."""
        return redirect(f"{self._base_url}{CONNECTIONS_PATH}")

    async def connect(self, request: Request) -> Response:
        """Lead to the connect page of a service, for the permissions that were ticked."""
        _, session, form = await self._sent(request, "connect")
        service = self._service(form)
        ticked = _ticked(service, form)
        return redirect(await service.open_link(_principal(session), scopes=ticked))

    async def connect_another(self, request: Request) -> Response:
        """The same for a further account, under a name that the user types."""
        login, session, form = await self._sent(request, "another")
        service, principal = self._service(form), _principal(session)
        try:
            name = check_account_name(form.get("name"))
        except AccountNameRefused as error:
            return await self._again(login, session, Problem(service.name, "another", error.public))
        if not name or any(is_called(held, name) for held in await service.connections(principal)):
            text = (
                "Give the account a name." if not name else "You have a connection of that name. Choose another name."
            )
            return await self._again(login, session, Problem(service.name, "another", text))
        return redirect(await service.open_link(principal, scopes=_ticked(service, form), account=name))

    async def reconnect(self, request: Request) -> Response:
        """Lead to the connect page for a connection there is, with the permissions it has."""
        _, session, form = await self._sent(request, "reconnect")
        service, principal = self._service(form), _principal(session)
        held = await self._held(service, principal, form)
        return redirect(await service.open_link(principal, account=held.name))

    async def ask_for_more(self, request: Request) -> Response:
        """Lead to the connect page for permissions that a connection lacks."""
        login, session, form = await self._sent(request, "more")
        service, principal = self._service(form), _principal(session)
        held = await self._held(service, principal, form)
        ticked = _ticked(service, form)
        if not ticked:
            text = "Tick at least one permission."
            return await self._again(login, session, Problem(service.name, "more", text, held.name))
        wanted = dict.fromkeys((*held.scopes, *ticked))
        return redirect(await service.open_link(principal, scopes=tuple(wanted), account=held.name))

    async def make_default(self, request: Request) -> Response:
        """Let tools that name no account use this one."""
        _, session, form = await self._sent(request, "default")
        service, principal = self._service(form), _principal(session)
        held = await self._held(service, principal, form)
        await service.broker.overview.make_default(principal, name=held.name)
        return redirect(f"{self._base_url}{CONNECTIONS_PATH}")

    async def disconnect(self, request: Request) -> Response:
        """End a connection here and at the service, and say honestly what the service said."""
        login, session, form = await self._sent(request, "disconnect")
        service, principal = self._service(form), _principal(session)
        held = await self._held(service, principal, form)
        ended = await service.disconnect(principal, held.name)
        notice = notice_of(ended, service=service.display_name, settings_url=service.settings_url)
        return await self._page(login, session, notice=notice)

    async def sign_out(self, request: Request) -> Response:
        """Sign the browser out here, and say that this is all it does."""
        _, session, _ = await self._sent(request, "sign-out")
        again = urlencode({"at": issuer_mark(session.issuer)})
        response = self._pages.message(
            "You are signed out",
            "Your connections stay as they are. Where you signed in, you may still be signed in.",
            action="Sign in again",
            action_url=f"{self._base_url}{SWITCH_PATH}?{again}",
        )
        await sign_out(request, session, response)
        return response

    async def _page(
        self,
        login: BrowserLogin,
        session: BrowserSession,
        *,
        notice: Notice | None = None,
        problem: Problem | None = None,
        status: int = 200,
    ) -> Response:
        principal = _principal(session)
        return self._pages.connections(
            user=session.name,
            services=[await _view(one, principal) for one in in_order(self._services)],
            base_url=self._base_url,
            tokens={action: login.csrf.token_for(session, _path(action)) for action in self._actions},
            notice=notice,
            problem=problem,
            status=status,
        )

    async def _again(self, login: BrowserLogin, session: BrowserSession, problem: Problem) -> Response:
        return await self._page(login, session, problem=problem, status=422)

    async def _sent(self, request: Request, action: str) -> tuple[BrowserLogin, BrowserSession, Form]:
        """The session and the form of a POST, if the form is one of ours; else the page that says why not."""
        login, session = sign_in_of(request), await session_of(request)
        if session is None:
            raise Answered(sign_in_first(self._pages, f"{self._base_url}{CONNECTIONS_PATH}"))
        try:
            form = await read_form(request)
            login.csrf.check(session, _path(action), form.get(CSRF_FIELD, ""))
        except (SealError, FormTooLarge) as error:
            if isinstance(error, FormTooLarge):
                tell_refused(EventName.FORM_REFUSED, "oversized form", actor=session.actor, path=_path(action))
            raise Answered(
                self._message(
                    "Please try that once more",
                    "This page was open for too long, or the request did not come from it. Nothing was changed.",
                    status=403 if isinstance(error, SealError) else 413,
                )
            ) from error
        return login, session, form

    def _service(self, form: Form) -> ConnectedService:
        try:
            return service_named(self._services, form.get("service", ""))
        except NoSuchConnection as error:
            raise Answered(self._gone(error)) from error

    async def _held(self, service: ConnectedService, principal: Principal, form: Form) -> Connection:
        try:
            return await service.connection(principal, form.get("name", ""))
        except NoSuchConnection as error:
            raise Answered(self._gone(error)) from error

    def _gone(self, error: NoSuchConnection) -> Response:
        return self._message(
            "That connection is not there", error.public, "It may have been changed in another window.", status=404
        )

    def _message(self, heading: str, *lines: str, status: int) -> Response:
        return self._pages.message(
            heading,
            *lines,
            status=status,
            tone="bad",
            action="Back to your connections",
            action_url=f"{self._base_url}{CONNECTIONS_PATH}",
        )


async def _view(service: ConnectedService, principal: Principal) -> ServiceView:
    held = await service.connections(principal)
    known = service.known_scopes()
    return ServiceView(
        name=service.name,
        display_name=service.display_name,
        connections=tuple(
            connection_view(one, missing=choices_of(known, service.missing_scopes(one)), is_only=len(held) == 1)
            for one in held
        ),
        choices=choices_of(known, known),
    )


def _path(action: str) -> str:
    return f"{CONNECTIONS_PATH}/{action}"


def _principal(session: BrowserSession) -> Principal:
    return Principal.bare(session.issuer, session.subject)


def _ticked(service: ConnectedService, form: Form) -> tuple[str, ...]:
    """The permissions that were ticked, of those that something here needs."""
    ticked = form.getlist("scope")
    return tuple(scope for scope in service.known_scopes() if scope in ticked)
