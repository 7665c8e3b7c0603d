"""What stops no reference client on its way, and is wrong all the same."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from http import HTTPStatus

from mcpauthkit.core.urls import path_of
from mcpauthkit.doctor.examination import Examination
from mcpauthkit.doctor.finding import Finding
from mcpauthkit.doctor.outside import faults_documents as documents
from mcpauthkit.doctor.outside import faults_door as faults
from mcpauthkit.doctor.outside.asking import OK, string_in, strings_in
from mcpauthkit.doctor.outside.challenge import Challenge, Parameter
from mcpauthkit.doctor.outside.documents import ResourceDocument, document_with_forged_host, surface_of
from mcpauthkit.doctor.outside.door import NOBODY, Door, challenge_of, door_of
from mcpauthkit.doctor.outside.steps_documents import takes_documents
from mcpauthkit.errors import RemoteMisbehaved
from mcpauthkit.identity.key_set import parse_key_set

_SEARCHED: tuple[Parameter, ...] = ("scope", "resource_metadata", "error")
_CLOSED = {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}
# OpenID Connect Core 1.0 sections 5.4 and 11: an issuer that lists no others lists none of its own.
_STANDARD_SCOPES = {"openid", "profile", "email", "address", "phone", "device_sso", "offline_access"}


async def challenge(examination: Examination) -> AsyncIterator[Finding]:
    """Whether clients read the challenge as it is meant.

    Args:
        examination: The examination.
    """
    door = await door_of(examination)
    if door.first.status == HTTPStatus.UNAUTHORIZED:
        for finding in _of_challenge(door, examination.resource_url):
            yield finding


def _of_challenge(door: Door, url: str) -> Iterator[Finding]:
    told = door.challenge
    shown = f"WWW-Authenticate: {told.text or 'missing'}"
    if not told.is_bearer:
        yield faults.CHALLENGE_MISSING.found(evidence=shown, place=url)
        return
    if told.schemes[0].lower() != "bearer":
        yield faults.CHALLENGE_NOT_ALONE.found(evidence=shown, place=url)
    elif told.schemes[0] != "Bearer":
        yield faults.CHALLENGE_LOWER_CASE.found(evidence=shown, place=url)
    if not told.parameter("resource_metadata"):
        yield faults.CHALLENGE_NO_POINTER.found(evidence=shown, place=url)
    others = [one for one in map(challenge_of, (door.modern, door.bad_token)) if one.is_bearer]
    for one in (told, *others):
        misread = [name for name in _SEARCHED if one.as_searched(name) != one.parameter(name)]
        if misread:
            yield faults.MISREAD.found(evidence=f"WWW-Authenticate: {one.text}", place=url)
            return
    yield from _of_scopes(told, others, url)


def _of_scopes(told: Challenge, others: list[Challenge], url: str) -> Iterator[Finding]:
    scopes = [set(one.parameter("scope").split()) for one in (told, *others)]
    different = next((one for one in scopes if one != scopes[0]), None)
    if different is not None:
        first, second = (" ".join(sorted(one)) or "none" for one in (scopes[0], different))
        yield faults.SCOPE_VARIES.found(evidence=f"scope is first {first}, then {second}", place=url)


async def bad_token(examination: Examination) -> AsyncIterator[Finding]:
    """Whether a made-up token is refused, and so that clients renew theirs.

    Args:
        examination: The examination.
    """
    door, url = await door_of(examination), examination.resource_url
    if door.first.status != HTTPStatus.UNAUTHORIZED:
        return
    answer, told = door.bad_token, challenge_of(door.bad_token)
    if answer.status == OK:
        yield faults.BAD_TOKEN_SERVED.found(evidence=str(answer), place=url)
    elif answer.status == HTTPStatus.UNAUTHORIZED:
        if told.is_bearer and not told.parameter("error"):
            yield faults.HEADER_LOST.found(evidence="a token is answered as no token is", place=url)
    elif answer.status:
        yield faults.BAD_TOKEN_NOT_401.found(evidence=str(answer), place=url)


async def pages(examination: Examination) -> AsyncIterator[Finding]:
    """What pages in a browser may do, and can.

    Args:
        examination: The examination.
    """
    door, url = await door_of(examination), examination.resource_url
    if door.first.status != HTTPStatus.UNAUTHORIZED:
        return
    if door.from_nowhere.status in {OK, HTTPStatus.UNAUTHORIZED}:
        yield faults.ORIGIN_UNCHECKED.found(evidence=f"{door.from_nowhere}, from Origin {NOBODY}", place=url)
    if door.preflight.status == HTTPStatus.UNAUTHORIZED:
        yield faults.PREFLIGHT_401.found(evidence=str(door.preflight), place=url)
        return
    headers = door.from_page.headers
    exposed = {one.strip().lower() for one in headers.get("access-control-expose-headers", "").split(",")}
    may_call = "access-control-allow-origin" in headers and door.from_page.status == HTTPStatus.UNAUTHORIZED
    if may_call and not exposed & {"*", "www-authenticate"}:
        yield faults.CHALLENGE_HIDDEN.found(
            evidence=f"Access-Control-Expose-Headers: {headers.get('access-control-expose-headers', 'missing')}",
            place=url,
        )


async def resource(examination: Examination) -> AsyncIterator[Finding]:
    """The protected resource metadata, beyond what stops clients.

    Args:
        examination: The examination.
    """
    surface = await surface_of(examination)
    if surface.resource is None or surface.resource.found is None:
        return
    for finding in _of_resource(surface.resource, surface.url, accepts_both=examination.facts.resources is not None):
        yield finding
    forged = await document_with_forged_host(examination)
    if b"doctor.invalid" in forged.body:
        yield faults.URL_FROM_REQUEST.found(
            evidence="the document names the host of a made-up X-Forwarded-Host", place=forged.url
        )


def _of_resource(told: ResourceDocument, url: str, *, accepts_both: bool) -> Iterator[Finding]:
    if told.found is not None and "access-control-allow-origin" not in told.found.headers:
        yield documents.PRM_CORS.found(evidence="Access-Control-Allow-Origin: missing", place=told.found.url)
    if not path_of(url).strip("/") and not accepts_both:
        yield documents.RESOURCE_IS_ORIGIN.found(evidence=f"the URL is {url}", place=url)
    if len(told.issuers) > 1:
        yield documents.SEVERAL_ISSUERS.found(evidence=f"authorization_servers is {', '.join(told.issuers)}", place=url)


async def issuer(examination: Examination) -> AsyncIterator[Finding]:
    """The issuer, beyond what stops clients.

    Args:
        examination: The examination.
    """
    surface = await surface_of(examination)
    at = surface.issuer
    if surface.resource is None or at is None or at.content is None:
        return
    content, place = at.content, at.issuer
    if strings_in(content, "code_challenge_methods_supported") is None:
        yield documents.S256_UNLISTED.found(evidence="code_challenge_methods_supported is missing", place=place)
    methods = strings_in(content, "token_endpoint_auth_methods_supported")
    if takes_documents(content) and methods is not None and "none" not in methods:
        yield documents.DOCUMENTS_WITHOUT_NONE.found(
            evidence=f"token_endpoint_auth_methods_supported is {', '.join(methods)}", place=place
        )
    if at.registration is not None and at.registration.status in _CLOSED:
        yield documents.REGISTRATION_CLOSED.found(evidence=str(at.registration), place=at.registration.url)
    known = set(strings_in(content, "scopes_supported") or ())
    asked = set(surface.door.challenge.parameter("scope").split())
    unknown = sorted((asked | set(strings_in(surface.resource.content, "scopes_supported") or ())) - known)
    if unknown and known - _STANDARD_SCOPES:
        yield documents.UNKNOWN_SCOPES.found(
            evidence=f"the issuer does not list {', '.join(unknown)}", place=string_in(content, "issuer") or place
        )


async def keys(examination: Examination) -> AsyncIterator[Finding]:
    """The issuer's key set.

    Args:
        examination: The examination.
    """
    at = (await surface_of(examination)).issuer
    if at is None or at.keys is None:
        return
    content = at.keys.document
    if content is None:
        yield documents.KEYS_UNUSABLE.found(evidence=str(at.keys), place=at.keys.url)
        return
    try:
        count = len(parse_key_set(content))
    except RemoteMisbehaved as error:
        yield documents.KEYS_UNUSABLE.found(evidence=error.reason, place=at.keys.url)
        return
    if not count:
        yield documents.KEYS_UNUSABLE.found(evidence="no key verifies signatures", place=at.keys.url)
