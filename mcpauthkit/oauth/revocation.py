"""Token revocation (RFC 7009)."""

from __future__ import annotations

from typing import Literal

from mcpauthkit.core.secret import Secret
from mcpauthkit.errors import RemoteMisbehaved, RemoteUnavailable
from mcpauthkit.oauth.messages import HttpRequest, HttpResponse
from mcpauthkit.oauth.token import OAuthClient, authenticated_form

TokenKind = Literal["access_token", "refresh_token"]

_HTTP_OK = 200


def revocation_request(endpoint: str, client: OAuthClient, *, token: Secret, kind: TokenKind) -> HttpRequest:
    """Ask an authorization server to revoke a token (RFC 7009 section 2.1)."""
    return authenticated_form(endpoint, client, {"token": token.reveal(), "token_type_hint": kind})


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
