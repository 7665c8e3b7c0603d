"""Clients as an authorization server knows them: registered by hand, by themselves, or described by a document.

RFC 7591 for what registers itself, draft-ietf-oauth-client-id-metadata-document for client ids that are addresses.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from mcpauthkit.core.encoding import parse_json_object
from mcpauthkit.errors import ConfigurationError, OAuthFault
from mcpauthkit.oauth.redirects import check_redirect_uri, without_port

MAX_REGISTRATION_BYTES = 16 * 1024
MAX_DOCUMENT_BYTES = 5 * 1024
GRANT_TYPES = ("authorization_code", "refresh_token")

_MAX_REDIRECT_URIS = 10
_MAX_REDIRECT_CHARACTERS = 2048
_MAX_NAME_LENGTH = 60
_MAX_CLIENT_ID_LENGTH = 255
_DOCUMENT_URL = re.compile(
    r"https://(?P<authority>[a-z0-9.-]+(?::[0-9]{1,5})?)(?P<path>/[!$%&'()+,\-.0-9:;=@A-Z_a-z~/]+)\Z"
)
_IN_DISGUISE = re.compile(r"%(?:2e|2f|5c|25)")
_MAX_MARKS_IN_A_ROW = 2
# What has no shape: Default_Ignorable_Code_Point of Unicode 17, and the empty Braille cell.
_UNSEEN = re.compile(
    "[\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f\u2800\u3164"
    "\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufff8\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff]"
)
_PUBLIC = ("none",)
_APPLICATION_TYPES = ("native", "web")


@dataclass(frozen=True, slots=True)
class RegisteredClient:
    """A client that was registered by hand.

    Args:
        client_id: Its id.
        redirect_uris: Where a browser may be sent back to; a loopback address matches with any port.
        name: What the consent page calls it; its id unless given.

    Raises:
        ConfigurationError: A value cannot be used.
    """

    client_id: str
    redirect_uris: Sequence[str]
    name: str = ""

    def __post_init__(self) -> None:
        if not self.client_id.isascii() or not self.client_id.isprintable() or " " in self.client_id:
            raise ConfigurationError(f"client_id={self.client_id!r} cannot be used.", hint="Use plain ASCII.")
        if not 0 < len(self.client_id) <= _MAX_CLIENT_ID_LENGTH:
            raise ConfigurationError(
                "A client_id is empty or too long.", hint=f"Use at most {_MAX_CLIENT_ID_LENGTH} characters."
            )
        if isinstance(self.redirect_uris, str) or not self.redirect_uris:
            raise ConfigurationError(
                f"redirect_uris={self.redirect_uris!r} is not a list.", hint='Write ("https://app.example/callback",).'
            )
        try:
            for uri in self.redirect_uris:
                # Who registers an app by hand knows its scheme.
                check_redirect_uri(uri, private={uri})
        except ValueError as error:
            raise ConfigurationError(
                f"The client {self.client_id!r} has a redirect URI that cannot be used: {error}.",
                hint="Use https, or http on localhost, 127.0.0.1 or [::1].",
            ) from error
        object.__setattr__(self, "redirect_uris", tuple(self.redirect_uris))


@dataclass(frozen=True, slots=True)
class Registration:
    """What a client says when it registers itself, as far as we serve it.

    Args:
        redirect_uris: Its addresses as it wrote them.
        name: What it calls itself; nobody has checked that.
        application_type: `native` or `web`, as it wrote it; empty when it said nothing.
    """

    redirect_uris: tuple[str, ...]
    name: str
    application_type: str = ""

    @property
    def distinct_redirect_uris(self) -> tuple[str, ...]:
        """The addresses without what makes no difference, so that the client id stays short."""
        return tuple(dict.fromkeys(without_port(uri) for uri in self.redirect_uris))

    def answer(self, *, client_id: str, issued_at: int) -> dict[str, Any]:
        """The registration as we grant it (RFC 7591 section 3.2.1): public, codes and refresh tokens only."""
        answer: dict[str, Any] = {
            "client_id": client_id,
            "client_id_issued_at": issued_at,
            "redirect_uris": list(self.redirect_uris),
            "token_endpoint_auth_method": "none",
            "grant_types": list(GRANT_TYPES),
            "response_types": ["code"],
        }
        if self.name:
            answer["client_name"] = self.name
        if self.application_type:
            answer["application_type"] = self.application_type
        return answer


def parse_registration(body: bytes, *, private: Collection[str] = ()) -> Registration:
    """Read a registration request (RFC 7591 section 3.1). Members we do not know are ignored.

    Args:
        body: What was sent.
        private: Addresses accepted although their private scheme is no reversed domain name.

    Raises:
        OAuthFault: `invalid_redirect_uri` or `invalid_client_metadata`.
    """
    try:
        document = parse_json_object(body, max_bytes=MAX_REGISTRATION_BYTES)
    except ValueError as error:
        raise OAuthFault(
            "invalid_client_metadata", "The body is not one JSON object within our limits.", reason=str(error)
        ) from error
    _check_serves(document)
    application_type = document.get("application_type")
    return Registration(
        redirect_uris=_redirect_uris(document, private),
        name=clean_name(document.get("client_name")),
        application_type=application_type if application_type in _APPLICATION_TYPES else "",
    )


def is_document_url(client_id: str) -> bool:
    """Whether a client id may be the address of a metadata document.

    https with a path; no query, fragment, credentials, empty or dot segments, nor slashes, dots or percent signs in
    disguise: one document has one spelling here.
    """
    match = _DOCUMENT_URL.match(client_id) if len(client_id) <= _MAX_CLIENT_ID_LENGTH else None
    if match is None:
        return False
    path = match["path"].lower()
    return not {".", ".."} & set(path.split("/")) and "//" not in path and _IN_DISGUISE.search(path) is None


def document_host(client_id: str) -> str:
    """Host and port of a document's address."""
    return urlsplit(client_id).netloc


def parse_client_document(url: str, body: bytes, *, private: Collection[str] = ()) -> Registration:
    """Read the metadata document a client id leads to.

    Args:
        url: The client id.
        body: What is there.
        private: As for `parse_registration`.

    Raises:
        OAuthFault: The document is unusable, or describes another client.
    """
    try:
        document = parse_json_object(body, max_bytes=MAX_DOCUMENT_BYTES)
    except ValueError as error:
        raise OAuthFault(
            "invalid_client", "The client's metadata document cannot be read.", reason=str(error)
        ) from error
    # The address is the identity: a document that names another one describes somebody else.
    if document.get("client_id") != url:
        raise OAuthFault("invalid_client", "The metadata document is not about this client.")
    # Nobody can share a secret with us in a public document, and we verify no assertions.
    if not _may_be_public(document):
        raise OAuthFault("invalid_client", "A client with a metadata document is a public client here.")
    _check_serves(document)
    return Registration(_redirect_uris(document, private), clean_name(document.get("client_name")))


def clean_name(value: object) -> str:
    """A name that somebody else chose, fit for a page and a log: printable, on one line, not long, and to be seen.

    Empty when no letter or digit is left.
    """
    if not isinstance(value, str):
        return ""
    # Compatibility forms first, so that each character is judged as what it looks like.
    visible = _UNSEEN.sub("", unicodedata.normalize("NFKC", value[:500]))
    # Not printable are line breaks and also the marks that turn the direction of text around.
    printable = "".join(character if character.isprintable() else " " for character in _without_towers(visible))
    name = " ".join(printable.split())[:_MAX_NAME_LENGTH].strip()
    return name if any(map(str.isalnum, name)) else ""


def _without_towers(text: str) -> Iterator[str]:
    # Marks piled up on one letter cover the lines above it, and what we say there.
    marks = 0
    for character in text:
        marks = marks + 1 if unicodedata.category(character).startswith("M") else 0
        if marks <= _MAX_MARKS_IN_A_ROW:
            yield character


def _may_be_public(document: Mapping[str, Any]) -> bool:
    if "client_secret" in document:
        return False
    if "token_endpoint_auth_method" in document:
        return document["token_endpoint_auth_method"] in _PUBLIC
    # ChatGPT's document names a choice instead (seen November 2026).
    methods = document.get("token_endpoint_auth_methods_supported", [*_PUBLIC])
    return isinstance(methods, list) and any(one in methods for one in _PUBLIC)


def _check_serves(document: Mapping[str, Any]) -> None:
    for member, wanted in (("grant_types", "authorization_code"), ("response_types", "code")):
        value = document.get(member)
        if value is not None and (not isinstance(value, list) or wanted not in value):
            raise OAuthFault("invalid_client_metadata", f"{member} must hold {wanted}.")


def _redirect_uris(document: Mapping[str, Any], private: Collection[str]) -> tuple[str, ...]:
    uris = document.get("redirect_uris")
    if not isinstance(uris, list) or not 0 < len(uris) <= _MAX_REDIRECT_URIS:
        raise OAuthFault("invalid_redirect_uri", f"redirect_uris must list 1 to {_MAX_REDIRECT_URIS} addresses.")
    try:
        checked = tuple(check_redirect_uri(uri, private=private) for uri in uris)
    except ValueError as error:
        raise OAuthFault("invalid_redirect_uri", f"A redirect URI is not acceptable: {error}.") from error
    if sum(map(len, checked)) > _MAX_REDIRECT_CHARACTERS:
        raise OAuthFault("invalid_redirect_uri", "The redirect URIs are too long together.")
    return checked
