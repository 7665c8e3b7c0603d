"""The steps from the challenge to the issuer's sign-in page."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Any

from mcpauthkit.core.urls import is_trustworthy_url, path_of
from mcpauthkit.doctor.outside import faults_documents as faults
from mcpauthkit.doctor.outside import faults_door as door_faults
from mcpauthkit.doctor.outside.asking import OK, Answer, string_in, strings_in
from mcpauthkit.doctor.outside.clients import ReferenceClient
from mcpauthkit.doctor.outside.documents import (
    IssuerDocument,
    ResourceDocument,
    Surface,
    is_same_origin,
    leads_inside,
)
from mcpauthkit.doctor.outside.steps import Seen, Step
from mcpauthkit.oauth.metadata import PROTECTED_RESOURCE

_CLOSED = {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}
_ROOT_FORM = f"/.well-known/{PROTECTED_RESOURCE}"
_ENDPOINTS = ("authorization_endpoint", "token_endpoint")

_Stops = Callable[[ReferenceClient, Surface], Seen | None]


def _of_resource(look: Callable[[ReferenceClient, Surface, ResourceDocument], Seen | None]) -> _Stops:
    def stops(client: ReferenceClient, surface: Surface) -> Seen | None:
        return None if surface.resource is None else look(client, surface, surface.resource)

    return stops


def _of_issuer(look: Callable[[ReferenceClient, Surface, IssuerDocument], Seen | None]) -> _Stops:
    def stops(client: ReferenceClient, surface: Surface) -> Seen | None:
        return None if surface.issuer is None else look(client, surface, surface.issuer)

    return stops


def _of_metadata(look: Callable[[ReferenceClient, IssuerDocument, Mapping[str, Any]], str | None]) -> _Stops:
    def stops(client: ReferenceClient, surface: Surface) -> Seen | None:
        if surface.issuer is None or surface.issuer.content is None:
            return None
        evidence = look(client, surface.issuer, surface.issuer.content)
        return None if evidence is None else Seen(evidence, surface.issuer.issuer)

    return stops


def _points_elsewhere(_: ReferenceClient, surface: Surface, resource: ResourceDocument) -> Seen | None:
    if resource.pointer and not is_same_origin(resource.pointer, surface.url):
        return Seen(f"resource_metadata names {resource.pointer}", surface.url)
    return None


def _needs_token(_: ReferenceClient, __: Surface, resource: ResourceDocument) -> Seen | None:
    closed = [one for one in resource.candidates if one.status in _CLOSED]
    return Seen(str(closed[0]), closed[0].url) if resource.found is None and closed else None


def _is_no_json(_: ReferenceClient, __: Surface, resource: ResourceDocument) -> Seen | None:
    # A client takes the first answer 200 for the document, whatever another place has.
    first = next((one for one in resource.candidates if one.status == OK), None)
    if first is None or first.document is not None:
        return None
    return Seen(f"{first}, {first.headers.get('content-type', 'of no type')}", first.url)


def _is_missing(_: ReferenceClient, __: Surface, resource: ResourceDocument) -> Seen | None:
    if resource.found is not None:
        return None
    return Seen("; ".join(map(str, resource.candidates)), resource.candidates[0].url)


def _points_nowhere(client: ReferenceClient, _: Surface, resource: ResourceDocument) -> Seen | None:
    first = resource.candidates[0]
    if client.looks_beyond_pointer or first.url != resource.pointer or first.document is not None:
        return None
    return Seen(str(first), resource.pointer)


def _is_at_root_only(client: ReferenceClient, surface: Surface, resource: ResourceDocument) -> Seen | None:
    found = resource.found
    if not client.refuses_root_document or found is None or path_of(found.url) != _ROOT_FORM:
        return None
    return Seen(f"the document is at {found.url}", surface.url) if path_of(surface.url).strip("/") else None


def _has_slash(client: ReferenceClient, surface: Surface, resource: ResourceDocument) -> Seen | None:
    told = string_in(resource.content, "resource")
    has = path_of(surface.url) and told == f"{surface.url}/" and not client.allows_resource_slash
    return Seen(f"resource is {told}", surface.url) if has else None


def _is_for_another(_: ReferenceClient, surface: Surface, resource: ResourceDocument) -> Seen | None:
    told = string_in(resource.content, "resource")
    return Seen(f"resource is {told or 'missing'}", surface.url) if told.rstrip("/") != surface.url else None


def _names_no_issuer(_: ReferenceClient, surface: Surface, resource: ResourceDocument) -> Seen | None:
    return None if resource.issuers else Seen("authorization_servers is missing or empty", surface.url)


def _is_on_loopback(_: ReferenceClient, surface: Surface, issuer: IssuerDocument) -> Seen | None:
    return Seen(f"the issuer is {issuer.issuer}", issuer.issuer) if leads_inside(surface.url, issuer.issuer) else None


def _is_plain(_: ReferenceClient, __: Surface, issuer: IssuerDocument) -> Seen | None:
    names = {"issuer": issuer.issuer, **{name: string_in(issuer.content or {}, name) for name in _ENDPOINTS}}
    plain = [f"{name} is {url}" for name, url in names.items() if url and not is_trustworthy_url(url)]
    return Seen("; ".join(plain), issuer.issuer) if plain else None


def _is_silent(_: ReferenceClient, __: Surface, issuer: IssuerDocument) -> Seen | None:
    broken = [one for one in issuer.candidates if one.is_broken]
    return Seen(str(broken[0]), issuer.issuer) if issuer.content is None and broken else None


def _has_no_metadata(_: ReferenceClient, __: Surface, issuer: IssuerDocument) -> Seen | None:
    if issuer.content is not None:
        return None
    return Seen("; ".join(map(str, issuer.candidates)), issuer.issuer)


def _differs_by_slash(client: ReferenceClient, issuer: IssuerDocument, content: Mapping[str, Any]) -> str | None:
    told = string_in(content, "issuer")
    differs = told != issuer.issuer and told.rstrip("/") == issuer.issuer.rstrip("/")
    return f"clients are sent to {issuer.issuer}, which calls itself {told}" if _counts(client, differs) else None


def _is_another(client: ReferenceClient, issuer: IssuerDocument, content: Mapping[str, Any]) -> str | None:
    told = string_in(content, "issuer")
    differs = told.rstrip("/") != issuer.issuer.rstrip("/")
    return f"clients are sent to {issuer.issuer}, which calls itself {told}" if _counts(client, differs) else None


def _counts(client: ReferenceClient, differs: object) -> bool:
    return client.compares_issuer and bool(differs)


def _lacks_endpoint(_: ReferenceClient, __: IssuerDocument, content: Mapping[str, Any]) -> str | None:
    missing = [name for name in _ENDPOINTS if not string_in(content, name)]
    return f"{' and '.join(missing)} missing" if missing else None


def _lacks_response_types(client: ReferenceClient, _: IssuerDocument, content: Mapping[str, Any]) -> str | None:
    lacks = client.needs_response_types and strings_in(content, "response_types_supported") is None
    return "response_types_supported is missing" if lacks else None


def _lacks_code_flow(_: ReferenceClient, __: IssuerDocument, content: Mapping[str, Any]) -> str | None:
    types, grants = strings_in(content, "response_types_supported"), strings_in(content, "grant_types_supported")
    if types is not None and "code" not in types:
        return f"response_types_supported is {', '.join(types) or 'empty'}"
    if grants is not None and "authorization_code" not in grants:
        return f"grant_types_supported is {', '.join(grants) or 'empty'}"
    return None


def _lacks_s256(client: ReferenceClient, _: IssuerDocument, content: Mapping[str, Any]) -> str | None:
    methods = strings_in(content, "code_challenge_methods_supported")
    if methods is None or "S256" in methods or not client.insists_on_s256:
        return None
    return f"code_challenge_methods_supported is {', '.join(methods) or 'empty'}"


def _registers_nobody(_: ReferenceClient, __: IssuerDocument, content: Mapping[str, Any]) -> str | None:
    can = takes_documents(content) or string_in(content, "registration_endpoint")
    return None if can else "neither registration_endpoint nor client_id_metadata_document_supported"


def _registers_documents_only(client: ReferenceClient, _: IssuerDocument, content: Mapping[str, Any]) -> str | None:
    can = "document" in client.registers or string_in(content, "registration_endpoint")
    return None if can else "registration_endpoint is missing"


def takes_documents(content: Mapping[str, Any]) -> bool:
    """Whether an issuer takes the address of a metadata document for a client id.

    Args:
        content: Its metadata.
    """
    return content.get("client_id_metadata_document_supported") is True


def _refuses(answer: Answer | None) -> Seen | None:
    if answer is None:
        return None
    is_absent = answer.status in {*_CLOSED, HTTPStatus.NOT_FOUND, HTTPStatus.METHOD_NOT_ALLOWED}
    return Seen(str(answer), answer.url) if is_absent or answer.is_broken else None


def _serves_no_page(_: ReferenceClient, __: Surface, issuer: IssuerDocument) -> Seen | None:
    return _refuses(issuer.authorize)


def _serves_no_tokens(_: ReferenceClient, __: Surface, issuer: IssuerDocument) -> Seen | None:
    return _refuses(issuer.token)


_FINDS, _READS = "looks for the resource's metadata", "reads the resource's metadata"
_GOES, _ASKS, _REGISTERS = "looks for the issuer's metadata", "reads the issuer's metadata", "registers"
_SIGNS_IN = "opens the sign-in page"

DOCUMENT_STEPS = (
    Step(_FINDS, door_faults.POINTER_ELSEWHERE, _of_resource(_points_elsewhere)),
    Step(_FINDS, faults.PRM_NEEDS_TOKEN, _of_resource(_needs_token)),
    Step(_FINDS, faults.PRM_NOT_JSON, _of_resource(_is_no_json)),
    Step(_FINDS, faults.PRM_MISSING, _of_resource(_is_missing)),
    Step(_FINDS, faults.POINTER_DEAD, _of_resource(_points_nowhere)),
    Step(_FINDS, faults.PRM_NOT_AT_PATH, _of_resource(_is_at_root_only)),
    Step(_READS, faults.RESOURCE_SLASH, _of_resource(_has_slash)),
    Step(_READS, faults.RESOURCE_MISMATCH, _of_resource(_is_for_another)),
    Step(_READS, faults.NO_AUTHORIZATION_SERVER, _of_resource(_names_no_issuer)),
    Step(_GOES, faults.ISSUER_ON_LOOPBACK, _of_issuer(_is_on_loopback)),
    Step(_GOES, faults.ISSUER_PLAIN_HTTP, _of_issuer(_is_plain)),
    Step(_GOES, faults.ISSUER_UNREACHABLE, _of_issuer(_is_silent)),
    Step(_GOES, faults.ISSUER_NO_METADATA, _of_issuer(_has_no_metadata)),
    Step(_ASKS, faults.NO_RESPONSE_TYPES, _of_metadata(_lacks_response_types)),
    Step(_ASKS, faults.ISSUER_SLASH, _of_metadata(_differs_by_slash)),
    Step(_ASKS, faults.ISSUER_MISMATCH, _of_metadata(_is_another)),
    Step(_ASKS, faults.ENDPOINT_MISSING, _of_metadata(_lacks_endpoint)),
    Step(_ASKS, faults.NO_CODE_FLOW, _of_metadata(_lacks_code_flow)),
    Step(_ASKS, faults.NO_S256, _of_metadata(_lacks_s256)),
    Step(_REGISTERS, faults.NO_REGISTRATION, _of_metadata(_registers_nobody)),
    Step(_REGISTERS, faults.DOCUMENTS_ONLY, _of_metadata(_registers_documents_only)),
    Step(_SIGNS_IN, faults.AUTHORIZE_NOT_SERVED, _of_issuer(_serves_no_page)),
    Step(_SIGNS_IN, faults.TOKEN_NOT_SERVED, _of_issuer(_serves_no_tokens)),
)
"""From the 401 to the sign-in page."""
