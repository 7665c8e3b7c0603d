"""`OAuthProvider`: tools that need the user's own account at an OAuth service."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any, Self, TypeVar, Unpack

import httpx
from fastapi import FastAPI

from mcpauthkit.connections.grant import RedirectGrant
from mcpauthkit.connections.preset import AccountPaths, Revocation, ServicePreset, WhoAmI
from mcpauthkit.connections.service_account import ServiceAccount
from mcpauthkit.connections.service_rows import preset_named
from mcpauthkit.connections.variables import resolved
from mcpauthkit.connections.without_user import ClientCredentials
from mcpauthkit.core.known_options import check_options
from mcpauthkit.core.secret import Secret
from mcpauthkit.errors import ConfigurationError
from mcpauthkit.oauth.scopes import check_scope_text, check_scopes
from mcpauthkit.providers.foundation import Foundation, OAuthOptions, Server, check_called
from mcpauthkit.providers.holding import Wanted
from mcpauthkit.providers.injection import injectable
from mcpauthkit.providers.misplaced import makes_injected
from mcpauthkit.providers.service_options import (
    ServiceOptions,
    check_grant,
    check_variables,
    client_of,
    described,
    grant_for,
    options_for,
)

F = TypeVar("F", bound=Callable[..., Any])
_USERINFO = AccountPaths(id="sub|id", label="preferred_username|login|email|name")


class OAuthProvider:
    """One OAuth service whose accounts tools use on their caller's behalf.

    Call `register(app, mcp)` once, then put `@provider.require_token()` directly above a tool's function and below
    `@mcp.tool`. The first call leads the user to a page where they sign in as themselves and connect the service; the
    credential is then kept, renewed and used.

    Args:
        grant: How credentials are obtained; the `from_...` constructors make one from plain values.
        server_base_url: The public address of the application.
        scope: Scopes of guards and injections that name none, separated by spaces.
        **options: As in `OAuthOptions`.

    Raises:
        ConfigurationError: An argument cannot be used; the message says what to write instead.
    """

    def __init__(
        self,
        grant: RedirectGrant | ServiceAccount,
        *,
        server_base_url: str,
        scope: str = "",
        **options: Unpack[OAuthOptions],
    ) -> None:
        check_grant(grant)
        check_options(options, OAuthOptions, OAuthProvider)
        self._scopes = check_scope_text(scope)
        self._foundation = Foundation(grant, server_base_url=server_base_url, **options)
        self._holding = self._foundation.holding

    @classmethod
    def from_standard_oauth2(
        cls,
        *,
        name: str,
        client_id: str,
        client_secret: str | Secret | None = None,
        authorize_url: str = "",
        authorization_url: str = "",
        token_url: str,
        revocation_url: str = "",
        userinfo_url: str = "",
        server_base_url: str,
        issuer: str | None = None,
        scope_separator: str = " ",
        **options: Unpack[ServiceOptions],
    ) -> Self:
        """A provider for a service that speaks standard OAuth 2.

        Args:
            name: The service's name in links: lower-case letters, digits and hyphens.
            client_id: Your client at the service; its redirect URI is `{server_base_url}/connect/{name}/callback`.
            client_secret: Its secret, if it is a confidential client.
            authorize_url: The service's authorization endpoint.
            authorization_url: Another name of `authorize_url`.
            token_url: The service's token endpoint.
            revocation_url: Where it revokes tokens (RFC 7009), so that disconnecting ends them there as well.
            userinfo_url: Where it says whose a token is, so that users see which account they connected.
            server_base_url: The public address of the application.
            issuer: The `iss` the service sends back (RFC 9207), if it is known to send one; another one is refused.
            scope_separator: What joins scopes in requests.
            **options: As in `ServiceOptions`.

        Raises:
            ConfigurationError: An argument cannot be used.
        """
        check_options(options, ServiceOptions, OAuthProvider.from_standard_oauth2)
        if bool(authorize_url) == bool(authorization_url):
            raise ConfigurationError(
                "authorize_url is needed, once.", hint="authorization_url is another name of it; give one of them."
            )
        preset = ServicePreset(
            name=name,
            display_name=name.capitalize(),
            authorize_url=authorize_url or authorization_url,
            token_url=token_url,
            issuer=issuer,
            scope_separator=scope_separator,
            revocation=Revocation(url=revocation_url) if revocation_url else None,
            whoami=WhoAmI(url=userinfo_url, account=_USERINFO) if userinfo_url else None,
        )
        preset = described(preset, options)
        return cls._with(preset, options, client_id, client_secret, server_base_url, is_own=True)

    @classmethod
    def from_preset(
        cls,
        preset: str | ServicePreset,
        *,
        client_id: str,
        client_secret: str | Secret | None = None,
        server_base_url: str,
        name: str = "",
        base_url: str = "",
        tenant: str = "",
        variables: Mapping[str, str] | None = None,
        **options: Unpack[ServiceOptions],
    ) -> Self:
        """A provider for a service whose habits are known.

        Args:
            preset: Its name, such as `github`, `gitlab`, `google`, `microsoft` or `slack`, or a description of yours.
            client_id: Your client at the service; its redirect URI is `{server_base_url}/connect/{name}/callback`.
            client_secret: Its secret, if it is a confidential client.
            server_base_url: The public address of the application.
            name: The service's name in links, where the preset's own is taken.
            base_url: The address of your own installation, for services that people host themselves.
            tenant: Your organisation at the service, for services that have those.
            variables: Other values that the preset needs, by name, such as `subdomain`.
            **options: As in `ServiceOptions`.

        Raises:
            ConfigurationError: There is no such preset, or an argument cannot be used.
        """
        known = preset if isinstance(preset, ServicePreset) else preset_named(preset)
        check_variables(known, options)
        check_options(options, ServiceOptions, OAuthProvider.from_preset)
        given = {"base_url": base_url, "tenant": tenant}
        values = {**{one: value for one, value in given.items() if value}, **(variables or {})}
        described_here = described(replace(resolved(known, values), name=name or known.name), options)
        return cls._with(described_here, options, client_id, client_secret, server_base_url, is_own=known is preset)

    @classmethod
    def from_oidc(
        cls,
        issuer_url: str,
        *,
        name: str,
        client_id: str,
        client_secret: str | Secret | None = None,
        server_base_url: str,
        **options: Unpack[ServiceOptions],
    ) -> Self:
        """A provider for a service that describes itself, by OpenID Connect Discovery or RFC 8414.

        Its addresses are read when the first user connects, so a service that is down keeps nobody from starting.

        Args:
            issuer_url: Its issuer identifier, byte for byte as it spells itself.
            name: The service's name in links: lower-case letters, digits and hyphens.
            client_id: Your client at the service; its redirect URI is `{server_base_url}/connect/{name}/callback`.
            client_secret: Its secret, if it is a confidential client.
            server_base_url: The public address of the application.
            **options: As in `ServiceOptions`. `always_scopes` is `["openid"]` by default, which lets us learn whose
                account it is; many services want `offline_access` besides, for a refresh token.

        Raises:
            ConfigurationError: An argument cannot be used.
        """
        check_options(options, ServiceOptions, OAuthProvider.from_oidc)
        preset = ServicePreset(
            name=name, display_name=name.capitalize(), authorize_url="", token_url="", always_scopes=("openid",)
        )
        preset = described(preset, options)
        return cls._with(preset, options, client_id, client_secret, server_base_url, issuer_url=issuer_url)

    @classmethod
    def from_client_credentials(
        cls,
        *,
        name: str,
        client_id: str,
        client_secret: str | Secret,
        token_url: str,
        server_base_url: str,
        audience: str = "",
        resource: str = "",
        scopes: Sequence[str] = (),
        issuers: Collection[str] | None = None,
        **options: Unpack[ServiceOptions],
    ) -> Self:
        """A provider for a service that tools use as this application itself (RFC 6749 section 4.4).

        Every caller gets the same rights, so guard its tools by scopes or roles of leg 1. There is nothing to connect:
        users see no page, and a refusal is the operator's.

        Args:
            name: The service's name in store keys: lower-case letters, digits and hyphens.
            client_id: Your client at the service.
            client_secret: Its secret.
            token_url: The service's token endpoint.
            server_base_url: The public address of the application.
            audience: The name of the API, where the service wants one.
            resource: Its address (RFC 8707), where the service wants that.
            scopes: What is asked for instead of what tools need.
            issuers: Callers of these issuers only; everybody unless given.
            **options: As in `ServiceOptions`; those about people have no effect.

        Raises:
            ConfigurationError: An argument cannot be used.
        """
        check_options(options, ServiceOptions, OAuthProvider.from_client_credentials)
        preset = described(
            ServicePreset(name=name, display_name=name.capitalize(), authorize_url="", token_url=token_url), options
        )
        client = client_of(client_id, client_secret, options.get("client_authentication"))
        way = ClientCredentials(
            audience=audience, resource=resource, scopes=scopes, issuers=issuers, token_url=token_url
        )
        chosen = options_for(preset, ServiceOptions(**{**options, "without_user": [way]}), client=client, is_own=True)
        grant = ServiceAccount(preset.name, preset.display_name)
        return cls(grant, server_base_url=server_base_url, scope=options.get("scope", ""), **chosen)

    @classmethod
    def _with(
        cls,
        preset: ServicePreset,
        options: ServiceOptions,
        client_id: str,
        client_secret: str | Secret | None,
        server_base_url: str,
        *,
        issuer_url: str = "",
        is_own: bool = False,
    ) -> Self:
        told = options.get("client_authentication")
        client = client_of(client_id, client_secret, told or preset.client_authentication)
        grant = grant_for(preset, options, client=client, server_base_url=server_base_url, issuer_url=issuer_url)
        chosen = options_for(preset, options, client=client, is_own=is_own)
        return cls(grant, server_base_url=server_base_url, scope=options.get("scope", ""), **chosen)

    @property
    def name(self) -> str:
        """The service's name in links."""
        return self._foundation.broker.grant.service

    @property
    def api_url(self) -> str | None:
        """The service's API, without a trailing slash."""
        return self._foundation.api_url

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
        self._foundation.register(app, mcp)

    def require_token(
        self,
        scopes: Sequence[str] = (),
        *,
        account: str = "",
        account_from: str = "",
        fail_fast: bool = False,
    ) -> Callable[[F], F]:
        """Guard a tool, resource or prompt: its body runs only with the caller's credential.

        Args:
            scopes: What the credential must permit.
            account: The name of the caller's connection to use, where they may have several; their default otherwise.
            account_from: The function's parameter that holds that name, for callers who choose; empty there means the
                default.
            fail_fast: Answer at once instead of holding the call while the user connects.

        Raises:
            ConfigurationError: The decorator stands above `@mcp.tool`, where it would guard nothing, was used without
                parentheses, or names a parameter that is not there.
        """
        check_called(scopes, "require_token")
        needed = self._needed(scopes)
        return self._foundation.guarding(
            lambda purpose: Wanted(needed, purpose, fail_fast, account=account, account_from=account_from)
        )

    @makes_injected
    def token(
        self, scopes: Sequence[str] = (), *, account: str = "", fail_fast: bool = False
    ) -> Callable[..., Awaitable[str]]:
        """The caller's access token by injection: `token: str = Depends(github.token(scopes=["repo"]))`.

        For FastMCP's `Depends` in tools, resources and prompts, where the user is asked as `require_token` does, and
        for FastAPI's in routes, where a user who has not connected gets a 403 that carries the link.

        Args:
            scopes: What the token must permit.
            account: As for `require_token`.
            fail_fast: As for `require_token`; routes never wait.

        Raises:
            ConfigurationError: The scopes are no list of scopes.
        """
        wanted = Wanted(self._needed(scopes), fail_fast=fail_fast, account=account)
        return injectable(self._foundation, wanted, value=self._token)

    @makes_injected
    def http(
        self, scopes: Sequence[str] = (), *, account: str = "", fail_fast: bool = False
    ) -> Callable[..., Awaitable[httpx.AsyncClient]]:
        """The same for `client()`: `http: httpx.AsyncClient = Depends(github.http(scopes=["repo"]))`.

        Args:
            scopes: What the credential must permit.
            account: As for `require_token`.
            fail_fast: As for `require_token`; routes never wait.

        Raises:
            ConfigurationError: The scopes are no list of scopes, or nobody said where the service's API is.
        """
        self._holding.check_api()
        wanted = Wanted(self._needed(scopes), fail_fast=fail_fast, account=account)
        return injectable(self._foundation, wanted, value=self._holding.client)

    def get_token(self) -> str:
        """The caller's access token, while a guard or an injection holds it. Prefer `client()`, which renews it too.

        Raises:
            ConfigurationError: No guard or injection is around this code.
        """
        return self._holding.current.credential.access_token.reveal()

    async def invalidate_token(self, sub: str | None = None) -> None:
        """Forget the caller's credential, while it is held; the next call asks the user again.

        Args:
            sub: The caller's subject, for code that names it; nobody else's credential can be forgotten here.

        Raises:
            ConfigurationError: No guard or injection is around this code, or `sub` is somebody else.
        """
        await self._holding.forget(sub)

    def client(self, **options: Any) -> httpx.AsyncClient:
        """An HTTP client that carries the caller's credential, for use with `async with`.

        It renews the credential once when the service says that it is no good. If that does not help, the call ends
        with the link to connect again. It sends the credential to the provider's API only, or where that is unknown,
        to the origin of `base_url`.

        Args:
            **options: Further arguments of `httpx.AsyncClient`.

        Raises:
            ConfigurationError: No guard or injection is around this code, `auth` was given, or nobody said where the
                service's API is.
        """
        return self._holding.client(**options)

    def _needed(self, scopes: Sequence[str]) -> tuple[str, ...]:
        return check_scopes(scopes) or self._scopes

    @asynccontextmanager
    async def _token(self) -> AsyncIterator[str]:
        yield self.get_token()
