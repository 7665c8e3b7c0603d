"""Dynamic client registration (RFC 7591): how the kit itself becomes a client of an issuer."""

from __future__ import annotations

from collections.abc import Sequence

from mcpauthkit.core.secret import Secret
from mcpauthkit.errors import RemoteMisbehaved
from mcpauthkit.oauth.messages import HttpRequest, HttpResponse
from mcpauthkit.oauth.token import ClientAuthentication, OAuthClient

_SUCCESS = frozenset({200, 201})
_METHODS: dict[str, ClientAuthentication] = {one: one for one in ("client_secret_basic", "client_secret_post", "none")}


def registration_request(endpoint: str, *, name: str, redirect_uris: Sequence[str], scope: str) -> HttpRequest:
    """Ask for a public web client that uses codes with PKCE (RFC 7591 section 3.1).

    Args:
        endpoint: The issuer's registration endpoint.
        name: What its consent page calls us.
        redirect_uris: Where browsers come back.
        scope: Space-separated scopes we will ask for.
    """
    body = {
        "client_name": name,
        "redirect_uris": list(redirect_uris),
        "grant_types": ["authorization_code"],
        "response_types": ["code"],
        "token_endpoint_auth_method": "none",
        "application_type": "web" if redirect_uris[0].startswith("https:") else "native",
        "scope": scope,
    }
    return HttpRequest("POST", endpoint, headers={"accept": "application/json"}, json=body)


def process_registration(response: HttpResponse) -> OAuthClient:
    """Read the issuer's answer (RFC 7591 section 3.2).

    Raises:
        RemoteUnavailable: The issuer cannot answer now.
        RemoteMisbehaved: It refused, or gave no usable client.
    """
    answer = response.json_object("client registration")
    client_id = answer.get("client_id")
    if response.status not in _SUCCESS or not isinstance(client_id, str) or not client_id:
        raise RemoteMisbehaved(
            hint="Register a client at the issuer by hand and pass it as browser_client_id.",
            reason=f"registration: HTTP {response.status}, error {answer.get('error')!r:.64}",
        )
    secret = answer.get("client_secret")
    method = _METHODS.get(str(answer.get("token_endpoint_auth_method", "none")))
    if method is None:
        raise RemoteMisbehaved(reason="registration: an authentication method we did not ask for")
    return OAuthClient(client_id, Secret(secret) if isinstance(secret, str) and secret else None, method)
