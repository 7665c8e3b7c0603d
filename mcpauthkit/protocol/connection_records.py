"""Connections as JSON, for applications and for tools. Nothing secret is known here."""

from __future__ import annotations

from typing_extensions import TypedDict

from mcpauthkit.connections.connection import Connection, Disconnected
from mcpauthkit.core.moment import iso_moment
from mcpauthkit.principal import Principal
from mcpauthkit.protocol.connected_service import ConnectedService


class ConnectionRecord(TypedDict):
    """One connection; times as RFC 3339 writes them."""

    name: str
    account: str
    account_id: str
    tenant: str
    scopes: list[str]
    connected_at: str | None
    last_used_at: str | None
    expires_at: str | None
    renews_itself: bool
    health: str
    is_default: bool


class ServiceRecord(TypedDict):
    """One service, what it may be asked for and for which tools, and the caller's connections with it."""

    service: str
    display_name: str
    known_scopes: dict[str, list[str]]
    connections: list[ConnectionRecord]


class EndedRecord(TypedDict):
    """One connection that was ended, and whether the service was told and agreed: `yes`, `no`, `not supported`."""

    name: str
    account: str
    revoked: str


def connection_record(connection: Connection) -> ConnectionRecord:
    """A connection as JSON."""
    return ConnectionRecord(
        name=connection.name,
        account=connection.account.label,
        account_id=connection.account.id,
        tenant=connection.account.tenant,
        scopes=list(connection.scopes),
        connected_at=iso_moment(connection.connected_at),
        last_used_at=iso_moment(connection.last_used_at),
        expires_at=iso_moment(connection.expires_at),
        renews_itself=connection.renews_itself,
        health=connection.health.value,
        is_default=connection.is_default,
    )


async def service_record(service: ConnectedService, principal: Principal) -> ServiceRecord:
    """A service and the principal's connections with it as JSON."""
    return ServiceRecord(
        service=service.name,
        display_name=service.display_name,
        known_scopes={scope: list(tools) for scope, tools in service.known_scopes().items()},
        connections=[connection_record(one) for one in await service.connections(principal)],
    )


def ended_record(ended: Disconnected) -> EndedRecord:
    """A connection that was ended as JSON."""
    return EndedRecord(name=ended.connection.name, account=ended.connection.account.label, revoked=ended.revoked.value)
