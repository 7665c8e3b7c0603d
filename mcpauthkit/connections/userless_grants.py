"""From what an application writes as `without_user` to the grants that do it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from mcpauthkit.connections.client_credentials import ClientCredentialsGrant
from mcpauthkit.connections.grant import UserlessGrant
from mcpauthkit.connections.token_exchange import OnBehalfOfGrant, TokenExchangeGrant
from mcpauthkit.connections.userless_asking import TokenEndpoint
from mcpauthkit.connections.without_user import ClientCredentials, OnBehalfOf, TokenExchange, WithoutUser
from mcpauthkit.core.clock import Clock
from mcpauthkit.errors import ConfigurationError
from mcpauthkit.fetch import Fetch


def grants_from(
    values: Sequence[WithoutUser],
    *,
    fetch: Fetch,
    endpoint: TokenEndpoint | None = None,
    clock: Clock | None = None,
) -> list[UserlessGrant]:
    """The grants for what an application wrote, in its order.

    Args:
        values: The ways.
        fetch: The fetch port.
        endpoint: The provider's token endpoint and client, for ways that name none.
        clock: Time.

    Raises:
        ConfigurationError: One of them is no way, or names too little.
    """
    if isinstance(values, str | Mapping) or not isinstance(values, Iterable):
        raise ConfigurationError(
            f"without_user is a {type(values).__name__}, not a list.", hint="Write without_user=[TokenExchange(...)]."
        )
    return [_grant_from(one, endpoint=endpoint or TokenEndpoint(), fetch=fetch, clock=clock) for one in values]


def _grant_from(value: WithoutUser, *, endpoint: TokenEndpoint, fetch: Fetch, clock: Clock | None) -> UserlessGrant:
    match value:
        case TokenExchange():
            return TokenExchangeGrant(value, endpoint=endpoint, fetch=fetch, clock=clock)
        case OnBehalfOf():
            return OnBehalfOfGrant(value, endpoint=endpoint, fetch=fetch, clock=clock)
        case ClientCredentials():
            return ClientCredentialsGrant(value, endpoint=endpoint, fetch=fetch, clock=clock)
        case _ if callable(getattr(value, "obtain", None)) and hasattr(value, "origin"):
            return value
        case _:
            raise ConfigurationError(
                f"without_user= holds a {type(value).__name__}, which is no way to a credential.",
                hint="Give TokenExchange(...), OnBehalfOf(...), ClientCredentials(...) or a UserlessGrant.",
            )
