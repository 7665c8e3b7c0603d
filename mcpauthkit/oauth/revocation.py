"""Token revocation (RFC 7009)."""

from __future__ import annotations

from typing import Literal

from mcpauthkit.core.encoding import base64url_decode, parse_json_object
from mcpauthkit.core.secret import Secret
from mcpauthkit.errors import RemoteMisbehaved, RemoteUnavailable
from mcpauthkit.oauth.messages import HttpRequest, HttpResponse
from mcpauthkit.oauth.token import OAuthClient, authenticated_form

TokenKind = Literal["access_token", "refresh_token"]

_HTTP_OK = 200
_MAX_PART_BYTES = 16 * 1024
_SIGNED_PARTS, _ENCRYPTED_PARTS = 3, 5


def revocation_request(endpoint: str, client: OAuthClient, *, token: Secret, kind: TokenKind) -> HttpRequest:
    """Ask an authorization server to revoke a token (RFC 7009 section 2.1)."""
    return authenticated_form(endpoint, client, {"token": token.reveal(), "token_type_hint": kind})


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


def process_revocation_response(response: HttpResponse) -> None:
    """Check that a token is revoked (RFC 7009 section 2.2).

    Raises:
        RemoteUnavailable: The server cannot answer now.
        RemoteMisbehaved: It refused.
    """
    if response.is_transient_failure:
        raise RemoteUnavailable(reason=f"revocation: HTTP {response.status}")
    if response.status != _HTTP_OK:
        raise RemoteMisbehaved(reason=f"revocation: HTTP {response.status}")
