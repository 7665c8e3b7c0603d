"""A service that an application's users can connect, as everything sees it that lets them manage their connections."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from mcpauthkit.connections.broker import Broker
from mcpauthkit.connections.connection import Connection, Disconnected
from mcpauthkit.connections.names import is_called, same_name
from mcpauthkit.core.flow_state import Flow
from mcpauthkit.errors import NoSuchConnection
from mcpauthkit.principal import Principal
from mcpauthkit.protocol.ask import Asker

BY_THE_USER = "This server"
"""Who uses the account, where no tool asked for it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectedService:
    """One service of an application.

    Args:
        asker: The service's way of asking users.
        connect_url: The page of a flow.
        known_scopes: Gives every scope that something here needs, and the names of the tools that need it.
        settings_url: Where the service's users withdraw access themselves, if known.
    """

    asker: Asker
    connect_url: Callable[[Flow], str]
    known_scopes: Callable[[], Mapping[str, tuple[str, ...]]]
    settings_url: str = ""

    @property
    def broker(self) -> Broker:
        """Where its credentials come from."""
        return self.asker.broker

    @property
    def name(self) -> str:
        """The service's name in links."""
        return self.broker.grant.service

    @property
    def display_name(self) -> str:
        """The service's name for people."""
        return self.broker.grant.display_name

    async def connections(self, principal: Principal) -> list[Connection]:
        """The principal's connections with it."""
        return await self.broker.overview.connections(principal)

    async def connection(self, principal: Principal, name: str) -> Connection:
        """The connection of that name.

        Raises:
            NoSuchConnection: The principal has none.
        """
        found = next((one for one in await self.connections(principal) if one.name == name), None)
        if found is None:
            raise NoSuchConnection().naming(self.display_name)
        return found

    async def own_name(self, principal: Principal, called: str) -> str:
        """The name of the connection that is meant: that name itself, or what its account is called, if that is one's.

        Args:
            principal: Whose.
            called: What somebody wrote.
        """
        held = await self.connections(principal)
        if any(same_name(one.name, called) for one in held):
            return called
        meant = [one.name for one in held if is_called(one, called)]
        return meant[0] if len(meant) == 1 else called

    async def make_default(self, principal: Principal, name: str) -> None:
        """Let tools that name no account use the connection of that name.

        Raises:
            NoSuchConnection: There is none.
        """
        if not await self.broker.overview.make_default(principal, name=name):
            raise NoSuchConnection().naming(self.display_name)

    async def disconnect(self, principal: Principal, name: str | None) -> list[Disconnected]:
        """End the connection of that name, or all of them, here and at the service; empty when there was none."""
        return await self.broker.overview.disconnect(principal, name=name)

    async def end_all(self, principal: Principal) -> list[Disconnected]:
        """End all of a principal's connections, and what they were about to connect."""
        return await self.broker.end_all(principal)

    def missing_scopes(self, connection: Connection) -> tuple[str, ...]:
        """The known scopes that a connection does not cover."""
        return self.broker.scope_rules.missing(self.known_scopes(), connection.scopes)

    async def open_link(self, principal: Principal, *, scopes: Sequence[str] | None = None, account: str = "") -> str:
        """The page on which the principal connects it.

        Args:
            principal: Who is going to connect.
            scopes: What to ask for; None for what a connection of that name has, or, where nothing is known of one,
                for everything that something here needs.
            account: The name of the connection.
        """
        if scopes is None:
            held = next((one.scopes for one in await self.connections(principal) if one.name == account), ())
            scopes = held or tuple(self.known_scopes())
        flow = await self.broker.open_flow(principal, scopes, purpose=BY_THE_USER, account=account, exactly=True)
        return self.connect_url(flow)


def service_named(services: Mapping[str, ConnectedService], name: str) -> ConnectedService:
    """The service of that name.

    Raises:
        NoSuchConnection: The application has none; the text names those it has.
    """
    found = services.get(name)
    if found is None:
        known = ", ".join(sorted(services)) or "none"
        raise NoSuchConnection(f"This server knows no service of that name. It knows: {known}.")
    return found


def in_order(services: Mapping[str, ConnectedService]) -> list[ConnectedService]:
    """Services as people look for them: by the name they know."""
    return sorted(services.values(), key=lambda one: (one.display_name.casefold(), one.name))
