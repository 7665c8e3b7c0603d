"""What an authorization server says about itself: RFC 8414 and OpenID Connect Discovery 1.0, in one document."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from mcpauthkit.core.urls import path_of
from mcpauthkit.oauth.client_metadata import GRANT_TYPES

AUTHORIZATION_SERVER = "oauth-authorization-server"
OPENID_CONFIGURATION = "openid-configuration"
JWKS_PATH = "/.well-known/jwks.json"


def authorization_server_document(
    base_url: str,
    *,
    scopes: Sequence[str],
    resources: Sequence[str],
    dynamic_registration: bool,
    client_documents: bool,
) -> dict[str, Any]:
    """The metadata of an authorization server for public clients (RFC 8414 section 2).

    It serves as the OpenID form too; some clients read only one of the two and insist on that one's members.

    Args:
        base_url: Its issuer identifier, and what its endpoints are below.
        scopes: What clients may ask for; they take all of it when nothing narrower tells them.
        resources: The protected resources it serves (RFC 9728 section 4).
        dynamic_registration: Whether clients register themselves.
        client_documents: Whether a client id may be the address of a metadata document.
    """
    document: dict[str, Any] = {
        "issuer": base_url,
        "authorization_endpoint": f"{base_url}/authorize",
        "token_endpoint": f"{base_url}/token",
        "revocation_endpoint": f"{base_url}/revoke",
        "jwks_uri": f"{base_url}{JWKS_PATH}",
        "response_types_supported": ["code"],
        "response_modes_supported": ["query"],
        "grant_types_supported": list(GRANT_TYPES),
        "code_challenge_methods_supported": ["S256"],
        "token_endpoint_auth_methods_supported": ["none"],
        "revocation_endpoint_auth_methods_supported": ["none"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["RS256"],
        "authorization_response_iss_parameter_supported": True,
        "client_id_metadata_document_supported": client_documents,
        "protected_resources": list(resources),
    }
    if scopes:
        document["scopes_supported"] = list(scopes)
    if dynamic_registration:
        document["registration_endpoint"] = f"{base_url}/register"
    return document


def metadata_paths(base_url: str) -> list[str]:
    """Where the document is served: at both well-known names, bare and with the base URL's path behind."""
    bare = [f"/.well-known/{name}" for name in (AUTHORIZATION_SERVER, OPENID_CONFIGURATION)]
    return list(dict.fromkeys([*bare, *(f"{path}{path_of(base_url)}" for path in bare)]))
