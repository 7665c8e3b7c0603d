"""What the text of a credential says of itself before anything is verified; nothing here is to be trusted."""

from __future__ import annotations

from typing import Any

from mcpauthkit.core.encoding import base64url_decode, parse_json_object
from mcpauthkit.errors import InvalidToken
from mcpauthkit.identity.jws import MAX_TOKEN_LENGTH

_MAX_HEADER_BYTES = 4 * 1024
_MAX_DEPTH = 12
_SIGNED, _ENCRYPTED = 3, 5


def check_token_text(text: str) -> str:
    """The text, if it can be a token at all: visible ASCII of a bounded length.

    Raises:
        InvalidToken: It cannot; nothing else has to look at it.
    """
    if not 0 < len(text) <= MAX_TOKEN_LENGTH or not text.isascii() or not text.isprintable() or " " in text:
        raise InvalidToken(reason="token empty, too large, or not visible ASCII")
    return text


def is_encrypted(text: str) -> bool:
    """Whether it has the five segments of a compact JWE (RFC 7516 section 7.1)."""
    return text.count(".") + 1 == _ENCRYPTED


def jose_header(text: str) -> dict[str, Any] | None:
    """The header of a compact JWS or JWE (RFC 7515 section 7.1, RFC 7516 section 7.1); None when it is neither."""
    if len(text) > MAX_TOKEN_LENGTH or not text.isascii() or text.count(".") + 1 not in {_SIGNED, _ENCRYPTED}:
        return None
    return _object(text.partition(".")[0], _MAX_HEADER_BYTES)


def signature_algorithm(text: str) -> str | None:
    """The `alg` of a compact JWS; None when the text is none."""
    header = jose_header(text) if text.count(".") + 1 == _SIGNED else None
    name = header.get("alg") if header is not None else None
    return name if isinstance(name, str) else None


def says_token_inside(text: str) -> bool:
    """Whether a compact JWE says that there is a token inside and not claims (`cty`, RFC 7519 section 5.2)."""
    header = _object(text.partition(".")[0], _MAX_HEADER_BYTES)
    return header is not None and header.get("cty") is not None


def unverified_claims(text: str) -> dict[str, Any]:
    """The payload of a compact JWS; empty when it is unreadable."""
    segments = text.split(".")
    return (_object(segments[1], MAX_TOKEN_LENGTH) if len(segments) == _SIGNED else None) or {}


def _object(segment: str, max_bytes: int) -> dict[str, Any] | None:
    try:
        return parse_json_object(base64url_decode(segment), max_bytes=max_bytes, max_depth=_MAX_DEPTH)
    except ValueError:
        return None
