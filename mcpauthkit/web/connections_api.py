"""The same as the page of connections, as JSON for the application's own frontend.

Who calls is who the middleware verified: a bearer token, never a cookie, so no other site can act here.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from mcpauthkit.connections.names import check_account_name
from mcpauthkit.core.audit import EventName
from mcpauthkit.core.encoding import parse_json_object
from mcpauthkit.core.headers import media_type
from mcpauthkit.errors import AuthKitError, ConfigurationError, InvalidRequest, NoSuchConnection
from mcpauthkit.oauth.scopes import check_scopes, missing_scopes
from mcpauthkit.principal import Principal, actor_of
from mcpauthkit.protocol.connected_service import ConnectedService, in_order, service_named
from mcpauthkit.protocol.connection_records import ended_record, service_record
from mcpauthkit.web.injection import principal_of, refusal
from mcpauthkit.web.login_pages import CONNECTIONS_PATH
from mcpauthkit.web.pages import PRIVATE_HEADERS
from mcpauthkit.web.refused import tell_refused

_API_PATH = f"{CONNECTIONS_PATH}/api"
_MAX_BYTES = 16 * 1024
_MEMBERS = frozenset({"scopes", "account"})


class ConnectionsApi:
    """`/connections/api`: see, connect, choose the default, and disconnect.

    An account is called by the name of its connection, or by what its service calls it.

    Args:
        services: The services of the application, which may still become more.
    """

    def __init__(self, services: Mapping[str, ConnectedService]) -> None:
        self._services = services

    @property
    def routes(self) -> list[Route]:
        """What to add to the application, where the middleware lets nobody through without a token."""
        one = f"{_API_PATH}/{{service}}"
        return [
            Route(_API_PATH, _edge(self.show), methods=["GET"]),
            Route(one, _edge(self.connect), methods=["POST"]),
            Route(one, _edge(self.disconnect), methods=["DELETE"]),
            Route(f"{one}/default", _edge(self.make_default), methods=["PUT"]),
        ]

    async def show(self, request: Request) -> Response:
        """Every service with the caller's connections."""
        principal = principal_of(request)
        return _answer({"services": [await service_record(one, principal) for one in in_order(self._services)]})

    async def connect(self, request: Request) -> Response:
        """A link to connect, with `{"scopes": [...], "account": "..."}`, both optional."""
        principal, service = principal_of(request), self._service(request)
        wanted = await _wanted(request, service, principal)
        scopes = None if "scopes" not in wanted else _known(service, wanted["scopes"])
        account = await service.own_name(principal, check_account_name(wanted.get("account", "")))
        return _answer({"connect_url": await service.open_link(principal, scopes=scopes, account=account)})

    async def make_default(self, request: Request) -> Response:
        """Let tools that name no account use the one of `{"account": "..."}`."""
        principal, service = principal_of(request), self._service(request)
        wanted = await _wanted(request, service, principal)
        name = await service.own_name(principal, check_account_name(wanted.get("account")))
        await service.make_default(principal, name)
        return _answer(await service_record(service, principal))

    async def disconnect(self, request: Request) -> Response:
        """End the connection that `account` names, or all of them without it."""
        principal = principal_of(request)
        named = request.query_params.getlist("account")
        if len(named) > 1:
            raise InvalidRequest("Send account at most once.")
        service = self._service(request)
        name = await service.own_name(principal, check_account_name(named[0])) if named else None
        ended = await service.disconnect(principal, name)
        if not ended:
            raise NoSuchConnection().naming(service.display_name)
        return _answer({"disconnected": [ended_record(one) for one in ended]})

    def _service(self, request: Request) -> ConnectedService:
        return service_named(self._services, request.path_params["service"])


def _edge(endpoint: Callable[[Request], Awaitable[Response]]) -> Callable[[Request], Awaitable[Response]]:
    async def guarded(request: Request) -> Response:
        try:
            return await endpoint(request)
        except AuthKitError as error:
            return refusal(error, request.scope)

    return guarded


def _answer(content: Mapping[str, Any]) -> JSONResponse:
    return JSONResponse(dict(content), headers=dict(PRIVATE_HEADERS))


async def _wanted(request: Request, service: ConnectedService, principal: Principal) -> Mapping[str, Any]:
    try:
        return await _members(request)
    except InvalidRequest:
        why = "no JSON object of ours"
        tell_refused(EventName.REQUEST_REFUSED, why, actor=actor_of(principal), service=service.name)
        raise


async def _members(request: Request) -> Mapping[str, Any]:
    """The members of the body.

    Raises:
        InvalidRequest: It is no small JSON object with members we know. A form is none either: a page of another site
            can send one, and where a proxy in front vouches for users, their browser would be believed.
    """
    if media_type(request.headers.get("content-type", "")) != "application/json":
        raise InvalidRequest("Send a JSON object with the content type application/json.")
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > _MAX_BYTES:
            break
    try:
        found = parse_json_object(bytes(body), max_bytes=_MAX_BYTES)
    except ValueError as error:
        raise InvalidRequest("The body is not a small JSON object.") from error
    if not _MEMBERS.issuperset(found):
        raise InvalidRequest("The body may hold scopes and account.")
    return found


def _known(service: ConnectedService, scopes: object) -> tuple[str, ...]:
    """Scopes as asked for, if something here needs them.

    Raises:
        InvalidRequest: They are no list of scopes, or nothing here needs one of them.
    """
    try:
        wanted = check_scopes(scopes) if isinstance(scopes, list) else None
    except ConfigurationError as error:
        raise InvalidRequest("scopes is not a list of scopes.") from error
    known = service.known_scopes()
    if wanted is None or missing_scopes(wanted, known):
        raise InvalidRequest(f"scopes is a list of some of these: {', '.join(known) or 'none are known'}.")
    return wanted
