"""What one OAuth service needs beyond the standard, as values. The rows are in `presets`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from mcpauthkit.oauth.account import AccountPaths
from mcpauthkit.oauth.scope_rules import ScopeRules
from mcpauthkit.oauth.token import ClientAuthentication
from mcpauthkit.oauth.token_shape import TokenShape

__all__ = ["AccountPaths", "Refusal", "Revocation", "ServicePreset", "TokenShape", "WhoAmI"]


@dataclass(frozen=True, slots=True, kw_only=True)
class WhoAmI:
    """A cheap request that says whose account a token belongs to.

    Args:
        url: Where; may hold variables.
        account: Where the answer says it.
        method: GET or POST.
        json: A JSON body.
        headers: Further header fields.
        style: `bearer`, the token is the key to the request; `introspection`, it stands in a form with our client's
            proof (RFC 7662 section 2.1).
        further: What is asked besides for whatever is still open, such as the tenant.
    """

    url: str
    account: AccountPaths
    method: Literal["GET", "POST"] = "GET"
    json: Mapping[str, Any] | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    style: Literal["bearer", "introspection"] = "bearer"
    further: WhoAmI | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Revocation:
    """How a service is told that a token is over.

    Args:
        url: Where; may hold variables and `{client_id}`.
        style: `rfc7009`, a form with the client's proof; `github`, DELETE with a JSON body under Basic; `bearer`, the
            token itself as bearer of a POST.
        token: Which token ends the whole grant.
    """

    url: str
    style: Literal["rfc7009", "github", "bearer"] = "rfc7009"
    token: Literal["access_token", "refresh_token"] = "refresh_token"  # noqa: S105


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """How an answer of the API says that a token is no good.

    Args:
        meaning: `dead`, renew or connect again; `narrow`, the token lacks a scope.
        status: The HTTP status.
        path: A dotted path in the JSON body, `*` for any item of a list; empty where the status says it all.
        values: What stands there; none for anything at all. Texts are compared without case.
        by_beginning: Whether texts that begin with one of the values count as well.
        needed: A dotted path to the scopes that are missing, or `header:` with the name of one.
        any_of: Whether one of the scopes named there is enough.
        granted: `header:` with the name of one that lists what the token permits now, which users may have changed.
        unless: Header fields that give the refusal another reason, by name, or as `name: value`; in lower case.
    """

    meaning: Literal["dead", "narrow"]
    status: int
    path: str = ""
    values: frozenset[str] = frozenset()
    by_beginning: bool = False
    needed: str = ""
    any_of: bool = False
    granted: str = ""
    unless: tuple[str, ...] = ()


UNAUTHORIZED = Refusal(meaning="dead", status=401)


@dataclass(frozen=True, slots=True, kw_only=True)
class ServicePreset:
    """One OAuth service. URLs may hold `{variables}`.

    Args:
        name: Its name in links.
        display_name: Its name for people.
        authorize_url: Its authorization endpoint.
        token_url: Its token endpoint.
        refresh_url: Where refresh tokens go, if elsewhere.
        refresh_with_redirect_uri: Whether it wants to hear there where the browser brought the code.
        api_url: Its API; may begin with the name of one of `tokens.details`, where users have hosts of their own, and
            may hold `tenant_variable` in its path.
        api_hosts: Further hosts of its API that take the same token; one that begins with a dot stands for every host
            below it.
        told_hosts: The hosts that a detail in `api_url` may name, likewise.
        tenant_variable: What `api_url` may call the tenant of the user's account, such as `cloud_id`.
        variables: Defaults of the variables, such as `base_url` and `tenant`; an empty one has to be given.
        issuer: The `iss` it sends back (RFC 9207), where it is known to.
        sends_issuer: Whether it always does, so that an answer without it is refused.
        client_authentication: How a client with a secret proves itself.
        body: What the token endpoint takes.
        pkce: Whether it is sent; off only where a service refuses it.
        scope_separator: What joins scopes in requests.
        scope_parameter: The request parameter for the user's scopes.
        always_scopes: Scopes that are asked for whatever tools need, such as those that bring a refresh token.
        is_incremental: Whether a new consent adds to the scopes before, so that only missing ones are asked for.
        authorize_params: Further parameters of the authorization request.
        on_behalf_of: Whether the token endpoint exchanges the sign-ins of our own callers, as Entra's does.
        tokens: How token answers differ.
        scopes: How its scopes relate.
        revocation: How it is told that a token is over, or None where it cannot be told.
        whoami: How to find out whose account a token belongs to.
        refusals: How its API says that a token is no good; the first that fits counts.
        api_headers: Header fields its API insists on.
        settings_url: Where its users withdraw access themselves.
    """

    name: str
    display_name: str
    authorize_url: str
    token_url: str
    refresh_url: str = ""
    refresh_with_redirect_uri: bool = False
    api_url: str = ""
    api_hosts: tuple[str, ...] = ()
    told_hosts: tuple[str, ...] = ()
    tenant_variable: str = ""
    variables: Mapping[str, str] = field(default_factory=dict)
    issuer: str | None = None
    sends_issuer: bool = False
    client_authentication: ClientAuthentication = "client_secret_post"
    body: Literal["form", "json"] = "form"
    pkce: bool = True
    scope_separator: str = " "
    scope_parameter: str = "scope"
    always_scopes: tuple[str, ...] = ()
    is_incremental: bool = False
    authorize_params: Mapping[str, str] = field(default_factory=dict)
    on_behalf_of: bool = False
    tokens: TokenShape = field(default_factory=TokenShape)
    scopes: ScopeRules = field(default_factory=ScopeRules)
    revocation: Revocation | None = None
    whoami: WhoAmI | None = None
    refusals: tuple[Refusal, ...] = (UNAUTHORIZED,)
    api_headers: Mapping[str, str] = field(default_factory=dict)
    settings_url: str = ""
