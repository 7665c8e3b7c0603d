"""The services that users connect: whether they know our client, and whether what is asked of them exists there."""

from __future__ import annotations

import difflib
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator

import anyio

from mcpauthkit.connections.authorization_code import AuthorizationCodeGrant
from mcpauthkit.connections.preset import ServicePreset
from mcpauthkit.doctor.check import Check
from mcpauthkit.doctor.examination import Examination
from mcpauthkit.doctor.finding import Fault, Finding
from mcpauthkit.doctor.inside.anatomy import services_of
from mcpauthkit.errors import GrantRefused, RemoteError, RemoteMisbehaved, RemoteUnavailable
from mcpauthkit.oauth.messages import HttpRequest
from mcpauthkit.protocol.connected_service import ConnectedService

_Ask = Callable[[Examination, ConnectedService, AuthorizationCodeGrant], Awaitable[list[Finding]]]
_REFUSALS = range(400, 500)
_MOST_AT_ONCE = 8
# By the standard, and as GitHub, Slack and others say it.
_CLIENT_REFUSED = frozenset({
    "invalid_client", "unauthorized_client", "incorrect_client_credentials", "invalid_client_id", "bad_client_secret",
    "invalid_client_secret", "application_suspended",
})  # fmt: skip
_MOST_TEXT = 65_536
_ABOUT_ADDRESS = ("redirect uri", "redirecturi", "callback url", "redirect url")
_NEAR = 0.86
_ADDRESS_REFUSED = frozenset({"redirect_uri_mismatch", "bad_redirect_uri", "invalid_redirect_uri"})

CLIENT_REFUSED = Fault(
    "service-refuses-client",
    "error",
    "A service does not know our client",
    "The token endpoint refuses client_id or client_secret, so users sign in there and are told that it failed.",
    "Copy client_id and client_secret anew from the service's page of the app; look whether the app is suspended, and "
    "how the service wants the secret (client_authentication=).",
)
ADDRESS_REFUSED = Fault(
    "redirect-uri-not-registered",
    "error",
    "A service does not know our redirect URI",
    "The service shows users an error page instead of its sign-in.",
    "Register the redirect URI at the service exactly as it is here, with scheme, port and path.",
)
UNREACHABLE = Fault(
    "service-unreachable",
    "error",
    "A service's token endpoint does not answer",
    "Users sign in at the service and come back, and nothing can be had for what they bring; renewals fail, too.",
    "Check token_url, and that this machine may reach it: proxies and firewalls are often set for browsers only.",
    explains=("redirect-uri-not-registered",),
)
NOT_A_TOKEN_ENDPOINT = Fault(
    "token-url-is-no-token-endpoint",
    "error",
    "What answers at token_url is no token endpoint",
    "Its answer has neither a token nor an OAuth error, so no user can connect.",
    "Compare token_url with the service's documentation; it is often a page beside the right one.",
    explains=("redirect-uri-not-registered",),
)
SCOPE_UNKNOWN = Fault(
    "scope-unknown-to-service",
    "warning",
    "A tool needs a scope that the service is not known to have",
    "The service may refuse the whole consent, or never grant it, so that the tool asks its user for ever.",
    "Compare the scope with the service's documentation; case and spelling count.",
)

SERVICES = (CLIENT_REFUSED, ADDRESS_REFUSED, UNREACHABLE, NOT_A_TOKEN_ENDPOINT, SCOPE_UNKNOWN)
"""The faults of this part."""


async def check_clients(examination: Examination) -> AsyncIterator[Finding]:
    """Send each service's token endpoint a made-up code with our client's proof, which it refuses without any effect.

    The client's id and secret go where each user's connecting sends them as well, and nowhere else.
    """
    for findings in await _for_each(examination, _client_of):
        for finding in findings:
            yield finding


async def check_redirects(examination: Examination) -> AsyncIterator[Finding]:
    """Open each service's authorization page as a browser would, without anybody in it who signs in.

    Only a refusal that names the redirect URI counts: many services look at it after the sign-in.
    """
    for findings in await _for_each(examination, _redirect_of):
        for finding in findings:
            yield finding


async def check_scopes(examination: Examination) -> AsyncIterator[Finding]:
    """Compare what tools need with what the preset knows of the service; asks nobody."""
    for service in services_of(examination):
        grant = service.broker.grant
        if not isinstance(grant, AuthorizationCodeGrant):
            continue
        for scope, tools in service.known_scopes().items():
            if nearest := _misspelt(grant.preset, scope):
                used = f", for {', '.join(tools)}" if tools else ""
                yield SCOPE_UNKNOWN.found(
                    evidence=f"{scope}{used}", place=service.name, fix=f"Perhaps {nearest} is meant."
                )


async def _for_each(examination: Examination, ask: _Ask) -> list[list[Finding]]:
    """What a question comes to for each service; they are asked side by side."""
    found: list[list[Finding]] = []
    limiter = anyio.CapacityLimiter(_MOST_AT_ONCE)

    async def one(service: ConnectedService, grant: AuthorizationCodeGrant) -> None:
        async with limiter:
            found.append(await ask(examination, service, grant))

    async with anyio.create_task_group() as tasks:
        for service in services_of(examination):
            grant = service.broker.grant
            if isinstance(grant, AuthorizationCodeGrant):
                tasks.start_soon(one, service, grant)
    return found


async def _client_of(
    examination: Examination, service: ConnectedService, grant: AuthorizationCodeGrant
) -> list[Finding]:
    place = grant.preset.token_url or service.name
    seconds = examination.limits.request_seconds
    try:
        with anyio.fail_after(seconds):
            await grant.check_client(redirect_uri=service.broker.redirect_uri)
    except TimeoutError:
        return [UNREACHABLE.found(evidence=f"no answer in {seconds:g} s", place=place)]
    except GrantRefused as error:
        return list(_refusal(error, service, place))
    except RemoteUnavailable as error:
        return [UNREACHABLE.found(evidence=error.reason or error.public, place=place)]
    except RemoteMisbehaved as error:
        if error.hint:
            # The hint is there where the service says 401 and no more.
            return [CLIENT_REFUSED.found(evidence=error.reason, place=place)]
        return [NOT_A_TOKEN_ENDPOINT.found(evidence=error.reason or error.public, place=place)]
    return []


def _refusal(error: GrantRefused, service: ConnectedService, place: str) -> Iterator[Finding]:
    if error.error in _CLIENT_REFUSED:
        yield CLIENT_REFUSED.found(evidence=f"{place} answered {error.error}", place=service.name)
    elif error.error in _ADDRESS_REFUSED:
        yield ADDRESS_REFUSED.found(
            evidence=f"{place} answered {error.error} for {service.broker.redirect_uri}", place=service.name
        )


async def _redirect_of(
    examination: Examination, service: ConnectedService, grant: AuthorizationCodeGrant
) -> list[Finding]:
    address = service.broker.redirect_uri
    try:
        attempt = await grant.begin((), redirect_uri=address)
        response = await examination.fetch(HttpRequest("GET", attempt.url, headers={"accept": "text/html"}))
    except RemoteError:
        # Browsers go there, and not this machine, which may be unable to.
        return []
    text = response.body[:_MOST_TEXT].decode("utf-8", "replace").casefold().replace("_", " ")
    if response.status not in _REFUSALS or not any(one in text for one in _ABOUT_ADDRESS):
        return []
    return [ADDRESS_REFUSED.found(evidence=f"HTTP {response.status} for {address}", place=service.name)]


def _misspelt(preset: ServicePreset, scope: str) -> str:
    """The scope that the preset knows and that is probably meant; empty where the scope is known, or like none."""
    rules = preset.scopes
    known = {
        *rules.implied, *rules.aliases, *rules.covers_all, *rules.untold, *preset.always_scopes,
        *(one for covered in rules.implied.values() for one in covered),
    }  # fmt: skip
    if not known or rules.name(scope) in {rules.name(one) for one in known}:
        return ""
    same = next((one for one in sorted(known) if _folded(one) == _folded(scope)), "")
    return same or next(iter(difflib.get_close_matches(scope, sorted(known), n=1, cutoff=_NEAR)), "")


def _folded(scope: str) -> str:
    return "".join(one for one in scope.casefold() if one.isalnum())


SERVICE_CHECKS = (
    Check("our clients at services", check_clients, frozenset({"app"})),
    Check("redirect URIs at services", check_redirects, frozenset({"app"})),
    Check("scopes of services", check_scopes, frozenset({"app"})),
)
"""The checks of this part."""
