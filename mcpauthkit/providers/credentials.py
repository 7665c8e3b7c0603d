"""`CredentialsProvider`: tools that need a token or a key which the user makes at a service and types in."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Self, TypeVar, Unpack

import httpx
from fastapi import FastAPI

from mcpauthkit.connections.credential import Credential
from mcpauthkit.connections.form import Field, Form, Validate
from mcpauthkit.connections.form_grant import FormGrant
from mcpauthkit.connections.key_check import KeyCheck
from mcpauthkit.connections.key_service import KeyService
from mcpauthkit.connections.service_rows import key_service_named
from mcpauthkit.core.clock import SystemClock
from mcpauthkit.core.known_options import check_options
from mcpauthkit.errors import ConfigurationError
from mcpauthkit.fetch import HttpFetch
from mcpauthkit.principal import Principal
from mcpauthkit.protocol.ask import Need
from mcpauthkit.providers.client import Held
from mcpauthkit.providers.foundation import Foundation, ProviderOptions, Server, check_called, with_timeout
from mcpauthkit.providers.holding import Wanted
from mcpauthkit.providers.injection import injectable
from mcpauthkit.providers.key_client import KeyAuth, KeyUse
from mcpauthkit.providers.misplaced import makes_injected
from mcpauthkit.providers.reminders import OnExpiring, Reminders
from mcpauthkit.stores.sealed import SealedStore
from mcpauthkit.web.guide import read_guide
from mcpauthkit.web.hub import Hub

F = TypeVar("F", bound=Callable[..., Any])


class CredentialsOptions(ProviderOptions, total=False):
    """The arguments of `CredentialsProvider` that its constructors have in common.

    Attributes:
        server_base_url: The public address of the application.
        display_name: The service's name for people; `name` with a capital by default.
        validate: Your async function that tries the values at the service before they are kept, and again when the
            service refuses them. It raises `CredentialsRejected` where they do not work, and may return `Checked` with
            what it learned.
        doc: The path of a Markdown file that says how to get what is asked; shown above the form.
        asks_expiry: Whether the form asks besides when it all ends.
        remind_days: How many days before the end reminders begin.
        on_expiring: Your async hook for credentials in use that end soon, called at most once a day for each.
        token_timeout: How long a connect link works, in seconds; another name of `flow_ttl_seconds`.
    """

    display_name: str
    validate: Validate | None
    doc: str | Path | None
    asks_expiry: bool
    remind_days: float
    on_expiring: OnExpiring | None
    token_timeout: float


class CredentialsProvider:
    """One service whose users type in what its API wants.

    Call `register(app, mcp)` once, then put `@provider.require_credentials()` directly above a tool's function and
    below `@mcp.tool`. The first call leads the user to a page where they sign in as themselves and fill in the form;
    what they typed is tried at the service if that can be done, kept sealed, and handed to the function.

    Tokens and keys end. Where the service tells when, or the form asks for it (`asks_expiry`), `get_reminder()` gives
    tools a sentence for their users in the last `remind_days` days, with the link to renew, and `on_expiring` is called
    for mail of your own.

    Args:
        name: The service's name in links: lower-case letters, digits and hyphens.
        server_base_url: The public address of the application.
        variables: The fields of the form by name, each a mapping of `label`, `type`, `hint`, `required`, `pattern`,
            `options`, `max_length` and `secret`. Types are `string`, `password`, `url`, `textarea`, `select`, `date`.
        fields: The same as values; give one of the two, or `service`.
        service: A service that says besides how its keys are tried and sent, so that `client()` works.
        allowed_hosts: The only hosts that users of `service` may name, inner ones included, with a port if it is not
            443. Without any, every public name.
        api_url: The API of `service`, which may hold its fields as `{name}`.
        http_client: An httpx client of yours for trying keys, which follows no redirects; it stays open.
        **options: As in `CredentialsOptions` and `ProviderOptions`.

    Raises:
        ConfigurationError: An argument cannot be used; the message says what to write instead.
    """

    def __init__(
        self,
        *,
        name: str,
        server_base_url: str,
        variables: Mapping[str, Mapping[str, Any]] | None = None,
        fields: Iterable[Field] | None = None,
        service: KeyService | None = None,
        allowed_hosts: tuple[str, ...] = (),
        api_url: str = "",
        http_client: httpx.AsyncClient | None = None,
        **options: Unpack[CredentialsOptions],
    ) -> None:
        check_options(options, CredentialsOptions, CredentialsProvider)
        if sum(one is not None for one in (variables, fields, service)) != 1:
            raise ConfigurationError(
                "Exactly one of variables, fields and service says what the form asks.",
                hint='For instance variables={"pat": {"label": "Personal Access Token", "type": "password"}}.',
            )
        if service is None and (api_url or allowed_hosts or http_client):
            raise ConfigurationError(
                "api_url, allowed_hosts and http_client are for a service that says how its keys are tried and sent.",
                hint="Give service=KeyService(...), or use from_preset.",
            )
        _check_service(service)
        common = _common(options)
        self._form = _form(variables, fields, service, options)
        grant = _grant(name, self._form, service, options, http_client=http_client, allowed_hosts=allowed_hosts)
        self._foundation = Foundation(
            grant,
            server_base_url=server_base_url,
            settings_url="" if service is None else service.settings_url,
            on_use=self._used,
            **common,
        )
        self._holding = self._foundation.holding
        self._reminders = _reminders(grant, options, common, marks=self._foundation.sealed, link=self._link)
        self._use = None if service is None else KeyUse(service, api_url)
        self._hub: Hub | None = None

    @classmethod
    def from_preset(
        cls,
        preset: str,
        *,
        server_base_url: str,
        name: str = "",
        values: Mapping[str, str] | None = None,
        allowed_hosts: tuple[str, ...] = (),
        api_url: str = "",
        http_client: httpx.AsyncClient | None = None,
        **options: Unpack[CredentialsOptions],
    ) -> Self:
        """A provider for a service that the kit knows: its fields, its guide, how keys are tried and sent.

        Args:
            preset: The service, such as `jira-data-center`; a wrong one is answered with the list.
            server_base_url: The public address of the application.
            name: Its name in links, if not the preset's.
            values: Fields that you fill in for everybody, such as `base_url`; users are not asked for them.
            allowed_hosts: As for the class.
            api_url: As for the class.
            http_client: As for the class.
            **options: As for the class.

        Raises:
            ConfigurationError: An argument cannot be used.
        """
        check_options(options, CredentialsOptions, CredentialsProvider.from_preset)
        service = key_service_named(preset).fixing(**(values or {}))
        return cls(
            name=name or service.name,
            server_base_url=server_base_url,
            service=service,
            allowed_hosts=allowed_hosts,
            api_url=api_url,
            http_client=http_client,
            **options,
        )

    @property
    def name(self) -> str:
        """The service's name in links."""
        return self._foundation.broker.grant.service

    def register(self, app: FastAPI, mcp: Server | None = None) -> None:
        """Serve the pages on an application, and let a server's calls carry our questions.

        Call it once for each MCP server whose tools use this provider.

        Args:
            app: The application that `JwtAuthMiddleware` guards.
            mcp: The FastMCP or MCPServer object, as for `OAuthProvider.register`.

        Raises:
            ConfigurationError: `mcp` is not a server, or calls one of the guarded functions without its guard; or the
                application serves one of our paths already.
        """
        self._foundation.register(app, mcp)
        self._hub = Hub.of(app)

    def require_credentials(
        self, function: None = None, /, *, account: str = "", account_from: str = "", fail_fast: bool = False
    ) -> Callable[[F], F]:
        """Guard a tool, resource or prompt: its body runs only with what the caller typed.

        Args:
            function: Nothing; it is here to tell who forgets the parentheses.
            account: The name of the caller's connection to use, where they may have several; their default otherwise.
            account_from: The function's parameter that holds that name, for callers who choose.
            fail_fast: Answer at once instead of holding the call while the user fills in the form.

        Raises:
            ConfigurationError: The decorator stands above `@mcp.tool`, where it would guard nothing, or names a
                parameter that is not there.
        """
        check_called(function, "require_credentials")
        if function is not None:
            raise ConfigurationError(
                f"require_credentials got {function!r}, and has no use for it.",
                hint="All that was typed is in get_credentials(). To choose among connections, write account=...",
            )
        return self._foundation.guarding(
            lambda purpose: Wanted((), purpose, fail_fast, account=account, account_from=account_from)
        )

    @makes_injected
    def credentials(self, *, account: str = "", fail_fast: bool = False) -> Callable[..., Awaitable[dict[str, str]]]:
        """What the caller typed by injection: `wiki: dict[str, str] = Depends(confluence.credentials())`.

        For FastMCP's `Depends` in tools, resources and prompts, where the user is asked as `require_credentials` does,
        and for FastAPI's in routes, where a user who has not connected gets a 403 that carries the link.

        Args:
            account: As for `require_credentials`.
            fail_fast: As for `require_credentials`; routes never wait.
        """
        wanted = Wanted((), fail_fast=fail_fast, account=account)
        return injectable(self._foundation, wanted, value=self._credentials)

    def get_credentials(self) -> dict[str, str]:
        """What the caller typed, by the names of the fields, while a guard or an injection holds it.

        Optional fields that were left empty are empty.

        Raises:
            ConfigurationError: No guard or injection is around this code.
        """
        credential = self._holding.current.credential
        if self._use is not None:
            return self._use.values(credential)
        return {name: one.reveal() for name, one in credential.values.items()}

    async def invalidate_credentials(self, sub: str | None = None) -> None:
        """Forget what the caller typed, while it is held; call it when the service refuses it.

        The next call asks the user again.

        Args:
            sub: The caller's subject, for code that names it; nobody else's can be forgotten here.

        Raises:
            ConfigurationError: No guard or injection is around this code, or `sub` is somebody else.
        """
        await self._holding.forget(sub)

    def get_reminder(self) -> str | None:
        """A sentence for the user when what is held ends soon, with the link to renew it; None while there is time.

        Raises:
            ConfigurationError: No guard or injection is around this code.
        """
        held = self._holding.current
        return self._reminders.text(held.principal, held.credential)

    def client(self, **options: Any) -> httpx.AsyncClient:
        """An HTTP client that carries the caller's key, for use with `async with`; for a `service` or a preset.

        It sends the key to the service's API only. Where the service refuses it, and once more when it is tried again,
        the key is forgotten, and the call ends with the link to type in another.

        Args:
            **options: Further arguments of `httpx.AsyncClient`.

        Raises:
            ConfigurationError: No guard or injection is around this code, `auth` was given, or nothing says how the
                key is sent.
        """
        if self._use is None:
            raise ConfigurationError(
                f"Nothing says how what users of {self.name} type is sent.",
                hint="Use get_credentials() with an httpx client of yours, or give service=KeyService(...).",
            )
        options = self._holding.client_options(options)
        held = self._holding.current
        base_url = self._use.base_url(held.credential)
        auth = KeyAuth(
            self._foundation.broker,
            held,
            self._holding.ask_again,
            headers=self._use.headers(held.credential),
            base_url=base_url,
            refusals=self._use.service.refusals,
        )
        return auth.client(base_url=base_url, **options)

    @asynccontextmanager
    async def _credentials(self) -> AsyncIterator[dict[str, str]]:
        yield self.get_credentials()

    async def _used(self, need: Need, credential: Credential) -> None:
        if any(one.required and one.name not in credential.values for one in self._form.fields):
            # Typed into an older form of the application's, which asked for less: no tool expects that.
            await self._foundation.broker.forget(need.principal, rejected=credential)
            raise await self._holding.ask_again(Held(need, credential))
        await self._reminders.tell(need, credential)

    def _link(self, principal: Principal) -> str:
        # Whatever is held was found by a guard, and guards work only where the pages are served.
        assert self._hub is not None
        return self._hub.connections_url(principal)


def _common(options: CredentialsOptions) -> ProviderOptions:
    """The options that every provider takes."""
    common = ProviderOptions()
    for key in ProviderOptions.__annotations__.keys() & options.keys():
        common[key] = options[key]  # type: ignore[literal-required]  # the keys of the one are keys of the other
    return with_timeout(common, options)


def _check_service(given: object) -> None:
    if given is not None and not isinstance(given, KeyService):
        named = f'"{given}"' if isinstance(given, str) else "preset"
        raise ConfigurationError(
            f"service is a {type(given).__name__}, not a KeyService.",
            hint=f"Write CredentialsProvider.from_preset({named}, ...), or give service=KeyService(...).",
        )


def _form(
    variables: Mapping[str, Mapping[str, Any]] | None,
    fields: Iterable[Field] | None,
    service: KeyService | None,
    options: CredentialsOptions,
) -> Form:
    doc = options.get("doc")
    guide = read_guide(doc) if doc is not None else ("" if service is None else service.guide)
    # A service that tells the end itself is not asked about to its users.
    asks_expiry = options.get("asks_expiry", service is not None and not service.expires)
    if variables is not None:
        return Form.parse(variables, asks_expiry=asks_expiry, guide=guide)
    asked = fields if service is None else service.fields
    return Form(asked or (), asks_expiry=asks_expiry, guide=guide)


def _grant(
    name: str,
    form: Form,
    service: KeyService | None,
    options: CredentialsOptions,
    *,
    http_client: httpx.AsyncClient | None,
    allowed_hosts: tuple[str, ...],
) -> FormGrant:
    shown = options.get("display_name") or (name.capitalize() if service is None else service.display_name)
    validate, clock = options.get("validate"), options.get("clock")
    if service is None:
        return FormGrant(name, shown, form, validate, clock=clock)
    fetch = HttpFetch(http_client, timeout_seconds=10.0)
    tried = KeyCheck(service, fetch, allowed_hosts=allowed_hosts)
    # Where typed addresses may lead is nothing that an application's own validator is left to think of.
    return FormGrant(name, shown, form, validate or tried, check=tried.check, close=fetch.aclose, clock=clock)


def _reminders(
    grant: FormGrant,
    options: CredentialsOptions,
    common: ProviderOptions,
    *,
    marks: SealedStore,
    link: Callable[[Principal], str],
) -> Reminders:
    return Reminders(
        grant.service,
        grant.display_name,
        days=options.get("remind_days", 7.0),
        hook=options.get("on_expiring"),
        marks=marks,
        namespace=common.get("namespace", "mcpauthkit"),
        link=link,
        clock=common.get("clock") or SystemClock(),
    )
