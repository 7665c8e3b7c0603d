"""What every provider stands on: one broker, its pages, its way of asking, and what it guards."""

from __future__ import annotations

import inspect
import math
import re
from collections.abc import Callable, Mapping, Sequence
from contextvars import ContextVar
from functools import partial
from typing import Any, TypedDict, TypeVar

from fastapi import FastAPI
from fastmcp import FastMCP
from mcp.server.mcpserver import MCPServer
from starlette.applications import Starlette

from mcpauthkit.connections.authorization_code import AuthorizationCodeGrant
from mcpauthkit.connections.broker import Broker
from mcpauthkit.connections.grant import Grant, UserlessGrant
from mcpauthkit.connections.hosts import check_hosts
from mcpauthkit.connections.service_account import ServiceAccount
from mcpauthkit.connections.userless_grants import grants_from
from mcpauthkit.connections.without_user import WithoutUser
from mcpauthkit.core.clock import Clock, SystemClock
from mcpauthkit.core.keyring import KeyRing
from mcpauthkit.core.log import RequestLog
from mcpauthkit.core.urls import check_base_url
from mcpauthkit.errors import ConfigurationError, StoreUnavailable
from mcpauthkit.fetch import HttpFetch
from mcpauthkit.oauth.scope_rules import ScopeRules
from mcpauthkit.protocol.ask import Asker, Patience
from mcpauthkit.protocol.completion import CompletionNotices
from mcpauthkit.protocol.connected_service import ConnectedService
from mcpauthkit.protocol.hooks import attach, registered_functions
from mcpauthkit.protocol.wrapper import guard, refuse_registered
from mcpauthkit.providers.holding import Holding, OnUse, Wanted
from mcpauthkit.providers.misplaced import check_routes, check_server
from mcpauthkit.stores.environment import Storage
from mcpauthkit.stores.port import Checkable, Store
from mcpauthkit.stores.sealed import SealedStore
from mcpauthkit.web.connect import ConnectPages, connect_path
from mcpauthkit.web.deployment import Deployment
from mcpauthkit.web.ended_sessions import EndedSessions
from mcpauthkit.web.hub import Hub
from mcpauthkit.web.injection import answer_refusals
from mcpauthkit.web.pages import Pages

_log = RequestLog("providers")
F = TypeVar("F", bound=Callable[..., Any])
P = TypeVar("P", bound="ProviderOptions")
Server = FastMCP[Any] | MCPServer[Any]

_NAME = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,38}[a-z0-9])?\Z")
_RESERVED = frozenset({"login"})


class ProviderOptions(TypedDict, total=False):
    """The arguments that every provider takes.

    Attributes:
        user_context: A context variable of yours that holds the principal on stdio; over HTTP the request itself does.
        store: Where credentials and flows are kept, and who gives one closes it. Without, where `TOKEN_STORAGE_MODE`
            says (see `Storage`), which is this process unless it is set; that one is closed with the application.
        key_ring: What seals them. Without, that of `STORAGE_ENCRYPTION_KEY` or `STORAGE_ENCRYPTION_KEY_PATH`; where
            neither is set they end with the process, which a lasting store refuses.
        namespace: Separates applications that share one store.
        patience: How long calls wait for people.
        flow_ttl_seconds: How long a connect link works, in seconds; 600 by default.
        clock: Time.
    """

    user_context: ContextVar[Any] | None
    store: Store | None
    key_ring: KeyRing | None
    namespace: str
    patience: Patience | None
    flow_ttl_seconds: float
    clock: Clock | None


class OAuthOptions(ProviderOptions, total=False):
    """The arguments of `OAuthProvider` that its constructors have in common.

    Attributes:
        api_url: The service's API. `client()` resolves paths against it and sends the credential to no other origin;
            without it, give `base_url` to each `client()`. Presets know theirs.
        api_hosts: Further hosts of the API that take the same token, such as `("uploads.example.com",)`; one that
            begins with a dot stands for every host below it. Presets know theirs, and these are added.
        sends_token_anywhere: Dangerous: `client()` sends the credential to whatever https address a tool names, or an
            answer leads it to, such as a link to the next page. Only for services without an address of their own.
        scope_rules: How the service's scopes relate; without, each permits itself only.
        is_incremental: Whether a new consent adds to the scopes before, so that only missing ones are asked for.
        settings_url: Where the service's users withdraw access themselves; shown where it cannot be withdrawn here.
        without_user: Ways to a credential asking nobody, such as `TokenExchange(...)`, tried before the user is asked.
    """

    api_url: str | None
    api_hosts: Sequence[str]
    sends_token_anywhere: bool
    scope_rules: ScopeRules | None
    is_incremental: bool
    settings_url: str
    without_user: Sequence[WithoutUser]


class Foundation:
    """The parts of one provider, wired.

    Args:
        grant: How credentials are obtained.
        server_base_url: The public address of the application.
        api_url: The origin `client()` sends the credential to; None for the preset's.
        api_hosts: Further hosts it sends it to, besides the preset's.
        sends_token_anywhere: Whether it goes to any https address instead; warned of.
        scope_rules: How the service's scopes relate.
        is_incremental: Whether a new consent adds to the scopes before.
        settings_url: Where the service's users withdraw access themselves, if known.
        without_user: Ways to a credential that ask nobody, tried before the user is asked.
        on_use: Told what a call or request is about to use.
        user_context: A context variable of the application's that holds the principal on stdio.
        store: Where credentials and flows are kept; what the environment says by default.
        key_ring: What seals them; what the environment says by default.
        namespace: Separates applications that share one store.
        patience: How long calls wait for people.
        flow_ttl_seconds: How long a connect link works.
        clock: Time.

    Raises:
        ConfigurationError: An argument cannot be used; the message says what to write instead.
    """

    def __init__(
        self,
        grant: Grant,
        *,
        server_base_url: str,
        api_url: str | None = None,
        api_hosts: Sequence[str] = (),
        sends_token_anywhere: bool = False,
        scope_rules: ScopeRules | None = None,
        is_incremental: bool = False,
        settings_url: str = "",
        without_user: Sequence[WithoutUser] = (),
        on_use: OnUse | None = None,
        user_context: ContextVar[Any] | None = None,
        store: Store | None = None,
        key_ring: KeyRing | None = None,
        namespace: str = "mcpauthkit",
        patience: Patience | None = None,
        flow_ttl_seconds: float = 600.0,
        clock: Clock | None = None,
    ) -> None:
        _check_name(grant.service)
        clock = clock or SystemClock()
        self.base_url = check_base_url(server_base_url, "server_base_url")
        self.api_url = None if api_url is None else check_base_url(api_url, "api_url")
        _warn_of(sends_token_anywhere, grant.service)
        self._storage = Storage.of(store, key_ring, clock=clock)
        self.sealed = SealedStore(self._storage.store, self._storage.key_ring, clock=clock)
        self.broker = Broker(
            grant,
            self.sealed,
            namespace=namespace,
            redirect_uri=f"{self.base_url}{connect_path(grant.service)}/callback",
            scope_rules=_checked_rules(scope_rules),
            is_incremental=is_incremental,
            without_user=_ways(without_user, clock),
            flow_ttl_seconds=_checked_seconds("flow_ttl_seconds", flow_ttl_seconds),
            clock=clock,
        )
        self._ended_sessions = EndedSessions(self.sealed, namespace=namespace)
        notices = CompletionNotices(clock=clock)
        self._pages = ConnectPages(self.broker, base_url=self.base_url, pages=Pages(), on_finished=notices.tell)
        asker = Asker(self.broker, connect_url=self._pages.url, patience=patience or Patience(), notices=notices)
        self._connected = ConnectedService(
            asker=asker, connect_url=self._pages.url, known_scopes=self.known_scopes, settings_url=settings_url
        )
        self._apps: list[FastAPI] = []
        self.holding = Holding(
            asker,
            user_context=user_context,
            api_url=self.api_url,
            api_hosts=check_hosts(api_hosts, "api_hosts"),
            is_served=lambda: bool(self._apps),
            sends_token_anywhere=sends_token_anywhere,
            on_use=on_use,
            preset=grant.preset if isinstance(grant, AuthorizationCodeGrant) else None,
        )
        self._servers: list[Server] = []
        self._guarded: list[Callable[..., Any]] = []
        self._uses: dict[str, dict[str, None]] = {}

    def register(self, app: FastAPI, mcp: Server | None) -> None:
        """Serve the pages on an application, and let a server's calls carry our questions.

        Raises:
            ConfigurationError: `app` is no application, `mcp` is not a server, or calls one of the guarded functions
                without its guard; the application serves one of our paths already; or one of their functions has a
                `Depends` that would inject nothing.
        """
        _check_app(app)
        check_routes(app.routes)
        if mcp is not None:
            attach(mcp)
            check_server(mcp)
        if not any(app is one for one in self._apps):
            hub = Hub.of(app)
            if not isinstance(self.broker.grant, ServiceAccount):
                hub.add_pages(self._pages.routes)
                hub.add_service(self._connected, base_url=self.base_url, ended_sessions=self._ended_sessions)
            hub.check_at_the_start(partial(self._check_start, app))
            # The later a thing is named here, the earlier it is closed.
            hub.close_at_the_end(self._storage.aclose)
            hub.close_at_the_end(self.broker.aclose)
            answer_refusals(app)
            self._apps.append(app)
        if not isinstance(self.broker.grant, ServiceAccount):
            Deployment.of(app).add_provider(self.broker.grant.service, self._storage, mcp)
        if mcp is not None:
            self._servers.append(mcp)
            for function in self._guarded:
                refuse_registered(function, registered_functions(mcp))

    async def _check_start(self, app: FastAPI) -> None:
        """Look once more when the application starts, with all its routes and tools, and at the store."""
        check_routes(app.routes)
        for mcp in self._servers:
            check_server(mcp)
        store, service = self._storage.store, self.broker.grant.service
        if isinstance(store, Checkable) and Deployment.of(app).looks_after(service, store):
            try:
                await store.check_access()
            except (ConfigurationError, StoreUnavailable) as error:
                # No reason to stay down: it may come back, and what needs no store works. But somebody has to know.
                _log.error("store cannot be used service=%s error=%r hint=%r", service, error.public, error.hint)

    def guarding(self, wanted: Callable[[str], Wanted]) -> Callable[[F], F]:
        """A decorator that runs a function only with its caller's credential.

        Args:
            wanted: What is asked for, made from the function's name.
        """

        def decorate(function: F) -> F:
            if inspect.isasyncgenfunction(function) or inspect.isgeneratorfunction(function):
                raise ConfigurationError(
                    f"{getattr(function, '__name__', function)!r} is a generator, which no server calls as a tool.",
                    hint="Return a value instead of yielding.",
                )
            refuse_registered(function, [one for mcp in self._servers for one in registered_functions(mcp)])
            self._guarded.append(function)
            need = wanted(getattr(function, "__name__", "This tool"))
            need.check(function)
            self.accept(need)
            find = partial(self.holding.find, wanted=need)
            return guard(function, find, self.holding.hold, service=self.holding.service_name)

        return decorate

    def accept(self, wanted: Wanted) -> None:
        """Remember what a guard or an injection asks for, once it can be had.

        Raises:
            ConfigurationError: It names one of the caller's connections, and nobody connects this service.
        """
        if isinstance(self.broker.grant, ServiceAccount) and (wanted.account or wanted.account_from):
            raise ConfigurationError(
                f"Tools use {self.broker.grant.service!r} as this application itself, and callers have no accounts.",
                hint="Leave account and account_from out.",
            )
        self.remember_use(wanted)

    def remember_use(self, wanted: Wanted) -> None:
        """Remember what a tool or route needs, for the page on which users allow more."""
        for scope in wanted.scopes:
            uses = self._uses.setdefault(scope, {})
            if wanted.purpose:
                uses[wanted.purpose] = None

    def known_scopes(self) -> Mapping[str, tuple[str, ...]]:
        """Every scope that something here needs, and what needs it."""
        return {scope: tuple(uses) for scope, uses in self._uses.items()}


def with_timeout(chosen: P, given: Mapping[str, Any]) -> P:
    """Options with the life of links in them, also where it was given under the name `token_timeout`.

    Args:
        chosen: The options.
        given: What the application gave.

    Raises:
        ConfigurationError: It was given under both names, or is no time.
    """
    if "token_timeout" not in given:
        return chosen
    if "flow_ttl_seconds" in given:
        raise ConfigurationError("token_timeout and flow_ttl_seconds are two names of one thing.", hint="Give one.")
    chosen["flow_ttl_seconds"] = _checked_seconds("token_timeout", given["token_timeout"])
    return chosen


def check_called(scopes: object, decorator: str) -> None:
    """Refuse a decorator that was used without parentheses.

    Raises:
        ConfigurationError: It got the function.
    """
    if callable(scopes):
        raise ConfigurationError(
            f"{decorator} got a function where its arguments belong.",
            hint=f"Write @provider.{decorator}(), with parentheses.",
        )


def _ways(values: Sequence[WithoutUser], clock: Clock) -> Sequence[UserlessGrant]:
    # Values that reach us name their own client and address: the constructors that know others have filled them in.
    return grants_from(values, fetch=HttpFetch(), clock=clock)


def _warn_of(sends_token_anywhere: bool, service: str) -> None:
    if sends_token_anywhere:
        _log.warning("sends_token_anywhere: tokens go to any https address service=%s", service)


def _check_app(app: object) -> None:
    if not isinstance(app, Starlette):
        raise ConfigurationError(
            f"register() got a {type(app).__name__} as app.",
            hint="Write register(app, mcp): the FastAPI application first, then the MCP server.",
        )


def _checked_seconds(argument: str, given: object) -> float:
    if isinstance(given, int | float) and 0 < given < math.inf:
        return given
    raise ConfigurationError(
        f"{argument}={given!r} is no time in which people could connect.", hint=f"Give seconds: {argument}=600."
    )


def _checked_rules(given: object) -> ScopeRules | None:
    if given is None or isinstance(given, ScopeRules):
        return given
    raise ConfigurationError(
        f"scope_rules is a {type(given).__name__}, not ScopeRules.",
        hint='Leave it out, or write ScopeRules(implied={"repo": ("public_repo",)}).',
    )


def _check_name(name: object) -> None:
    if not isinstance(name, str) or _NAME.match(name) is None or name in _RESERVED:
        raise ConfigurationError(
            f"name={name!r} cannot be part of an address.",
            hint="Use lower-case letters, digits and hyphens; `login` is taken.",
        )
