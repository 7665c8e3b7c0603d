"""Reminders: credentials that nothing renews come to an end, and their users hear of it before."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime

import anyio

from mcpauthkit.connections.credential import Credential
from mcpauthkit.connections.names import name_digest
from mcpauthkit.core.application_code import check_async_function, place_of
from mcpauthkit.core.clock import Clock
from mcpauthkit.core.log import RequestLog
from mcpauthkit.core.moment import day_in_words
from mcpauthkit.errors import ConfigurationError
from mcpauthkit.principal import Principal, identity_digest_of
from mcpauthkit.protocol.ask import Need
from mcpauthkit.stores.sealed import SealedStore

_log = RequestLog("providers")
_DAY_SECONDS = 86_400.0
_HOOK_SECONDS = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Expiring:
    """A credential in use that ends soon.

    Args:
        principal: Whose it is.
        service: The service's name in links.
        account: What the user calls the connection; empty where there is only one.
        expires_at: Wall time in seconds when it ends.
        text: A sentence for the user, with the link to renew it.
    """

    principal: Principal
    service: str
    account: str
    expires_at: float
    text: str


OnExpiring = Callable[[Expiring], Awaitable[None]]
"""A hook of the application's; what it raises is logged by type and goes no further."""


class Reminders:
    """Says when credentials of one service end.

    Args:
        service: The service's name in links.
        display_name: Its name for people.
        days: How long before the end reminding begins.
        hook: Called with a credential in use that ends soon, at most once a day for each.
        marks: Remembers that.
        namespace: Separates applications that share one store.
        link: Where a user renews it.
        clock: Time.

    Raises:
        ConfigurationError: `days` is negative, or `hook` is no async function of one argument.
    """

    def __init__(
        self,
        service: str,
        display_name: str,
        *,
        days: float,
        hook: OnExpiring | None,
        marks: SealedStore,
        namespace: str,
        link: Callable[[Principal], str],
        clock: Clock,
    ) -> None:
        if not days >= 0:
            raise ConfigurationError(f"remind_days={days!r} is negative.", hint="Give a number of days from 0 up.")
        if hook is not None:
            check_async_function(hook, "on_expiring", example="async def on_expiring(expiring): ...")
        self._service = service
        self._display_name = display_name
        self._seconds = days * _DAY_SECONDS
        self._hook = hook
        self._marks = marks
        self._prefix = f"{namespace}:reminded:{service}"
        self._link = link
        self._clock = clock

    def text(self, principal: Principal, credential: Credential) -> str | None:
        """The reminder for a credential, or None while there is time."""
        ends = credential.expires_at
        if ends is None or credential.refresh_token is not None or self._clock.wall() < ends - self._seconds:
            return None
        # The last moment that counts, and so the day that the user was told when making it.
        last = datetime.fromtimestamp(ends - 1, UTC)
        named = f" “{credential.name}”" if credential.name else ""
        day = day_in_words(last)
        return f"Your {self._display_name} token{named} expires on {day}; renew it at {self._link(principal)}"

    async def tell(self, need: Need, credential: Credential) -> None:
        """Call the hook, unless it was called today or has nothing to hear. Nothing in here ends the call."""
        hook, principal = self._hook, need.principal
        text = None if hook is None else self.text(principal, credential)
        if hook is None or text is None or credential.expires_at is None:
            return
        try:
            if await self._marks.add(self._key(principal, credential), {}, ttl_seconds=_DAY_SECONDS):
                expiring = Expiring(
                    principal=principal,
                    service=self._service,
                    account=credential.name,
                    expires_at=credential.expires_at,
                    text=text,
                )
                with anyio.move_on_after(_HOOK_SECONDS):
                    await hook(expiring)
        except Exception as error:  # noqa: BLE001  # an edge: the application's hook; the tool's call is not its business
            _log.warning("reminder failed service=%s error=%s", self._service, place_of(error))

    def _key(self, principal: Principal, credential: Credential) -> str:
        which = credential.connection_id or name_digest(credential.name)
        return f"{self._prefix}:{identity_digest_of(principal)}:{which}"
