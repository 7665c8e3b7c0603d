"""The credential a running call holds: found by a guard or an injection, and used by the body."""

from __future__ import annotations

import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

import httpx
import mcp_types

from mcpauthkit.connections.credential import Credential
from mcpauthkit.errors import ConfigurationError, ConnectionRequired
from mcpauthkit.principal import Principal
from mcpauthkit.protocol.ask import Asker, Need
from mcpauthkit.protocol.call import Call
from mcpauthkit.protocol.obtain import obtain, obtain_or_link
from mcpauthkit.providers.client import CredentialAuth, Held


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a guard or an injection asks for, whoever calls.

    Args:
        scopes: What the credential must permit.
        purpose: For which tool or route, as people know it.
        fail_fast: Never hold the call.
    """

    scopes: tuple[str, ...]
    purpose: str
    fail_fast: bool = False


class Holding:
    """What the guards and injections of one service share.

    Args:
        asker: Finds credentials and asks for them.
        user_context: A context variable of the application's that holds the principal on stdio.
        api_url: The only origin `client()` sends the credential to; None for any https address.
        is_served: Whether the connect page can be reached.
    """

    def __init__(
        self,
        asker: Asker,
        *,
        user_context: ContextVar[Any] | None,
        api_url: str | None,
        is_served: Callable[[], bool],
    ) -> None:
        self._asker = asker
        self._user_context = user_context
        self._api_url = api_url
        self._is_served = is_served
        self._name = asker.broker.grant.service
        self._held: ContextVar[Held | None] = ContextVar(f"mcpauthkit_held_{self._name}", default=None)
        self._tls: ssl.SSLContext | None = None

    async def find(self, call: Call, *, wanted: Wanted) -> tuple[Principal, Credential | mcp_types.InputRequiredResult]:
        """The caller and their credential, or the question to end this round with.

        Raises:
            AuthKitError: There is no user or no credential; the text says what to do.
        """
        need = self._need(call.principal(self._user_context), wanted)
        return need.principal, await obtain(self._asker, call, need)

    async def find_or_link(self, principal: Principal, *, wanted: Wanted) -> Credential:
        """The credential for a plain HTTP request, which gets the link where a call would be asked.

        Raises:
            AuthKitError: As for `find`.
        """
        return await obtain_or_link(self._asker, self._need(principal, wanted))

    @contextmanager
    def hold(self, principal: Principal, credential: Credential, *, wanted: Wanted) -> Iterator[None]:
        """Make a credential available to the body for as long as it runs."""
        token = self._held.set(Held(principal, credential, wanted.scopes, wanted.purpose))
        try:
            yield
        finally:
            self._held.reset(token)

    @property
    def current(self) -> Held:
        """What is held here.

        Raises:
            ConfigurationError: Nothing is.
        """
        held = self._held.get()
        if held is None:
            raise ConfigurationError(
                f"No {self._name} credential is held here.",
                hint=(
                    "Put @mcp.tool first and @provider.require_token() below it, directly above the function, or "
                    "inject Depends(provider.token())."
                ),
            )
        return held

    def client(self, **options: Any) -> httpx.AsyncClient:
        """The client of `OAuthProvider.client`."""
        if "auth" in options:
            raise ConfigurationError("client() brings its own auth.", hint="Leave auth out, or use httpx directly.")
        if self._api_url is not None:
            options.setdefault("base_url", self._api_url)
        # Loading the certificate store takes milliseconds of the event loop; once is enough.
        if self._tls is None:
            self._tls = httpx.create_ssl_context()
        options.setdefault("verify", self._tls)
        auth = CredentialAuth(self._asker.broker, self.current, self._ask_again, api_url=self._api_url)
        return httpx.AsyncClient(auth=auth, **options)

    def _need(self, principal: Principal, wanted: Wanted) -> Need:
        if not self._is_served():
            raise ConfigurationError(
                f"The {self._name} provider serves no connect page yet.",
                hint=f"Call {self._name}.register(app, mcp) on the application that JwtAuthMiddleware guards.",
            )
        return Need(principal, wanted.scopes, wanted.purpose, wanted.fail_fast)

    async def _ask_again(self, held: Held) -> ConnectionRequired:
        flow = await self._asker.broker.open_flow(held.principal, held.scopes, purpose=held.purpose)
        return self._asker.link(flow)
