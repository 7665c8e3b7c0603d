"""`OAuthProvider`: tools that need the user's own account at an OAuth service."""

from __future__ import annotations

import inspect
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from contextvars import ContextVar
from functools import partial
from typing import Any, Self, TypedDict, TypeVar, Unpack

import httpx
from fastapi import FastAPI
from fastmcp import FastMCP
from mcp.server.mcpserver import MCPServer

from mcpauthkit.connections.authorization_code import AuthorizationCodeGrant, OAuthService
from mcpauthkit.connections.broker import Broker
from mcpauthkit.connections.grant import RedirectGrant
from mcpauthkit.connections.ledger import Ledger
from mcpauthkit.connections.vault import Vault
from mcpauthkit.core.clock import Clock, SystemClock
from mcpauthkit.core.keyring import KeyRing
from mcpauthkit.core.secret import Secret, as_secret
from mcpauthkit.core.urls import check_base_url
from mcpauthkit.errors import ConfigurationError
from mcpauthkit.fetch import HttpFetch
from mcpauthkit.oauth.scopes import check_scopes
from mcpauthkit.oauth.token import ClientAuthentication, OAuthClient
from mcpauthkit.protocol.ask import Asker, Patience
from mcpauthkit.protocol.completion import CompletionNotices
from mcpauthkit.protocol.hooks import attach, registered_functions
from mcpauthkit.protocol.wrapper import guard, refuse_registered
from mcpauthkit.providers.holding import Holding, Wanted
from mcpauthkit.providers.injection import injectable
from mcpauthkit.stores.memory import MemoryStore
from mcpauthkit.stores.port import Store
from mcpauthkit.stores.sealed import SealedStore
from mcpauthkit.web.connect import ConnectPages, connect_path
from mcpauthkit.web.hub import Hub
from mcpauthkit.web.injection import answer_refusals
from mcpauthkit.web.pages import Pages

F = TypeVar("F", bound=Callable[..., Any])

Server = FastMCP[Any] | MCPServer[Any]
_NAME = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,38}[a-z0-9])?\Z")
_RESERVED = frozenset({"login"})


class ProviderOptions(TypedDict, total=False):
    """The arguments of `OAuthProvider` that `from_standard_oauth2` passes on."""

    user_context: ContextVar[Any] | None
    store: Store | None
    key_ring: KeyRing | None
    api_url: str | None
    namespace: str
    patience: Patience | None
    flow_ttl_seconds: float


class OAuthProvider:
    """One OAuth service whose accounts tools use on their caller's behalf.

    Call `register(app, mcp)` once, then put `@provider.require_token()` directly above a tool's function and below
    `@mcp.tool`. The first call leads the user to a page where they sign in as themselves and connect the service; the
    credential is then kept, renewed and used.

    Args:
        grant: How credentials are obtained; `from_standard_oauth2` makes one from plain values.
        server_base_url: The public address of the application.
        user_context: A context variable of yours that holds the principal on stdio; over HTTP the request itself does.
        store: Where credentials and flows are kept; in this process by default.
        key_ring: What seals them; without one they end with the process, so give one together with a lasting store.
        api_url: The service's API. `client()` resolves paths against it and sends the credential to no
            other origin; without it, to any https address.
        namespace: Separates applications that share one store.
        patience: How long calls wait for people.
        flow_ttl_seconds: How long a connect link works.
        clock: Time.

    Raises:
        ConfigurationError: An argument cannot be used; the message says what to write instead.
    """

    def __init__(
        self,
        grant: RedirectGrant,
        *,
        server_base_url: str,
        user_context: ContextVar[Any] | None = None,
        store: Store | None = None,
        key_ring: KeyRing | None = None,
        api_url: str | None = None,
        namespace: str = "mcpauthkit",
        patience: Patience | None = None,
        flow_ttl_seconds: float = 600.0,
        clock: Clock | None = None,
    ) -> None:
        if _NAME.match(grant.service) is None or grant.service in _RESERVED:
            raise ConfigurationError(
                f"name={grant.service!r} cannot be part of an address.",
                hint="Use lower-case letters, digits and hyphens; `login` is taken.",
            )
        if store is not None and key_ring is None:
            raise ConfigurationError(
                "A store was given without a key_ring.",
                hint="What it keeps would be unreadable after a restart; pass KeyRing({...}, minting=...).",
            )
        clock = clock or SystemClock()
        self._base_url = check_base_url(server_base_url, "server_base_url")
        self._api_url = None if api_url is None else check_base_url(api_url, "api_url")
        kept_in = MemoryStore(clock=clock) if store is None else store
        sealed = SealedStore(kept_in, key_ring or KeyRing.ephemeral(), clock=clock)
        self._broker = Broker(
            grant,
            Vault(sealed, namespace=namespace, clock=clock),
            Ledger(sealed, namespace=namespace, flow_ttl_seconds=flow_ttl_seconds, clock=clock),
            redirect_uri=f"{self._base_url}{connect_path(grant.service)}/callback",
            clock=clock,
        )
        notices = CompletionNotices(clock=clock)
        self._pages = ConnectPages(self._broker, base_url=self._base_url, pages=Pages(), on_finished=notices.tell)
        asker = Asker(self._broker, connect_url=self._pages.url, patience=patience or Patience(), notices=notices)
        self._apps: list[FastAPI] = []
        self._holding = Holding(
            asker, user_context=user_context, api_url=self._api_url, is_served=lambda: bool(self._apps)
        )
        self._servers: list[Server] = []
        self._guarded: list[Callable[..., Any]] = []

    @classmethod
    def from_standard_oauth2(
        cls,
        *,
        name: str,
        client_id: str,
        client_secret: str | Secret | None = None,
        authorize_url: str,
        token_url: str,
        server_base_url: str,
        display_name: str | None = None,
        issuer: str | None = None,
        client_authentication: ClientAuthentication | None = None,
        scope_separator: str = " ",
        extra_authorize_params: Mapping[str, str] | None = None,
        http_client: httpx.AsyncClient | None = None,
        clock: Clock | None = None,
        **options: Unpack[ProviderOptions],
    ) -> Self:
        """A provider for a service that speaks standard OAuth 2.

        Args:
            name: The service's name in links: lower-case letters, digits and hyphens.
            client_id: Your client at the service; its redirect URI is `{server_base_url}/connect/{name}/callback`.
            client_secret: Its secret, if it is a confidential client.
            authorize_url: The service's authorization endpoint.
            token_url: The service's token endpoint.
            server_base_url: The public address of the application.
            display_name: The service's name for people; `name` with a capital by default.
            issuer: The `iss` the service sends back (RFC 9207), if it is known to send one; another one is refused.
            client_authentication: How the secret is sent: `client_secret_post` by default, `client_secret_basic`, or
                `none`.
            scope_separator: What joins scopes in requests.
            extra_authorize_params: Further parameters of the authorization request.
            http_client: An httpx client of yours for the token endpoint; it stays open.
            clock: Time.
            **options: As for the class.

        Raises:
            ConfigurationError: An argument cannot be used.
        """
        service = OAuthService(
            service=name,
            display_name=display_name or name.capitalize(),
            authorize_url=authorize_url,
            token_url=token_url,
            client=_client(client_id, client_secret, client_authentication),
            issuer=issuer,
            scope_separator=scope_separator,
            extra_authorize_params=extra_authorize_params or {},
        )
        fetch = HttpFetch(http_client, timeout_seconds=10.0)
        return cls(
            AuthorizationCodeGrant(service, fetch=fetch, clock=clock),
            server_base_url=server_base_url,
            clock=clock,
            **options,
        )

    @property
    def name(self) -> str:
        """The service's name in links."""
        return self._broker.grant.service

    @property
    def api_url(self) -> str | None:
        """The service's API, without a trailing slash."""
        return self._api_url

    def register(self, app: FastAPI, mcp: Server | None = None) -> None:
        """Serve the connect pages on an application, and let a server's calls carry our questions.

        Call it once for each MCP server whose tools use this provider.

        Args:
            app: The application that `JwtAuthMiddleware` guards.
            mcp: The FastMCP or MCPServer object. With it, error -32042 reaches clients that need it, credentials can be
                injected on FastMCP, and an MCPServer's tools need no Context parameter.

        Raises:
            ConfigurationError: `mcp` is not a server, or calls one of the guarded functions without its guard; or the
                application serves one of our paths already.
        """
        if not any(app is one for one in self._apps):
            hub = Hub.of(app)
            hub.add_pages(self._pages.routes)
            hub.close_at_the_end(self._broker.grant.aclose)
            answer_refusals(app)
            self._apps.append(app)
        if mcp is not None:
            attach(mcp)
            self._servers.append(mcp)
            for function in self._guarded:
                refuse_registered(function, registered_functions(mcp))

    def require_token(self, scopes: Sequence[str] = (), *, fail_fast: bool = False) -> Callable[[F], F]:
        """Guard a tool, resource or prompt: its body runs only with the caller's credential.

        Args:
            scopes: What the credential must permit.
            fail_fast: Answer at once instead of holding the call while the user connects.

        Raises:
            ConfigurationError: The decorator stands above `@mcp.tool`, where it would guard nothing, or was used
                without parentheses.
        """
        if callable(scopes):
            raise ConfigurationError(
                "require_token got a function instead of a list of scopes.",
                hint='Write @provider.require_token() or @provider.require_token(scopes=["repo"]).',
            )
        needed = check_scopes(scopes)

        def decorate(function: F) -> F:
            if inspect.isasyncgenfunction(function) or inspect.isgeneratorfunction(function):
                raise ConfigurationError(
                    f"{getattr(function, '__name__', function)!r} is a generator, which no server calls as a tool.",
                    hint="Return a value instead of yielding.",
                )
            refuse_registered(function, [one for mcp in self._servers for one in registered_functions(mcp)])
            self._guarded.append(function)
            wanted = Wanted(needed, getattr(function, "__name__", "This tool"), fail_fast)
            return guard(
                function, partial(self._holding.find, wanted=wanted), partial(self._holding.hold, wanted=wanted)
            )

        return decorate

    def token(self, scopes: Sequence[str] = (), *, fail_fast: bool = False) -> Callable[..., Awaitable[str]]:
        """The caller's access token by injection: `token: str = Depends(github.token(scopes=["repo"]))`.

        For FastMCP's `Depends` in tools, resources and prompts, where the user is asked as `require_token` does, and
        for FastAPI's in routes, where a user who has not connected gets a 403 that carries the link.

        Args:
            scopes: What the token must permit.
            fail_fast: As for `require_token`; routes never wait.

        Raises:
            ConfigurationError: The scopes are no list of scopes.
        """
        return injectable(self._holding, check_scopes(scopes), fail_fast=fail_fast, value=self._token)

    def http(
        self, scopes: Sequence[str] = (), *, fail_fast: bool = False
    ) -> Callable[..., Awaitable[httpx.AsyncClient]]:
        """The same for `client()`: `http: httpx.AsyncClient = Depends(github.http(scopes=["repo"]))`.

        Args:
            scopes: What the credential must permit.
            fail_fast: As for `require_token`; routes never wait.

        Raises:
            ConfigurationError: The scopes are no list of scopes.
        """
        return injectable(self._holding, check_scopes(scopes), fail_fast=fail_fast, value=self._holding.client)

    def get_token(self) -> str:
        """The caller's access token, while a guard or an injection holds it. Prefer `client()`, which renews it too.

        Raises:
            ConfigurationError: No guard or injection is around this code.
        """
        return self._holding.current.credential.access_token.reveal()

    async def invalidate_token(self) -> None:
        """Forget the caller's credential, while it is held; the next call asks the user again.

        Raises:
            ConfigurationError: No guard or injection is around this code.
        """
        await self._broker.forget(self._holding.current.principal)

    def client(self, **options: Any) -> httpx.AsyncClient:
        """An HTTP client that carries the caller's credential, for use with `async with`.

        It renews the credential once when the service answers 401. If that does not help, the call ends with the link
        to connect again.

        Args:
            **options: Further arguments of `httpx.AsyncClient`.

        Raises:
            ConfigurationError: No guard or injection is around this code, or `auth` was given.
        """
        return self._holding.client(**options)

    @asynccontextmanager
    async def _token(self) -> AsyncIterator[str]:
        yield self.get_token()


def _client(
    client_id: str, client_secret: str | Secret | None, authentication: ClientAuthentication | None
) -> OAuthClient:
    if not client_id:
        raise ConfigurationError("client_id is empty.", hint="Register a client at the service and give its id.")
    secret = as_secret(client_secret) if client_secret else None
    return OAuthClient(client_id, secret, authentication or ("client_secret_post" if secret else "none"))
