"""Everything the quickstart runs on this machine: the example server, and stand-ins for what is not configured."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import TypeVar

from mcpauthkit.testing import DevIssuer, DevService, LoopbackServer
from quickstart.app import create_app
from quickstart.settings import Settings

_Server = TypeVar("_Server", bound=LoopbackServer)


@dataclass(frozen=True)
class Playground:
    """What is running.

    Attributes:
        settings: The settings the server runs with; addresses of stand-ins are filled in.
        issuer: The stand-in for an OIDC issuer, unless a real one is configured.
        service: The stand-in for GitHub, unless the real one is configured.
        notices: What a person should know, such as a port that was taken.
    """

    settings: Settings
    issuer: DevIssuer | None
    service: DevService | None
    notices: tuple[str, ...] = ()


class Ports:
    """Ports to listen on: the wanted ones where they are free, so that settings people have pasted stay good.

    Args:
        first: The server's port; the stand-ins take the next two. 0 takes free ones everywhere.
        host: The address that the server and the stand-in for GitHub listen on; the issuer's is always loopback.
    """

    def __init__(self, first: int, host: str = "127.0.0.1") -> None:
        self._first = first
        self._host = host
        self.notices: list[str] = []

    def server(self) -> LoopbackServer:
        """The example server, without its application yet."""
        return self._listen(lambda port: LoopbackServer(port=port, host=self._host), 0, "the MCP server")

    def issuer(self) -> DevIssuer:
        """The stand-in for an issuer."""
        return self._listen(lambda port: DevIssuer(port=port), 1, "the issuer")

    def service(self) -> DevService:
        """The stand-in for GitHub."""
        return self._listen(lambda port: DevService(port=port, host=self._host), 2, "DevForge")

    def _listen(self, make: Callable[[int], _Server], offset: int, what: str) -> _Server:
        if not self._first:
            return make(0)
        port = self._first + offset
        try:
            return make(port)
        except (OSError, OverflowError):  # taken or not ours to take, or beyond 65535
            server = make(0)
        self.notices.append(f"Port {port} cannot be used, so {what} listens on {server.port}.")
        return server


@contextmanager
def stand_ins(settings: Settings, ports: Ports) -> Iterator[tuple[Settings, DevIssuer | None, DevService | None]]:
    """Start what the settings do not name, and fill its addresses in."""
    with ExitStack() as running:
        issuer = None if settings.issuer_url else running.enter_context(ports.issuer())
        service = None if settings.github_client_id else running.enter_context(ports.service())
        if issuer is not None:
            settings = settings.model_copy(update={"issuer_url": issuer.issuer_url})
        if service is not None:
            settings = settings.model_copy(update=_settings_of(service))
        yield settings, issuer, service


@contextmanager
def example_server(settings: Settings, server: LoopbackServer) -> Iterator[Settings]:
    """Serve the example; gives the settings with the port it really has."""
    settings = settings.model_copy(update={"port": server.port})
    server.app = create_app(settings)
    with server:
        yield settings


@contextmanager
def playground(settings: Settings) -> Iterator[Playground]:
    """Everything at once, on fixed ports where they are free."""
    ports = Ports(settings.port, str(settings.listen_host))
    server = ports.server()
    with stand_ins(settings, ports) as (filled, issuer, service), example_server(filled, server) as final:
        yield Playground(final, issuer, service, tuple(ports.notices))


def _settings_of(service: DevService) -> dict[str, str]:
    return {
        "github_client_id": service.client_id,
        "github_client_secret": service.client_secret,
        "github_name": "DevForge",
        "github_issuer": service.base_url,
        "github_authorize_url": service.authorize_url,
        "github_token_url": service.token_url,
        "github_api_url": service.api_url,
    }
