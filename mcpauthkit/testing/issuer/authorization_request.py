"""What a client asks for at `/authorize`, read and checked."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from mcpauthkit.testing.issuer.client_documents import fetch_client, is_document_url
from mcpauthkit.testing.wire import OAuthFailure

if TYPE_CHECKING:
    from mcpauthkit.testing.issuer.clients import Client
    from mcpauthkit.testing.issuer.context import IssuerContext
    from mcpauthkit.testing.wire import Parameters

_CHALLENGE = re.compile(r"[A-Za-z0-9_-]{43}\Z")


@dataclass(frozen=True, slots=True)
class ReturnAddress:
    """The client, and the address of it that errors and codes may be sent to."""

    client: Client
    redirect_uri: str


@dataclass(frozen=True, slots=True)
class AuthorizationRequest:
    """A request that is in order (RFC 6749 section 4.1.1, RFC 7636, RFC 8707, OpenID Connect Core section 3.1.2.1)."""

    address: ReturnAddress
    scopes: tuple[str, ...]
    resources: tuple[str, ...]
    nonce: str
    code_challenge: str
    prompts: frozenset[str]
    max_age_seconds: int | None


async def return_address(context: IssuerContext, parameters: Parameters) -> ReturnAddress:
    """Who asks and where the answer may go; as long as this is not known, nothing may be redirected.

    Raises:
        OAuthFailure: Unknown client, or an address it did not register.
    """
    client_id = parameters.need("client_id")
    client = await find_client(context, client_id, refresh=True)
    redirect_uri = parameters.need("redirect_uri")
    if not client.may_return_to(redirect_uri):
        raise OAuthFailure("invalid_request", "redirect_uri is not registered for this client")
    return ReturnAddress(client, redirect_uri)


async def find_client(context: IssuerContext, client_id: str, *, refresh: bool) -> Client:
    """The client with this id, fetched if the id is a document's address and `refresh` or not known yet.

    Raises:
        OAuthFailure: There is no such client.
    """
    by_document = context.settings.client_metadata_documents and is_document_url(client_id)
    client = context.clients.get(client_id)
    if by_document and (refresh or client is None):
        client = await fetch_client(client_id)
        context.clients.add(client)
    if client is None:
        raise OAuthFailure("invalid_client", "unknown client", status=401)
    return client


def checked_request(context: IssuerContext, parameters: Parameters, address: ReturnAddress) -> AuthorizationRequest:
    """The whole request.

    Raises:
        OAuthFailure: To be sent to the return address.
    """
    if parameters.get("request") or parameters.get("request_uri"):
        raise OAuthFailure("request_not_supported", "request objects are not supported")
    if parameters.need("response_type") != "code":
        raise OAuthFailure("unsupported_response_type", "the only response type is code")
    if parameters.get("code_challenge_method") != "S256":
        raise OAuthFailure("invalid_request", "PKCE with S256 is required")
    if _CHALLENGE.match(parameters.need("code_challenge")) is None:
        raise OAuthFailure("invalid_request", "code_challenge is not a SHA-256 digest")
    prompts = frozenset(parameters.get("prompt").split())
    if "none" in prompts and len(prompts) > 1:
        raise OAuthFailure("invalid_request", "prompt=none stands alone")
    max_age = parameters.get("max_age")
    if max_age and not max_age.isdecimal():
        raise OAuthFailure("invalid_request", "max_age is a number of seconds")
    asked = dict.fromkeys(parameters.get("scope").split())
    return AuthorizationRequest(
        address=address,
        scopes=tuple(scope for scope in asked if scope in context.settings.scopes),
        resources=checked_resources(parameters.resources),
        nonce=parameters.get("nonce"),
        code_challenge=parameters.get("code_challenge"),
        prompts=prompts,
        max_age_seconds=int(max_age) if max_age else None,
    )


def checked_resources(resources: tuple[str, ...]) -> tuple[str, ...]:
    """Resource indicators without repetition.

    Raises:
        OAuthFailure: One is not an absolute URI, or has a fragment (RFC 8707 section 2).
    """
    for resource in resources:
        try:
            parts = urlsplit(resource)
        except ValueError as error:
            raise OAuthFailure("invalid_target", "resource is not a URI") from error
        if not (parts.scheme and (parts.netloc or parts.path)) or "#" in resource:
            raise OAuthFailure("invalid_target", "resource must be an absolute URI without a fragment")
    return tuple(dict.fromkeys(resources))
