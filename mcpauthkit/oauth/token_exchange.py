"""Tokens without a visit of the browser: token exchange (RFC 8693), Entra's on-behalf-of, client credentials."""

from __future__ import annotations

from collections.abc import Sequence

from mcpauthkit.core.secret import Secret
from mcpauthkit.errors import RemoteMisbehaved
from mcpauthkit.oauth.messages import HttpRequest, HttpResponse
from mcpauthkit.oauth.token import BodyKind, OAuthClient, TokenSet, authenticated_form, process_token_response
from mcpauthkit.oauth.token_shape import TokenShape

TOKEN_EXCHANGE = "urn:ietf:params:oauth:grant-type:token-exchange"  # noqa: S105
"""The grant type of RFC 8693 section 2.1."""
JWT_BEARER = "urn:ietf:params:oauth:grant-type:jwt-bearer"
"""The grant type of RFC 7523 section 2.1, which Entra's on-behalf-of uses."""
ACCESS_TOKEN_TYPE = "urn:ietf:params:oauth:token-type:access_token"  # noqa: S105
"""An OAuth access token (RFC 8693 section 3)."""
JWT_TYPE = "urn:ietf:params:oauth:token-type:jwt"
"""A JWT of whatever purpose (RFC 8693 section 3)."""

_NO_ACCESS_TOKEN = "n_a"  # noqa: S105
_STANDARD = TokenShape()
# The types of RFC 8693 section 3 that an access token must not be confused with.
_OTHER_TYPES = tuple(
    f"urn:ietf:params:oauth:token-type:{one}" for one in ("id_token", "refresh_token", "saml1", "saml2")
)


def exchange_request(
    endpoint: str,
    client: OAuthClient,
    *,
    subject_token: Secret,
    subject_token_type: str = ACCESS_TOKEN_TYPE,
    requested_token_type: str = ACCESS_TOKEN_TYPE,
    audience: str = "",
    resource: str = "",
    scopes: Sequence[str] = (),
    scope_separator: str = " ",
    body: BodyKind = "form",
) -> HttpRequest:
    """Exchange somebody's token for one that another service takes (RFC 8693 section 2.1).

    Args:
        endpoint: The token endpoint.
        client: Our client there.
        subject_token: The token of whom the new one is going to be.
        subject_token_type: What kind it is.
        requested_token_type: What kind is wanted.
        audience: The name of the service the new token is for.
        resource: Its address.
        scopes: What the new token has to permit.
        scope_separator: What joins them.
        body: What the endpoint takes.
    """
    form = {
        "grant_type": TOKEN_EXCHANGE,
        "subject_token": subject_token.reveal(),
        "subject_token_type": subject_token_type,
        "requested_token_type": requested_token_type,
    }
    return authenticated_form(
        endpoint, client, form | _target(audience, resource, scope_separator.join(scopes)), body=body
    )


def on_behalf_of_request(
    endpoint: str,
    client: OAuthClient,
    *,
    assertion: Secret,
    scopes: Sequence[str],
    scope_separator: str = " ",
    body: BodyKind = "form",
) -> HttpRequest:
    """Ask Entra for a token of whom an access token belongs to; the scopes name the service as well.

    Args:
        endpoint: The token endpoint of the tenant.
        client: Our client there.
        assertion: The access token that our caller presented.
        scopes: What the new token has to permit, such as `https://graph.microsoft.com/User.Read`.
        scope_separator: What joins them.
        body: What the endpoint takes.
    """
    form = {
        "grant_type": JWT_BEARER,
        "assertion": assertion.reveal(),
        "requested_token_use": "on_behalf_of",
        "scope": scope_separator.join(scopes),
    }
    return authenticated_form(endpoint, client, form, body=body)


def client_credentials_request(
    endpoint: str,
    client: OAuthClient,
    *,
    scopes: Sequence[str] = (),
    audience: str = "",
    resource: str = "",
    scope_separator: str = " ",
    body: BodyKind = "form",
) -> HttpRequest:
    """Ask for a token of the client itself (RFC 6749 section 4.4.2).

    Args:
        endpoint: The token endpoint.
        client: Our client there.
        scopes: What the token has to permit.
        audience: The name of the service it is for, where the server wants one.
        resource: Its address (RFC 8707 section 2), where the server wants that.
        scope_separator: What joins the scopes.
        body: What the endpoint takes.
    """
    form = {"grant_type": "client_credentials"}
    return authenticated_form(
        endpoint, client, form | _target(audience, resource, scope_separator.join(scopes)), body=body
    )


def process_exchange_response(response: HttpResponse, shape: TokenShape = _STANDARD) -> TokenSet:
    """Read the answer to `exchange_request`, as `process_token_response` does, and check what kind of token came.

    Args:
        response: The answer.
        shape: The server's habits.

    Raises:
        RemoteUnavailable: The server cannot answer now.
        GrantRefused: It refuses with an OAuth error.
        RemoteMisbehaved: There is no token, or one that is no access token.
    """
    tokens = process_token_response(response, shape)
    # An ID token or a refresh token in the place of the access token must not be sent to an API (section 2.2.1).
    if tokens.token_type.lower() == _NO_ACCESS_TOKEN:
        raise RemoteMisbehaved(reason="token exchange: the issued token is no access token (token_type N_A)")
    issued = response.json_object("token exchange response").get("issued_token_type", ACCESS_TOKEN_TYPE)
    # Keycloak before 26 names no type (keycloak/keycloak issue 31548), and others call their access tokens what they
    # are made of (indigo-iam/iam pull request 1322); both seen November 2026.
    # Compared one by one: a list in its place has no hash.
    if issued not in (ACCESS_TOKEN_TYPE, JWT_TYPE):
        # A type nobody knows is not repeated: it may be the token, in the wrong member.
        name = issued if issued in _OTHER_TYPES else "of no known kind"
        raise RemoteMisbehaved(reason=f"token exchange: issued_token_type {name} is not what was asked for")
    return tokens


def _target(audience: str, resource: str, scope: str) -> dict[str, str]:
    named = {"audience": audience, "resource": resource, "scope": scope}
    return {name: value for name, value in named.items() if value}
