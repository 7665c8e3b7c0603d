"""Asking an authorization server about a token: introspection (RFC 7662), and Google's older way of the same.

Both give the token's claims when it is good and None when it is not. Everything else, our own credentials refused
included, is an error and no verdict: a user must not be sent to sign in again because of it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mcpauthkit.core.secret import Secret
from mcpauthkit.errors import GrantRefused, RemoteMisbehaved
from mcpauthkit.oauth.messages import HttpRequest, HttpResponse
from mcpauthkit.oauth.token import OAuthClient, authenticated_form

_HTTP_OK = 200
_HTTP_BAD_REQUEST = 400
_HTTP_UNAUTHORIZED = 401
_OUR_FAULT = frozenset({_HTTP_UNAUTHORIZED, 403})
_CREDENTIALS = "Check client_id and client_secret, and that this client may introspect tokens."
_GOOGLE_INSTANTS = ("exp", "iat")
_MAX_DIGITS = 12


def introspection_request(endpoint: str, client: OAuthClient, token: Secret) -> HttpRequest:
    """Ask about a token (RFC 7662 section 2.1)."""
    return authenticated_form(endpoint, client, {"token": token.reveal(), "token_type_hint": "access_token"})


def process_introspection(response: HttpResponse) -> Mapping[str, Any] | None:
    """The claims of an active token, or None for one that is not active (RFC 7662 section 2.2).

    Raises:
        RemoteUnavailable: The server cannot answer now.
        GrantRefused: It refuses our own credentials, which says nothing of the token.
        RemoteMisbehaved: The answer is none.
    """
    if response.status == _HTTP_UNAUTHORIZED:
        raise GrantRefused("invalid_client", hint=_CREDENTIALS, reason="introspection: HTTP 401")
    _check_status(response, "introspection")
    claims = response.json_object("introspection")
    # A text "false" is true in Python, and so is "inactive".
    active = claims.get("active")
    if active is not True and active is not False:
        raise RemoteMisbehaved(
            hint="Check that the endpoint is the one for introspection.", reason="introspection without active"
        )
    return claims if active else None


def tokeninfo_request(endpoint: str, _client: OAuthClient, token: Secret) -> HttpRequest:
    """Ask Google's tokeninfo endpoint; the token travels in a header, because addresses end up in logs."""
    headers = {"accept": "application/json", "authorization": f"Bearer {token.reveal()}"}
    return HttpRequest("GET", endpoint, headers=headers)


def process_tokeninfo(response: HttpResponse) -> Mapping[str, Any] | None:
    """The claims of a good token, or None for a bad one, which Google answers with 400 invalid_token.

    Raises:
        RemoteUnavailable: The server cannot answer now.
        RemoteMisbehaved: The answer is none.
    """
    if response.status == _HTTP_BAD_REQUEST:
        if response.json_object("tokeninfo").get("error") in {"invalid_token", "invalid_request"}:
            return None
        raise RemoteMisbehaved(reason="tokeninfo: HTTP 400 for another reason than the token")
    _check_status(response, "tokeninfo")
    claims = response.json_object("tokeninfo")
    if "error" in claims or "aud" not in claims:
        raise RemoteMisbehaved(reason="tokeninfo without aud")
    # Instants come as texts of digits.
    instants = {name: _instant(claims[name]) for name in _GOOGLE_INSTANTS if name in claims}
    return {**claims, **instants}


def _instant(value: object) -> object:
    is_digits = isinstance(value, str) and value.isascii() and value.isdigit() and len(value) <= _MAX_DIGITS
    return int(str(value)) if is_digits else value


def _check_status(response: HttpResponse, what: str) -> None:
    if response.status in _OUR_FAULT:
        raise RemoteMisbehaved(
            hint=_CREDENTIALS,
            reason=f"{what}: HTTP {response.status}",
        )
    if response.status != _HTTP_OK and not response.is_transient_failure:
        raise RemoteMisbehaved(hint="Check the endpoint's address.", reason=f"{what}: HTTP {response.status}")
