"""Base64url and JSON with limits checked before anything is built.

A parser that recurses is an attack surface: `[[[[...` of a few kilobytes ends CPython's own JSON scanner with
RecursionError. Size and nesting are therefore measured on the raw bytes first.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import math
import re
from typing import Any

# To the alphabet the C decoder knows; the characters only that one has, and padding, become something it refuses.
_TO_STANDARD_ALPHABET = bytes.maketrans(b"-_+/=", b"+/!!!")
_PADDING = (b"", b"===", b"==", b"=")
# Those whose 4 or 2 lowest bits are zero, for a group of two characters or of three.
_LAST_CHARACTERS = (b"", b"", b"AQgw", b"AEIMQUYcgkosw048")
# Possessive, and content with a text that never ends: backtracking over `"\"\"\"...` would take quadratic time.
_BRACKETS_OUTSIDE_STRINGS = re.compile(rb'"(?:[^"\\]|\\.)*+"?|[\[\]{}]', re.DOTALL)
_SURROGATE_ESCAPE = re.compile(rb"\\u[dD][89a-fA-F]")
_JSON_WHITESPACE = " \t\r\n"
_MAX_BRACKETS = 100_000
_OPENING = (b"[", b"{")
_CLOSING = (b"]", b"}")


def base64url_encode(data: bytes) -> str:
    """Base64url without padding (RFC 7515 section 2)."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode("ascii")


def base64url_decode(text: str | bytes) -> bytes:
    """Decode unpadded base64url (RFC 7515 section 2), strictly.

    Padding, characters of the other alphabet, impossible lengths and stray bits in the last character are
    refused, so that one value has exactly one spelling.

    Raises:
        ValueError: The text is not canonical base64url.
    """
    data = text.encode("ascii") if isinstance(text, str) else text
    standard = data.translate(_TO_STANDARD_ALPHABET)
    last = len(data) % 4
    try:
        decoded = binascii.a2b_base64(standard + _PADDING[last], strict_mode=True)
    except binascii.Error as error:
        raise ValueError("not base64url") from error
    # Only the last character of an incomplete group can hold stray bits.
    if last and standard[-1] not in _LAST_CHARACTERS[last]:
        raise ValueError("not canonical base64url")
    return decoded


def sha256_hex(*parts: str) -> str:
    """A digest of several strings that cannot be confused by moving text between them."""
    digest = hashlib.sha256()
    for part in parts:
        data = part.encode()
        digest.update(len(data).to_bytes(8, "big"))
        digest.update(data)
    return digest.hexdigest()


def _check_depth(data: bytes, max_depth: int) -> None:
    # Fewer opening brackets than the limit, in strings or out of them: it cannot be deeper. The usual case.
    openings = data.count(b"[") + data.count(b"{")
    if openings <= max_depth:
        return
    # Following each of millions of brackets, here and in the parser, would hold up everybody for seconds.
    if openings > _MAX_BRACKETS:
        raise ValueError("too many objects and lists")
    depth = 0
    for match in _BRACKETS_OUTSIDE_STRINGS.finditer(data):
        token = match.group()
        if token in _OPENING:
            depth += 1
            if depth > max_depth:
                raise ValueError("nested too deeply")
        elif token in _CLOSING:
            depth -= 1


def _refuse_constant(name: str) -> float:
    raise ValueError(f"{name} is not JSON")


def _finite(text: str) -> float:
    number = float(text)
    # `1e999` is JSON and becomes infinity, which then passes for a number in comparisons.
    if not math.isfinite(number):
        raise ValueError("a number is too large")
    return number


def _unique_members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    # Two readers that pick different ones of a repeated member can be told two different stories.
    if len(members) != len(pairs):
        raise ValueError("a member name is repeated")
    return members


_DECODER = json.JSONDecoder(object_pairs_hook=_unique_members, parse_constant=_refuse_constant, parse_float=_finite)


def parse_json_object(data: bytes, *, max_bytes: int, max_depth: int = 16) -> dict[str, Any]:
    """Parse one JSON object from bytes we do not trust.

    Args:
        data: UTF-8 text.
        max_bytes: Longer input is refused unread.
        max_depth: Deeper nesting is refused before parsing.

    Raises:
        ValueError: As for `parse_json`, or it is not an object.
    """
    value = parse_json(data, max_bytes=max_bytes, max_depth=max_depth)
    if not isinstance(value, dict):
        raise ValueError("not a JSON object")  # noqa: TRY004  # callers look for one error
    return value


def parse_json(data: bytes, *, max_bytes: int, max_depth: int = 16) -> Any:
    """Parse one JSON value from bytes we do not trust.

    Args:
        data: UTF-8 text.
        max_bytes: Longer input is refused unread.
        max_depth: Deeper nesting is refused before parsing.

    Raises:
        ValueError: Too large, too deep, not UTF-8, not JSON (NaN and Infinity are not), a number beyond a float,
            half a surrogate pair, or a repeated member name.
    """
    if len(data) > max_bytes:
        raise ValueError("too large")
    _check_depth(data, max_depth)
    # A UnicodeDecodeError and a JSONDecodeError are ValueErrors already; an integer of thousands of digits too.
    text = data.decode("utf-8").strip(_JSON_WHITESPACE)
    # `decode` is the same, and looks for white space with two regular expressions.
    value, end = _DECODER.raw_decode(text)
    if end != len(text):
        raise ValueError("not one JSON value")
    if b"\\u" in data and _SURROGATE_ESCAPE.search(data) is not None:
        # Half a pair is no text: whoever encodes it later (a hash, a header, pydantic) would crash.
        json.dumps(value, ensure_ascii=False).encode()
    return value
