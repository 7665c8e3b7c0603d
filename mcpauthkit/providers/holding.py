"""The credential a running call holds: found by a guard or an injection, and used by the body."""

from __future__ import annotations

import inspect
import ssl
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, replace
from typing import Any, Self

import httpx
import mcp_types

from mcpauthkit.connections.credential import Credential
from mcpauthkit.connections.form_grant import FormGrant
from mcpauthkit.connections.names import check_account_name
from mcpauthkit.connections.preset import UNAUTHORIZED, ServicePreset
from mcpauthkit.connections.variables import api_url_for
from mcpauthkit.core.urls import check_base_url
from mcpauthkit.errors import AccountNameRefused, ConfigurationError, ConnectionRequired
from mcpauthkit.principal import Principal
from mcpauthkit.protocol.ask import Asker, Need
from mcpauthkit.protocol.call import Call
from mcpauthkit.protocol.caller_token import caller_token
from mcpauthkit.protocol.obtain import obtain, obtain_or_link
from mcpauthkit.providers.client import CredentialAuth, Held

OnUse = Callable[[Need, Credential], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a guard or an injection asks for, whoever calls.

    Args:
        scopes: What the credential must permit.
        purpose: For which tool or route, as people know it.
        fail_fast: Never hold the call.
        account: The name of the caller's connection; empty for their default.
        account_from: The function's parameter that holds that name.

    Raises:
        ConfigurationError: Both say which connection, or no connection could have that name.
    """

    scopes: tuple[str, ...]
    purpose: str = ""
    fail_fast: bool = False
    account: str = ""
    account_from: str = ""

    def __post_init__(self) -> None:
        if self.account and self.account_from:
            raise ConfigurationError("account and account_from were both given.", hint="Give one of them.")
        try:
            object.__setattr__(self, "account", check_account_name(self.account))
        except AccountNameRefused as error:
            raise ConfigurationError(f"account={self.account!r} is no name.", hint=error.public) from error

    def check(self, function: Callable[..., Any]) -> None:
        """Refuse a guard that looks for a parameter which is not there.

        Raises:
            ConfigurationError: It does.
        """
        if self.account_from and self.account_from not in inspect.signature(function).parameters:
            raise ConfigurationError(
                f"account_from={self.account_from!r} is no parameter of {self.purpose!r}.",
                hint="Name the parameter by which callers choose one of their connections.",
            )

    def of_call(self, arguments: Mapping[str, Any]) -> Self:
        """The same for one call, with the connection that its arguments name.

        Raises:
            AccountNameRefused: What they hold is no name.
        """
        if not self.account_from:
            return self
        named = arguments.get(self.account_from)
        return replace(self, account="" if named is None else check_account_name(named), account_from="")


class Holding:
    """What the guards and injections of one service share.

    Args:
        asker: Finds credentials and asks for them.
        user_context: A context variable of the application's that holds the principal on stdio.
        api_url: The origin `client()` sends the credential to; None for the preset's.
        api_hosts: Further hosts it sends it to, besides the preset's.
        sends_token_anywhere: Whether it goes to any https address instead.
        is_served: Whether the connect page can be reached.
        on_use: Told what a call or request is about to use.
        preset: The habits of the service's API, where they are known.
    """

    def __init__(
        self,
        asker: Asker,
        *,
        user_context: ContextVar[Any] | None,
        api_url: str | None,
        api_hosts: tuple[str, ...] = (),
        is_served: Callable[[], bool],
        sends_token_anywhere: bool = False,
        on_use: OnUse | None = None,
        preset: ServicePreset | None = None,
    ) -> None:
        self._asker = asker
        self._user_context = user_context
        self._api_url = api_url
        self._api_hosts = (*api_hosts, *(() if preset is None else preset.api_hosts))
        self._sends_token_anywhere = sends_token_anywhere
        self._is_served = is_served
        self._preset = preset
        self._on_use = on_use
        self._name = asker.broker.grant.service
        self._held: ContextVar[Held | None] = ContextVar(f"mcpauthkit_held_{self._name}", default=None)
        self._tls: ssl.SSLContext | None = None

    async def find(
        self, call: Call, arguments: Mapping[str, Any], *, wanted: Wanted
    ) -> tuple[Need, Credential | mcp_types.InputRequiredResult]:
        """What a call needs and its caller's credential, or the question to end this round with.

        Raises:
            AuthKitError: There is no user or no credential; the text says what to do.
        """
        need = self._need(call.principal(self._user_context), call.scope, wanted.of_call(arguments))
        found = await obtain(self._asker, call, need)
        if self._on_use is not None and isinstance(found, Credential):
            await self._on_use(need, found)
        return need, found

    async def find_or_link(
        self, principal: Principal, scope: Mapping[str, Any], *, wanted: Wanted
    ) -> tuple[Need, Credential]:
        """The same for a plain HTTP request, which gets the link where a call would be asked.

        Raises:
            AuthKitError: As for `find`.
        """
        need = self._need(principal, scope, wanted)
        credential = await obtain_or_link(self._asker, need)
        if self._on_use is not None:
            await self._on_use(need, credential)
        return need, credential

    @contextmanager
    def hold(self, need: Need, credential: Credential) -> Iterator[None]:
        """Make a credential available to the body for as long as it runs."""
        token = self._held.set(Held(need, credential))
        try:
            yield
        finally:
            self._held.reset(token)

    @property
    def service_name(self) -> str:
        """The service's name for people."""
        return self._asker.service_name

    @property
    def current(self) -> Held:
        """What is held here.

        Raises:
            ConfigurationError: Nothing is.
        """
        held = self._held.get()
        if held is None:
            is_form = isinstance(self._asker.broker.grant, FormGrant)
            guard, value = ("require_credentials", "credentials") if is_form else ("require_token", "token")
            raise ConfigurationError(
                f"No {self._name} credential is held here.",
                hint=(
                    f"Put @mcp.tool first and @provider.{guard}() below it, directly above the function, or inject "
                    f"Depends(provider.{value}())."
                ),
            )
        return held

    async def forget(self, sub: str | None) -> None:
        """Forget the credential that is held, for the `invalidate_...` of the providers.

        Args:
            sub: The caller's subject, or None.

        Raises:
            ConfigurationError: Nothing is held here, or `sub` is somebody else.
        """
        held = self.current
        if sub is not None and sub != held.principal.subject:
            raise ConfigurationError(
                f"The {self._name} credential that is held here is not that of the user who was named; it stays.",
                hint=(
                    "Leave sub out: it is always the caller's. To end what another user has connected, call "
                    "Connections(app).revoke_user(issuer=..., subject=...)."
                ),
            )
        await self._asker.broker.forget(held.principal, rejected=held.credential)

    def client(self, **options: Any) -> httpx.AsyncClient:
        """The client of `OAuthProvider.client`."""
        options = self.client_options(options)
        held, preset = self.current, self._preset
        api_url = self._api_of(held, options.get("base_url"))
        if api_url is not None:
            options.setdefault("base_url", api_url)
        auth = CredentialAuth(
            self._asker.broker,
            held,
            self.ask_again,
            api_url=None if self._sends_token_anywhere else api_url,
            api_hosts=self._api_hosts,
            refusals=(UNAUTHORIZED,) if preset is None else preset.refusals,
            headers={} if preset is None else preset.api_headers,
        )
        return httpx.AsyncClient(auth=auth, **options)

    def check_api(self) -> None:
        """Refuse a client that could send the credential nowhere.

        Raises:
            ConfigurationError: Nobody said where the service's API is.
        """
        is_known = self._api_url is not None or (self._preset is not None and bool(self._preset.api_url))
        if not is_known and not self._sends_token_anywhere:
            raise ConfigurationError(
                f"Nobody said where the API of {self._name} is, so its credential is sent nowhere.",
                hint="Give api_url= to the provider, or base_url= to client().",
            )

    def _api_of(self, held: Held, base_url: object) -> str | None:
        if self._api_url is not None:
            return self._api_url
        api_url, credential = None, held.credential
        if self._preset is not None:
            api_url = api_url_for(self._preset, credential.details, tenant=credential.account.tenant)
        if api_url is None and base_url is not None and not self._sends_token_anywhere:
            return check_base_url(str(base_url), "base_url")
        # Without an address a link in an answer, such as one to the next page, would decide who gets the credential.
        self.check_api()
        return api_url

    def client_options(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """What was given for a client that carries a credential, with the TLS settings that all of them share.

        Raises:
            ConfigurationError: `auth` is among it.
        """
        if "auth" in given:
            raise ConfigurationError("client() brings its own auth.", hint="Leave auth out, or use httpx directly.")
        # Loading the certificate store takes milliseconds of the event loop; once is enough.
        if self._tls is None:
            self._tls = httpx.create_ssl_context()
        return {"verify": self._tls, **given}

    def _need(self, principal: Principal, scope: Mapping[str, Any] | None, wanted: Wanted) -> Need:
        if not self._is_served():
            raise ConfigurationError(
                f"The {self._name} provider serves no connect page yet.",
                hint=f"Call {self._name}.register(app, mcp) on the application that JwtAuthMiddleware guards.",
            )
        return Need(
            principal,
            wanted.scopes,
            wanted.purpose,
            wanted.fail_fast,
            account=wanted.account,
            caller_token=None if scope is None else caller_token(scope),
        )

    async def ask_again(self, held: Held) -> ConnectionRequired:
        """The error that leads a call's user to connect again.

        Raises:
            ConnectionChanged: They have done so meanwhile.
        """
        return self._asker.link(await self._asker.open_flow(held.need, rejected=held.credential))
