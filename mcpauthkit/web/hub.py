"""What the kit's parts on one application share."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from typing import Any, Literal
from urllib.parse import urlencode

from fastapi import FastAPI
from starlette.routing import BaseRoute, Route

from mcpauthkit.errors import ConfigurationError
from mcpauthkit.principal import Principal
from mcpauthkit.protocol.connected_service import ConnectedService
from mcpauthkit.web.browser_login import issuer_mark
from mcpauthkit.web.connections_api import ConnectionsApi
from mcpauthkit.web.connections_page import ConnectionsPage
from mcpauthkit.web.ended_sessions import ENDED_STATE, EndedSessions
from mcpauthkit.web.login_pages import CONNECTIONS_PATH, LoginPages
from mcpauthkit.web.pages import Pages
from mcpauthkit.web.shadows import check_answered

MetadataMode = Literal["direct", "proxy"]

HUB_STATE = "mcpauthkit"
"""The attribute of `app.state` that holds the hub."""


class Hub:
    """The kit's own paths on one application.

    `JwtAuthMiddleware` finds it by the application, so that the pages need no entry in `open_paths`.

    Args:
        app: The application.

    Attributes:
        paths: Our paths that need no token, with the methods of each.
        routes: Paths of ours, each with a route that has to answer there; the start refuses another in front of it.
        services: The services whose connections users manage, by name.
    """

    def __init__(self, app: FastAPI) -> None:
        self._app = app
        self.paths: dict[str, frozenset[str]] = {}
        self.routes: list[tuple[str, BaseRoute]] = []
        self.services: dict[str, ConnectedService] = {}
        self._base_url = ""
        self._base_urls: dict[str, str] = {}
        self._has_login = False
        self._metadata_modes: list[MetadataMode] = []

    @classmethod
    def of(cls, app: FastAPI) -> Hub:
        """The hub of an application, made at the first request for it."""
        hub = getattr(app.state, HUB_STATE, None)
        if not isinstance(hub, cls):
            hub = cls(app)
            setattr(app.state, HUB_STATE, hub)
        return hub

    def add_service(self, service: ConnectedService, *, base_url: str, ended_sessions: EndedSessions) -> None:
        """Let users manage their connections with a service; the first one brings the page for it.

        Args:
            service: The service.
            base_url: The public address of the application.
            ended_sessions: Where sign-outs are remembered; those of the first service count.

        Raises:
            ConfigurationError: The application has a service of that name already.
        """
        if service.name in self.services:
            raise ConfigurationError(
                f"The application has a service named {service.name!r} already.",
                hint="Register each provider once, and give a second one another name=.",
            )
        self._base_urls[service.name] = base_url
        if not self.services:
            self._base_url = base_url
            setattr(self._app.state, ENDED_STATE, ended_sessions)
            self.add_pages(ConnectionsPage(self.services, base_url=base_url, pages=Pages()).routes)
            # Not among the open paths: there the middleware lets nobody through without a token.
            self._serve_first(ConnectionsApi(self.services).routes)
        self.services[service.name] = service

    def check_address(self, base_url: str) -> None:
        """Refuse services whose pages are elsewhere than the login they need, which no browser would come back from.

        Args:
            base_url: The public address as the middleware knows it.

        Raises:
            ConfigurationError: A service was told another one.
        """
        for name, told in self._base_urls.items():
            if told != base_url:
                raise ConfigurationError(
                    f"The {name} provider has server_base_url={told!r}, and JwtAuthMiddleware has {base_url!r}.",
                    hint="Give both the address that users' browsers see, with the same scheme, host and port.",
                )

    def connections_url(self, principal: Principal) -> str:
        """The page of a user's connections, with the mark of the issuer that knows them; empty before there is one."""
        if not self.services:
            return ""
        return f"{self._base_url}{CONNECTIONS_PATH}?{urlencode({'at': issuer_mark(principal.issuer)})}"

    def add_pages(self, routes: Sequence[Route]) -> None:
        """Serve pages of ours ahead of the application's own, and the browser login they need.

        A server mounted at `/` takes every path that comes after it, so ours go to the front.

        Raises:
            ConfigurationError: The application has one of these paths already.
        """
        wanted = [*routes, *(() if self._has_login else LoginPages(Pages()).routes)]
        self._serve_first(wanted)
        self._has_login = True
        self._open(wanted)

    def is_open(self, path: str, method: str) -> bool:
        """Whether a request is for one of our pages, which need no token.

        Another method may be the application's own at the same path; so may a WebSocket, which has none.
        """
        return method in self.paths.get(path, ())

    def _open(self, routes: Sequence[Route]) -> None:
        for route in routes:
            self.paths[route.path] = self.paths.get(route.path, frozenset()).union(route.methods or ())

    def _serve_first(self, routes: Sequence[Route]) -> None:
        taken = {getattr(route, "path", None) for route in self._app.router.routes} & {one.path for one in routes}
        if taken:
            raise ConfigurationError(
                f"The application serves {', '.join(sorted(map(str, taken)))} already.",
                hint="Register each provider once, and keep /connect and /connections for the kit.",
            )
        self._app.router.routes[:0] = routes
        self.routes += [(one.path, one) for one in routes]

    @contextmanager
    def serving_metadata(self, mode: MetadataMode, routes: Sequence[Route] = ()) -> Iterator[None]:
        """Hold the place of the metadata documents while the application runs.

        Args:
            mode: Whether they send clients to the issuer, or to a proxy here.
            routes: What the proxy serves without a token.

        Raises:
            ConfigurationError: There is a proxy, and something else besides it. Clients would register at one
                authorization server and sign in at another.
        """
        if self._metadata_modes and "proxy" in {mode, *self._metadata_modes}:
            raise ConfigurationError(
                "The application has more than one oauth_meta_router, and one of them is a proxy (client_id is given).",
                hint="Include one oauth_meta_router; list several MCP servers in its resource_paths.",
            )
        self._metadata_modes.append(mode)
        try:
            with self.opening(routes):
                yield
        finally:
            self._metadata_modes.remove(mode)

    @contextmanager
    def opening(self, routes: Sequence[Route]) -> Iterator[None]:
        """Let routes of ours be reached without a token while the application runs.

        Args:
            routes: The routes, which a router serves.

        Raises:
            ConfigurationError: Something of the application answers there, which would become public.
        """
        check_answered(self._app.routes, routes)
        self._open(routes)
        try:
            yield
        finally:
            for route in routes:
                self.paths.pop(route.path, None)

    @property
    def serves_metadata(self) -> bool:
        """Whether a router of ours serves the documents that a 401 names."""
        return bool(self._metadata_modes)

    def check_at_the_start(self, check: Callable[[], Awaitable[None]]) -> None:
        """Await something when the application starts; what it raises keeps it from starting."""
        inner = self._app.router.lifespan_context

        @asynccontextmanager
        async def lifespan(app: Any) -> AsyncIterator[Any]:
            await check()
            async with inner(app) as state:
                yield state

        self._app.router.lifespan_context = lifespan

    def close_at_the_end(self, close: Callable[[], Awaitable[None]]) -> None:
        """Call something when the application shuts down."""
        inner = self._app.router.lifespan_context

        @asynccontextmanager
        async def lifespan(app: Any) -> AsyncIterator[Any]:
            async with inner(app) as state:
                try:
                    yield state
                finally:
                    await close()

        self._app.router.lifespan_context = lifespan


def hub_of(app: Any) -> Hub | None:
    """The hub that an application has already."""
    hub = getattr(getattr(app, "state", None), HUB_STATE, None)
    return hub if isinstance(hub, Hub) else None
