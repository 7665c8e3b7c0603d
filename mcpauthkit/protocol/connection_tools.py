"""Three tools by which a user manages their connections from the conversation: list, connect, disconnect."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, Any, cast

import mcp_types
from fastmcp import FastMCP
from mcp.server.mcpserver import MCPServer
from pydantic import Field
from typing_extensions import TypedDict

from mcpauthkit.connections.connection import Connection, Disconnected, Health, Revoked
from mcpauthkit.connections.names import check_account_name, is_called, same_name
from mcpauthkit.errors import AccountNameRefused, ConnectionRequired, NoSuchConnection
from mcpauthkit.principal import Principal
from mcpauthkit.protocol.ask import Need
from mcpauthkit.protocol.call import UserContext, current_call
from mcpauthkit.protocol.caller_token import caller_token
from mcpauthkit.protocol.connected_service import ConnectedService, in_order, service_named
from mcpauthkit.protocol.connection_records import (
    ConnectionRecord,
    EndedRecord,
    ServiceRecord,
    ended_record,
    service_record,
)
from mcpauthkit.protocol.hooks import attach
from mcpauthkit.protocol.obtain import obtain
from mcpauthkit.protocol.wrapper import edge

_PURPOSE = "Your assistant"
_USABLE = frozenset({Health.GOOD, Health.EXPIRES_SOON, Health.FAILING})

ServiceName = Annotated[str, Field(description="The service, as list_connections names it.", max_length=100)]
AccountName = Annotated[
    str, Field(description="What the user calls one of several accounts; empty for the default one.", max_length=100)
]


class ConnectionList(TypedDict):
    """What is connected, and where the user changes it."""

    message: str
    services: list[ServiceRecord]
    page: str


class ConnectOutcome(TypedDict):
    """Whether a service is connected, or where the user connects it."""

    message: str
    service: str
    connected: bool
    account: str
    scopes: list[str]
    connect_url: str | None


class DisconnectOutcome(TypedDict):
    """What was disconnected, and whether the service confirmed it."""

    message: str
    service: str
    disconnected: list[EndedRecord]


class ConnectionTools:
    """What the tools do.

    Args:
        services: The services of the application, which may still become more.
        page_url: The page of a principal's connections.
        user_context: A context variable of the application's that holds the principal on stdio.
    """

    def __init__(
        self,
        services: Mapping[str, ConnectedService],
        *,
        page_url: Callable[[Principal], str],
        user_context: UserContext | None,
    ) -> None:
        self._services = services
        self._page_url = page_url
        self._user_context = user_context

    async def listed(self) -> ConnectionList:
        """Every service with the caller's connections."""
        call = current_call((), {})
        with edge(call):
            principal = call.principal(self._user_context)
            records = [await service_record(one, principal) for one in in_order(self._services)]
            page = self._page_url(principal)
        return ConnectionList(message=_summary(records, page), services=records, page=page)

    async def connect(self, named: str, account: str) -> ConnectOutcome | mcp_types.InputRequiredResult:
        """Connect a service: ask the user where their client can, else give the link."""
        call = current_call((), {})
        with edge(call):
            principal = call.principal(self._user_context)
            service = self._service(named)
        with edge(call, service.display_name):
            account = check_account_name(account)
            held = _usable(await service.connections(principal), account)
            if held is not None:
                return _connected(service, held, self._page_url(principal))
            need = Need(
                principal,
                tuple(service.known_scopes()),
                _PURPOSE,
                account=account,
                caller_token=caller_token(call.scope),
            )
            try:
                found = await obtain(service.asker, call, need)
            except ConnectionRequired as link:
                return _link(service, account, link)
            if isinstance(found, mcp_types.InputRequiredResult):
                return found
            made = _usable(await service.connections(principal), account)
            return _without_user(service) if made is None else _connected(service, made, self._page_url(principal))

    async def disconnect(self, named: str, account: str) -> DisconnectOutcome:
        """End one connection, here and at the service."""
        call = current_call((), {})
        with edge(call):
            principal = call.principal(self._user_context)
            service = self._service(named)
        with edge(call, service.display_name):
            chosen = _only(await service.connections(principal), check_account_name(account), service.display_name)
            ended = await service.disconnect(principal, chosen.name)
        return DisconnectOutcome(
            message=_told(service, ended), service=service.name, disconnected=[ended_record(one) for one in ended]
        )

    def _service(self, named: str) -> ConnectedService:
        # Models write the name that people use as often as ours.
        wanted = named.strip().casefold()
        same = [one.name for one in self._services.values() if wanted in {one.name, one.display_name.casefold()}]
        return service_named(self._services, same[0] if len(same) == 1 else named)


def add_connection_tools(mcp: FastMCP[Any] | MCPServer[Any], tools: ConnectionTools, *, prefix: str) -> None:
    """Give a server the three tools.

    Args:
        mcp: The server.
        tools: What they do.
        prefix: What their names begin with.

    Raises:
        ConfigurationError: It is neither a FastMCP nor an MCPServer object.
    """

    async def list_connections() -> ConnectionList:
        """List the services the user can connect here, which of their accounts are connected, and how these are."""
        return await tools.listed()

    async def connect_service(service: ServiceName, account: AccountName = "") -> ConnectOutcome:
        """Let the user connect one of their accounts at a service; they sign in on a web page, never here."""
        return cast("ConnectOutcome", await tools.connect(service, account))

    async def disconnect_service(service: ServiceName, account: AccountName = "") -> DisconnectOutcome:
        """End one of the user's connections with a service, here and at the service. Ask the user first."""
        return await tools.disconnect(service, account)

    attach(mcp)
    hints = mcp_types.ToolAnnotations
    for function, hinted in (
        (list_connections, hints(read_only_hint=True, open_world_hint=False)),
        (connect_service, hints(read_only_hint=False, destructive_hint=False, idempotent_hint=True)),
        (disconnect_service, hints(read_only_hint=False, destructive_hint=True, idempotent_hint=True)),
    ):
        mcp.tool(name=f"{prefix}{function.__name__}", annotations=hinted)(function)


def _usable(held: Sequence[Connection], account: str) -> Connection | None:
    return next(
        (one for one in held if one.health in _USABLE and (is_called(one, account) if account else one.is_default)),
        None,
    )


def _only(held: Sequence[Connection], account: str, service: str) -> Connection:
    """The connection that is meant.

    Raises:
        NoSuchConnection: There is none.
        AccountNameRefused: There are several, and none was named.
    """
    meant = [one for one in held if not account or is_called(one, account)]
    # A connection's own name goes before what its account is called.
    exact = [one for one in meant if account and same_name(one.name, account)]
    found = exact or meant
    if not found:
        raise NoSuchConnection().naming(service)
    if len(found) > 1:
        raise AccountNameRefused(
            f"There are several {service} accounts: {', '.join(map(_called, found))}. Say which one as account."
        )
    return found[0]


def _called(connection: Connection) -> str:
    return connection.name or connection.account.label or "the default one"


def _connected(service: ConnectedService, held: Connection, page: str) -> ConnectOutcome:
    account = held.account.label or held.name
    missing = service.missing_scopes(held)
    parts = [
        f"{service.display_name} is connected{f' as {account}' if account else ''}.",
        f"It lacks the permission{'s' if len(missing) > 1 else ''} {', '.join(missing)}." if missing else "",
        f"It ends soon; the user reconnects it at {page}." if held.health is Health.EXPIRES_SOON else "",
        f"More can be allowed at {page}." if missing else "",
    ]
    return ConnectOutcome(
        message=" ".join(one for one in parts if one),
        service=service.name,
        connected=True,
        account=account,
        scopes=list(held.scopes),
        connect_url=None,
    )


def _link(service: ConnectedService, account: str, link: ConnectionRequired) -> ConnectOutcome:
    return ConnectOutcome(
        message=f"The user connects {service.display_name} by opening {link.connect_url} in their browser. "
        "Go on when they say that it is done.",
        service=service.name,
        connected=False,
        account=account,
        scopes=[],
        connect_url=link.connect_url,
    )


def _without_user(service: ConnectedService) -> ConnectOutcome:
    return ConnectOutcome(
        message=f"{service.display_name} needs no connecting: this server has access by itself.",
        service=service.name,
        connected=True,
        account="",
        scopes=[],
        connect_url=None,
    )


def _told(service: ConnectedService, ended: Sequence[Disconnected]) -> str:
    name = service.display_name
    if not ended:
        return f"{name} is disconnected; nothing was left of it."
    parts = [
        f"{name} ({_called(one.connection)}) is disconnected here. Revoked at {name}: {one.revoked.value}."
        for one in ended
    ]
    if any(one.revoked is not Revoked.YES for one in ended):
        where = f" at {service.settings_url}" if service.settings_url else ""
        parts.append(f"To be sure, the user ends the access in their {name} settings{where}.")
    return " ".join(parts)


def _summary(records: Sequence[ServiceRecord], page: str) -> str:
    if not records:
        return "There is no service here that could be connected."
    counted = "; ".join(f"{one['display_name']}: {_how(one['connections'])}" for one in records)
    return f"{counted}. The user sees and changes this at {page}."


def _how(held: Sequence[ConnectionRecord]) -> str:
    return ", ".join(_short(one["name"] or one["account"], one["health"]) for one in held) or "not connected"


def _short(account: str, health: str) -> str:
    words = "connected" if health == Health.GOOD.value else health
    return f"{account} {words}".strip()
