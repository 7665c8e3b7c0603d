"""`Connections`: what the application's own code can do about its users' connections."""

from __future__ import annotations

from collections.abc import Sequence
from contextvars import ContextVar
from typing import Any

import anyio
from fastapi import FastAPI
from fastmcp import FastMCP
from mcp.server.mcpserver import MCPServer

from mcpauthkit.connections.connection import Connection, Disconnected, Health
from mcpauthkit.core.audit import Event, EventName, record_refusal
from mcpauthkit.errors import ConfigurationError, StoreUnavailable
from mcpauthkit.principal import Principal, actor_of, current_user, identity_digest_of
from mcpauthkit.protocol.connected_service import ConnectedService, in_order, service_named
from mcpauthkit.protocol.connection_tools import ConnectionTools, add_connection_tools
from mcpauthkit.web.hub import Hub

_OVER = frozenset({Health.EXPIRED, Health.LOST})


class Connections:
    """The connections of an application's users, over all its services.

    Users see and change their own at `/connections`, which is served with the first provider. This class is for the
    application's code: it trusts its caller, so check who may do what before.

    Args:
        app: The application that the providers are registered with.
        user_context: A context variable of yours that holds the principal on stdio, for the tools.

    Raises:
        ConfigurationError: It is no FastAPI application.
    """

    def __init__(self, app: FastAPI, *, user_context: ContextVar[Any] | None = None) -> None:
        if not isinstance(app, FastAPI):
            raise ConfigurationError(
                f"Connections got a {type(app).__name__}.", hint="Pass the application that providers register with."
            )
        self._hub = Hub.of(app)
        self._user_context = user_context

    async def of(self, principal: Principal) -> list[Connection]:
        """Everything that a user has connected.

        Raises:
            ConfigurationError: It is no principal.
        """
        _check_principal(principal)
        return [one for service in in_order(self._hub.services) for one in await service.connections(principal)]

    async def connected_services(self, principal: Principal) -> frozenset[str]:
        """The services a user has connected and can use: `AccessMiddleware(connected_services=...)` asks this.

        Args:
            principal: Whose.

        Raises:
            StoreUnavailable: The store cannot be asked, so nobody knows.
        """
        return frozenset(one.service for one in await self.of(principal) if one.health not in _OVER)

    async def disconnect(self, principal: Principal, service: str, name: str | None = None) -> list[Disconnected]:
        """End a user's connection with a service, here and, where it can be told, there.

        Args:
            principal: Whose connection.
            service: The service's name.
            name: The connection's name; None for all of the user's with this service.

        Returns:
            What was ended, and whether the service agreed; empty when there was nothing.

        Raises:
            NoSuchConnection: The application has no such service.
            ConfigurationError: It is no principal.
        """
        _check_principal(principal)
        return await service_named(self._hub.services, service).disconnect(principal, name)

    async def revoke_user(self, *, issuer: str, subject: str) -> list[Disconnected]:
        """End everything that a user has connected, at all services; for administrators. It is audited.

        Links that were given out before lead nowhere any more. It does not keep the user from connecting again, which
        is the issuer's to refuse; and what their sign-in was exchanged for lives as long as that sign-in.

        Args:
            issuer: The issuer that knows the user.
            subject: What it calls them.

        Returns:
            What was ended, and whether each service agreed.

        Raises:
            StoreUnavailable: Something could not be ended; everything else was. Repeat it.
        """
        principal = Principal.bare(issuer, subject)
        ended: list[Disconnected] = []
        failures: list[StoreUnavailable] = []

        async def end(service: ConnectedService) -> None:
            try:
                ended.extend(await service.end_all(principal))
            except StoreUnavailable as error:
                failures.append(error)

        async with anyio.create_task_group() as tasks:
            for service in self._hub.services.values():
                tasks.start_soon(end, service)
        _tell_ended(principal, ended, unreachable=len(failures))
        if failures:
            raise failures[0]
        return ended

    def add_tools(self, mcp: FastMCP[Any] | MCPServer[Any], *, prefix: str = "") -> None:
        """Give a server three tools by which its users manage their connections from the conversation.

        They are `list_connections`, `connect_service` and `disconnect_service`.

        Args:
            mcp: The server.
            prefix: What the tools' names begin with.

        Raises:
            ConfigurationError: It is neither a FastMCP nor an MCPServer object.
        """
        tools = ConnectionTools(self._hub.services, page_url=self._hub.connections_url, user_context=self._user_context)
        add_connection_tools(mcp, tools, prefix=prefix)


def _tell_ended(principal: Principal, ended: Sequence[Disconnected], *, unreachable: int) -> None:
    told = {
        "ended": " ".join(f"{one.connection.service}={one.revoked.name.lower()}" for one in ended) or "nothing",
        "unreachable_stores": str(unreachable),
    }
    administrator = current_user.get()
    if administrator is not None:
        told["by"] = identity_digest_of(administrator)
    record_refusal(Event(event=EventName.USER_ENDED, actor=actor_of(principal), metadata=told, is_warning=True))


def _check_principal(given: object) -> None:
    if not isinstance(given, Principal):
        raise ConfigurationError(
            f"Connections got a {type(given).__name__} where a principal belongs.",
            hint="Give get_user(), or Principal.bare(issuer, subject): one subject may be two people at two issuers.",
        )
