"""The ways to a credential that ask nobody, as applications write them."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import ClassVar

from mcpauthkit.connections.grant import UserlessGrant
from mcpauthkit.core.secret import Secret, as_secret
from mcpauthkit.core.urls import is_trustworthy_url
from mcpauthkit.errors import ConfigurationError
from mcpauthkit.oauth.scopes import check_scopes
from mcpauthkit.oauth.token import ClientAuthentication
from mcpauthkit.oauth.token_exchange import ACCESS_TOKEN_TYPE


def check_issuers(issuers: object) -> frozenset[str] | None:
    """The issuers whose callers a way is for; None for everybody's.

    An empty list is refused: a setting that was left out must not open to everybody what was meant for some.

    Raises:
        ConfigurationError: They are no list of issuers.
    """
    if issuers is None:
        return None
    if isinstance(issuers, str) or not isinstance(issuers, Collection) or not issuers:
        raise ConfigurationError(
            f"issuers={issuers!r} is no list of issuers.", hint="Write a list of issuers, or None for everybody."
        )
    if not all(isinstance(one, str) and one for one in issuers):
        raise ConfigurationError("issuers= holds what is no issuer.", hint="Write them as their tokens do.")
    return frozenset(issuers)


@dataclass(frozen=True, slots=True, kw_only=True)
class WayOptions:
    """What every way can be given; each one's own class says what it means there.

    Args:
        scopes: What is asked for instead of what tools need.
        issuers: Callers of these issuers only; everybody unless given.
        token_url: The token endpoint; the provider's unless given.
        client_id: The client; the provider's unless given, at the provider's own server only.
        client_secret: Its secret.
        client_authentication: How the secret is sent; `client_secret_post` by default.

    Raises:
        ConfigurationError: An argument cannot be used.
    """

    shows_callers_token: ClassVar[bool] = True

    scopes: Sequence[str] = ()
    issuers: Collection[str] | None = None
    token_url: str = ""
    client_id: str = ""
    client_secret: str | Secret | None = field(default=None, repr=False)
    client_authentication: ClientAuthentication | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "scopes", check_scopes(self.scopes))
        object.__setattr__(self, "issuers", check_issuers(self.issuers))
        if self.token_url and not is_trustworthy_url(self.token_url):
            raise ConfigurationError(
                f"token_url={self.token_url!r} is not an https URL.",
                hint="Use https; plain http is for loopback only.",
            )
        if bool(self.client_id) != bool(self.client_secret):
            raise ConfigurationError(
                "client_id and client_secret come together.", hint="Give both, or neither for the provider's client."
            )
        if self.client_secret is not None:
            object.__setattr__(self, "client_secret", as_secret(self.client_secret))


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenExchange(WayOptions):
    """The caller's access token, exchanged for one of the service (RFC 8693): nobody is asked anything.

    The token goes to the token endpoint only, and is kept nowhere. It is the authorization server that decides who may
    exchange what; mostly that is the organisation's own issuer, and then `token_url` and the client are given here.
    A service of the kit's own rows never gets callers' tokens: whoever has one is that caller.

    Args:
        audience: The service's name at the authorization server.
        resource: The service's address, where the server wants that instead or besides.
        subject_token_type: What the caller's token is called; `...:jwt` where a server insists.
        requested_token_type: What is asked for.
        scopes: What is asked for instead of what tools need.
        issuers: Callers of these issuers only. Name them where there are several: the tokens of one are none of the
            others' business.
        token_url: The token endpoint; may be left out where the application gave the provider's itself.
        client_id: The client; the provider's unless given.
        client_secret: Its secret.
        client_authentication: How the secret is sent; `client_secret_post` by default.

    Raises:
        ConfigurationError: An argument cannot be used.
    """

    audience: str = ""
    resource: str = ""
    subject_token_type: str = ACCESS_TOKEN_TYPE
    requested_token_type: str = ACCESS_TOKEN_TYPE


@dataclass(frozen=True, slots=True, kw_only=True)
class OnBehalfOf(WayOptions):
    """The caller's access token, exchanged at Microsoft Entra ("on-behalf-of").

    The client is the application whose tokens callers bring, so give `client_id` and `client_secret` if the provider's
    are others. Where Entra wants the user's consent or a second factor first, the user is asked.

    Args:
        scopes: What is asked for instead of what tools need, such as `https://graph.microsoft.com/.default`. A scope
            names the service too.
        issuers: Callers of these issuers only; as for `TokenExchange`.
        token_url: The tenant's token endpoint; may be left out with the preset `microsoft`, and where the application
            gave the provider's itself.
        client_id: The client; the provider's unless given.
        client_secret: Its secret.
        client_authentication: How the secret is sent; `client_secret_post` by default.

    Raises:
        ConfigurationError: An argument cannot be used.
    """


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientCredentials(WayOptions):
    """A service account: what this application itself may do at a service, for every caller alike.

    Every caller gets its rights. Name the callers by `issuers=` where not all of them should, and do not list it behind
    an exchange for the same callers: whom the authorization server refuses would get the account's rights instead.

    Args:
        audience: The name of the service, where the authorization server wants one.
        resource: The service's address (RFC 8707), where it wants that.
        scopes: What is asked for instead of what tools need, such as `https://graph.microsoft.com/.default`; what the
            application was given then counts as what they need.
        issuers: Callers of these issuers only, such as `["api-keys"]`; everybody unless given.
        token_url: The token endpoint; the provider's unless given.
        client_id: The client; the provider's unless given.
        client_secret: Its secret.
        client_authentication: How the secret is sent; `client_secret_post` by default.

    Raises:
        ConfigurationError: An argument cannot be used.
    """

    shows_callers_token: ClassVar[bool] = False

    audience: str = ""
    resource: str = ""


WithoutUser = TokenExchange | OnBehalfOf | ClientCredentials | UserlessGrant
"""A way to a credential that asks nobody: one of ours as a value, or an application's own."""
