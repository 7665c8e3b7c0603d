"""`OAuthProvider`: tools that need the user's own account at an OAuth service."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any, Self, TypeVar, Unpack

import httpx
from fastapi import FastAPI

from mcpauthkit.connections.authorization_code import AuthorizationCodeGrant
from mcpauthkit.connections.grant import RedirectGrant
from mcpauthkit.connections.preset import ServicePreset
from mcpauthkit.core.secret import Secret, as_secret
from mcpauthkit.errors import ConfigurationError
from mcpauthkit.fetch import HttpFetch
from mcpauthkit.oauth.scopes import check_scopes
from mcpauthkit.oauth.token import ClientAuthentication, OAuthClient
from mcpauthkit.providers.foundation import Foundation, OAuthOptions, Server, check_called
from mcpauthkit.providers.holding import Wanted
from mcpauthkit.providers.injection import injectable

F = TypeVar("F", bound=Callable[..., Any])


class OAuthProvider:
    """One OAuth service whose accounts tools use on their caller's behalf.

    Call `register(app, mcp)` once, then put `@provider.require_token()` directly above a tool's function and below
    `@mcp.tool`. The first call leads the user to a page where they sign in as themselves and connect the service; the
    credential is then kept, renewed and used.

    Args:
        grant: How credentials are obtained; the `from_...` constructors make one from plain values.
        server_base_url: The public address of the application.
        **options: As in `OAuthOptions`.

    Raises:
        ConfigurationError: An argument cannot be used; the message says what to write instead.
    """

    def __init__(self, grant: RedirectGrant, *, server_base_url: str, **options: Unpack[OAuthOptions]) -> None:
        self._foundation = Foundation(grant, server_base_url=server_base_url, **options)
        self._holding = self._foundation.holding

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
        **options: Unpack[OAuthOptions],
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
            **options: As for the class.

        Raises:
            ConfigurationError: An argument cannot be used.
        """
        preset = ServicePreset(
            name=name,
            display_name=display_name or name.capitalize(),
            authorize_url=authorize_url,
            token_url=token_url,
            issuer=issuer,
            scope_separator=scope_separator,
            authorize_params=extra_authorize_params or {},
        )
        grant = AuthorizationCodeGrant(
            preset,
            _client(client_id, client_secret, client_authentication),
            fetch=HttpFetch(http_client, timeout_seconds=10.0),
            clock=options.get("clock"),
        )
        return cls(grant, server_base_url=server_base_url, **options)

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
        needed = check_scopes(scopes)
        return self._foundation.guarding(
            lambda purpose: Wanted(needed, purpose, fail_fast, account=account, account_from=account_from)
        )

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
        wanted = Wanted(check_scopes(scopes), fail_fast=fail_fast, account=account)
        return injectable(self._foundation, wanted, value=self._token)

    def http(
        self, scopes: Sequence[str] = (), *, account: str = "", fail_fast: bool = False
    ) -> Callable[..., Awaitable[httpx.AsyncClient]]:
        """The same for `client()`: `http: httpx.AsyncClient = Depends(github.http(scopes=["repo"]))`.

        Args:
            scopes: What the credential must permit.
            account: As for `require_token`.
            fail_fast: As for `require_token`; routes never wait.

        Raises:
            ConfigurationError: The scopes are no list of scopes.
        """
        wanted = Wanted(check_scopes(scopes), fail_fast=fail_fast, account=account)
        return injectable(self._foundation, wanted, value=self._holding.client)

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
        held = self._holding.current
        await self._foundation.broker.forget(held.principal, rejected=held.credential)

    def client(self, **options: Any) -> httpx.AsyncClient:
        """An HTTP client that carries the caller's credential, for use with `async with`.

        It renews the credential once when the service says that it is no good. If that does not help, the call ends
        with the link to connect again.

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
