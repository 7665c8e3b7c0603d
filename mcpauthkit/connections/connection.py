"""A connection as its owner sees it: no secrets, only what is known about them."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from mcpauthkit.connections.credential import Account


class Health(StrEnum):
    """How a connection is doing."""

    GOOD = "good"
    EXPIRES_SOON = "expires soon"
    """Nothing renews it and its end is near."""
    EXPIRED = "expired"
    FAILING = "failing"
    """The last renewal met an outage; it is tried again."""
    LOST = "lost"
    """The service has ended it; the user has to connect again."""


class Revoked(StrEnum):
    """Whether a service was told that a connection is over, and agreed."""

    YES = "yes"
    NO = "no"
    """It was asked and did not confirm."""
    NOT_SUPPORTED = "not supported"
    """It offers no way to say so; its users withdraw access in their settings there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Connection:
    """One user's connection with one service.

    Args:
        service: The service's name in links.
        display_name: The service's name for people.
        name: What the user calls it; empty where there is only one.
        account: Whose account at the service it is.
        scopes: What it permits.
        connected_at: Wall time in seconds when the user connected.
        last_used_at: Wall time in seconds of the last use, within some minutes; None when never or unknown.
        expires_at: Wall time in seconds when it ends unless renewed, or None.
        renews_itself: Whether it goes on without the user.
        health: How it is doing.
        is_default: Whether tools that name no account use it.
    """

    service: str
    display_name: str
    name: str = ""
    account: Account = field(default_factory=Account)
    scopes: tuple[str, ...] = ()
    connected_at: float | None = None
    last_used_at: float | None = None
    expires_at: float | None = None
    renews_itself: bool = False
    health: Health = Health.GOOD
    is_default: bool = True


@dataclass(frozen=True, slots=True)
class Disconnected:
    """What became of a connection that was ended.

    Args:
        connection: As it was.
        revoked: Whether the service was told, and agreed.
    """

    connection: Connection
    revoked: Revoked
