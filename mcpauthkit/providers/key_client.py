"""The HTTP client that carries a key which a user typed."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import httpx

from mcpauthkit.connections.broker import Broker
from mcpauthkit.connections.credential import Credential
from mcpauthkit.connections.grant import Examining
from mcpauthkit.connections.key_service import KeyService
from mcpauthkit.connections.preset import Refusal
from mcpauthkit.connections.refusals import Verdict
from mcpauthkit.core.urls import is_trustworthy_url, origin_of
from mcpauthkit.errors import ConfigurationError, ConnectionRequired, PermissionMissing
from mcpauthkit.providers.client import AskAgain, Held, verdict_on

_UNAUTHORIZED = 401


@dataclass(frozen=True, slots=True)
class KeyUse:
    """How one service's keys are used.

    Args:
        service: The service.
        api_url: Its API, which may hold fields as `{name}`; empty for what the service's check says.

    Raises:
        ConfigurationError: A secret field is part of that address.
    """

    service: KeyService
    api_url: str = ""

    def __post_init__(self) -> None:
        self.service.check_address("api_url", self.api_url)

    def values(self, credential: Credential) -> dict[str, str]:
        """Everything that was typed, and what the developer gave instead of the user."""
        return {**{name: one.reveal() for name, one in credential.values.items()}, **self.service.fixed}

    def headers(self, credential: Credential) -> Mapping[str, str]:
        """The header fields that carry the key."""
        return self.service.headers_for(self.values(credential))

    def base_url(self, credential: Credential) -> str:
        """Where the API is for this user."""
        service, values = self.service, self.values(credential)
        if self.api_url:
            return service.url_for(self.api_url, values)
        if service.detour is not None and credential.account.tenant:
            values[service.detour.variable] = credential.account.tenant
            ending = _common_ending(service.check_url, service.detour.check_url)
            return service.url_for(service.detour.check_url.removesuffix(ending), values)
        typed = next((one.name for one in service.fields if one.kind == "url"), service.address_field)
        if f"{{{typed}}}" == service.check_url.partition("/")[0]:
            # A service of the user's own, which may have a path of its own.
            return values[typed].rstrip("/")
        return origin_of(service.url_for(service.check_url, values))


class KeyAuth(httpx.Auth):
    """Sends the key; where the service does not take it any more, forgets it and asks the user again.

    Where the service says that the key permits too little, the user hears what to do, and the key stays.

    Args:
        broker: Forgets.
        held: What the call holds.
        ask: Makes the error that leads the user to connect again.
        headers: The header fields that carry the key.
        base_url: The only origin they may go to.
        refusals: How the service says that a key is no good; the first that fits counts.
    """

    requires_response_body = False

    def __init__(
        self,
        broker: Broker,
        held: Held,
        ask: AskAgain,
        *,
        headers: Mapping[str, str],
        base_url: str,
        refusals: Sequence[Refusal],
    ) -> None:
        self._broker = broker
        self._held = held
        self._ask = ask
        self._headers = headers
        self._refusals = tuple(refusals)
        self._origin = origin_of(str(httpx.URL(base_url)))

    async def async_auth_flow(self, request: httpx.Request) -> AsyncGenerator[httpx.Request, httpx.Response]:
        """One request; nothing renews a key, so there is no second one."""
        if not self._is_ours(request.url):
            raise ConfigurationError(
                f"The user's {self._broker.grant.display_name} key is not sent to {origin_of(str(request.url))}.",
                hint="Give paths to client(), or use a plain httpx client without the key.",
            )
        request.headers.update(self._headers)
        response = yield request
        # After a redirect to another origin, which gets no key, a refusal says nothing about it.
        verdict = await verdict_on(response, self._refusals) if self._was_sent(response.request) else None
        if verdict is None:
            return
        if verdict.meaning == "dead" and await self._is_dead(verdict, response.status_code):
            await self._broker.forget(self._held.principal, rejected=self._held.credential)
            raise await self._ask(self._held)
        if verdict.meaning == "narrow" and verdict.is_told:
            raise await self._too_narrow(verdict)

    def _was_sent(self, request: httpx.Request) -> bool:
        # The way may have led to elsewhere and back, and the key was taken out on it.
        carried = {name.lower(): value for name, value in self._headers.items()}
        return self._is_ours(request.url) and all(request.headers.get(name) == value for name, value in carried.items())

    async def _is_dead(self, verdict: Verdict, status: int) -> bool:
        # Some services refuse one thing in the same words as a dead key: what was typed is tried once more.
        grant = self._broker.grant
        is_taken = await grant.is_taken(self._held.credential) if isinstance(grant, Examining) else None
        return verdict.is_told or status == _UNAUTHORIZED if is_taken is None else not is_taken

    async def _too_narrow(self, verdict: Verdict) -> PermissionMissing:
        # What a key permits is decided where it is made, so there is nothing to consent to.
        asked = await self._ask(self._held)
        place = f" at {asked.connect_url}" if isinstance(asked, ConnectionRequired) else ""
        return PermissionMissing(
            asked.service,
            scopes=verdict.scopes,
            remedy=f"Make a key there that permits it and type it in{place}, or use a tool that needs less.",
        )

    async def withhold(self, request: httpx.Request) -> None:
        """Take the key out of a request to elsewhere: of a redirected one, httpx takes out `Authorization` only."""
        if not self._is_ours(request.url):
            for name in self._headers:
                request.headers.pop(name, None)

    def client(self, *, base_url: str, **options: Any) -> httpx.AsyncClient:
        """The client that uses this.

        Args:
            base_url: What paths are resolved against.
            **options: Further arguments of `httpx.AsyncClient`.
        """
        hooks: Mapping[str, Any] = options.pop("event_hooks", {})
        watched = {**hooks, "request": [*hooks.get("request", ()), self.withhold]}
        return httpx.AsyncClient(auth=self, event_hooks=watched, **{"base_url": base_url, **options})

    def _is_ours(self, url: httpx.URL) -> bool:
        return is_trustworthy_url(str(url)) and origin_of(str(url)) == self._origin


def _common_ending(one: str, other: str) -> str:
    """The last parts of two paths that are the same."""
    parts = zip(reversed(urlsplit(one).path.split("/")), reversed(urlsplit(other).path.split("/")), strict=False)
    same: list[str] = []
    for mine, theirs in parts:
        if mine != theirs or not mine:
            break
        same.insert(0, mine)
    return "".join(f"/{part}" for part in same)
