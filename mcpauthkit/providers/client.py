"""The HTTP client that carries a user's credential and renews it."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable
from dataclasses import dataclass

import httpx

from mcpauthkit.connections.broker import Broker
from mcpauthkit.connections.credential import Credential
from mcpauthkit.core.urls import is_trustworthy_url, origin_of
from mcpauthkit.errors import ConfigurationError, ConnectionFailed
from mcpauthkit.principal import Principal
from mcpauthkit.protocol.ask import Need

_UNAUTHORIZED = 401


AskAgain = Callable[["Held"], Awaitable[ConnectionFailed]]
"""Makes the error that leads a call's user to connect again."""


@dataclass(slots=True)
class Held:
    """The credential a running call holds; renewal replaces it.

    Args:
        need: What the call needs, and whose credential it is.
        credential: The credential.
    """

    need: Need
    credential: Credential

    @property
    def principal(self) -> Principal:
        """Whose credential it is."""
        return self.need.principal


class CredentialAuth(httpx.Auth):
    """Sends the credential, renews it once when the service answers 401, and asks the user again when that fails.

    Args:
        broker: Renews.
        held: What the call holds.
        ask: Makes the error that leads the user to connect again.
        api_url: The only origin the credential may go to; None for any https address.
    """

    requires_response_body = False

    def __init__(self, broker: Broker, held: Held, ask: AskAgain, *, api_url: str | None) -> None:
        self._broker = broker
        self._held = held
        self._ask = ask
        # Through httpx, as the requests' addresses: upper case and default ports are spellings of one origin.
        self._origin = origin_of(str(httpx.URL(api_url))) if api_url is not None else None

    async def async_auth_flow(self, request: httpx.Request) -> AsyncGenerator[httpx.Request, httpx.Response]:
        """One request, repeated once with a renewed credential.

        A body that is a stream cannot be sent again: its 401 goes to the tool, and the next request has the new one.
        """
        self._check_destination(str(request.url))
        sent = self._held.credential
        response = yield _with(request, sent)
        if not _is_refused(response):
            return
        renewed = await self._broker.renew(
            self._held.principal, rejected=sent, caller_token=self._held.need.caller_token
        )
        if renewed is None:
            raise await self._ask(self._held)
        self._held.credential = renewed
        if getattr(request.stream, "_is_generator", False):
            return
        response = yield _with(request, renewed)
        if _is_refused(response):
            # Fresh and still refused: the user has withdrawn the grant at the service.
            await self._broker.forget(self._held.principal, rejected=renewed)
            raise await self._ask(self._held)

    def _check_destination(self, url: str) -> None:
        if "://" not in url.strip(":/") and self._origin is None:
            raise ConfigurationError(
                "client() got a path and knows no address to put in front of it.",
                hint="Give api_url= to the provider, or a whole URL to the request.",
            )
        # A tool that follows a link from an answer must not carry the user's credential to a stranger.
        if not is_trustworthy_url(url) or (self._origin is not None and origin_of(url) != self._origin):
            raise ConfigurationError(
                f"The user's credential is not sent to {origin_of(url)}.",
                hint="Use https and the host given as api_url, or a plain httpx client without the credential.",
            )


def _is_refused(response: httpx.Response) -> bool:
    # After a redirect to another origin, where httpx sends no credential, a 401 says nothing about ours.
    return response.status_code == _UNAUTHORIZED and "authorization" in response.request.headers


def _with(request: httpx.Request, credential: Credential) -> httpx.Request:
    request.headers["authorization"] = f"Bearer {credential.access_token.reveal()}"
    return request
