"""Keys that open tokens, and tokens for them."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

from joserfc import jwe, jwk

from mcpauthkit.core.encoding import base64url_decode, base64url_encode
from mcpauthkit.identity.decryption_keys import DecryptionKeys
from mcpauthkit.testing.issuer.encryption import TokenEncryption
from tests.identity.bench import Key, claims_of, sign

NESTED = sign(claims_of())
CONTENT_ENCRYPTIONS = ("A128GCM", "A256GCM", "A128CBC-HS256", "A256CBC-HS512")
OAEP = ("RSA-OAEP", "RSA-OAEP-256", "RSA-OAEP-384", "RSA-OAEP-512")
AGREEMENTS = ("ECDH-ES", "ECDH-ES+A128KW", "ECDH-ES+A256KW")
CURVES = ("P-256", "P-384", "P-521", "X25519")
MANAGEMENT = (*(("RSA", name) for name in OAEP), *((curve, name) for curve in CURVES for name in AGREEMENTS))


def private(kind: str, name: str = "e1") -> Key:
    """A private key; the same one each time, because RSA keys take long to make."""
    return _private(kind, name)


@cache
def _private(kind: str, name: str) -> Key:
    parameters: jwk.KeyParameters = {"kid": name}
    if kind == "RSA":
        return jwk.RSAKey.generate_key(2048, parameters)
    if kind in {"X25519", "X448", "Ed25519"}:
        return jwk.OKPKey.generate_key(kind, parameters)  # type: ignore[arg-type]  # one of the names it takes
    return jwk.ECKey.generate_key(kind, parameters)


def members(kind: str, name: str = "e1", **changes: Any) -> dict[str, Any]:
    """A private JWK; None removes a member."""
    changed = {**private(kind, name).as_dict(private=True), **changes}
    return {one: value for one, value in changed.items() if value is not None}


@cache
def keys_of(*kinds: str) -> DecryptionKeys:
    """One key of each kind, named e1."""
    return DecryptionKeys.from_jwks({"keys": [members(kind) for kind in kinds]})


def encrypt(
    payload: str | bytes = NESTED,
    *,
    kind: str = "RSA",
    name: str = "e1",
    algorithms: tuple[str, str] | None = None,
    **header: Any,
) -> str:
    """A nested token for a key.

    Args:
        payload: What is inside.
        kind: The kind of key.
        name: The name of the key.
        algorithms: The `alg` and `enc` it is made with.
        header: Members to replace, also with lies; None removes one.
    """
    algorithms = algorithms or ("RSA-OAEP-256" if kind == "RSA" else "ECDH-ES", "A256GCM")
    public = private(kind, name).as_dict(private=False)
    return TokenEncryption(public, algorithms).encrypt(payload, {"cty": "at+jwt", **header})


def segments_of(token: str) -> list[bytes]:
    """The five decoded segments."""
    return [base64url_decode(segment) for segment in token.split(".")]


def joined(*segments: bytes) -> str:
    """A token of these segments."""
    return ".".join(map(base64url_encode, segments))


def by_joserfc(payload: str, key: Key, header: Mapping[str, Any]) -> str:
    """The same by somebody else's code."""
    registry = jwe.JWERegistry(algorithms=[header["alg"], header["enc"]], strict_check_header=False)
    return jwe.encrypt_compact(dict(header), payload, key, registry=registry)
