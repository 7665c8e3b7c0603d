"""The service's authorization endpoint and consent page."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mcpauthkit.testing.conduct import WRONG_ISSUER
from mcpauthkit.testing.html import Pages
from mcpauthkit.testing.service.dialects import scope_parameter
from mcpauthkit.testing.service.grants import CodeTerms
from mcpauthkit.testing.wire import OAuthFailure, Parameters, form_pairs, redirect_with

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.requests import Request
    from starlette.responses import Response

    from mcpauthkit.testing.service.context import ServiceContext

AUTHORIZE_PATH = "/login/oauth/authorize"
CONSENT_FORM_ID = "devservice-consent"
_OWN_FIELDS = frozenset({"account", "decision"})

_CONSENT = """{% extends "layout" %}{% block body %}
<p><strong>{{ client }}</strong> asks for access to your {{ service }} account.</p>
{% if error %}<p role="alert">{{ error }}</p>{% endif %}
<p>It wants to:</p>
<ul>{% for scope in scopes %}<li><code>{{ scope }}</code></li>{% else %}<li>read public data</li>{% endfor %}</ul>
<form method="post" id="{{ form_id }}" action="{{ action }}">
{% for name, value in fields %}<input type="hidden" name="{{ name }}" value="{{ value }}">
{% endfor %}<fieldset>
<legend>Account</legend>
{% for account in accounts %}<label>
<input type="radio" name="account" value="{{ account.login }}" required{{ " checked" if loop.first }}>
{{ account.login }}</label>
{% endfor %}</fieldset>
<button type="submit" name="decision" value="allow">Allow</button>
<button type="submit" name="decision" value="deny" formnovalidate>Deny</button>
</form>
<p class="note">A development service: nobody is asked for a password.</p>
{% endblock %}"""


class ConsentEndpoint:
    """`/login/oauth/authorize`: always asks, whoever was here before."""

    def __init__(self, context: ServiceContext) -> None:
        self._context = context
        self._pages = Pages(consent=_CONSENT)

    async def show(self, request: Request) -> Response:
        """GET: the consent page."""
        return self._answer(request.query_params.multi_items(), self._page)

    async def decide(self, request: Request) -> Response:
        """POST of the consent page."""
        return self._answer(await form_pairs(request), self._decided)

    def _answer(self, pairs: list[tuple[str, Any]], decide: Callable[[Parameters], Response]) -> Response:
        try:
            parameters = Parameters.of(pairs)
            self._check_address(parameters)
        except OAuthFailure as failure:
            # Never a redirect: the address may be an attacker's (RFC 6749 section 4.1.2.1).
            return self._error_page(failure)
        try:
            _check(parameters)
            return decide(parameters)
        except OAuthFailure as failure:
            return self._send_back(parameters, **failure.body())

    def _check_address(self, parameters: Parameters) -> None:
        if parameters.need("client_id") != self._context.settings.client_id:
            raise OAuthFailure("invalid_client", "unknown client")
        if not self._context.redirects.allow(parameters.need("redirect_uri")):
            raise OAuthFailure("invalid_request", "redirect_uri is not registered")

    def _decided(self, parameters: Parameters) -> Response:
        if parameters.get("decision") != "allow":
            raise OAuthFailure("access_denied", "The user has denied your application access.")
        if parameters.get("account") not in self._context.accounts:
            return self._page(parameters, error="Choose one of the accounts.")
        return self._send_back(parameters, code=self._code(parameters))

    def _code(self, parameters: Parameters) -> str:
        scopes = self._scopes(parameters)
        if self._context.conduct.now().fewer_scopes:
            scopes = scopes[:1]
        terms = CodeTerms(parameters.get("redirect_uri"), parameters.get("code_challenge"))
        return self._context.grants.issue_code(parameters.get("account"), scopes, terms)

    def _scopes(self, parameters: Parameters) -> tuple[str, ...]:
        # Commas as well as spaces: GitHub takes both.
        name = scope_parameter(self._context.settings.error_style)
        asked = dict.fromkeys(parameters.get(name).replace(",", " ").split())
        return tuple(scope for scope in asked if scope in self._context.settings.scopes)

    def _send_back(self, parameters: Parameters, **answer: str) -> Response:
        conduct = self._context.conduct.now()
        iss = WRONG_ISSUER if conduct.wrong_iss else self._context.settings.base_url
        state = self._context.entropy.token() if conduct.wrong_state else parameters.get("state")
        return redirect_with(parameters.get("redirect_uri"), **answer, state=state, iss="" if conduct.omit_iss else iss)

    def _page(self, parameters: Parameters, error: str = "") -> Response:
        settings = self._context.settings
        return self._pages.render(
            "consent",
            status=400 if error else 200,
            title=f"Authorize access to {settings.name}",
            client=settings.client_id,
            service=settings.name,
            error=error,
            scopes=self._scopes(parameters),
            form_id=CONSENT_FORM_ID,
            action=AUTHORIZE_PATH,
            fields=[pair for pair in parameters.values.items() if pair[0] not in _OWN_FIELDS],
            accounts=list(self._context.accounts.values()),
        )

    def _error_page(self, failure: OAuthFailure) -> Response:
        text = f"{failure.error}: {failure.description}"
        return self._pages.message("This request cannot be answered", text, status=400)


def _check(parameters: Parameters) -> None:
    if parameters.get("response_type") not in {"", "code"}:  # GitHub does not ask for it
        raise OAuthFailure("unsupported_response_type", "the only response type is code")
    method = parameters.get("code_challenge_method")
    if bool(parameters.get("code_challenge")) != (method == "S256"):
        raise OAuthFailure("invalid_request", "PKCE needs a challenge and the method S256")
