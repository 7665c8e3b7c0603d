"""New private keys for encrypted tokens, as the JWKs that are kept of them (RFC 7517)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from types import MappingProxyType
from typing import Any, Literal

from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, SECP384R1, SECP521R1
from cryptography.hazmat.primitives.asymmetric.ec import generate_private_key as generate_ec_key
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key as generate_rsa_key
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from mcpauthkit.identity.private_keys import RawKey, private_key

NewKeyKind = Literal["rsa-4096", "rsa-3072", "ec-p256", "ec-p384", "ec-p521", "x25519"]
"""The kinds of key that `new_private_jwk` makes."""

_PUBLIC_EXPONENT = 65537
_MAKERS: Mapping[NewKeyKind, Callable[[], RawKey]] = MappingProxyType(
    {
        "rsa-4096": partial(generate_rsa_key, _PUBLIC_EXPONENT, 4096),
        "rsa-3072": partial(generate_rsa_key, _PUBLIC_EXPONENT, 3072),
        "ec-p256": partial(generate_ec_key, SECP256R1()),
        "ec-p384": partial(generate_ec_key, SECP384R1()),
        "ec-p521": partial(generate_ec_key, SECP521R1()),
        "x25519": X25519PrivateKey.generate,
    }
)


def new_private_jwk(kind: NewKeyKind) -> dict[str, Any]:
    """A new private key, named by its thumbprint (RFC 7638).

    It names no `alg`, so that whoever makes tokens may use any that suits the key.

    Args:
        kind: What kind of key.
    """
    made = private_key(_MAKERS[kind]())
    return {**made.key.as_dict(private=True), "kid": made.key_id, "use": "enc"}
