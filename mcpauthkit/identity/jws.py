"""The compact JWS of a bearer token (RFC 7515 section 7.1), read with limits before anything is parsed."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any, NamedTuple

from mcpauthkit.core.encoding import base64url_decode, parse_json_object
from mcpauthkit.errors import InvalidToken
from mcpauthkit.identity.algorithms import ALGORITHMS, Algorithm
from mcpauthkit.identity.header_memory import HeaderMemory as RememberedHeaders
from mcpauthkit.identity.key_set import KeySet

MAX_TOKEN_LENGTH = 16 * 1024
_MAX_CLAIMS_DEPTH = 12
_MAX_KEY_ID_LENGTH = 512
_SEGMENTS = 3
_MAX_SIGNATURE_BYTES = 2048
# RFC 9068 section 4 for at+jwt, RFC 7519 section 5.1 for JWT; `application/` may stand before either, and media
# types know no case. Everything else (ID tokens of some issuers, logout tokens, DPoP proofs) is another kind of token.
_TYPES = frozenset({"jwt", "at+jwt", "application/jwt", "application/at+jwt"})
_USE_KEY_PAIR = (
    "Configure the issuer to sign access tokens with a key pair (RS256, ES256); authentik signs with the client's "
    "secret until a signing key is chosen for the provider."
)
_Header = tuple[Algorithm, str | None, str | None]


class UnverifiedToken(NamedTuple):
    """A well-formed token whose signature nobody has checked yet.

    Args:
        algorithm: What it claims to be signed with; on the allow-list.
        key_id: The `kid` of its header.
        claims: Its payload. Only `iss` and `iat` may be looked at before the signature is verified.
        signing_input: The signed bytes.
        signature: The signature bytes.
        declared_type: The `typ` of its header, if it has one.
    """

    algorithm: Algorithm
    key_id: str | None
    claims: dict[str, Any]
    signing_input: bytes
    signature: bytes
    declared_type: str | None = None

    def is_signed_by(self, keys: KeySet) -> bool | None:
        """Whether one of the keys made the signature; None when none of them could have."""
        candidates = keys.candidates(self.algorithm, self.key_id)
        if not candidates:
            return None
        verify = self.algorithm.verify
        for one in candidates:  # noqa: SIM110  # there is one nearly always, and a generator costs more than it
            if verify(self.signing_input, self.signature, one.key):
                return True
        return False


class HeaderMemory(RememberedHeaders[_Header]):
    """What is known of the headers of signed tokens: algorithm, key id and type.

    Args:
        algorithms: Which algorithms are accepted. The list decides and never the token: a key published for RS256 must
            not become a secret for HS256.
    """

    def __init__(self, algorithms: Mapping[str, Algorithm] = ALGORITHMS) -> None:
        super().__init__(partial(_check_header, algorithms))


def read_token(token: str | bytes, headers: HeaderMemory | None = None, *, any_type: bool = False) -> UnverifiedToken:
    """Take a compact JWS apart.

    Args:
        token: The token's text.
        headers: What is known of headers already.
        any_type: Leaves it to the caller to check `declared_type`, which depends on the issuer.

    Raises:
        InvalidToken: It is too large, malformed, of another type, uses an algorithm off the list, or has a
            critical extension.
    """
    if len(token) > MAX_TOKEN_LENGTH or not token.isascii():
        raise InvalidToken(reason="token too large or not ASCII")
    data = token.encode("ascii") if isinstance(token, str) else token
    segments = data.split(b".")
    if len(segments) != _SEGMENTS:
        raise InvalidToken(reason=f"token of {len(segments)} segments")
    try:
        algorithm, key_id, declared_type = (headers or HeaderMemory()).read(segments[0])
        claims = parse_json_object(
            base64url_decode(segments[1]), max_bytes=MAX_TOKEN_LENGTH, max_depth=_MAX_CLAIMS_DEPTH
        )
        signature = base64url_decode(segments[2])
    except ValueError as error:
        raise InvalidToken(reason=f"token not readable: {error}") from error
    if not 0 < len(signature) <= _MAX_SIGNATURE_BYTES:
        raise InvalidToken(reason="signature missing or too large")
    if not (any_type or declared_type is None or declared_type.lower() in _TYPES):
        raise InvalidToken(
            hint="Send an access token; ID tokens and others are not accepted.", reason=f"typ {declared_type!r:.60}"
        )
    return UnverifiedToken(algorithm, key_id, claims, data.rpartition(b".")[0], signature, declared_type)


def _check_header(algorithms: Mapping[str, Algorithm], header: dict[str, Any]) -> _Header:
    # `jwk`, `jku`, `x5u` and `x5c` are never looked at: a token must not bring its own key.
    name = header.get("alg")
    algorithm = algorithms.get(name) if isinstance(name, str) else None
    if algorithm is None:
        raise InvalidToken(
            hint=_USE_KEY_PAIR if algorithms is ALGORITHMS else f"Sign tokens with {', '.join(algorithms)}.",
            reason=f"algorithm {name!r:.40} is not on the list",
        )
    if "crit" in header:
        # We understand no extension, so every critical one is unknown (RFC 7515 section 4.1.11).
        raise InvalidToken(reason="critical header extension")
    declared = header.get("typ")
    # null is another value than none at all, and of the wrong type, as for claims.
    if "typ" in header and not isinstance(declared, str):
        raise InvalidToken(reason="typ is not text")
    key_id = header.get("kid")
    if "kid" in header and not (isinstance(key_id, str) and len(key_id) <= _MAX_KEY_ID_LENGTH):
        raise InvalidToken(reason="kid is not a short text")
    return algorithm, key_id, declared
