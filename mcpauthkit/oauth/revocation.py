"""Token revocation: RFC 7009, and what services have instead."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from mcpauthkit.core.encoding import base64url_decode, parse_json_object
from mcpauthkit.core.secret import Secret
from mcpauthkit.errors import RemoteMisbehaved, RemoteUnavailable
from mcpauthkit.oauth.messages import HttpRequest, HttpResponse
from mcpauthkit.oauth.token import BodyKind, OAuthClient, authenticated_form, basic_credentials

TokenKind = Literal["access_token", "refresh_token"]

# RFC 7009 asks for the first, GitHub gives the second. A 202 confirms nothing.
_CONFIRMED = frozenset({200, 204})
_MAX_PART_BYTES = 16 * 1024
_SIGNED_PARTS, _ENCRYPTED_PARTS = 3, 5


def revocation_request(
    endpoint: str, client: OAuthClient, *, token: Secret, kind: TokenKind, body: BodyKind = "form"
) -> HttpRequest:
    """Ask an authorization server to revoke a token (RFC 7009 section 2.1).

    Args:
        endpoint: The revocation endpoint.
        client: Our client there.
        token: The token.
        kind: Which one it is.
        body: What the endpoint takes.
    """
    # The hint is the standard's; what takes JSON has a contract of its own, in which there is the token and no more.
    hint = {"token_type_hint": kind} if body == "form" else {}
    return authenticated_form(endpoint, client, {"token": token.reveal(), **hint}, body=body)


def deletion_request(endpoint: str, client: OAuthClient, *, token: Secret) -> HttpRequest:
    """Ask GitHub to delete a token, or the whole grant it came of, which the address decides.

    https://docs.github.com/en/rest/apps/oauth-applications (2026): the client's id and secret are sent by Basic
    whatever the token endpoint takes.
    """
    headers = {"accept": "application/json", "authorization": basic_credentials(client)}
    return HttpRequest("DELETE", endpoint, headers=headers, json={"access_token": token.reveal()})


def bearer_request(
    endpoint: str,
    *,
    token: Secret,
    method: Literal["GET", "POST"] = "POST",
    headers: Mapping[str, str] | None = None,
    json: Mapping[str, Any] | None = None,
) -> HttpRequest:
    """A request about a token to which the token itself is the key (RFC 6750 section 2.1).

    Args:
        endpoint: Where.
        token: The token.
        method: GET or POST.
        headers: Further header fields.
        json: A JSON body.
    """
    fields = {"accept": "application/json", **{name.lower(): value for name, value in (headers or {}).items()}}
    return HttpRequest(method, endpoint, headers={**fields, "authorization": f"Bearer {token.reveal()}"}, json=json)


def may_be_access_token(token: str, *, issuer: str, now: float, opaque: bool) -> bool:
    """Whether a text looks like an access token of an issuer that still works, so that it is worth asking about.

    Nothing is verified: this keeps rubbish away, and what is over already.

    Args:
        token: The text.
        issuer: The issuer's identifier.
        now: Wall time in seconds.
        opaque: Whether its tokens can have any form.
    """
    parts = token.split(".")
    try:
        if len(parts) == _ENCRYPTED_PARTS:
            return "enc" in parse_json_object(base64url_decode(parts[0]), max_bytes=_MAX_PART_BYTES)
        if len(parts) != _SIGNED_PARTS:
            return opaque
        claims = parse_json_object(base64url_decode(parts[1]), max_bytes=_MAX_PART_BYTES)
    except ValueError:
        return opaque
    expires_at = claims.get("exp")
    is_over = isinstance(expires_at, int | float) and not now < expires_at
    return claims.get("iss") == issuer and not is_over


def process_revocation_response(response: HttpResponse, *, ok_flag: str = "") -> None:
    """Check that a token is revoked (RFC 7009 section 2.2).

    Args:
        response: The answer.
        ok_flag: A boolean member that is false in the service's refusals, which may come with HTTP 200.

    Raises:
        RemoteUnavailable: The server cannot answer now.
        RemoteMisbehaved: It refused.
    """
    if response.is_transient_failure:
        raise RemoteUnavailable(reason=f"revocation: HTTP {response.status}")
    if response.status not in _CONFIRMED:
        raise RemoteMisbehaved(reason=f"revocation: HTTP {response.status}")
    if ok_flag and response.json_object("revocation response").get(ok_flag) is not True:
        raise RemoteMisbehaved(reason=f"revocation: {ok_flag} is not true")
