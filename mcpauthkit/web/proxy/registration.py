"""`/register`: a client gets an id that carries all we need to know about it; nothing is written down."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from mcpauthkit.core.clock import Clock
from mcpauthkit.core.log import RequestLog
from mcpauthkit.oauth.client_metadata import MAX_REGISTRATION_BYTES, parse_registration
from mcpauthkit.oauth.known_clients import KnownClients
from mcpauthkit.oauth.redirects import destination
from mcpauthkit.oauth.server_token import digest
from mcpauthkit.web.proxy.clients import Clients
from mcpauthkit.web.proxy.wire import body_of, json_answer

_audit = RequestLog("audit")
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
        """
        body = await body_of(request, MAX_REGISTRATION_BYTES, error="invalid_client_metadata")
        registration = parse_registration(body, private=self._known.private_redirects)
        client_id = self._clients.register(registration)
        _audit.info(
            "client registered client=%s name=%r to=%s",
            digest(client_id)[:12],
            registration.name,
            ", ".join(sorted(set(map(destination, registration.redirect_uris)))),
        )
        issued_at = int(self._clock.wall())
        return json_answer(registration.answer(client_id=client_id, issued_at=issued_at), _CREATED)
