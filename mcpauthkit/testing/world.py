"""A whole small world on loopback: an issuer, a service, an application under test, and people with clients."""

from __future__ import annotations

from contextlib import ExitStack, asynccontextmanager, contextmanager
from typing import TYPE_CHECKING, Any, Literal, Self
from weakref import WeakSet

from mcpauthkit.connections.service_rows import preset_named
from mcpauthkit.connections.stand_in import played_by
from mcpauthkit.core.keyring import KeyRing, new_secret
from mcpauthkit.errors import ConfigurationError
from mcpauthkit.testing.client import DevClient
from mcpauthkit.testing.issuer.server import DevIssuer
from mcpauthkit.testing.loopback import LoopbackServer
from mcpauthkit.testing.robot import BrowserRobot
from mcpauthkit.testing.service.server import DevService
from mcpauthkit.testing.store import DevStore
from mcpauthkit.testing.variables import BASE_SCOPES, variables_for
from mcpauthkit.testing.visits import connect, open_link

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator
    from types import TracebackType

    from starlette.types import ASGIApp

    from mcpauthkit.connections.preset import ServicePreset
    from mcpauthkit.core.clock import Clock
    from mcpauthkit.testing.client_session import Library
    from mcpauthkit.testing.page import Page
    from mcpauthkit.testing.profiles import ClientProfile
    from mcpauthkit.testing.visits import WhenAsked

Kept = Literal["tokens", "credentials"]
"""What ends: the tokens of leg 1, which the issuer signed, or the credentials of leg 2, which the service gave."""

Part = Literal["issuer", "service", "store"]
"""What can be out of order."""

_AN_HOUR_AGO = -3600.0


class DevWorld:
    """Everything around an application under test; a context manager.

    Args:
        issuer: The issuer, if one is running already; else one is started.
        service: The service, if one is running already; else one is started.
        clock: Time for what is started here, and for the store.
        mcp_path: Where the application has its MCP server.
        stands_in_for: Which service `DevService` plays; the application's settings are named after it.

    Attributes:
        issuer: Who signs tokens: `world.issuer.misbehave(...)`, `world.issuer.faults`, `world.issuer.requests`.
        service: What tools call, with the same switches.
        store: A store for the application, if it takes one; it can be out of order.
        key_ring: What seals in it.
        clock: The clock; None where time is real.
        base_url: The application's address, known before it is served.
        mcp_url: That of its MCP server.
    """

    def __init__(
        self,
        *,
        issuer: DevIssuer | None = None,
        service: DevService | None = None,
        clock: Clock | None = None,
        mcp_path: str = "/mcp",
        stands_in_for: str = "github",
    ) -> None:
        self._own: list[LoopbackServer] = []
        if issuer is None:
            # Generating an RSA key would be the slowest part of a test.
            self._own.append(issuer := DevIssuer(algorithm="ES256", clock=clock))
        if service is None:
            self._own.append(service := DevService(clock=clock))
        self.issuer = issuer
        self.service = service
        self.clock = clock
        self.store = DevStore(clock=clock)
        self._sealing_key = new_secret()
        self.key_ring = KeyRing({"dev": self._sealing_key}, minting="dev")
        self._server = LoopbackServer()
        self._mcp_path = mcp_path
        self._stands_in_for = stands_in_for
        self._clients: WeakSet[DevClient] = WeakSet()
        self._running = ExitStack()

    def __enter__(self) -> Self:
        with ExitStack() as starting:
            for server in self._own:
                starting.enter_context(server)
            starting.callback(self._server.stop)
            self._running = starting.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._running.close()

    @property
    def base_url(self) -> str:
        """The application's address, without a trailing slash."""
        return self._server.base_url

    @property
    def mcp_url(self) -> str:
        """The address of its MCP server."""
        return self.base_url + self._mcp_path

    @property
    def environment(self) -> dict[str, str]:
        """The variables by which an application that reads settings finds this world; `dev_world` has set them."""
        return {
            "TOKEN_STORAGE_MODE": "memory",
            "STORAGE_ENCRYPTION_KEY": self._sealing_key.reveal(),
            **variables_for(
                base_url=self.base_url,
                mcp_path=self._mcp_path,
                issuer=self.issuer,
                service=self.service,
                stands_in_for=self._stands_in_for,
            ),
        }

    def preset(self, name: str = "") -> ServicePreset:
        """A preset with the addresses of the development service, for `OAuthProvider.from_preset(...)`.

        Args:
            name: The preset, `github` for instance; the service that this world's stands in for unless given.
        """
        return played_by(preset_named(name or self._stands_in_for), self.service.base_url)

    def serve(self, app: ASGIApp) -> None:
        """Serve the application until the world ends; another one takes its place at the same address.

        Args:
            app: The application, made for `base_url`.

        Raises:
            RuntimeError: It does not start.
        """
        self._server.stop()
        self._server.app = app
        self._server.start()

    @asynccontextmanager
    async def client(
        self,
        user: str = "alice",
        profile: ClientProfile | str = "url-modern",
        *,
        account: str = "",
        library: Library = "fastmcp",
        when_asked: WhenAsked = "connect",
        signs_in: bool = False,
        **claims: Any,
    ) -> AsyncIterator[DevClient]:
        """A client of the application, for as long as the block runs.

        Args:
            user: Who sits in front of it.
            profile: The kind of client, such as `none-legacy`.
            account: Their account at the service; `octo-` and their name unless given.
            library: Whose client it is.
            when_asked: What they do when their client asks them to open a link.
            signs_in: Whether the client gets its token itself, by a login in the browser.
            **claims: What their token says besides or instead, as arguments of `DevIssuer.token`: `scope="..."`,
                `roles=["admin"]`.
        """
        client = DevClient(
            self.mcp_url,
            token="" if signs_in else self.token(user, **claims),
            user=user,
            account=account,
            profile=profile,
            library=library,
            when_asked=when_asked,
            signs_in=signs_in,
        )
        async with client:
            self._clients.add(client)
            yield client

    def token(self, user: str = "alice", **claims: Any) -> str:
        """A token of the issuer for the application.

        Args:
            user: Whose.
            **claims: Arguments of `DevIssuer.token`.
        """
        return self.issuer.token(**{"sub": user, "audience": self.mcp_url, "scope": " ".join(BASE_SCOPES), **claims})

    @asynccontextmanager
    async def browser(self) -> AsyncIterator[BrowserRobot]:
        """A browser in which nobody has signed in yet."""
        async with BrowserRobot() as robot:
            yield robot

    async def open(self, link: str, *, user: str = "alice") -> Page:
        """Open a connect link in a new browser and sign in; gives the page that follows.

        Args:
            link: The link.
            user: Who opens it.

        Raises:
            RobotError: Nothing answers, or there is no such user.
        """
        async with BrowserRobot() as robot:
            return await open_link(robot, link, user=user)

    async def connect(self, link: str, *, user: str = "alice", account: str = "", **typed: str) -> Page:
        """Open a connect link in a new browser and go through with it; gives the page at which that ends.

        Args:
            link: The link.
            user: Who opens it. If it is somebody else's, that is a refusal with status 403.
            account: Their account at the service; `octo-` and their name unless given.
            **typed: What they type, where the service is connected by a form.

        Raises:
            RobotError: The pages are not those of connecting something.
        """
        async with BrowserRobot() as robot:
            return await connect(robot, link, user=user, account=account, typed=typed)

    def expire(self, kept: Kept, *, user: str | None = None) -> None:
        """Let something come to its end now.

        Tokens: the clients of this world send one that ended an hour ago, until `renew`. Credentials: the service does
        not take its access tokens any more; refresh tokens stay good.

        Args:
            kept: What.
            user: Whose; everybody's unless given.
        """
        if kept == "credentials":
            self.service.expire_tokens(self._account_of(user))
            return
        for client in self._clients_of(user):
            client.token = self.token(client.user, expires_in=_AN_HOUR_AGO)

    def renew(self, *, user: str | None = None, **claims: Any) -> None:
        """Give the clients of this world new tokens, as after signing in again.

        Args:
            user: Whose; everybody's unless given.
            **claims: Arguments of `DevIssuer.token`.
        """
        for client in self._clients_of(user):
            client.token = self.token(client.user, **claims)

    def revoke(self, kept: Kept, *, user: str | None = None) -> None:
        """Take something back.

        Tokens: the issuer withdraws the key it signed them with; applications notice when they next fetch its keys.
        Credentials: the service forgets that the user allowed anything, with all tokens, as users do in its settings.

        Args:
            kept: What.
            user: Whose; everybody's unless given.

        Raises:
            ConfigurationError: The tokens of one user cannot be taken back, as nobody asks the issuer about them.
        """
        if kept == "credentials":
            self.service.revoke_grants(self._account_of(user))
            return
        if user is not None:
            raise ConfigurationError(
                "Signed tokens of one user cannot be revoked.", hint="Leave user= out, or let them expire."
            )
        self.issuer.rotate_keys(keep_old=False)

    @contextmanager
    def outage(self, part: Part) -> Iterator[None]:
        """Let something not answer for as long as the block runs; afterwards it is back with all it knew.

        Args:
            part: What. The store has to be the application's: `store=world.store`.
        """
        if part == "store":
            with self.store.outage():
                yield
            return
        server = self.issuer if part == "issuer" else self.service
        server.stop()
        try:
            yield
        finally:
            server.start()

    def _clients_of(self, user: str | None) -> list[DevClient]:
        return [one for one in self._clients if user in {None, one.user}]

    def _account_of(self, user: str | None) -> str | None:
        return None if user is None else f"octo-{user}"
