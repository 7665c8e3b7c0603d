"""From what an application writes as `without_user` to the grants that do it."""

from __future__ import annotations

from collections.abc import Sequence

from mcpauthkit.connections.client_credentials import ClientCredentialsGrant
from mcpauthkit.connections.grant import UserlessGrant
from mcpauthkit.connections.token_exchange import OnBehalfOfGrant, TokenExchangeGrant
from mcpauthkit.connections.without_user import ClientCredentials, OnBehalfOf, TokenExchange, WayOptions, WithoutUser
from mcpauthkit.core.clock import Clock
from mcpauthkit.errors import ConfigurationError
from mcpauthkit.fetch import Fetch
from mcpauthkit.oauth.token import OAuthClient


def grants_from(
    values: Sequence[WithoutUser], *, client: OAuthClient, token_url: str, fetch: Fetch, clock: Clock | None = None
) -> list[UserlessGrant]:
    """The grants for what an application wrote, in its order.

    Args:
        values: The ways.
        client: The provider's client, for ways that name none.
        token_url: The provider's token endpoint, for ways that name none.
        fetch: The fetch port.
        clock: Time.

    Raises:
        ConfigurationError: One of them is no way, or a way needs a confidential client.
    """
    return [_grant_from(one, client=client, token_url=token_url, fetch=fetch, clock=clock) for one in values]


def _grant_from(
    value: WithoutUser, *, client: OAuthClient, token_url: str, fetch: Fetch, clock: Clock | None
) -> UserlessGrant:
    if isinstance(value, WayOptions) and not (value.token_url or token_url):
        raise ConfigurationError(
            f"{type(value).__name__} knows no token endpoint.",
            hint="Give it token_url=, client_id= and client_secret=.",
        )
    match value:
        case TokenExchange():
            return TokenExchangeGrant(value, client=client, token_url=token_url, fetch=fetch, clock=clock)
        case OnBehalfOf():
            return OnBehalfOfGrant(value, client=client, token_url=token_url, fetch=fetch, clock=clock)
        case ClientCredentials():
            return ClientCredentialsGrant(value, client=client, token_url=token_url, fetch=fetch, clock=clock)
        case _ if callable(getattr(value, "obtain", None)) and hasattr(value, "origin"):
            return value
        case _:
            raise ConfigurationError(
                f"without_user= holds a {type(value).__name__}, which is no way to a credential.",
                hint="Give TokenExchange(...), OnBehalfOf(...), ClientCredentials(...) or a UserlessGrant.",
            )
