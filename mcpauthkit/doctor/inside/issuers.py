"""The issuers that the application trusts: whether they are those that clients are sent to, and what time it is there.

What clients see of an issuer is looked at from outside; this is about those that clients never see, such as the one
behind our own authorization server, and about the two of them being the same.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC
from email.utils import parsedate_to_datetime

from mcpauthkit.doctor.check import Check
from mcpauthkit.doctor.examination import Examination
from mcpauthkit.doctor.finding import Fault, Finding
from mcpauthkit.doctor.inside.trusting import Trusted, trust_of
from mcpauthkit.doctor.outside.faults_documents import (
    ISSUER_MISMATCH,
    ISSUER_NO_METADATA,
    ISSUER_SLASH,
    ISSUER_UNREACHABLE,
    KEYS_UNUSABLE,
)
from mcpauthkit.errors import RemoteError, RemoteUnavailable
from mcpauthkit.identity.issuer import Issuer
from mcpauthkit.oauth.messages import HttpRequest, HttpResponse
from mcpauthkit.oauth.metadata import discovery_requests, resource_metadata_url

_HTTP_OK = 200

NOT_TRUSTED = Fault(
    "issuer-not-trusted",
    "error",
    "Clients are sent to an issuer that is not trusted",
    "The metadata leads clients to one issuer, and the middleware takes tokens of others, so every sign-in ends in a "
    "401.",
    "Give oauth_meta_router and JwtAuthMiddleware the same issuer_url, byte for byte.",
    explains=("issuer-mismatch", "issuer-trailing-slash", "issuer-unreachable", "issuer-without-metadata"),
)
CLOCK_SKEW = Fault(
    "clock-skew",
    "error",
    "The clocks of this machine and the issuer differ",
    "Tokens count as expired, or as issued in the future, though they are fresh.",
    "Let both machines take their time from the network (NTP); leeway_seconds is for seconds, not for minutes.",
)

ISSUERS = (NOT_TRUSTED, CLOCK_SKEW)
"""The faults of this part."""


async def check_advertised(examination: Examination) -> AsyncIterator[Finding]:
    """Compare the issuers that the metadata names with those that are trusted; reads our own document."""
    trusted, named = trust_of(examination), await advertised(examination)
    resources = examination.facts.resources
    if trusted is None or resources is None:
        return
    for one in named:
        if one != resources.base_url and not trusted.has_issuer(one):
            yield NOT_TRUSTED.found(
                evidence=f"the metadata names {one}, trusted: {', '.join(trusted.issuer_urls)}", place="issuer_url"
            )


async def check_unseen(examination: Examination) -> AsyncIterator[Finding]:
    """Read the metadata and the keys of trusted issuers that clients do not see, as the middleware does."""
    trusted, named = trust_of(examination), await advertised(examination)
    for issuer in _issuers(trusted):
        if issuer.issuer_url in named:
            continue
        found = await _of_metadata(examination, issuer)
        if found is not None:
            yield found
            continue
        try:
            await issuer.keys.get()
        except RemoteError as error:
            yield KEYS_UNUSABLE.found(evidence=error.reason or error.public, place=issuer.issuer_url)


async def check_clocks(examination: Examination) -> AsyncIterator[Finding]:
    """Compare this machine's clock with the Date header of each trusted issuer's metadata."""
    trusted = trust_of(examination)
    for issuer in _issuers(trusted):
        assert trusted is not None
        response = await _first_answer(examination, issuer.issuer_url)
        skew = None if response is None else _skew(response, examination.clock.wall())
        if skew is not None and abs(skew) > trusted.leeway_seconds:
            way = "ahead" if skew > 0 else "behind"
            yield CLOCK_SKEW.found(
                evidence=f"this machine is {abs(skew):.0f} s {way}, by the Date header", place=issuer.issuer_url
            )


async def advertised(examination: Examination) -> tuple[str, ...]:
    """The authorization servers that our metadata names; none where it cannot be had."""
    return await examination.once("advertised issuers", lambda: _advertised(examination))


async def _advertised(examination: Examination) -> tuple[str, ...]:
    if not examination.has("wire"):
        return ()
    try:
        response = await examination.wire(HttpRequest("GET", resource_metadata_url(examination.resource_url)))
        named = response.json_object("metadata").get("authorization_servers")
    except (RemoteError, ValueError):
        return ()
    return tuple(one for one in named if isinstance(one, str)) if isinstance(named, list) else ()


async def _of_metadata(examination: Examination, issuer: Issuer) -> Finding | None:
    url = issuer.issuer_url
    try:
        await issuer.metadata.get()
    except RemoteUnavailable as error:
        return ISSUER_UNREACHABLE.found(evidence=error.reason or error.public, place=url)
    except RemoteError as error:
        name = await _own_name(examination, url)
        if not name:
            return ISSUER_NO_METADATA.found(evidence=error.reason or error.public, place=url)
        fault = ISSUER_SLASH if name.rstrip("/") == url.rstrip("/") else ISSUER_MISMATCH
        return fault.found(evidence=f"it calls itself {name!r:.200}", place=url)
    return None


async def _own_name(examination: Examination, url: str) -> str:
    response = await _first_answer(examination, url)
    try:
        name = None if response is None else response.json_object("issuer metadata").get("issuer")
    except RemoteError:
        return ""
    return name if isinstance(name, str) else ""


async def _first_answer(examination: Examination, url: str) -> HttpResponse | None:
    async def ask() -> HttpResponse | None:
        for request in discovery_requests(url):
            try:
                response = await examination.fetch(request)
            except RemoteError:
                return None
            if response.status == _HTTP_OK:
                return response
        return None

    return await examination.once(f"first metadata of {url}", ask)


def _skew(response: HttpResponse, now: float) -> float | None:
    """How far our clock is ahead, by the answer's Date; None where it has none that can be read."""
    try:
        then = parsedate_to_datetime(response.headers.get("date", ""))
    except ValueError:
        return None
    return now - (then if then.tzinfo is not None else then.replace(tzinfo=UTC)).timestamp()


def _issuers(trusted: Trusted | None) -> list[Issuer]:
    return [] if trusted is None else list(trusted.issuers)


ISSUER_CHECKS = (
    Check("the issuers that clients are sent to", check_advertised, frozenset({"app", "wire"})),
    Check("the issuers that clients do not see", check_unseen, frozenset({"app"})),
    Check("the issuers' clocks", check_clocks, frozenset({"app"})),
)
"""The checks of this part."""
