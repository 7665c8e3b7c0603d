"""`/register`: a client gets an id that carries all we need to know about it; nothing is written down."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from mcpauthkit.core.audit import Event, EventName, record
from mcpauthkit.core.clock import Clock
from mcpauthkit.oauth.client_metadata import MAX_REGISTRATION_BYTES, parse_registration
from mcpauthkit.oauth.known_clients import KnownClients
from mcpauthkit.oauth.redirects import destination
from mcpauthkit.oauth.server_token import digest
from mcpauthkit.web.proxy.clients import Clients
from mcpauthkit.web.proxy.wire import body_of, json_answer

_CREATED = 201


class RegistrationEndpoint:
    """The client registration endpoint (RFC 7591 section 3).

    Args:
        clients: Makes ids.
        known: The catalogue, for its private addresses.
        clock: Time.
    """

    def __init__(self, *, clients: Clients, known: KnownClients, clock: Clock) -> None:
        self._clients = clients
        self._known = known
        self._clock = clock

    async def register(self, request: Request) -> Response:
        """Register a client.

        Raises:
            OAuthFault: What it says about itself cannot be accepted.
            AuditUnavailable: Nobody may register without a record.
        """
        body = await body_of(request, MAX_REGISTRATION_BYTES, error="invalid_client_metadata")
        registration = parse_registration(body, private=self._known.private_redirects)
        client_id = self._clients.register(registration)
        told = {
            "client": digest(client_id)[:12],
            "name": registration.name,
            "to": ", ".join(sorted(set(map(destination, registration.redirect_uris)))),
        }
        record(Event(event=EventName.CLIENT_REGISTERED, metadata=told))
        issued_at = int(self._clock.wall())
        return json_answer(registration.answer(client_id=client_id, issued_at=issued_at), _CREATED)
