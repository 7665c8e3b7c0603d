"""The compact JWE of a bearer token (RFC 7516 section 7.1), read with limits before anything is decrypted."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from mcpauthkit.core.encoding import base64url_decode
from mcpauthkit.errors import InvalidToken
from mcpauthkit.identity.encryption import (
    CONTENT_ENCRYPTION,
    CURVES,
    KEY_MANAGEMENT,
    ContentEncryption,
    EcdhEs,
    EncryptedParts,
    KeyManagement,
    PrivateKey,
)
from mcpauthkit.identity.header_memory import HeaderMemory

# The longest signed token we read is 16 KiB; base64 adds a third, and a header and a wrapped key of an RSA-4096 key
# still fit beside it.
MAX_ENCRYPTED_TOKEN_LENGTH = 24 * 1024
_SEGMENTS = 5
_MAX_KEY_ID_LENGTH = 512
_MAX_PARTY_BYTES = 256
# RFC 7519 section 5.2 has JWT for a nested token; certified issuers write at+jwt. Media types know no case.
_NESTED_TYPES = frozenset({"jwt", "at+jwt", "application/jwt", "application/at+jwt"})
_JSON_TYPES = frozenset({"json", "application/json"})


@dataclass(frozen=True, slots=True)
class EncryptionHeader:
    """What the header of an encrypted token says; on our lists, and authenticated only once the token opens.

    Args:
        management: How its content encryption key is to be had.
        content: How its content is encrypted.
        key_id: Its `kid`.
        holds_token: Whether it says that a token is inside (`cty`); None when it says nothing.
        agreement: What key agreement needs of it; empty for other algorithms.
    """

    management: KeyManagement
    content: ContentEncryption
    key_id: str | None
    holds_token: bool | None
    agreement: Mapping[str, Any]

    @property
    def curve(self) -> str | None:
        """The curve our key must be on; None for RSA."""
        return self.agreement["epk"]["crv"] if self.agreement else None


class EncryptedToken(NamedTuple):
    """A well-formed token that nobody has opened yet.

    Args:
        header: What it says of itself.
        parts: The encrypted parts.
    """

    header: EncryptionHeader
    parts: EncryptedParts

    def open_with(self, key: PrivateKey) -> bytes:
        """The plaintext.

        Args:
            key: A key of the right type and curve.

        Raises:
            InvalidToken: It is not this key, or somebody changed the token.
        """
        header, parts = self.header, self.parts
        content_key = header.management.content_key(key, parts.encrypted_key, header.agreement, header.content)
        return header.content.decrypt(parts, content_key)


def encryption_header_memory() -> HeaderMemory[EncryptionHeader]:
    """A memory for the headers of encrypted tokens."""
    return HeaderMemory(_check_header)


def read_encrypted_token(token: str, headers: HeaderMemory[EncryptionHeader] | None = None) -> EncryptedToken:
    """Take a compact JWE apart.

    Args:
        token: The token's text.
        headers: What is known of headers already.

    Raises:
        InvalidToken: It is too large, malformed, compressed, uses an algorithm off the list, or has a critical
            extension.
    """
    if len(token) > MAX_ENCRYPTED_TOKEN_LENGTH or not token.isascii():
        raise InvalidToken(reason="encrypted token too large or not ASCII")
    segments = token.encode("ascii").split(b".")
    if len(segments) != _SEGMENTS:
        raise InvalidToken(reason=f"encrypted token of {len(segments)} segments")
    try:
        header = (headers or encryption_header_memory()).read(segments[0])
        encrypted_key, iv, ciphertext, tag = map(base64url_decode, segments[1:])
    except ValueError as error:
        raise InvalidToken(reason=f"encrypted token not readable: {error}") from error
    if len(iv) != header.content.iv_bytes or len(tag) != header.content.tag_bytes:
        raise InvalidToken(reason="initialization vector or tag of a wrong size")
    return EncryptedToken(header, EncryptedParts(encrypted_key, iv, ciphertext, tag, segments[0]))


def _check_header(header: dict[str, Any]) -> EncryptionHeader:
    # `jwk`, `jku`, `x5u` and `x5c` are never looked at; nor are `iss` and `aud`, which certified issuers repeat here.
    management, content = _algorithms(header)
    return EncryptionHeader(
        management,
        content,
        key_id=_key_id(header),
        holds_token=_holds_token(header),
        agreement=_agreement(header) if isinstance(management, EcdhEs) else {},
    )


def _algorithms(header: Mapping[str, Any]) -> tuple[KeyManagement, ContentEncryption]:
    name, content_name = header.get("alg"), header.get("enc")
    management = KEY_MANAGEMENT.get(name) if isinstance(name, str) else None
    content = CONTENT_ENCRYPTION.get(content_name) if isinstance(content_name, str) else None
    if management is None or content is None:
        raise InvalidToken(reason=f"alg {name!r:.40} or enc {content_name!r:.40} is not on the list")
    if "zip" in header:
        # A kilobyte can inflate to a megabyte, and the length of compressed text tells about secrets in it.
        raise InvalidToken(reason="compressed content")
    if "crit" in header:
        # We understand no extension, so every critical one is unknown (RFC 7516 section 4.1.13).
        raise InvalidToken(reason="critical header extension")
    return management, content


def _key_id(header: Mapping[str, Any]) -> str | None:
    key_id = header.get("kid")
    # null is another value than none at all, and of the wrong type; here and below.
    if "kid" in header and not (isinstance(key_id, str) and len(key_id) <= _MAX_KEY_ID_LENGTH):
        raise InvalidToken(reason="kid is not a short text")
    return key_id


def _holds_token(header: Mapping[str, Any]) -> bool | None:
    if "cty" not in header:
        return None
    declared = header["cty"]
    kind = declared.lower() if isinstance(declared, str) else ""
    if kind in _NESTED_TYPES:
        return True
    if kind in _JSON_TYPES:
        return False
    raise InvalidToken(reason=f"cty {declared!r:.60}")


def _agreement(header: Mapping[str, Any]) -> dict[str, Any]:
    """The members key agreement reads (RFC 7518 section 4.6.1), and of the ephemeral key the members of a point."""
    ephemeral = header.get("epk")
    curve = ephemeral.get("crv") if isinstance(ephemeral, dict) else None
    key_type, size = CURVES.get(curve, ("", 0)) if isinstance(curve, str) else ("", 0)
    # With its private part, every reader of the header could open the token.
    if not isinstance(ephemeral, dict) or not size or ephemeral.get("kty") != key_type or "d" in ephemeral:
        raise InvalidToken(reason="epk is not a public key on a known curve")
    names = ("x", "y") if key_type == "EC" else ("x",)
    try:
        sizes = {len(_bytes(ephemeral, name)) for name in names}
        parties = {name: header[name] for name in ("apu", "apv") if name in header}
        if sizes != {size} or any(len(_bytes(parties, name)) > _MAX_PARTY_BYTES for name in parties):
            raise InvalidToken(reason="epk, apu or apv of a wrong size")
    except ValueError as error:
        raise InvalidToken(reason="epk, apu or apv is not base64url") from error
    point = {"kty": key_type, "crv": curve, **{name: ephemeral[name] for name in names}}
    return {"alg": header["alg"], "enc": header["enc"], "epk": point, **parties}


def _bytes(members: Mapping[str, Any], name: str) -> bytes:
    value = members.get(name)
    if not isinstance(value, str):
        raise ValueError("not text")  # noqa: TRY004
    return base64url_decode(value)
