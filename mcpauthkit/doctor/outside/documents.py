"""The documents that lead clients from the challenge to the login."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any
from urllib.parse import urlsplit

from mcpauthkit.core.urls import is_machine_itself, is_trustworthy_url, origin_of, path_of, well_known_url
from mcpauthkit.doctor.examination import Examination
from mcpauthkit.doctor.outside.asking import Answer, ask, ask_all, first_document, string_in, strings_in
from mcpauthkit.doctor.outside.door import PAGE, Door, door_of
from mcpauthkit.oauth.messages import HttpRequest
from mcpauthkit.oauth.metadata import PROTECTED_RESOURCE
from mcpauthkit.oauth.server_metadata import AUTHORIZATION_SERVER, OPENID_CONFIGURATION

SURFACE = "surface"
"""The name under which an examination knows it."""

_JSON = {"accept": "application/json"}
# Keycloak parses the whole request before its policies look at it, so it is asked with one that reads well.
_KEYCLOAK = "/clients-registrations/"


@dataclass(frozen=True, slots=True)
class ResourceDocument:
    """The protected resource metadata, and where clients look for it.

    Args:
        pointer: Where the challenge says it is; empty where it does not.
        candidates: The answers at the places clients try, in their order.
        found: The first of them with a document.
    """

    pointer: str
    candidates: tuple[Answer, ...]
    found: Answer | None

    @property
    def content(self) -> Mapping[str, Any]:
        """The document; empty where there is none."""
        return (self.found.document if self.found is not None else None) or {}

    @property
    def issuers(self) -> tuple[str, ...]:
        """The authorization servers it names."""
        return strings_in(self.content, "authorization_servers") or ()


@dataclass(frozen=True, slots=True)
class IssuerDocument:
    """The metadata of the issuer that the resource names first, and what its endpoints answer.

    Args:
        issuer: The issuer as the resource spells it.
        is_own: Whether it is the examined server itself: its authorization proxy.
        candidates: The answers at the places clients try, in their order; none where it may not be asked.
        content: The first document among them.
        keys: The key set; None where there is no address to ask.
        registration: The answer to a registration that no server accepts.
        authorize: The answer of an authorization endpoint of the examined server, to a request without parameters.
        token: The answer of its token endpoint.
    """

    issuer: str
    is_own: bool
    candidates: tuple[Answer, ...] = ()
    content: Mapping[str, Any] | None = None
    keys: Answer | None = None
    registration: Answer | None = None
    authorize: Answer | None = None
    token: Answer | None = None


@dataclass(frozen=True, slots=True)
class Surface:
    """Everything that clients see before they sign in.

    Args:
        url: What users enter.
        door: The MCP endpoint.
        resource: The protected resource metadata; None where clients do not come so far.
        issuer: The issuer; None where clients do not come so far.
    """

    url: str
    door: Door
    resource: ResourceDocument | None = None
    issuer: IssuerDocument | None = None


async def surface_of(examination: Examination) -> Surface:
    """Follow the way of a client; only once, however many checks want to know.

    Args:
        examination: The examination.
    """
    return await examination.once(SURFACE, partial(_look, examination))


async def _look(examination: Examination) -> Surface:
    url, door = examination.resource_url, await door_of(examination)
    if not door.asks_for_token:
        return Surface(url, door)
    resource = await _resource(examination, door.challenge.as_searched("resource_metadata"))
    if not resource.issuers:
        return Surface(url, door, resource)
    return Surface(url, door, resource, await _issuer(examination, resource.issuers[0]))


async def _resource(examination: Examination, pointer: str) -> ResourceDocument:
    url = examination.resource_url
    forms = [well_known_url(url, PROTECTED_RESOURCE), f"{origin_of(url)}/.well-known/{PROTECTED_RESOURCE}"]
    is_here = is_same_origin(pointer, url)
    # The address in a stranger's challenge is asked only where it is the stranger's own.
    places = dict.fromkeys([*([pointer] if is_here else []), *forms])
    answers = await ask_all(examination, [HttpRequest("GET", one, headers={**_JSON, "origin": PAGE}) for one in places])
    return ResourceDocument(pointer, tuple(answers), first_document(answers))


async def _issuer(examination: Examination, issuer: str) -> IssuerDocument:
    is_own = is_same_origin(issuer, examination.resource_url)
    if not is_trustworthy_url(issuer) or leads_inside(examination.resource_url, issuer):
        return IssuerDocument(issuer, is_own)
    places = dict.fromkeys(
        [
            well_known_url(issuer, AUTHORIZATION_SERVER),
            well_known_url(issuer, OPENID_CONFIGURATION),
            f"{issuer.rstrip('/')}/.well-known/{OPENID_CONFIGURATION}",
        ]
    )
    answers = await ask_all(examination, [HttpRequest("GET", one, headers=_JSON) for one in places])
    found = first_document(answers)
    if found is None:
        return IssuerDocument(issuer, is_own, tuple(answers))
    content = found.document or {}
    wanted = _endpoint_requests(content, is_own=is_own)
    safe = {name: one for name, one in wanted.items() if _may_be_asked(examination.resource_url, one.url)}
    more = dict(zip(safe, await ask_all(examination, list(safe.values())), strict=True))
    return IssuerDocument(issuer, is_own, tuple(answers), content, **more)


def _endpoint_requests(content: Mapping[str, Any], *, is_own: bool) -> dict[str, HttpRequest]:
    """Requests that change nothing: the registration is one that every server refuses."""
    wanted: dict[str, HttpRequest] = {}
    registration = string_in(content, "registration_endpoint")
    if registration:
        uri = "http://127.0.0.1:33418/callback#none-has-a-fragment"
        body = {"redirect_uris": [uri] if _KEYCLOAK in path_of(registration) else "none", "client_name": "doctor"}
        wanted["registration"] = HttpRequest("POST", registration, headers=_JSON, json=body)
    if is_own:
        wanted["authorize"] = HttpRequest("GET", string_in(content, "authorization_endpoint"))
        wanted["token"] = HttpRequest("POST", string_in(content, "token_endpoint"), headers=_JSON, form={})
    else:
        wanted["keys"] = HttpRequest("GET", string_in(content, "jwks_uri"), headers=_JSON)
    return wanted


def _may_be_asked(url: str, endpoint: str) -> bool:
    return is_trustworthy_url(endpoint) and not leads_inside(url, endpoint)


def is_same_origin(address: str, url: str) -> bool:
    """Whether what somebody wrote is an address of the same scheme, host and port.

    Args:
        address: What they wrote; perhaps no address at all.
        url: The address to compare it with.
    """
    try:
        return origin_of(address) == origin_of(url)
    except ValueError:
        return False


def leads_inside(url: str, address: str) -> bool:
    """Whether a public server names an address of the machine that reads it, which it has no business to be asked.

    Args:
        url: The public server.
        address: What it names.
    """
    return not is_machine_itself(urlsplit(url).hostname or "") and is_machine_itself(urlsplit(address).hostname or "")


async def document_with_forged_host(examination: Examination) -> Answer:
    """The metadata as it is told to who claims another host.

    Args:
        examination: The examination.
    """
    place = well_known_url(examination.resource_url, PROTECTED_RESOURCE)
    headers = {**_JSON, "x-forwarded-host": "doctor.invalid", "forwarded": "host=doctor.invalid"}
    return await ask(examination, HttpRequest("GET", place, headers=headers))
