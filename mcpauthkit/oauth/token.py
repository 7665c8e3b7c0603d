"""The token endpoint: requests for a code and for a refresh token, and the answer (RFC 6749 sections 4.1.3, 5, 6)."""

from __future__ import annotations

import base64
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal
from urllib.parse import quote_plus

from mcpauthkit.core.secret import Secret
from mcpauthkit.errors import GrantRefused, RemoteMisbehaved, RemoteUnavailable
from mcpauthkit.oauth.messages import TRANSIENT_ERRORS, HttpRequest, HttpResponse

ClientAuthentication = Literal["client_secret_basic", "client_secret_post", "none"]
"""How a client proves itself at the token endpoint, in the words of RFC 7591 section 2."""

_HTTP_OK = 200
_MAX_TOKEN_LENGTH = 16 * 1024
# RFC 6749 section 7.1: not to be used without understanding. Other spellings stay, some services invent their own.
_BOUND_TYPES = frozenset({"dpop", "mac", "pop"})


@dataclass(frozen=True, slots=True)
class OAuthClient:
    """Our client at an authorization server.

    Args:
        client_id: Its identifier.
        client_secret: Its secret, or None for a public client.
        authentication: How it proves itself.
    """

    client_id: str
    client_secret: Secret | None = None
    authentication: ClientAuthentication = "none"


@dataclass(frozen=True, slots=True)
class TokenSet:
    """A successful token answer.

    Args:
        access_token: The credential itself.
        token_type: As the server spells it; usually `Bearer`.
        expires_in: Lifetime in seconds, or None when the server does not say.
        refresh_token: For the next one, when there is one.
        scopes: What was granted, or None when the server does not say (then it is what was asked).
        id_token: An OpenID Connect ID token, when one came.
    """

    access_token: Secret
    token_type: str
    expires_in: float | None
    refresh_token: Secret | None
    scopes: tuple[str, ...] | None
    id_token: Secret | None = field(default=None)


def code_request(
    endpoint: str, client: OAuthClient, *, code: str, redirect_uri: str, code_verifier: str, resource: str = ""
) -> HttpRequest:
    """Exchange an authorization code (RFC 6749 section 4.1.3, RFC 7636 section 4.5, RFC 8707 section 2.2)."""
    form = {
        "grant_type": "authorization_code",
        "code": code,
        "redirect_uri": redirect_uri,
        "code_verifier": code_verifier,
    }
    if resource:
        form["resource"] = resource
    return authenticated_form(endpoint, client, form)


def refresh_request(
    endpoint: str, client: OAuthClient, *, refresh_token: Secret, scopes: Sequence[str] = (), resource: str = ""
) -> HttpRequest:
    """Exchange a refresh token (RFC 6749 section 6, RFC 8707 section 2.2)."""
    form = {"grant_type": "refresh_token", "refresh_token": refresh_token.reveal()}
    if scopes:
        form["scope"] = " ".join(scopes)
    if resource:
        form["resource"] = resource
    return authenticated_form(endpoint, client, form)


def authenticated_form(endpoint: str, client: OAuthClient, form: dict[str, str]) -> HttpRequest:
    """A form to an endpoint of the authorization server, with our proof of being the client (section 2.3.1)."""
    headers = {"accept": "application/json"}
    if client.authentication == "client_secret_basic" and client.client_secret is not None:
        # RFC 6749 section 2.3.1 wants both halves form-encoded before they are joined.
        pair = f"{quote_plus(client.client_id)}:{quote_plus(client.client_secret.reveal())}"
        headers["authorization"] = "Basic " + base64.b64encode(pair.encode()).decode("ascii")
    else:
        form["client_id"] = client.client_id
        if client.authentication == "client_secret_post" and client.client_secret is not None:
            form["client_secret"] = client.client_secret.reveal()
    return HttpRequest("POST", endpoint, headers=headers, form=form)


def process_token_response(response: HttpResponse) -> TokenSet:
    """Read a token answer.

    Raises:
        RemoteUnavailable: The server cannot answer now; the code or refresh token may still be good.
        GrantRefused: The server refuses with an OAuth error, also when that comes with HTTP 200.
        RemoteMisbehaved: The answer holds no usable token.
    """
    answer = response.json_object("token response")
    error = answer.get("error")
    if isinstance(error, str) and error:
        if error in TRANSIENT_ERRORS:
            raise RemoteUnavailable(reason=f"token endpoint error {error!r:.64}")
        raise GrantRefused(error[:64], reason=f"token endpoint error {error!r:.64}, HTTP {response.status}")
    if response.status != _HTTP_OK:
        # Nothing of the body is repeated: a broken server may send the token along with the failure.
        raise RemoteMisbehaved(reason=f"token endpoint: HTTP {response.status} without an OAuth error")
    token_type = _text(answer, "token_type") or "Bearer"
    if token_type.lower() in _BOUND_TYPES:
        raise RemoteMisbehaved(reason=f"token response: token_type {token_type!r:.40} needs a proof we cannot give")
    return TokenSet(
        access_token=_required_token(answer),
        token_type=token_type,
        expires_in=_lifetime(answer.get("expires_in")),
        refresh_token=_optional_token(answer, "refresh_token"),
        scopes=_scopes(answer.get("scope")),
        id_token=_optional_token(answer, "id_token"),
    )


def _text(answer: Mapping[str, Any], name: str) -> str | None:
    value = answer.get(name)
    return value if isinstance(value, str) and value else None


def _optional_token(answer: Mapping[str, Any], name: str) -> Secret | None:
    value = _text(answer, name)
    if value is None:
        return None
    # A control character in a token would split a header when the token is sent.
    if len(value) > _MAX_TOKEN_LENGTH or not value.isprintable() or not value.isascii():
        raise RemoteMisbehaved(reason=f"token response: {name} is not a usable token")
    return Secret(value)


def _required_token(answer: Mapping[str, Any]) -> Secret:
    token = _optional_token(answer, "access_token")
    if token is None:
        raise RemoteMisbehaved(reason="token response without access_token")
    return token


def _lifetime(value: Any) -> float | None:
    # Several services send the number as a string. A boolean would count as one second.
    try:
        seconds = math.nan if isinstance(value, bool) else float(value)
    except (TypeError, ValueError, OverflowError):
        return None
    return seconds if math.isfinite(seconds) and seconds > 0 else None


def _scopes(value: Any) -> tuple[str, ...] | None:
    if isinstance(value, str):
        return tuple(value.replace(",", " ").split())
    if isinstance(value, list) and all(isinstance(item, str) for item in value):
        return tuple(value)
    return None
