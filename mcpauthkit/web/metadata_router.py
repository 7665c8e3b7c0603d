"""The router of leg 1's metadata documents, and of the authorization proxy where there is one."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Unpack

from fastapi import APIRouter, FastAPI
from starlette.routing import Route

from mcpauthkit.core.known_options import check_options
from mcpauthkit.core.urls import check_issuer_url
from mcpauthkit.errors import ConfigurationError
from mcpauthkit.oauth.metadata import PROTECTED_RESOURCE, protected_resource_document
from mcpauthkit.oauth.scopes import check_scopes
from mcpauthkit.web.cors import document_endpoint
from mcpauthkit.web.deployment import Deployment
from mcpauthkit.web.hub import Hub, MetadataMode
from mcpauthkit.web.proxy.options import ProxyOptions, ProxySettings, proxy_settings
from mcpauthkit.web.resources import DEFAULT_RESOURCE_PATHS, ProtectedResources

_ROOT_FORM = f"/.well-known/{PROTECTED_RESOURCE}"
# Clients add it by themselves where the authorization server lists it; it is no permission of the resource.
_OFFLINE = "offline_access"


def oauth_meta_router(
    *,
    server_base_url: str,
    issuer_url: str,
    client_id: str | None = None,
    resource_paths: Sequence[str] = DEFAULT_RESOURCE_PATHS,
    scopes: Sequence[str] = (),
    resource_name: str | None = None,
    **proxy: Unpack[ProxyOptions],
) -> APIRouter:
    """Serve the documents by which MCP clients find the login (RFC 9728), and the login itself where that is asked for.

    Include it before mounting a server at `/`. Each resource has its document at the path-suffixed form; the root form
    serves the first one.

    Without `client_id` (direct mode) clients register and sign in at the issuer. With it (proxy mode) they do so here,
    and this server signs users in at the issuer with that one client: for issuers that do not register MCP clients.
    Register `{server_base_url}/oauth/callback` there as its redirect URI. Nothing is stored; what clients get is sealed
    with `key_ring`. The application's lifespan has to run, as it does under any server, and `JwtAuthMiddleware` keeps
    the proxy's own paths open.

    Args:
        server_base_url: The public address of the application; in proxy mode also its identifier as an issuer.
        issuer_url: The issuer, byte for byte as it spells itself.
        client_id: Our client at the issuer, for proxy mode.
        resource_paths: Path of each MCP server as clients reach it.
        scopes: Base scopes clients should ask for at sign-in. In proxy mode `offline_access` among them stands only in
            the authorization server's document, where clients look for it.
        resource_name: A name for people.
        **proxy: Only with `client_id`; `ProxyOptions` says what there is. Pass `key_ring`, and list in `allowed_scopes`
            what `require_scopes` and `tool_scopes` of `JwtAuthMiddleware` name.

    Raises:
        ConfigurationError: An argument cannot be used, or belongs to the proxy and `client_id` is missing.
    """
    check_options(proxy, ProxyOptions, oauth_meta_router)
    resources = ProtectedResources(server_base_url, resource_paths)
    issuer, scopes = check_issuer_url(issuer_url), check_scopes(scopes)
    if client_id is None:
        if proxy:
            raise ConfigurationError(
                f"{', '.join(sorted(proxy))} belongs to the authorization proxy, which is off without client_id.",
                hint="Give client_id for the proxy, or leave these out and let clients register at the issuer.",
            )
        return _router(_resource_routes(resources, issuer, scopes, resource_name), _lifespan("direct"))
    from mcpauthkit.web.proxy.server import AuthorizationProxy  # noqa: PLC0415  # in direct mode nobody needs it

    settings = proxy_settings(client_id, proxy)
    server = AuthorizationProxy(
        resources, issuer_url=issuer, scopes=scopes, resource_name=resource_name, settings=settings
    )
    base_scopes = tuple(scope for scope in scopes if scope != _OFFLINE)
    documents = _resource_routes(resources, resources.base_url, base_scopes, resource_name)
    own = server.routes
    return _router([*documents, *own], _lifespan("proxy", own, server.aclose, settings))


def _resource_routes(
    resources: ProtectedResources, issuer: str, scopes: Sequence[str], resource_name: str | None
) -> list[Route]:
    routes = []
    for resource in resources.all:
        document = protected_resource_document(resource=resource.url, issuer=issuer, scopes=scopes, name=resource_name)
        paths = {_ROOT_FORM + resource.path, *([_ROOT_FORM] if resource is resources.all[0] else [])}
        endpoint = document_endpoint(document)
        routes += [Route(path, endpoint, methods=["GET", "OPTIONS"]) for path in sorted(paths)]
    return routes


def _lifespan(
    mode: MetadataMode,
    routes: Sequence[Route] = (),
    close: Callable[[], Awaitable[None]] | None = None,
    settings: ProxySettings | None = None,
) -> Callable[[FastAPI], AbstractAsyncContextManager[None]]:
    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        with Hub.of(app).serving_metadata(mode, routes):
            if settings is not None:
                deployment = Deployment.of(app)
                deployment.key_rings["oauth_meta_router"] = settings.key_ring
                deployment.proxy_client = settings.client
            try:
                yield
            finally:
                if close is not None:
                    await close()

    return lifespan


def _router(routes: Sequence[Route], lifespan: Callable[[FastAPI], AbstractAsyncContextManager[None]]) -> APIRouter:
    router = APIRouter(include_in_schema=False, lifespan=lifespan)
    for route in routes:
        router.add_route(route.path, route.endpoint, methods=sorted(route.methods or ()))
    return router
