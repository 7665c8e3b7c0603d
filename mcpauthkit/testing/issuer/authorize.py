"""The authorization endpoint and its login page."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mcpauthkit.testing.conduct import WRONG_ISSUER
from mcpauthkit.testing.html import Pages
from mcpauthkit.testing.issuer.authorization_request import checked_request, return_address
from mcpauthkit.testing.issuer.grants import CodeTerms, Grant
from mcpauthkit.testing.wire import OAuthFailure, Parameters, form_pairs, redirect_with

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.requests import Request
    from starlette.responses import Response

    from mcpauthkit.testing.issuer.authorization_request import AuthorizationRequest, ReturnAddress
    from mcpauthkit.testing.issuer.context import IssuerContext
    from mcpauthkit.testing.issuer.grants import Session

SESSION_COOKIE = "devissuer_session"
LOGIN_FORM_ID = "devissuer-login"
_OWN_FIELDS = frozenset({"username", "action"})

_LOGIN = """{% extends "layout" %}{% block body %}
<p><strong>{{ client }}</strong> wants to know who you are.</p>
{% if error %}<p role="alert">{{ error }}</p>{% endif %}
<form method="post" id="{{ form_id }}" action="{{ action }}">
{% for name, value in fields %}<input type="hidden" name="{{ name }}" value="{{ value }}">
{% endfor %}<fieldset>
<legend>Who are you?</legend>
{% for user in users %}<label>
<input type="radio" name="username" value="{{ user.username }}" required{{ " checked" if loop.first }}>
{{ user.name }} ({{ user.username }})</label>
{% endfor %}</fieldset>
<button type="submit" name="action" value="sign-in">Sign in</button>
<button type="submit" name="action" value="cancel" formnovalidate>Cancel</button>
</form>
<p class="note">A development issuer: nobody is asked for a password.</p>
{% endblock %}"""


class AuthorizeEndpoint:
    """`/authorize`: shows the login page, or answers at once for a browser that is signed in."""

    def __init__(self, context: IssuerContext) -> None:
        self._context = context
        self._pages = Pages(login=_LOGIN)

    async def show(self, request: Request) -> Response:
        """GET. Nothing is stored until someone signs in: FastMCP's client asks once before it opens the browser."""
        return await self._answer(request, request.query_params.multi_items(), self._without_login)

    async def submit(self, request: Request) -> Response:
        """POST of the login page."""
        return await self._answer(request, await form_pairs(request), self._with_login)

    async def _answer(
        self,
        request: Request,
        pairs: list[tuple[str, Any]],
        decide: Callable[[AuthorizationRequest, Parameters, Request], Response],
    ) -> Response:
        try:
            parameters = Parameters.of(pairs)
            address = await return_address(self._context, parameters)
        except OAuthFailure as failure:
            # Never a redirect: the address may be an attacker's (RFC 6749 section 4.1.2.1).
            return self._error_page(failure)
        try:
            return decide(checked_request(self._context, parameters, address), parameters, request)
        except OAuthFailure as failure:
            return self._send_back(address, parameters.get("state"), **failure.body())

    def _without_login(self, asked: AuthorizationRequest, parameters: Parameters, request: Request) -> Response:
        session = self._context.grants.session(request.cookies.get(SESSION_COOKIE, ""))
        if session is not None and self._is_enough(session, asked):
            return self._send_code(asked, parameters, session)
        if "none" in asked.prompts:
            raise OAuthFailure("login_required", "nobody is signed in")
        return self._login_page(asked, parameters)

    def _with_login(self, asked: AuthorizationRequest, parameters: Parameters, _: Request) -> Response:
        if parameters.get("action") == "cancel":
            raise OAuthFailure("access_denied", "the user cancelled")
        user = self._context.users.get(parameters.get("username"))
        if user is None:
            return self._login_page(asked, parameters, error="Choose one of the users.")
        cookie, session = self._context.grants.open_session(user.subject)
        response = self._send_code(asked, parameters, session)
        response.set_cookie(SESSION_COOKIE, cookie, httponly=True, samesite="lax")
        return response

    def _is_enough(self, session: Session, asked: AuthorizationRequest) -> bool:
        if asked.prompts & {"login", "select_account"}:
            return False
        age = self._context.clock.wall() - session.auth_time
        return asked.max_age_seconds is None or age <= asked.max_age_seconds

    def _send_code(self, asked: AuthorizationRequest, parameters: Parameters, session: Session) -> Response:
        client = asked.address.client
        grant = Grant(
            grant_id=self._context.entropy.token(16),
            client_id=client.client_id,
            sub=session.sub,
            scopes=asked.scopes,
            resources=asked.resources,
            nonce=asked.nonce,
            auth_time=session.auth_time,
            refreshable="offline_access" in asked.scopes or "refresh_token" in client.grant_types,
        )
        terms = CodeTerms(asked.address.redirect_uri, asked.code_challenge)
        code = self._context.grants.issue_code(grant, terms)
        return self._send_back(asked.address, parameters.get("state"), code=code)

    def _send_back(self, address: ReturnAddress, state: str, **answer: str) -> Response:
        conduct = self._context.conduct.now()
        iss = WRONG_ISSUER if conduct.wrong_iss else self._context.settings.issuer
        return redirect_with(address.redirect_uri, **answer, state=state, iss="" if conduct.omit_iss else iss)

    def _login_page(self, asked: AuthorizationRequest, parameters: Parameters, error: str = "") -> Response:
        fields = [pair for pair in parameters.values.items() if pair[0] not in _OWN_FIELDS]
        fields += [("resource", resource) for resource in parameters.resources]
        client = asked.address.client
        return self._pages.render(
            "login",
            status=400 if error else 200,
            title="Sign in",
            client=client.client_name or client.client_id,
            error=error,
            form_id=LOGIN_FORM_ID,
            action=f"{self._context.settings.path}/authorize",
            fields=fields,
            users=list(self._context.users.values()),
        )

    def _error_page(self, failure: OAuthFailure) -> Response:
        text = f"{failure.error}: {failure.description}"
        return self._pages.message("This request cannot be answered", text, status=400)
