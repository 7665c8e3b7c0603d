"""The token endpoint: requests for a code and for a refresh token, and the answer (RFC 6749 sections 4.1.3, 5, 6)."""

from __future__ import annotations

import base64
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, NoReturn, get_args
from urllib.parse import quote_plus

from mcpauthkit.core.secret import Secret
from mcpauthkit.errors import ConfigurationError, GrantRefused, RemoteMisbehaved, RemoteUnavailable
from mcpauthkit.oauth.account import Account
from mcpauthkit.oauth.json_paths import text_at, values_at, words_of
from mcpauthkit.oauth.messages import TRANSIENT_ERRORS, HttpRequest, HttpResponse, name_of_error
from mcpauthkit.oauth.token_shape import TokenShape

ClientAuthentication = Literal["client_secret_basic", "client_secret_post", "none"]
"""How a client proves itself at the token endpoint, in the words of RFC 7591 section 2."""

BodyKind = Literal["form", "json"]
"""What a token endpoint takes: forms by the standard, JSON by some services."""

_HTTP_OK = 200
_HTTP_UNAUTHORIZED = 401
_CHECK_CLIENT = "Check client_id, client_secret, client_authentication, token_url and what the client may do there."
_REFUSALS = range(400, 500)
_MAX_TOKEN_LENGTH = 16 * 1024
# RFC 6749 section 7.1: not to be used without understanding. Other spellings stay, some services invent their own.
_BOUND_TYPES = frozenset({"dpop", "mac", "pop"})
_GONE = "invalid_grant"
# Keycloak, GitHub and Microsoft, Intuit. Keycloak says 0 for a token without an end.
_REFRESH_LIFETIMES = ("refresh_expires_in", "refresh_token_expires_in", "x_refresh_token_expires_in")
# What GitHub and Slack say instead of RFC 6749 section 5.2's word.
_GONE_ELSEWHERE = frozenset({"bad_refresh_token", "invalid_refresh_token", "token_revoked"})
_STANDARD = TokenShape()


@dataclass(frozen=True, slots=True)
class OAuthClient:
    """Our client at an authorization server.

    Args:
        client_id: Its identifier.
        client_secret: Its secret, or None for a public client.
        authentication: How it proves itself.

    Raises:
        ConfigurationError: There is no such way to prove oneself; requests would go out without the secret.
    """

    client_id: str
    client_secret: Secret | None = None
    authentication: ClientAuthentication = "none"

    def __post_init__(self) -> None:
        if self.authentication not in get_args(ClientAuthentication):
            raise ConfigurationError(
                f"There is no client authentication {self.authentication!r}.",
                hint=f"It is one of {', '.join(get_args(ClientAuthentication))}.",
            )


@dataclass(frozen=True, slots=True)
class TokenSet:
    """A successful token answer.

    Args:
        access_token: The credential itself.
        token_type: As the server spells it; usually `Bearer`.
        expires_in: Lifetime in seconds, or None when the server does not say.
        refresh_token: For the next one, when there is one.
        refresh_expires_in: Its lifetime in seconds, or None when the server does not say; no standard names it.
        scopes: What was granted, or None when the server does not say (then it is what was asked).
        id_token: An OpenID Connect ID token, when one came.
        details: What else the service's shape asks to keep.
        account: Whose account it is, when the answer says so.
    """

    access_token: Secret
    token_type: str
    expires_in: float | None
    refresh_token: Secret | None
    scopes: tuple[str, ...] | None
    id_token: Secret | None = field(default=None)
    details: Mapping[str, str] = field(default_factory=dict)
    account: Account | None = None
    refresh_expires_in: float | None = None


def code_request(
    endpoint: str,
    client: OAuthClient,
    *,
    code: str,
    redirect_uri: str,
    code_verifier: str = "",
    resource: str = "",
    body: BodyKind = "form",
) -> HttpRequest:
    """Exchange an authorization code (RFC 6749 section 4.1.3, RFC 7636 section 4.5, RFC 8707 section 2.2).

    Args:
        endpoint: The token endpoint.
        client: Our client there.
        code: The code.
        redirect_uri: Where the browser brought it.
        code_verifier: The PKCE verifier; empty where no challenge was sent.
        resource: The resource the token is for.
        body: What the endpoint takes.
    """
    members = {"grant_type": "authorization_code", "code": code, "redirect_uri": redirect_uri}
    if code_verifier:
        members["code_verifier"] = code_verifier
    if resource:
        members["resource"] = resource
    return authenticated_form(endpoint, client, members, body=body)


def refresh_request(
    endpoint: str,
    client: OAuthClient,
    *,
    refresh_token: Secret,
    scopes: Sequence[str] = (),
    resource: str = "",
    redirect_uri: str = "",
    body: BodyKind = "form",
) -> HttpRequest:
    """Exchange a refresh token (RFC 6749 section 6, RFC 8707 section 2.2).

    Args:
        endpoint: The token endpoint, or where the service takes refresh tokens instead.
        client: Our client there.
        refresh_token: The token.
        scopes: Fewer scopes than it has; none for all of them.
        resource: The resource the new token is for.
        redirect_uri: Where the browser brought the code, for services that want to hear it again.
        body: What the endpoint takes.
    """
    members = {"grant_type": "refresh_token", "refresh_token": refresh_token.reveal()}
    if scopes:
        members["scope"] = " ".join(scopes)
    if resource:
        members["resource"] = resource
    if redirect_uri:
        members["redirect_uri"] = redirect_uri
    return authenticated_form(endpoint, client, members, body=body)


def authenticated_form(
    endpoint: str, client: OAuthClient, form: dict[str, str], *, body: BodyKind = "form"
) -> HttpRequest:
    """A form to an endpoint of the authorization server, with our proof of being the client (section 2.3.1).

    Args:
        endpoint: Where it goes.
        client: Our client there.
        form: Its fields; ours are added.
        body: `json` sends the same members as a JSON object.
    """
    headers = {"accept": "application/json"}
    if client.authentication == "client_secret_basic" and client.client_secret is not None:
        headers["authorization"] = basic_credentials(client)
    else:
        form["client_id"] = client.client_id
        if client.authentication == "client_secret_post" and client.client_secret is not None:
            form["client_secret"] = client.client_secret.reveal()
    if body == "json":
        return HttpRequest("POST", endpoint, headers=headers, json=form)
    return HttpRequest("POST", endpoint, headers=headers, form=form)


def basic_credentials(client: OAuthClient) -> str:
    """The value of an Authorization header that proves that we are the client (RFC 6749 section 2.3.1)."""
    # Both halves are form-encoded before they are joined.
    secret = client.client_secret.reveal() if client.client_secret is not None else ""
    pair = f"{quote_plus(client.client_id)}:{quote_plus(secret)}"
    return "Basic " + base64.b64encode(pair.encode()).decode("ascii")


def process_token_response(response: HttpResponse, shape: TokenShape = _STANDARD) -> TokenSet:
    """Read a token answer.

    Args:
        response: The answer.
        shape: The service's habits.

    Raises:
        RemoteUnavailable: The server cannot answer now; the code or refresh token may still be good.
        GrantRefused: The server refuses with an OAuth error, also when that comes with HTTP 200. A refused code or
            refresh token is `invalid_grant`, whatever the service calls it.
        RemoteMisbehaved: The answer holds no usable token.
    """
    answer = response.json_object("token response")
    error = _error(answer, shape)
    if error:
        _refuse(error, response.status, shape)
    if response.status != _HTTP_OK:
        if response.status in _REFUSALS and _says_gone(answer, shape):
            raise GrantRefused(_GONE, reason=f"token endpoint: HTTP {response.status} without an error's name")
        # Nothing of the body is repeated: a broken server may send the token along with the failure.
        hint = _CHECK_CLIENT if response.status == _HTTP_UNAUTHORIZED else ""
        raise RemoteMisbehaved(hint=hint, reason=f"token endpoint: HTTP {response.status} without an OAuth error")
    if shape.ok_flag and answer.get(shape.ok_flag) is False:
        raise RemoteMisbehaved(reason=f"token response: {shape.ok_flag} is false, and no error is named")
    block = _block(answer, shape)
    token_type = _token_type(block, shape)
    return TokenSet(
        access_token=_required_token(block),
        token_type=token_type,
        expires_in=_lifetime(block.get("expires_in")) or shape.lifetime_seconds,
        refresh_token=_optional_token(block, "refresh_token"),
        scopes=_scopes(block, shape),
        id_token=_optional_token(block, "id_token"),
        details={name: text for name, path in shape.details.items() if (text := text_at(answer, path))},
        account=shape.account.read(answer) if shape.account is not None else None,
        refresh_expires_in=next(filter(None, (_lifetime(block.get(name)) for name in _REFRESH_LIFETIMES)), None),
    )


def _error(answer: Mapping[str, Any], shape: TokenShape) -> str:
    named = (value for path in shape.error_paths for value in values_at(answer, path))
    return next((value for value in named if isinstance(value, str) and value), "")


def _refuse(error: str, status: int, shape: TokenShape) -> NoReturn:
    name = name_of_error(error)
    reason = f"token endpoint error {name!r}, HTTP {status}"
    if error in TRANSIENT_ERRORS or error in shape.transient:
        raise RemoteUnavailable(reason=reason)
    if error in _GONE_ELSEWHERE or error in shape.gone:
        raise GrantRefused(_GONE, reason=reason)
    raise GrantRefused(name, hint=_CHECK_CLIENT, reason=reason)


def _block(answer: Mapping[str, Any], shape: TokenShape) -> Mapping[str, Any]:
    for path in shape.blocks:
        for block in values_at(answer, path):
            if isinstance(block, dict) and _text(block, "access_token"):
                return block
    raise RemoteMisbehaved(reason="token response without access_token")


def _says_gone(answer: Mapping[str, Any], shape: TokenShape) -> bool:
    said = text_at(answer, shape.message_path).casefold().replace("_", " ")
    return any(one.casefold() in said for one in shape.gone_phrases)


def _token_type(block: Mapping[str, Any], shape: TokenShape) -> str:
    token_type = _text(block, "token_type") or "Bearer"
    if token_type.lower() in _BOUND_TYPES:
        raise RemoteMisbehaved(reason=f"token response: token_type {token_type!r:.40} needs a proof we cannot give")
    if token_type.lower() in shape.foreign_types:
        # Its rights are those of the whole app, for whoever connects.
        raise RemoteMisbehaved(
            hint="Ask for scopes of users, and give the app those at the service; this token is not the user's.",
            reason=f"token response: token_type {token_type!r:.40} and no token of the user",
        )
    return token_type


def _text(answer: Mapping[str, Any], name: str) -> str | None:
    value = answer.get(name)
    return value if isinstance(value, str) and value else None


def _optional_token(answer: Mapping[str, Any], name: str) -> Secret | None:
    value = _text(answer, name)
    return None if value is None else _usable_token(value, name)


def _required_token(answer: Mapping[str, Any]) -> Secret:
    return _usable_token(str(answer["access_token"]), "access_token")


def _usable_token(value: str, name: str) -> Secret:
    # A control character in a token would split a header when the token is sent.
    if len(value) > _MAX_TOKEN_LENGTH or not value.isprintable() or not value.isascii():
        raise RemoteMisbehaved(reason=f"token response: {name} is not a usable token")
    return Secret(value)


def _lifetime(value: Any) -> float | None:
    # Several services send the number as a string. A boolean would count as one second.
    try:
        seconds = math.nan if isinstance(value, bool) else float(value)
    except (TypeError, ValueError, OverflowError):
        return None
    return seconds if math.isfinite(seconds) and seconds > 0 else None


def _scopes(block: Mapping[str, Any], shape: TokenShape) -> tuple[str, ...] | None:
    found = (words_of(block.get(name)) for name in shape.scope_names)
    return next((one for one in found if one is not None), None)
