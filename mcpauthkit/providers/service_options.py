"""What the constructors of `OAuthProvider` share: their arguments, and the parts made of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TypedDict

import httpx

from mcpauthkit.connections.authorization_code import AuthorizationCodeGrant
from mcpauthkit.connections.discovery import Discovery
from mcpauthkit.connections.preset import ServicePreset
from mcpauthkit.connections.service_account import ServiceAccount
from mcpauthkit.connections.userless_asking import TokenEndpoint
from mcpauthkit.connections.userless_grants import grants_from
from mcpauthkit.connections.without_user import OnBehalfOf, TokenExchange, WayOptions
from mcpauthkit.core.secret import Secret, as_secret
from mcpauthkit.core.urls import check_base_url
from mcpauthkit.errors import ConfigurationError
from mcpauthkit.fetch import HttpFetch
from mcpauthkit.oauth.scopes import check_scopes
from mcpauthkit.oauth.token import ClientAuthentication, OAuthClient
from mcpauthkit.providers.foundation import OAuthOptions, with_timeout
from mcpauthkit.web.connect import connect_path

_TIMEOUT_SECONDS = 10.0


class ClientOptions(TypedDict, total=False):
    """What the constructors of `OAuthProvider` take beside the options of the class.

    Attributes:
        display_name: The service's name for people.
        client_authentication: How the secret is sent: `client_secret_post`, `client_secret_basic`, or `none`; what the
            service prefers by default.
        pkce: Whether PKCE is sent; only where a service refuses it should it be off.
        scope: Scopes of guards and injections that name none, separated by spaces.
        always_scopes: Scopes that are asked for whatever tools need, such as `offline_access` for a refresh token.
        extra_authorize_params: Further parameters of the authorization request; None drops one of the preset's.
        redirect_uri: Where the service sends browsers back, if you want it checked: another one than
            `{server_base_url}/connect/{name}/callback` is refused.
        token_timeout: How long a connect link works, in seconds; another name of `flow_ttl_seconds`.
        http_client: An httpx client of yours for requests to the service's own addresses; it stays open.
    """

    display_name: str | None
    client_authentication: ClientAuthentication | None
    pkce: bool
    scope: str
    always_scopes: Sequence[str]
    extra_authorize_params: Mapping[str, str | None] | None
    redirect_uri: str | None
    token_timeout: float
    http_client: httpx.AsyncClient | None


class ServiceOptions(ClientOptions, OAuthOptions, total=False):
    """All that the constructors of `OAuthProvider` take beside their own arguments."""


def check_grant(given: object) -> None:
    """Refuse what is no way to credentials where `OAuthProvider` itself wants one.

    Raises:
        ConfigurationError: It is a service's name or something else; the hint says which constructor is meant.
    """
    is_grant = all(callable(getattr(given, one, None)) for one in ("begin", "complete", "renew"))
    if not is_grant and not isinstance(given, ServiceAccount):
        named = f'"{given}"' if isinstance(given, str) else "preset"
        raise ConfigurationError(
            f"OAuthProvider got a {type(given).__name__} where a grant belongs.",
            hint=f"Write OAuthProvider.from_preset({named}, ...), or use another of its from_... constructors.",
        )


def client_of(
    client_id: str, client_secret: str | Secret | None, authentication: ClientAuthentication | None
) -> OAuthClient:
    """Our client at a service.

    Args:
        client_id: Its identifier.
        client_secret: Its secret, if it has one.
        authentication: How the secret is sent; `client_secret_post` by default.

    Raises:
        ConfigurationError: There is no identifier, or no such way of sending the secret.
    """
    if not client_id:
        raise ConfigurationError("client_id is empty.", hint="Register a client at the service and give its id.")
    secret = as_secret(client_secret) if client_secret else None
    client = OAuthClient(client_id, secret, authentication or "client_secret_post")
    return client if secret else replace(client, authentication="none")


def check_variables(preset: ServicePreset, options: Mapping[str, object]) -> None:
    """Refuse a variable of the preset among the keyword arguments, where it would mean nothing.

    Args:
        preset: The preset.
        options: What was given besides the constructor's own arguments.

    Raises:
        ConfigurationError: There is one; the hint says how it is given.
    """
    name = next((one for one in options if one in preset.variables), None)
    if name is not None:
        raise ConfigurationError(
            f"OAuthProvider.from_preset has no argument {name!r}; it is a variable of the preset {preset.name!r}.",
            hint=f'Give variables={{"{name}": "{options[name]}"}}.',
        )


def described(preset: ServicePreset, options: ServiceOptions) -> ServicePreset:
    """The preset with what the application wants otherwise.

    Raises:
        ConfigurationError: One of its wishes means nothing.
    """
    parameters = {**preset.authorize_params, **(options.get("extra_authorize_params") or {})}
    pkce = options.get("pkce", preset.pkce)
    if not isinstance(pkce, bool):
        raise ConfigurationError(f"pkce={pkce!r} is not True or False.", hint="Leave it out, or write pkce=False.")
    api_url = options.get("api_url") or ""
    return replace(
        preset,
        # One that differs by user is the preset's business; what it may hold is checked there.
        api_url=api_url if "{" in api_url else preset.api_url,
        display_name=options.get("display_name") or preset.display_name,
        pkce=pkce,
        always_scopes=check_scopes(options.get("always_scopes", preset.always_scopes), "always_scopes"),
        authorize_params={name: value for name, value in parameters.items() if value is not None},
    )


def grant_for(
    preset: ServicePreset,
    options: ServiceOptions,
    *,
    client: OAuthClient,
    server_base_url: str,
    issuer_url: str = "",
) -> AuthorizationCodeGrant:
    """The grant of a described service.

    Args:
        preset: The service.
        options: What else was given.
        client: Our client there.
        server_base_url: The public address of the application.
        issuer_url: Where the service describes itself, if it does.

    Raises:
        ConfigurationError: An argument cannot be used.
    """
    _check_redirect_uri(options.get("redirect_uri"), server_base_url, preset.name)
    fetch, clock = fetch_of(options), options.get("clock")
    if not issuer_url:
        return AuthorizationCodeGrant(preset, client, fetch=fetch, clock=clock)
    told = options.get("client_authentication")
    discovery = Discovery(preset, issuer_url=issuer_url, fetch=fetch, client_authentication=told, clock=clock)
    return AuthorizationCodeGrant(preset, client, fetch=fetch, discover=discovery, clock=clock)


def fetch_of(options: ServiceOptions) -> HttpFetch:
    """The way to the service's own addresses."""
    return HttpFetch(options.get("http_client"), timeout_seconds=_TIMEOUT_SECONDS)


def options_for(preset: ServicePreset, options: ServiceOptions, *, client: OAuthClient, is_own: bool) -> OAuthOptions:
    """The options of the class: those given, and the service's own where none is.

    Args:
        preset: The service.
        options: What was given.
        client: Our client there, for ways without the user that name none.
        is_own: Whether the application itself gave the addresses, so that it knows who gets its callers' tokens.

    Raises:
        ConfigurationError: Two names of one thing were given, or a way without the user cannot be used.
    """
    chosen = OAuthOptions(
        scope_rules=preset.scopes, is_incremental=preset.is_incremental, settings_url=preset.settings_url
    )
    chosen["api_url"] = preset.api_url or None
    for key in (OAuthOptions.__optional_keys__ | OAuthOptions.__required_keys__) & options.keys():
        chosen[key] = options[key]  # type: ignore[literal-required]  # the keys of the one are keys of the other
    if "{" in (chosen["api_url"] or ""):
        # It differs by user.
        chosen["api_url"] = None
    if "without_user" in options:
        endpoint = _endpoint_of(preset, client, is_own=is_own)
        chosen["without_user"] = grants_from(
            options["without_user"], endpoint=endpoint, fetch=fetch_of(options), clock=options.get("clock")
        )
    return with_timeout(chosen, options)


def _endpoint_of(preset: ServicePreset, client: OAuthClient, *, is_own: bool) -> TokenEndpoint:
    exchanges: tuple[type[WayOptions], ...] = (OnBehalfOf,) if preset.on_behalf_of else ()
    return TokenEndpoint(
        url=preset.token_url,
        client=client,
        tokens=preset.tokens,
        body=preset.body,
        scope_separator=preset.scope_separator,
        exchanges=(OnBehalfOf, TokenExchange) if is_own else exchanges,
    )


def _check_redirect_uri(given: str | None, server_base_url: str, name: str) -> None:
    ours = f"{check_base_url(server_base_url, 'server_base_url')}{connect_path(name)}/callback"
    if given is not None and given != ours:
        raise ConfigurationError(
            f"redirect_uri={given!r} is not where this application serves the callback.",
            hint=f"Register {ours} at the service, and leave redirect_uri out.",
        )
