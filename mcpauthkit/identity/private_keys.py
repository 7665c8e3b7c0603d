"""One private key that opens tokens, read from a JWK (RFC 7517) or from PEM."""

from __future__ import annotations

import re
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, SECP384R1, SECP521R1, EllipticCurvePrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from joserfc import jwk
from joserfc.errors import JoseError, SecurityWarning

from mcpauthkit.errors import ConfigurationError
from mcpauthkit.identity.algorithms import MINIMUM_RSA_BITS
from mcpauthkit.identity.encryption import KEY_MANAGEMENT, PrivateKey
from mcpauthkit.identity.jwe import EncryptionHeader

_KEY_CLASSES: Final[dict[str, type[PrivateKey]]] = {"RSA": jwk.RSAKey, "EC": jwk.ECKey, "OKP": jwk.OKPKey}
_MEMBERS: Final = ("kty", "n", "e", "d", "p", "q", "dp", "dq", "qi", "crv", "x", "y")
_OPERATIONS: Final = frozenset({"decrypt", "unwrapKey", "deriveKey", "deriveBits"})
_MAX_KEY_ID_LENGTH: Final = 512
_PEM_BLOCK: Final = re.compile(r"-----BEGIN ([A-Z0-9 ]+)-----.*?-----END \1-----", re.DOTALL)
RawKey = RSAPrivateKey | EllipticCurvePrivateKey | X25519PrivateKey
# Less than for signatures: those are checked with the public half of a key, which is cheap. This is the private half,
# whose cost grows with the cube of its size, and anybody can send a token for it.
_MAXIMUM_RSA_BITS: Final = 4096
_NEW_KEY_HINT: Final = "Use an RSA key of 2048 to 4096 bits, or one on P-256, P-384, P-521 or X25519."


@dataclass(frozen=True, slots=True)
class DecryptionKey:
    """One usable private key.

    Args:
        key_id: Its `kid`, or its thumbprint (RFC 7638).
        algorithm: The only `alg` it may be used with, if it names one.
        key: The key as joserfc holds it.
    """

    key_id: str
    algorithm: str | None
    key: PrivateKey = field(repr=False)

    @property
    def curve(self) -> str | None:
        """Its curve; None for RSA."""
        return None if isinstance(self.key, jwk.RSAKey) else self.key.curve_name

    def fits(self, header: EncryptionHeader) -> bool:
        """Whether this key may open a token with that header."""
        return (
            self.key.key_type in header.management.key_types
            and self.curve == header.curve
            and (self.algorithm is None or self.algorithm == header.management.name)
        )

    def public_members(self) -> dict[str, Any]:
        """The entry of this key in the published key set."""
        # By name: a list of what may be shown cannot forget a private member.
        public = self.key.as_dict(private=False)
        named = {"kid": self.key_id, "use": "enc"} | ({"alg": self.algorithm} if self.algorithm else {})
        return {**{name: public[name] for name in ("kty", "n", "e", "crv", "x", "y") if name in public}, **named}


def read_jwk(members: Any, name: str) -> DecryptionKey:
    """A private key from a JWK.

    Args:
        members: The JWK's members.
        name: What to call it in an error.

    Raises:
        ConfigurationError: It is no usable private key; the hint says what to change.
    """
    if not isinstance(members, Mapping):
        raise ConfigurationError(f"{name} is not a JWK.", hint="It must be a JSON object with a `kty` member.")
    _check_purpose(members, name)
    key_class = _KEY_CLASSES.get(str(members.get("kty")))
    if key_class is None:
        raise ConfigurationError(f"{name} has the type {members.get('kty')!r:.40}.", hint=_NEW_KEY_HINT)
    if "d" not in members:
        raise ConfigurationError(
            f"{name} is a public key, and only the private one opens tokens.",
            hint="Give the file that holds the private key; it has a member `d`.",
        )
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", SecurityWarning)  # of its size, which we check ourselves
            raw = key_class.import_key({one: members[one] for one in _MEMBERS if one in members}).private_key
    except (JoseError, ValueError, TypeError, KeyError) as error:
        raise ConfigurationError(f"{name} is damaged.", hint="Generate a new key.") from error
    return _checked(raw, name, members.get("kid"), members.get("alg"))


def read_pem(text: str, name: str, key_id: str | None = None) -> list[DecryptionKey]:
    """Every private key of a PEM text.

    Args:
        text: One or more PEM blocks.
        name: What to call it in an error.
        key_id: The id of the only key; their thumbprints unless given.

    Raises:
        ConfigurationError: It holds anything but usable private keys; the hint says what to change.
    """
    # `openssl ecparam -genkey` writes the curve's parameters into a block of their own.
    blocks = [block for block in _PEM_BLOCK.finditer(text) if not block[1].endswith("PARAMETERS")]
    if not blocks or (key_id is not None and len(blocks) > 1):
        raise ConfigurationError(
            f"{name} does not hold a private key in PEM form, or several for one kid.",
            hint="It must begin with -----BEGIN PRIVATE KEY-----. Leave kid out when there are several.",
        )
    keys = []
    for block in blocks:
        if not block[1].endswith("PRIVATE KEY"):
            raise ConfigurationError(
                f"{name} holds a {block[1].lower()}, and only private keys open tokens.",
                hint="Give the PEM text of the private key alone.",
            )
        try:
            raw = load_pem_private_key(block[0].encode(), password=None)
        except (ValueError, TypeError, UnsupportedAlgorithm) as error:
            raise ConfigurationError(
                f"{name} does not open.",
                hint="Store the key without a password (`openssl pkey -in KEY`), or generate a new one.",
            ) from error
        keys.append(_checked(raw, name, key_id, None))
    return keys


def _check_purpose(members: Mapping[str, Any], name: str) -> None:
    operations = members.get("key_ops")
    if members.get("use", "enc") != "enc":
        raise ConfigurationError(
            f"{name} is not for encryption: its `use` is {members['use']!r:.20}.",
            hint="Generate a key of its own for encryption, with `use` enc or without.",
        )
    if operations is not None and not (isinstance(operations, list) and _OPERATIONS.intersection(map(str, operations))):
        raise ConfigurationError(
            f"{name} may not decrypt, says its `key_ops`.", hint="Take `key_ops` out, or add decrypt to it."
        )


def private_key(raw: RawKey, key_id: str | None = None, algorithm: str | None = None) -> DecryptionKey:
    """A key that is known to be usable, under an id or its thumbprint (RFC 7638)."""
    if isinstance(raw, RSAPrivateKey):
        key: PrivateKey = jwk.RSAKey.import_key(raw)
    elif isinstance(raw, EllipticCurvePrivateKey):
        key = jwk.ECKey.import_key(raw)
    else:
        key = jwk.OKPKey.import_key(raw)
    return DecryptionKey(key_id or key.thumbprint(), algorithm, key)


def _checked(raw: object, name: str, key_id: object, algorithm: object) -> DecryptionKey:
    if not isinstance(raw, RawKey):
        raise ConfigurationError(f"{name} is of a kind that does not decrypt.", hint=_NEW_KEY_HINT)
    if isinstance(raw, RSAPrivateKey) and not MINIMUM_RSA_BITS <= raw.key_size <= _MAXIMUM_RSA_BITS:
        raise ConfigurationError(f"{name} is an RSA key of {raw.key_size} bits.", hint=_NEW_KEY_HINT)
    if isinstance(raw, EllipticCurvePrivateKey) and not isinstance(raw.curve, SECP256R1 | SECP384R1 | SECP521R1):
        raise ConfigurationError(f"{name} is on a curve that we do not use.", hint=_NEW_KEY_HINT)
    key_type = "RSA" if isinstance(raw, RSAPrivateKey) else "EC" if isinstance(raw, EllipticCurvePrivateKey) else "OKP"
    management = KEY_MANAGEMENT.get(algorithm) if isinstance(algorithm, str) else None
    if algorithm is not None and (management is None or key_type not in management.key_types):
        raise ConfigurationError(
            f"{name} is for the algorithm {algorithm!r:.40}.",
            hint=f"Take `alg` out of the key, or use one of {', '.join(KEY_MANAGEMENT)} that suits it.",
        )
    if key_id is not None and not (isinstance(key_id, str) and 0 < len(key_id) <= _MAX_KEY_ID_LENGTH):
        raise ConfigurationError(f"{name} has a `kid` that is not a short text.", hint="Take it out or shorten it.")
    return private_key(raw, key_id, management.name if management else None)
