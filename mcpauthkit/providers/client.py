"""The HTTP client that carries a user's credential and renews it."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NoReturn

import httpx

from mcpauthkit.connections.broker import Broker
from mcpauthkit.connections.credential import Credential
from mcpauthkit.connections.grant import Examining
from mcpauthkit.connections.hosts import is_at
from mcpauthkit.connections.preset import UNAUTHORIZED, Refusal
from mcpauthkit.connections.refusals import MAX_BODY_BYTES, Verdict, judge, needs_body
from mcpauthkit.core.urls import is_trustworthy_url, origin_of
from mcpauthkit.errors import ConfigurationError, ConnectionFailed
from mcpauthkit.principal import Principal
from mcpauthkit.protocol.ask import Need
from mcpauthkit.providers.short_body import short_body

# What httpx sends when nobody says otherwise; a header the service insists on goes before these.
_DEFAULTS_OF_HTTPX = {"accept": "*/*", "user-agent": f"python-httpx/{httpx.__version__}"}
# A token that came so lately was not refused for its age.
_NEW_SECONDS = 60.0

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


async def verdict_on(response: httpx.Response, refusals: Sequence[Refusal]) -> Verdict | None:
    """What an answer that nobody has read yet says about the credential it was sent; None when nothing.

    Args:
        response: The answer; it can be read afterwards as if nothing had happened.
        refusals: How the service says that a credential is no good.
    """
    status, headers = response.status_code, dict(response.headers)
    body = None
    if needs_body(refusals, status=status, headers=headers):
        body = await short_body(response, max_bytes=MAX_BODY_BYTES)
    return judge(refusals, status=status, headers=headers, body=body)


class CredentialAuth(httpx.Auth):
    """Sends the credential, renews it once when the service says it is dead, and asks the user when that fails.

    Before a credential is given up, the service is asked whose it is: a good one stays, whatever else it is refused
    for.

    When the service says that it lacks a scope and names it, the user is asked for that scope; a refusal without a
    name is the tool's business, and costs nobody their credential.

    Args:
        broker: Renews.
        held: What the call holds.
        ask: Makes the error that leads the user to connect again.
        api_url: The origin the credential may go to; None for any https address.
        api_hosts: Further hosts that it may go to, by https.
        refusals: How the service says that a token is no good; the first that fits counts.
        headers: Header fields it insists on, for requests that do not bring them.
    """

    requires_response_body = False

    def __init__(
        self,
        broker: Broker,
        held: Held,
        ask: AskAgain,
        *,
        api_url: str | None,
        api_hosts: Sequence[str] = (),
        refusals: Sequence[Refusal] = (UNAUTHORIZED,),
        headers: Mapping[str, str] | None = None,
    ) -> None:
        self._broker = broker
        self._held = held
        self._ask = ask
        self._refusals = tuple(refusals)
        self._headers = dict(headers or {})
        # Through httpx, as the requests' addresses: upper case and default ports are spellings of one origin.
        self._origin = origin_of(str(httpx.URL(api_url))) if api_url is not None else None
        self._hosts = tuple(api_hosts)

    async def async_auth_flow(self, request: httpx.Request) -> AsyncGenerator[httpx.Request, httpx.Response]:
        """One request, repeated once with a renewed credential.

        A body that is a stream cannot be sent again: the refusal goes to the tool, and the next request has the new
        credential.
        """
        self._check_destination(str(request.url))
        self._add_headers(request)
        sent = self._held.credential
        if not await self._is_dead((yield _with(request, sent))):
            return
        if self._is_new(sent) and await self._is_good(sent):
            # Or whoever makes a tool repeat such a request would have a token renewed for each.
            return
        renewed = await self._broker.renew(
            self._held.principal, rejected=sent, caller_token=self._held.need.caller_token
        )
        if renewed is None:
            if sent.refresh_token is None and await self._is_good(sent):
                return
            await self._forget(sent)
        self._held.credential = renewed
        if not _is_repeatable(request.stream):
            return
        if await self._is_dead((yield _with(request, renewed))) and not await self._is_good(renewed):
            # Fresh and still refused: the user has withdrawn the grant at the service.
            await self._forget(renewed)

    def _is_new(self, credential: Credential) -> bool:
        return self._broker.clock.wall() - credential.obtained_at < _NEW_SECONDS

    async def _is_good(self, credential: Credential) -> bool:
        # Some services answer 401 for one address or one thing. A tool that asks for it must not cost its user the
        # connection; the answer is the tool's business then.
        grant = self._broker.grant
        return isinstance(grant, Examining) and await grant.is_taken(credential) is True

    async def _forget(self, credential: Credential) -> NoReturn:
        await self._broker.forget(self._held.principal, rejected=credential)
        raise await self._ask(self._held)

    async def _is_dead(self, response: httpx.Response) -> bool:
        verdict = await self._verdict(response)
        if verdict is None:
            return False
        if verdict.meaning == "narrow":
            missing = self._missing(verdict)
            if missing:
                scopes = tuple(dict.fromkeys([*self._held.need.scopes, *missing]))
                need = replace(self._held.need, scopes=scopes)
                raise await self._ask(Held(need, self._held.credential))
            return False
        return True

    async def _verdict(self, response: httpx.Response) -> Verdict | None:
        # After a redirect to another origin, where httpx sends no credential, a refusal says nothing about ours.
        if "authorization" not in response.request.headers:
            return None
        return await verdict_on(response, self._refusals)

    def _missing(self, verdict: Verdict) -> tuple[str, ...]:
        # Asking for what the credential has already would lead in circles.
        held = self._held.credential.scopes if verdict.granted is None else verdict.granted
        missing = self._broker.scope_rules.missing(verdict.scopes, held)
        if not verdict.any_of:
            return missing
        if len(missing) < len(verdict.scopes) or not missing:
            return ()
        return (self._broker.scope_rules.narrowest(missing),)

    def _add_headers(self, request: httpx.Request) -> None:
        for name, value in self._headers.items():
            if request.headers.get(name) in {None, _DEFAULTS_OF_HTTPX.get(name.lower())}:
                request.headers[name] = value

    def _check_destination(self, url: str) -> None:
        if "://" not in url.strip(":/") and self._origin is None:
            raise ConfigurationError(
                f"client() of {self._broker.grant.display_name} got a path and knows no address to put in front of it.",
                hint="Give api_url= to the provider, or a whole URL to the request.",
            )
        # A tool that follows a link from an answer must not carry the user's credential to a stranger.
        is_ours = self._origin is None or origin_of(url) == self._origin or is_at(url, self._hosts)
        if not is_trustworthy_url(url) or not is_ours:
            raise ConfigurationError(
                f"The user's {self._broker.grant.display_name} credential is not sent to {origin_of(url)}.",
                hint=(
                    "Use https and the host given as api_url, name the service's other hosts in api_hosts, or use a "
                    "plain httpx client without the credential."
                ),
            )


def _is_repeatable(body: object) -> bool:
    """Whether a body can be sent twice. What has been read to its end would be sent as nothing, and taken for it."""
    if isinstance(body, httpx.ByteStream):
        return True
    # The parts of a multipart body, which httpx reads from their beginning where it can.
    parts = getattr(body, "fields", None)
    return parts is not None and all(_is_whole(getattr(part, "file", b"")) for part in parts)


def _is_whole(content: object) -> bool:
    if isinstance(content, str | bytes):
        return True
    seekable = getattr(content, "seekable", None)
    return callable(seekable) and bool(seekable())


def _with(request: httpx.Request, credential: Credential) -> httpx.Request:
    request.headers["authorization"] = f"Bearer {credential.access_token.reveal()}"
    return request
