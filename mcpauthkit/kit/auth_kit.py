"""`AuthKit`: the parts of the kit, put together.

Nothing here decides anything. Each step is one that an application could write itself, with the same parts, and what
goes from one argument to several parts goes there unchanged.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Self, TypeVar, Unpack, cast

import httpx
from fastapi import FastAPI
from fastmcp import FastMCP

from mcpauthkit.connections.preset import ServicePreset
from mcpauthkit.connections.service_rows import preset_named
from mcpauthkit.connections.stand_in import played_by
from mcpauthkit.core.audit import Recorder, checked_recorder
from mcpauthkit.core.clock import Clock
from mcpauthkit.core.entropy import Entropy
from mcpauthkit.core.keyring import KeyRing
from mcpauthkit.core.known_options import check_options
from mcpauthkit.core.log import RequestLog
from mcpauthkit.core.secret import Secret
from mcpauthkit.core.urls import check_base_url
from mcpauthkit.errors import ConfigurationError
from mcpauthkit.identity.issuer_profile import IssuerProfile
from mcpauthkit.kit.from_settings import arguments_from_settings
from mcpauthkit.kit.options import (
    CredentialsArguments,
    GuardOptions,
    KitArguments,
    KitOptions,
    OAuthArguments,
    ProxyArguments,
)
from mcpauthkit.protocol.access.control import PolicySources
from mcpauthkit.protocol.access.mcpserver import attach_access
from mcpauthkit.protocol.access.middleware import AccessMiddleware
from mcpauthkit.protocol.request_state import share_request_state
from mcpauthkit.providers.connections import Connections
from mcpauthkit.providers.credentials import CredentialsProvider
from mcpauthkit.providers.oauth import OAuthProvider
from mcpauthkit.settings import service_client, stand_in_url
from mcpauthkit.stores.environment import Storage
from mcpauthkit.stores.port import Store
from mcpauthkit.web.health import health_router
from mcpauthkit.web.hub import Hub
from mcpauthkit.web.metadata_router import oauth_meta_router
from mcpauthkit.web.middleware import JwtAuthMiddleware
from mcpauthkit.web.proxy.options import ProxyOptions
from mcpauthkit.web.serving import (
    Server,
    ServerMount,
    application_of,
    check_application,
    guard_with,
    run_within,
    serve_first,
)
from mcpauthkit.web.trust import trusted_issuers

_log = RequestLog("kit")
Provider = OAuthProvider | CredentialsProvider
P = TypeVar("P", OAuthProvider, CredentialsProvider)


class AuthKit:
    """Both legs for MCP servers in a FastAPI application, from one public address.

        kit = AuthKit(server_base_url="https://mcp.example.com", issuer_url="https://login.example.com/realms/staff")
        github = kit.oauth("github")
        app = kit.app(mcp)

    It makes what `JwtAuthMiddleware`, `oauth_meta_router`, `OAuthProvider`, `CredentialsProvider`, `AccessMiddleware`
    and `Storage` are for, with arguments of the same names. One store and one key ring serve all of it.

    Args:
        server_base_url: The public address of the application.
        issuer_url: The OIDC issuer, byte for byte as it spells itself. Without one, give `issuers=` or `verifiers=`;
            clients sign in at the first issuer there is.
        profile: Whose habits the issuer has, such as `keycloak`.
        tenants: Where `issuer_url` holds `{tenantid}`, the tenants that may stand for it; clients sign in at the first.
        scopes: Base scopes that clients ask for at sign-in.
        client_id: Our client at the issuer, for issuers that do not register clients: these sign in here then, and its
            redirect URI is `{server_base_url}/oauth/callback`.
        resource_name: A name of the application for people.
        mcp_path: Where `app` and `install` put the one server they get.
        policies: A policy file, a folder of them, a policy, or several of these: who sees and uses what.
        audit: Where events go; the logger `mcpauthkit.audit` unless given.
        store: Where connections are kept; what `TOKEN_STORAGE_MODE` says unless given, and then closed at the end.
        key_ring: What seals; that of `STORAGE_ENCRYPTION_KEY` and the variables around it unless given.
        namespace: Separates applications that share one store.
        production: Refuse to start with what is fit for development only.
        health: Whether `GET /health` and `GET /ready` are served.
        http_client: An httpx client of yours for talking to the issuers; it stays open.
        clock: Time.
        entropy: Source of chance.
        **options: As in `KitOptions`.

    Raises:
        ConfigurationError: An argument cannot be used; the message says what to write instead.
    """

    def __init__(
        self,
        *,
        server_base_url: str,
        issuer_url: str | None = None,
        profile: str | IssuerProfile | None = None,
        tenants: Sequence[str] = (),
        scopes: Sequence[str] = (),
        client_id: str | None = None,
        resource_name: str | None = None,
        mcp_path: str = "/mcp",
        policies: PolicySources | None = None,
        audit: Recorder | None = None,
        store: Store | None = None,
        key_ring: KeyRing | None = None,
        namespace: str = "mcpauthkit",
        production: bool = False,
        health: bool = True,
        http_client: httpx.AsyncClient | None = None,
        clock: Clock | None = None,
        entropy: Entropy | None = None,
        **options: Unpack[KitOptions],
    ) -> None:
        check_options(options, KitOptions, AuthKit)
        self.base_url = check_base_url(server_base_url, "server_base_url")
        """The public address, without a trailing slash."""
        self.storage = Storage.of(store, key_ring, clock=clock)
        """Where everything is kept, and what seals it; closed with the application if it is the kit's own."""
        self._mcp_path, self._policies, self._audit = mcp_path, policies, checked_recorder(audit)
        self._health, self._clock, self._namespace = health, clock, namespace
        self._issuers = trusted_issuers(
            issuer_url,
            audience=options.get("audience"),
            profile=profile,
            issuers=options.get("issuers", ()),
            tenants=tenants,
        )
        common = {"server_base_url": self.base_url, "scopes": scopes}
        ports = {"key_ring": self.storage.key_ring, "http_client": http_client, "clock": clock, "entropy": entropy}
        self._guard = {
            **common,
            **ports,
            **_chosen(options, GuardOptions),
            "audience": None,
            "issuers": self._issuers,
            "audit": audit,
            "production": production,
        }
        self._documents = {**common, "client_id": client_id, "resource_name": resource_name}
        self._proxy = _chosen(options, ProxyArguments)
        if client_id is not None:
            self._proxy |= {**ports, **({} if profile is None else {"profile": profile})}
        self._providers: list[Provider] = []
        self._installed: tuple[FastAPI, Sequence[Server]] | None = None

    @classmethod
    def from_settings(cls, **overrides: Unpack[KitArguments]) -> Self:
        """A kit as the environment, a `.env` file and mounted secrets describe it; `mcpauthkit settings` lists them.

        Args:
            **overrides: Arguments that count instead.

        Raises:
            ConfigurationError: Something is missing or cannot be used; all of it, in one error.
        """
        return cls(**cast("Any", arguments_from_settings(overrides)))

    def oauth(
        self,
        preset: str | ServicePreset = "",
        *,
        name: str = "",
        client_id: str | None = None,
        client_secret: str | Secret | None = None,
        **options: Unpack[OAuthArguments],
    ) -> OAuthProvider:
        """An OAuth service whose accounts tools use on their callers' behalf.

        Args:
            preset: A service that the kit knows, such as `github`, or a description of yours. With `token_url=` or
                `issuer_url=`, the name of any other.
            name: Its name in links, where it is another one.
            client_id: Your client at the service; `GITHUB_CLIENT_ID` for `github` unless given.
            client_secret: Its secret; `GITHUB_CLIENT_SECRET` for `github`, or the file of `GITHUB_CLIENT_SECRET_FILE`.
            **options: As for the constructors of `OAuthProvider`.

        Raises:
            ConfigurationError: An argument cannot be used, or nothing says which client you have there; or
                `GITHUB_STAND_IN_URL`, by which `mcpauthkit dev` plays `github`, is set in production.
        """
        check_options(options, OAuthArguments, AuthKit.oauth)
        named = name or (preset.name if isinstance(preset, ServicePreset) else preset)
        if client_id is None:
            client = service_client(named)
            client_id = client.client_id
            client_secret = client_secret or client.secret
        given: dict[str, Any] = {**self._for_providers(), "client_id": client_id, "client_secret": client_secret}
        if "token_url" in options:
            return self._keep(OAuthProvider.from_standard_oauth2(name=named, **given, **cast("Any", options)))
        if "issuer_url" in options:
            return self._keep(OAuthProvider.from_oidc(name=named, **given, **cast("Any", options)))
        row = _played(preset, named) if preset else preset
        return self._keep(OAuthProvider.from_preset(row, name=name, **given, **cast("Any", options)))

    def credentials(
        self, preset: str = "", *, name: str = "", **options: Unpack[CredentialsArguments]
    ) -> CredentialsProvider:
        """A service whose users type in a token or a key.

        Args:
            preset: A service that the kit knows, such as `jira-cloud`; with `variables=`, `fields=` or `service=`, the
                name of any other.
            name: Its name in links, where it is another one.
            **options: As for the constructors of `CredentialsProvider`.

        Raises:
            ConfigurationError: An argument cannot be used.
        """
        check_options(options, CredentialsArguments, AuthKit.credentials)
        given: dict[str, Any] = {**self._for_providers(), **options}
        if any(given.get(one) is not None for one in ("variables", "fields", "service")):
            return self._keep(CredentialsProvider(name=name or preset, **given))
        return self._keep(CredentialsProvider.from_preset(preset, name=name, **given))

    def app(
        self,
        mcp: Server,
        *more: Server,
        path: str | Sequence[str] | None = None,
        stateless_http: bool | None = None,
        json_response: bool | None = None,
        **fastapi_arguments: Any,
    ) -> FastAPI:
        """A FastAPI application with everything in it; more routes may be added to it.

        Args:
            mcp: The MCP server, a FastMCP or MCPServer object.
            *more: Further servers, each with a path of its own.
            path: The path of the server as clients reach it; for several servers, one for each in their order.
            stateless_http: Whether clients of 2025-11-25 have no sessions; the server's own default unless given.
            json_response: Whether answers are JSON instead of streams; the server's own default unless given.
            **fastapi_arguments: Arguments of `FastAPI`, such as `title` and `lifespan`.

        Raises:
            ConfigurationError: An argument cannot be used, or the kit is installed already.
        """
        application = FastAPI(**fastapi_arguments)
        self.install(application, mcp, *more, path=path, stateless_http=stateless_http, json_response=json_response)
        return application

    def install(
        self,
        app: FastAPI,
        mcp: Server,
        *more: Server,
        path: str | Sequence[str] | None = None,
        stateless_http: bool | None = None,
        json_response: bool | None = None,
    ) -> None:
        """Put everything into an application of yours.

        The kit's own routes and those of the servers stand before the application's, so that no catch-all takes them.
        Its lifespan, routes and middleware stay; those it has see who is calling, except for CORS, which stays outside.

        Args:
            app: The application; the one that a server runs, not one that is mounted in it, because clients look for
                the documents at the root of the host.
            mcp: As for `app`.
            *more: As for `app`.
            path: As for `app`.
            stateless_http: As for `app`.
            json_response: As for `app`.

        Raises:
            ConfigurationError: As for `app`; or the application has one of the kit's paths.
        """
        if self._installed is not None:
            raise ConfigurationError(
                "This AuthKit is installed in an application already.",
                hint="Give one app() or install() all servers: kit.app(one, two, path=[...]).",
            )
        servers = (mcp, *more)
        paths = _paths(servers, self._mcp_path if path is None else path)
        check_application(app)
        guard_with(app, JwtAuthMiddleware, {**self._guard, "resource_paths": paths})
        # The later a thing is named, the earlier it is closed, and providers need it to the end.
        Hub.of(app).close_at_the_end(self.storage.aclose)
        inner = [
            application_of(one, at, stateless_http=stateless_http, json_response=json_response)
            for one, at in zip(servers, paths, strict=True)
        ]
        serve_first(app, routers=self._routers(paths), mounts=[ServerMount(one) for one in inner])
        run_within(app, inner)
        for one, at in zip(servers, paths, strict=True):
            self._equip(app, one, at)
        self._installed = (app, servers)
        for provider in self._providers:
            _register(provider, app, servers)

    def _routers(self, paths: Sequence[str]) -> Iterable[Any]:
        if self._issuers:
            documents: dict[str, Any] = {
                **self._documents,
                "issuer_url": self._issuers[0].identifiers[0][0],
                "resource_paths": paths,
            }
            yield oauth_meta_router(**documents, **cast("ProxyOptions", self._proxy))
        if self._health:
            yield health_router(clock=self._clock)

    def _equip(self, app: FastAPI, mcp: Server, path: str) -> None:
        """Give a server what belongs into it."""
        if isinstance(mcp, FastMCP):
            share_request_state(mcp, self.storage.key_ring, audience=f"{self.base_url}{path}")
        if self._policies is None:
            return
        options: dict[str, Any] = {
            "tool_scopes": self._guard.get("tool_scopes"),
            "public_tools": self._guard.get("public_tools", ()),
            "audit": self._audit,
            "connected_services": Connections(app).connected_services,
            "clock": self._clock,
        }
        if isinstance(mcp, FastMCP):
            # Outside of everything else that the server has, so that nothing answers before it.
            mcp.middleware.insert(0, AccessMiddleware(self._policies, **options))
        else:
            attach_access(mcp, self._policies, **options)

    def _for_providers(self) -> dict[str, Any]:
        return {
            "server_base_url": self.base_url,
            "store": self.storage.store,
            "key_ring": self.storage.key_ring,
            "namespace": self._namespace,
            "clock": self._clock,
        }

    def _keep(self, provider: P) -> P:
        self._providers.append(provider)
        if self._installed is not None:
            _register(provider, *self._installed)
        return provider


def _register(provider: Provider, app: FastAPI, servers: Sequence[Server]) -> None:
    for one in servers:
        provider.register(app, one)


def _chosen(options: Mapping[str, Any], kind: type[Any]) -> dict[str, Any]:
    known = kind.__required_keys__ | kind.__optional_keys__
    return {name: value for name, value in options.items() if name in known}


def _paths(servers: Sequence[Server], path: str | Sequence[str]) -> Sequence[str]:
    paths = [path] if isinstance(path, str) else list(path)
    if len(paths) != len(servers) or len(set(paths)) != len(paths):
        raise ConfigurationError(
            f"There are {len(servers)} MCP servers, and path={path!r}.",
            hint='Give each a path of its own, in the same order: kit.app(one, two, path=["/one/mcp", "/two/mcp"]).',
        )
    if len({id(one) for one in servers}) != len(servers):
        raise ConfigurationError("One MCP server was given twice.", hint="Give each once, at one path.")
    return paths


def _played(preset: str | ServicePreset, named: str) -> str | ServicePreset:
    """The preset, or its part played by a development service where the surroundings say so."""
    url = stand_in_url(named)
    if url is None:
        return preset
    _log.warning("service is played by a development service service=%s", named)
    return played_by(preset if isinstance(preset, ServicePreset) else preset_named(preset), url)
