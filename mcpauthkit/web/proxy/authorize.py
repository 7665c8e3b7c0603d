"""`/authorize` and the two links of its page: nobody is sent to the issuer before they have agreed to the client."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from urllib.parse import urlencode

from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import Response

from mcpauthkit.core.audit import Event, EventName, record
from mcpauthkit.core.log import RequestLog
from mcpauthkit.errors import OAuthFault, RemoteError, RemoteUnavailable, SealError
from mcpauthkit.oauth.parameters import Parameters
from mcpauthkit.oauth.redirects import destination
from mcpauthkit.oauth.server_authorization import AskedAuthorization, parse_authorization
from mcpauthkit.oauth.server_scopes import ScopeRules
from mcpauthkit.oauth.server_token import digest, fault_of
from mcpauthkit.web.pages import Answered, Pages, redirect
from mcpauthkit.web.proxy.answers import ClientAnswers
from mcpauthkit.web.proxy.clients import Client, Clients
from mcpauthkit.web.proxy.consent import BrowserMemory
from mcpauthkit.web.proxy.seals import ProxySeals, Ticket
from mcpauthkit.web.proxy.upstream import Upstream
from mcpauthkit.web.refused import tell_refused

AUTHORIZE_PATH = "/authorize"
APPROVE_PATH = "/authorize/approve"
DECLINE_PATH = "/authorize/decline"

_log = RequestLog("web")


class AuthorizePages:
    """The authorization endpoint and its consent page.

    Args:
        base_url: The public address of the application.
        targets: The protected resources by every spelling accepted for them.
        resource_name: What people call them, or None.
        scopes: What may be asked for.
        clients: Who may ask.
        seals: Seal the links of the page.
        browser: The cookies.
        upstream: The issuer.
        answers: Sends answers back to clients.
        pages: The renderer.
    """

    def __init__(
        self,
        *,
        base_url: str,
        targets: Mapping[str, str],
        resource_name: str | None,
        scopes: ScopeRules,
        clients: Clients,
        seals: ProxySeals,
        browser: BrowserMemory,
        upstream: Upstream,
        answers: ClientAnswers,
        pages: Pages,
    ) -> None:
        self._base_url = base_url
        self._targets = targets
        self._resource_name = resource_name
        self._scopes = scopes
        self._clients = clients
        self._seals = seals
        self._browser = browser
        self._upstream = upstream
        self._answers = answers
        self._pages = pages

    async def show(self, request: Request) -> Response:
        """The client's request: the consent page, or on to the issuer where the person has agreed before.

        Nothing is used up here: FastMCP's client asks once itself before it opens the browser.
        """
        parameters = Parameters.of(request.query_params.multi_items())
        client, redirect_uri = await self._return_address(parameters)
        try:
            asked, prompting = parse_authorization(
                parameters,
                client=client.digest,
                redirect_uri=redirect_uri,
                resources=self._targets,
                scopes=self._scopes,
            )
        except OAuthFault as fault:
            _log.info(
                "authorization request refused client=%s error=%s %s", client.digest[:12], fault.error, fault.for_log()
            )
            return self._answers.refuse(
                redirect_uri,
                parameters.state(),
                error=fault.error,
                description=fault.public,
                is_trusted=self._clients.is_trusted(client, redirect_uri),
            )
        may_remember = self._clients.may_remember(client, redirect_uri)
        if may_remember and not prompting.ask_again and self._browser.has_approved(request.headers.raw, asked):
            _tell(EventName.CONSENT_REMEMBERED, asked)
            return await self._leave(request, asked)
        if prompting.no_pages:
            return self._answers.refuse(
                redirect_uri,
                asked.state,
                error="consent_required",
                is_trusted=self._clients.is_trusted(client, redirect_uri),
            )
        return self._ask(request, client, asked)

    async def approve(self, request: Request) -> Response:
        """The person agrees. A GET, because a redirected form answer would be blocked by our own policy."""
        ticket = self._ticket(request)
        asked = ticket.request
        _tell(EventName.CONSENT_GIVEN, asked)
        response = await self._leave(request, asked)
        self._browser.leave_page(response, ticket.nonce)
        if ticket.may_remember:
            self._browser.remember(response, request.headers.raw, asked)
        return response

    async def decline(self, request: Request) -> Response:
        """The person does not agree."""
        ticket = self._ticket(request)
        asked = ticket.request
        _tell(EventName.CONSENT_DECLINED, asked)
        response = self._answers.refuse(
            asked.redirect_uri,
            asked.state,
            error="access_denied",
            description="The user declined.",
            is_trusted=ticket.is_trusted,
        )
        self._browser.leave_page(response, ticket.nonce)
        return response

    async def _return_address(self, parameters: Parameters) -> tuple[Client, str]:
        # As long as these two are not known to belong together, nothing is redirected (RFC 6749 section 4.1.2.1).
        try:
            client = await self._clients.find(parameters.need("client_id"))
            redirect_uri = parameters.need("redirect_uri")
            client.check_return(redirect_uri)
        except OAuthFault as fault:
            client_id = digest(parameters.get("client_id"))[:12]
            tell_refused(EventName.CLIENT_REFUSED, fault.for_log(), client=client_id)
            raise Answered(
                self._pages.message(
                    "This sign-in cannot be started",
                    fault.public,
                    "Go back to your assistant, remove this server there and add it again.",
                    status=400,
                    tone="bad",
                )
            ) from fault
        except RemoteUnavailable as error:
            tell_refused(EventName.CLIENT_REFUSED, error.for_log())
            raise Answered(self._later()) from error
        return client, redirect_uri

    def _ask(self, request: Request, client: Client, asked: AskedAuthorization) -> Response:
        name, vouched_by = self._clients.described(client, asked.redirect_uri)
        # The page has to know the name of its cookie, so the cookie is put on a response made beforehand.
        carrier = Response()
        ticket = Ticket(
            asked=asdict(asked),
            nonce=self._browser.show_page(carrier, request.headers.raw),
            name=name,
            vouched_by=vouched_by,
            is_trusted=self._clients.is_trusted(client, asked.redirect_uri),
            may_remember=self._clients.may_remember(client, asked.redirect_uri),
        )
        page = self._page(ticket, self._seals.tickets.close(ticket))
        for cookie in carrier.headers.getlist("set-cookie"):
            page.headers.append("set-cookie", cookie)
        return page

    def _page(self, ticket: Ticket, sealed: str) -> Response:
        asked = ticket.request
        link = "?" + urlencode({"request": sealed})
        return self._pages.consent(
            client=ticket.name,
            vouched_by=ticket.vouched_by,
            destination=destination(asked.redirect_uri),
            redirect_uri=asked.redirect_uri,
            caution=self._clients.caution(asked.redirect_uri),
            resource=asked.resource,
            resource_name=self._resource_name,
            scopes=asked.scopes,
            approve_url=f"{self._base_url}{APPROVE_PATH}{link}",
            decline_url=f"{self._base_url}{DECLINE_PATH}{link}",
        )

    def _ticket(self, request: Request) -> Ticket:
        sealed = request.query_params.get("request", "")
        try:
            ticket = self._seals.tickets.open(sealed)
        except SealError as error:
            raise Answered(
                self._pages.message(
                    "This page is too old",
                    "Nothing was done. Go back to your assistant and start signing in again.",
                    status=400,
                    tone="bad",
                )
            ) from error
        if not self._browser.was_shown(request.headers.raw, ticket.nonce):
            # Somebody passed the link of their own page on, or cookies are blocked, or this is the second use.
            tell_refused(EventName.CONSENT_REFUSED, "without its page", client=ticket.request.client[:12])
            raise Answered(
                self._pages.message(
                    "Please agree in the browser that showed the page",
                    "This link was used already, or made for another browser, or cookies are blocked here. "
                    "Nothing was done.",
                    "Go back to your assistant and start again. If somebody sent you this link, do not go on.",
                    status=403,
                    tone="bad",
                )
            )
        if not _is_click(request.headers):
            tell_refused(EventName.CONSENT_REFUSED, "without a click", client=ticket.request.client[:12])
            raise Answered(self._page(ticket, sealed))
        return ticket

    async def _leave(self, request: Request, asked: AskedAuthorization) -> Response:
        try:
            departure = await self._upstream.departure(asked)
        except RemoteError as error:
            fault = fault_of(error)
            tell_refused(EventName.LOGIN_REFUSED, fault.for_log(), client=asked.client[:12])
            return self._answers.to(asked, error=fault.error, error_description=fault.public)
        response = redirect(departure.url)
        self._browser.start(response, request.headers.raw, asked, departure)
        return response

    def _later(self) -> Response:
        return self._pages.message(
            "Please try again in a moment",
            "The description of the program that wants to sign in cannot be read just now.",
            status=503,
            tone="bad",
        )


def _tell(event: EventName, asked: AskedAuthorization) -> None:
    told = {"client": asked.client[:12], "to": destination(asked.redirect_uri)}
    record(Event(event=event, metadata=told))


def _is_click(headers: Headers) -> bool:
    """Whether a browser goes here as to a page, from our own page; what does not say how it comes is no browser.

    An image of another site, a frame, a script or a prefetching browser agrees to nothing.
    """
    purpose = headers.get("sec-purpose", "") + headers.get("purpose", "")
    if "prefetch" in purpose or "prerender" in purpose:
        return False
    said = {name: headers.get(f"sec-fetch-{name}") for name in ("site", "mode", "dest")}
    if not any(said.values()):
        return True
    return said["site"] in {"same-origin", "none"} and (said["mode"], said["dest"]) == ("navigate", "document")
