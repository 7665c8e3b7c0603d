"""The router of leg 1's metadata documents."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from mcpauthkit.core.urls import check_issuer_url
from mcpauthkit.errors import ConfigurationError
from mcpauthkit.oauth.metadata import PROTECTED_RESOURCE, ProtectedResourceDocument, protected_resource_document
from mcpauthkit.oauth.scopes import check_scopes
from mcpauthkit.web.resources import DEFAULT_RESOURCE_PATHS, ProtectedResources

_ROOT_FORM = f"/.well-known/{PROTECTED_RESOURCE}"
_MAX_AGE_SECONDS = 300
# The document is public and needs no credentials, so any origin may read it (RFC 9728 section 3.1).
_CORS = {
    "access-control-allow-origin": "*",
    "access-control-allow-methods": "GET, OPTIONS",
    "access-control-allow-headers": "*",
    "access-control-max-age": "3600",
}


def oauth_meta_router(
    *,
    server_base_url: str,
    issuer_url: str,
    client_id: str | None = None,
    resource_paths: Sequence[str] = DEFAULT_RESOURCE_PATHS,
    scopes: Sequence[str] = (),
    resource_name: str | None = None,
) -> APIRouter:
    """Serve the documents by which MCP clients find the login (RFC 9728), in direct mode.

    Include it before mounting a server at `/`. Each resource has its document at the path-suffixed form; the root form
    serves the first one.

    Args:
        server_base_url: The public address of the application.
        issuer_url: The issuer, served byte for byte.
        client_id: Leave it out: clients register at the issuer themselves.
        resource_paths: Path of each MCP server as clients reach it.
        scopes: Base scopes clients should ask for at sign-in.
        resource_name: A name for people.

    Raises:
        ConfigurationError: An argument cannot be used.
    """
    if client_id is not None:
        raise ConfigurationError(
            "oauth_meta_router(client_id=...) asks for the authorization proxy, which this version does not have.",
            hint="Leave client_id out and let clients register at the issuer (direct mode).",
        )
    resources = ProtectedResources(server_base_url, resource_paths)
    issuer, scopes = check_issuer_url(issuer_url), check_scopes(scopes)
    router = APIRouter(include_in_schema=False)
    for resource in resources.all:
        document = protected_resource_document(resource=resource.url, issuer=issuer, scopes=scopes, name=resource_name)
        paths = {_ROOT_FORM + resource.path, *([_ROOT_FORM] if resource is resources.all[0] else [])}
        for path in sorted(paths):
            router.add_route(path, partial(_serve, document), methods=["GET", "OPTIONS"])
    return router


async def _serve(document: ProtectedResourceDocument, _: Request) -> Response:
    return JSONResponse(document, headers={"cache-control": f"public, max-age={_MAX_AGE_SECONDS}", **_CORS})
