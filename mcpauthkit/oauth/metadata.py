"""Metadata documents: the issuer's that we read, the protected resource's that we serve.

RFC 8414, OpenID Connect Discovery 1.0 and RFC 9728. Identifiers stay strings, compared and served byte for byte.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypedDict

from mcpauthkit.core.urls import is_trustworthy_url, well_known_url
from mcpauthkit.errors import RemoteMisbehaved
from mcpauthkit.oauth.json_paths import words_of
from mcpauthkit.oauth.messages import HttpRequest, HttpResponse

_HTTP_OK = 200
PROTECTED_RESOURCE = "oauth-protected-resource"


@dataclass(frozen=True, slots=True)
class IssuerMetadata:
    """What an issuer says about itself; absent endpoints are None.

    Args:
        issuer: Its identifier, equal to the configured one.
        jwks_uri: Where its key set is; empty where none was asked for and it has none.
        authorization_endpoint: Where browsers are sent to sign in.
        token_endpoint: Where codes become tokens.
        registration_endpoint: Where clients register (RFC 7591).
        revocation_endpoint: Where tokens are revoked (RFC 7009).
        userinfo_endpoint: Where it says whose a token is (OpenID Connect Core 1.0 section 5.3).
        token_auth_methods: How clients may prove themselves at the token endpoint; none listed means by Basic.
        sends_iss: Whether authorization responses carry `iss` (RFC 9207).
        lacks_s256: Whether it lists the PKCE methods it knows, and S256 is none of them (RFC 8414 section 2).
    """

    issuer: str
    jwks_uri: str
    authorization_endpoint: str | None = None
    token_endpoint: str | None = None
    registration_endpoint: str | None = None
    revocation_endpoint: str | None = None
    userinfo_endpoint: str | None = None
    token_auth_methods: tuple[str, ...] = ()
    sends_iss: bool = False
    lacks_s256: bool = False

    def need(self, endpoint: Literal["authorization_endpoint", "token_endpoint"]) -> str:
        """The address of an endpoint that nothing works without.

        Raises:
            RemoteMisbehaved: The metadata does not name it.
        """
        address = self.authorization_endpoint if endpoint == "authorization_endpoint" else self.token_endpoint
        if address is None:
            raise RemoteMisbehaved(
                hint="Check that issuer_url names a server where users sign in.",
                reason=f"issuer metadata names no {endpoint}",
            )
        return address


class ProtectedResourceDocument(TypedDict, total=False):
    """The document of RFC 9728 section 2 as it goes on the wire."""

    resource: str
    authorization_servers: list[str]
    scopes_supported: list[str]
    bearer_methods_supported: list[str]
    resource_name: str


def discovery_requests(issuer: str) -> list[HttpRequest]:
    """Where an issuer's metadata may be, in the order to try.

    OpenID Connect Discovery 1.0 section 4 first, because every identity provider has it; then RFC 8414 section 3.
    """
    urls = [
        issuer.rstrip("/") + "/.well-known/openid-configuration",
        well_known_url(issuer, "oauth-authorization-server"),
    ]
    return [HttpRequest("GET", url, headers={"accept": "application/json"}) for url in urls]


def process_discovery(issuer: str, response: HttpResponse, *, needs_keys: bool = True) -> IssuerMetadata | None:
    """Read an issuer's metadata; None when there is no document at this place.

    Args:
        issuer: The configured identifier. A document that names another one is refused: it would let one issuer
            speak for another (RFC 8414 section 3.3).
        response: The answer.
        needs_keys: Whether a document without a key set is of no use.

    Raises:
        RemoteUnavailable: The issuer cannot answer now.
        RemoteMisbehaved: The document is unusable.
    """
    if response.status != _HTTP_OK and not response.is_transient_failure:
        return None
    document = response.json_object("issuer metadata")
    if document.get("issuer") != issuer:
        raise RemoteMisbehaved(
            hint=f"Configure issuer_url exactly as the issuer spells it, including a trailing slash: {issuer!r}.",
            reason=f"metadata names issuer {document.get('issuer')!r:.200}",
        )
    jwks_uri = _endpoint(issuer, document, "jwks_uri")
    if jwks_uri is None and needs_keys:
        raise RemoteMisbehaved(reason="metadata names no jwks_uri")
    methods = document.get("code_challenge_methods_supported")
    return IssuerMetadata(
        issuer=issuer,
        jwks_uri=jwks_uri or "",
        authorization_endpoint=_endpoint(issuer, document, "authorization_endpoint"),
        token_endpoint=_endpoint(issuer, document, "token_endpoint"),
        registration_endpoint=_endpoint(issuer, document, "registration_endpoint"),
        revocation_endpoint=_endpoint(issuer, document, "revocation_endpoint"),
        userinfo_endpoint=_endpoint(issuer, document, "userinfo_endpoint"),
        token_auth_methods=words_of(document.get("token_endpoint_auth_methods_supported")) or (),
        sends_iss=document.get("authorization_response_iss_parameter_supported") is True,
        lacks_s256=isinstance(methods, list) and "S256" not in methods,
    )


def _endpoint(issuer: str, document: dict[str, Any], name: str) -> str | None:
    value = document.get(name)
    if value is None:
        return None
    # An issuer on the network that names a loopback address would have us ask some service of this machine.
    leads_inside = issuer.startswith("https:") and not str(value).startswith("https:")
    if not isinstance(value, str) or not is_trustworthy_url(value) or leads_inside:
        raise RemoteMisbehaved(reason=f"metadata: {name} is not an https URL")
    return value


def resource_metadata_url(resource: str) -> str:
    """Where a resource's metadata document is (RFC 9728 section 3.1)."""
    return well_known_url(resource, PROTECTED_RESOURCE)


def protected_resource_document(
    *, resource: str, issuer: str, scopes: Sequence[str] = (), name: str | None = None
) -> ProtectedResourceDocument:
    """The metadata of one protected resource (RFC 9728 section 2).

    Args:
        resource: The resource identifier, without a trailing slash: the URL users enter in their client.
        issuer: The authorization server, byte for byte as it spells itself.
        scopes: Base scopes only. Clients ask for all of them at sign-in; step-up scopes belong in the challenge.
        name: A name for people.
    """
    document = ProtectedResourceDocument(
        resource=resource, authorization_servers=[issuer], bearer_methods_supported=["header"]
    )
    if scopes:
        document["scopes_supported"] = list(scopes)
    if name:
        document["resource_name"] = name
    return document
