"""The proxy put together: its parts, its routes, and its end."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from mcpauthkit.core.urls import check_issuer_url
from mcpauthkit.errors import ConfigurationError
from mcpauthkit.fetch import HttpFetch
from mcpauthkit.identity.issuer import Issuer
from mcpauthkit.oauth.server_metadata import JWKS_PATH, authorization_server_document, metadata_paths
from mcpauthkit.oauth.server_scopes import ScopeRules
from mcpauthkit.web.cookies import SealedCookies
from mcpauthkit.web.cors import document_endpoint
from mcpauthkit.web.pages import PRIVATE_HEADERS, Endpoint, Pages
from mcpauthkit.web.proxy.answers import ClientAnswers
from mcpauthkit.web.proxy.authorize import APPROVE_PATH, AUTHORIZE_PATH, DECLINE_PATH, AuthorizePages
from mcpauthkit.web.proxy.callback import CallbackPage
from mcpauthkit.web.proxy.clients import Clients
from mcpauthkit.web.proxy.consent import BrowserMemory
from mcpauthkit.web.proxy.documents import DocumentShelf
from mcpauthkit.web.proxy.options import ProxySettings
from mcpauthkit.web.proxy.registration import RegistrationEndpoint
from mcpauthkit.web.proxy.revocation import RevocationEndpoint
from mcpauthkit.web.proxy.seals import ProxySeals
from mcpauthkit.web.proxy.token import TokenEndpoint
from mcpauthkit.web.proxy.upstream import CALLBACK_PATH, Upstream
from mcpauthkit.web.proxy.wire import for_clients
from mcpauthkit.web.resources import ProtectedResources

# All of them, so that the refusal of a method is ours too.
_FOR_CLIENTS = ["POST", "OPTIONS", "GET", "PUT", "PATCH", "DELETE"]


class AuthorizationProxy:
    """The authorization server that MCP clients see.

    Args:
        resources: The protected resources it serves.
        issuer_url: The issuer behind it.
        scopes: What clients are told to ask for.
        resource_name: A name for people.
        settings: Everything else.

    Raises:
        ConfigurationError: The issuer would be this server itself.
    """

    def __init__(
        self,
        resources: ProtectedResources,
        *,
        issuer_url: str,
        scopes: tuple[str, ...],
        resource_name: str | None,
        settings: ProxySettings,
    ) -> None:
        base_url = resources.base_url
        if check_issuer_url(issuer_url).rstrip("/") == base_url:
            raise ConfigurationError(
                "issuer_url is this server itself, and client_id asks for a proxy in front of it.",
                hint="Give the issuer where users sign in.",
            )
        self._settings = settings
        self._upstream_name = f"{issuer_url}|{settings.client.client_id}"
        issuer = Issuer(issuer_url, fetch=HttpFetch(settings.http_client), clock=settings.clock)
        self._upstream = Upstream(issuer, settings, base_url=base_url)
        self._seals = ProxySeals(
            settings.key_ring,
            base_url=base_url,
            upstream=self._upstream_name,
            clock=settings.clock,
            entropy=settings.entropy,
            refresh_idle_seconds=settings.refresh_idle_seconds,
        )
        self._shelf = DocumentShelf(
            settings.documents, known=settings.known, hosts=settings.document_hosts, clock=settings.clock
        )
        self._clients = Clients(settings, seals=self._seals, shelf=self._shelf)
        self._resources = resources
        # Tokens name the URL as it is in the metadata, however the client spells its end.
        self._targets = {
            spelling: one.url for one in resources.all for spelling in (*one.accepted, one.url, f"{one.url}/")
        }
        self._scopes = ScopeRules(scopes, settings.allowed_scopes, short_names=settings.profile.short_scopes)
        self._resource_name = resource_name

    @property
    def routes(self) -> list[Route]:
        """What to add to the application."""
        return [*self._page_routes(), *self._client_routes(), *self._document_routes()]

    async def aclose(self) -> None:
        """Close what was opened."""
        await self._upstream.aclose()

    def _page_routes(self) -> list[Route]:
        settings, pages = self._settings, Pages()
        answers = ClientAnswers(self._resources.base_url, pages=pages)
        cookies = SealedCookies(self._resources.base_url, settings.key_ring, clock=settings.clock)
        browser = BrowserMemory(
            cookies, entropy=settings.entropy, base_url=self._resources.base_url, upstream=self._upstream_name
        )
        authorize = AuthorizePages(
            base_url=self._resources.base_url,
            targets=self._targets,
            resource_name=self._resource_name,
            scopes=self._scopes,
            clients=self._clients,
            seals=self._seals,
            browser=browser,
            upstream=self._upstream,
            answers=answers,
            pages=pages,
        )
        callback = CallbackPage(
            seals=self._seals, browser=browser, upstream=self._upstream, answers=answers, pages=pages
        )
        return [
            Route(AUTHORIZE_PATH, pages.edge(authorize.show), methods=["GET"]),
            Route(APPROVE_PATH, pages.edge(_read_once(authorize.approve)), methods=["GET"]),
            Route(DECLINE_PATH, pages.edge(_read_once(authorize.decline)), methods=["GET"]),
            Route(CALLBACK_PATH, pages.edge(_read_once(callback.come_back)), methods=["GET"]),
        ]

    def _client_routes(self) -> list[Route]:
        token = TokenEndpoint(
            targets=self._targets,
            clients=self._clients,
            seals=self._seals,
            upstream=self._upstream,
            scopes=self._scopes,
            clock=self._settings.clock,
            refresh_lifetime_seconds=self._settings.refresh_lifetime_seconds,
        )
        revocation = RevocationEndpoint(
            clients=self._clients, seals=self._seals, upstream=self._upstream, clock=self._settings.clock
        )
        registration = RegistrationEndpoint(
            clients=self._clients, known=self._settings.known, clock=self._settings.clock
        )
        endpoints = {"/token": token.exchange, "/revoke": revocation.revoke}
        if self._settings.dynamic_registration:
            endpoints["/register"] = registration.register
        return [Route(path, for_clients(endpoint), methods=_FOR_CLIENTS) for path, endpoint in endpoints.items()]

    def _document_routes(self) -> list[Route]:
        base_url = self._resources.base_url
        metadata = authorization_server_document(
            base_url,
            scopes=self._scopes.base,
            resources=[one.url for one in self._resources.all],
            dynamic_registration=self._settings.dynamic_registration,
            client_documents=self._shelf.is_open,
        )
        documents = [(path, metadata) for path in metadata_paths(base_url)]
        # The tokens are the issuer's; we sign nothing.
        documents.append((JWKS_PATH, {"keys": []}))
        return [Route(path, document_endpoint(content), methods=["GET", "OPTIONS"]) for path, content in documents]


def _read_once(endpoint: Endpoint) -> Endpoint:
    """A page whose link is used up by opening it; a HEAD, which Starlette answers like a GET, must not do that."""

    async def get_only(request: Request) -> Response:
        if request.method != "GET":
            return Response(status_code=405, headers={**PRIVATE_HEADERS, "allow": "GET"})
        return await endpoint(request)

    return get_only
