"""The issuer's public documents: metadata (OpenID Connect Discovery, RFC 8414) and key set."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from starlette.responses import JSONResponse, RedirectResponse

from mcpauthkit.testing.conduct import WRONG_ISSUER
from mcpauthkit.testing.issuer.clients import AUTH_METHODS, EXCHANGE_GRANT_TYPES, GRANT_TYPES

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

    from mcpauthkit.testing.issuer.context import IssuerContext

_WELL_KNOWN = ("/.well-known/openid-configuration", "/.well-known/oauth-authorization-server")
# Beyond what any reader of key sets should be willing to read.
_OVERSIZED_BYTES = 4_000_000


def discovery_paths(path: str) -> tuple[str, ...]:
    """Where the metadata is served: after the issuer's path, and (RFC 8414 section 3.1) inserted before it."""
    appended = tuple(path + name for name in _WELL_KNOWN)
    inserted = tuple(name + path for name in _WELL_KNOWN)
    return tuple(dict.fromkeys(appended + inserted))


class DiscoveryEndpoints:
    """Metadata and keys."""

    def __init__(self, context: IssuerContext) -> None:
        self._context = context

    async def metadata(self, _: Request) -> Response:
        """The metadata document."""
        return JSONResponse(self._document())

    async def jwks(self, request: Request) -> Response:
        """The key set."""
        conduct = self._context.conduct.now()
        if conduct.jwks_redirect and not request.query_params:
            return RedirectResponse(f"{self._context.settings.issuer}/jwks?moved=1", status_code=302)
        document = self._context.keys.document()
        if conduct.oversized_jwks:
            document["padding"] = "x" * _OVERSIZED_BYTES
        return JSONResponse(document)

    def _document(self) -> dict[str, Any]:
        settings = self._context.settings
        issuer = settings.issuer
        document: dict[str, Any] = {
            "issuer": issuer,
            "authorization_endpoint": f"{issuer}/authorize",
            "token_endpoint": f"{issuer}/token",
            "jwks_uri": f"{issuer}/jwks",
            "userinfo_endpoint": f"{issuer}/userinfo",
            "end_session_endpoint": f"{issuer}/logout",
            "revocation_endpoint": f"{issuer}/revoke",
            "scopes_supported": list(settings.scopes),
            "response_types_supported": ["code"],
            "response_modes_supported": ["query"],
            "grant_types_supported": [*GRANT_TYPES, *EXCHANGE_GRANT_TYPES],
            "token_endpoint_auth_methods_supported": list(AUTH_METHODS),
            "revocation_endpoint_auth_methods_supported": list(AUTH_METHODS),
            "code_challenge_methods_supported": ["S256"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": [self._context.keys.algorithm],
            "claims_supported": ["sub", "name", "email", "preferred_username", "auth_time", "nonce"],
            "prompt_values_supported": ["none", "login", "select_account", "consent"],
            "authorization_response_iss_parameter_supported": True,
            "client_id_metadata_document_supported": settings.client_metadata_documents,
        }
        if settings.dynamic_registration:
            document["registration_endpoint"] = f"{issuer}/register"
        if self._context.conduct.now().wrong_discovery_issuer:
            document["issuer"] = WRONG_ISSUER
        return document
