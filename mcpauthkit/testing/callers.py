"""Callers to ask policies and guards about, without a token."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from mcpauthkit.access.review.cases import ISSUER, NOON, User, caller_of
from mcpauthkit.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from mcpauthkit.access.request import Caller


def caller(
    subject: str | None,
    *,
    issuer: str = ISSUER,
    roles: Sequence[str] = (),
    scopes: Sequence[str] = (),
    client: str | None = None,
    tenant: str | None = None,
    claims: Mapping[str, Any] | None = None,
    connected: Sequence[str] = (),
    transport: str = "http",
    now: datetime = NOON,
) -> Caller:
    """Somebody to ask a `PolicyEngine` or a guard about, as in a file of tests.

    Args:
        subject: The subject of their token; None for nobody.
        issuer: Who vouches for them.
        roles: Their roles.
        scopes: The scopes of their token.
        client: The OAuth client they use.
        tenant: Their organisation.
        claims: Further claims of their token.
        connected: The services they have connected.
        transport: `http`, `sse`, `stdio` or `memory`.
        now: The time, with a zone; a Monday at noon, UTC, unless given.

    Raises:
        ConfigurationError: Something of it would be refused in a file of tests.
    """
    if subject is None:
        return caller_of(None, now, transport)
    lists = {"roles": roles, "scopes": scopes, "connected": connected}
    said = {name: list(values) if not isinstance(values, str) else values for name, values in lists.items() if values}
    try:
        user = User.model_validate(
            {"subject": subject, "issuer": issuer, "client": client, "tenant": tenant, "claims": claims or {}, **said}
        )
    except ValidationError as error:
        wrong = ", ".join(str(one["loc"][0]) for one in error.errors(include_url=False, include_input=False))
        raise ConfigurationError(
            f"caller(...) got {wrong} that nobody can have.",
            hint="`roles`, `scopes` and `connected` are lists of texts, the others texts.",
        ) from None
    return caller_of(user, now, transport)
