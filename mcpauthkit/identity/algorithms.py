"""Signature algorithms we accept, and the keys each of them needs. A table: nothing is registered at run time."""

from __future__ import annotations

from dataclasses import dataclass

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from joserfc import jwk
from joserfc.jws import JWSRegistry

MINIMUM_RSA_BITS = 2048
MAXIMUM_RSA_BITS = 16384
_JOSE_NAMES = {"EdDSA": "Ed25519"}


@dataclass(frozen=True, slots=True)
class Algorithm:
    """One row: a JWS `alg` value and the key it is verified with (RFC 7518 section 3.1, RFC 8037, RFC 9864).

    Args:
        name: The `alg` value.
        key_type: The `kty` a key must have.
        curve: The `crv` a key must have; None for RSA and for secrets.
    """

    name: str
    key_type: str
    curve: str | None = None

    def verify(self, signing_input: bytes, signature: bytes, key: object) -> bool:
        """Whether the signature is right. The key's type and curve have been checked against this row."""
        hashed = _PKCS1_HASHES.get(self.name)
        if hashed is None or not isinstance(key, jwk.RSAKey):
            return _MODELS[self.name].verify(signing_input, signature, key)
        # What joserfc does too, after looking up what this row already says; nearly every token is signed this way.
        try:
            key.public_key.verify(signature, signing_input, _PKCS1, hashed)
        except InvalidSignature:
            return False
        return True


_RSA = tuple(Algorithm(f"{family}{bits}", "RSA") for family in ("RS", "PS") for bits in (256, 384, 512))
_EC = (Algorithm("ES256", "EC", "P-256"), Algorithm("ES384", "EC", "P-384"), Algorithm("ES512", "EC", "P-521"))
# `EdDSA` names a family (RFC 9864 deprecates it); what issuers mean by it is Ed25519, and only that is accepted.
_EDWARDS = (Algorithm("Ed25519", "OKP", "Ed25519"), Algorithm("EdDSA", "OKP", "Ed25519"))

ALGORITHMS: dict[str, Algorithm] = {row.name: row for row in (*_RSA, *_EC, *_EDWARDS)}
"""Every accepted algorithm by name. No HMAC: a key set is public. No `none`."""

MAC_ALGORITHMS: dict[str, Algorithm] = {name: Algorithm(name, "oct") for name in ("HS256", "HS384", "HS512")}
"""The HMACs, for a secret that somebody configured; a table of their own, so that no public key becomes a secret."""

_PKCS1 = PKCS1v15()
_PKCS1_HASHES: dict[str, hashes.HashAlgorithm] = {
    "RS256": hashes.SHA256(),
    "RS384": hashes.SHA384(),
    "RS512": hashes.SHA512(),
}
_NAMES = (*ALGORITHMS, *MAC_ALGORITHMS)
_JWS = JWSRegistry(algorithms=[_JOSE_NAMES.get(name, name) for name in _NAMES])
_MODELS = {name: _JWS.get_alg(_JOSE_NAMES.get(name, name)) for name in _NAMES}


def same_algorithm(declared: str, wanted: str) -> bool:
    """Whether a key's `alg` permits a token's `alg`; the two names of Ed25519 are one."""
    return _JOSE_NAMES.get(declared, declared) == _JOSE_NAMES.get(wanted, wanted)
