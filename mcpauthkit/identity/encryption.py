"""Encryption algorithms we accept, and the keys each of them needs. A table: nothing is registered at run time.

The primitives are those of `cryptography`; key agreement and AES-CBC with HMAC are composed by joserfc.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol, cast

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.padding import MGF1, OAEP
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from joserfc import jwe, jwk
from joserfc.errors import JoseError
from joserfc.jwa import JWEEncModel, JWEKeyAgreement

from mcpauthkit.errors import InvalidToken

PrivateKey = jwk.RSAKey | jwk.ECKey | jwk.OKPKey
"""A private key as joserfc holds it."""


# One text for every step: which of them failed is nobody's business (RFC 7516 section 11.5).
_DOES_NOT_OPEN = "the key does not open the token"


@dataclass(frozen=True, slots=True)
class ContentEncryption:
    """One row: an `enc` value and the sizes its parts must have (RFC 7518 section 5.1).

    Args:
        name: The `enc` value.
        key_bytes: Size of the content encryption key.
        iv_bytes: Size of the initialization vector.
        tag_bytes: Size of the authentication tag; a shorter one would be easier to guess.
        is_gcm: Whether it is AES-GCM, for which `cryptography` has one call; the others are composed by joserfc.
    """

    name: str
    key_bytes: int
    iv_bytes: int
    tag_bytes: int
    is_gcm: bool = False

    def decrypt(self, parts: EncryptedParts, key: bytes) -> bytes:
        """The plaintext.

        Raises:
            InvalidToken: The key, the tag or any other byte is not the right one.
        """
        # A key of another size would be refused further down too, but as a different error per algorithm.
        if len(key) != self.key_bytes:
            raise InvalidToken(reason=_DOES_NOT_OPEN)
        try:
            if self.is_gcm:
                return AESGCM(key).decrypt(parts.iv, parts.ciphertext + parts.tag, parts.associated_data)
            return self.model().decrypt(parts.ciphertext, parts.tag, key, parts.iv, parts.associated_data)
        except (JoseError, InvalidTag, ValueError) as error:
            raise InvalidToken(reason=_DOES_NOT_OPEN) from error

    def model(self) -> JWEEncModel:
        """The algorithm itself."""
        return _JWE.get_enc(self.name)


class EncryptedParts(NamedTuple):
    """What a token holds besides its header (RFC 7516 section 7.1).

    Args:
        encrypted_key: The wrapped content encryption key; empty where the key is agreed upon directly.
        iv: The initialization vector.
        ciphertext: The encrypted content.
        tag: The authentication tag.
        associated_data: The header as it was sent: changing it breaks the tag.
    """

    encrypted_key: bytes
    iv: bytes
    ciphertext: bytes
    tag: bytes
    associated_data: bytes

    def __repr__(self) -> str:
        # Somebody's credential, even if nobody can read it without our key.
        return "EncryptedParts()"


class KeyManagement(Protocol):
    """One row: an `alg` value, how it yields the content encryption key, and from which keys (RFC 7518 section 4.1)."""

    @property
    def name(self) -> str:
        """The `alg` value."""
        ...

    @property
    def key_types(self) -> frozenset[str]:
        """The `kty` values it works with."""
        ...

    def content_key(
        self, key: PrivateKey, encrypted_key: bytes, header: Mapping[str, Any], content: ContentEncryption
    ) -> bytes:
        """The content encryption key.

        Args:
            key: A key of one of the types.
            encrypted_key: As the token has it.
            header: For key agreement: `alg`, `enc`, `epk` and, where given, `apu` and `apv`, all of them checked.
            content: What the key is for.

        Raises:
            InvalidToken: It cannot be had with this key.
        """
        ...


@dataclass(frozen=True, slots=True)
class RsaOaep:
    """RSAES-OAEP (RFC 7518 section 4.3)."""

    name: str
    padding: OAEP
    key_types: frozenset[str] = frozenset({"RSA"})

    def content_key(
        self, key: PrivateKey, encrypted_key: bytes, _header: Mapping[str, Any], _content: ContentEncryption
    ) -> bytes:
        """The content encryption key; see `KeyManagement.content_key`."""
        # `key.private_key` is the same, but asks an abstract base class what it is, which costs as much as a lookup.
        private = cast("RSAPrivateKey", key.raw_value)
        # Another length cannot be right, and is told without the expensive operation.
        if len(encrypted_key) != (private.key_size + 7) // 8:
            raise InvalidToken(reason=_DOES_NOT_OPEN)
        try:
            return private.decrypt(encrypted_key, self.padding)
        except ValueError as error:
            raise InvalidToken(reason=_DOES_NOT_OPEN) from error


@dataclass(frozen=True, slots=True)
class EcdhEs:
    """Ephemeral-static Diffie-Hellman, used directly or to unwrap (RFC 7518 section 4.6, RFC 8037 section 3.2)."""

    name: str
    key_types: frozenset[str] = frozenset({"EC", "OKP"})

    def content_key(
        self, key: PrivateKey, encrypted_key: bytes, header: Mapping[str, Any], content: ContentEncryption
    ) -> bytes:
        """The content encryption key; see `KeyManagement.content_key`."""
        model = _JWE.get_alg(self.name)
        assert isinstance(model, JWEKeyAgreement)
        recipient: jwe.Recipient[Any] = jwe.Recipient(jwe.CompactEncryption(dict(header)), recipient_key=key)
        try:
            # Checks that the sender's point is on our curve: others make us reveal our key bit by bit.
            agreed = model.decrypt_agreed_upon_key(content.model(), recipient)
            if model.key_wrapping is not None:
                return model.unwrap_cek_with_auk(encrypted_key, agreed)
        except (JoseError, ValueError) as error:
            raise InvalidToken(reason=_DOES_NOT_OPEN) from error
        if encrypted_key:
            # RFC 7516 section 5.2 step 10: with direct agreement the encrypted key is empty.
            raise InvalidToken(reason=_DOES_NOT_OPEN)
        return agreed


def _oaep(hashed: hashes.HashAlgorithm) -> OAEP:
    return OAEP(mgf=MGF1(hashed), algorithm=hashed, label=None)


KEY_MANAGEMENT: dict[str, KeyManagement] = {
    # SHA-1 is what the name stands for (RFC 7518 section 4.3); OAEP does not rest on its collision resistance.
    "RSA-OAEP": RsaOaep("RSA-OAEP", _oaep(hashes.SHA1())),  # noqa: S303
    "RSA-OAEP-256": RsaOaep("RSA-OAEP-256", _oaep(hashes.SHA256())),
    "RSA-OAEP-384": RsaOaep("RSA-OAEP-384", _oaep(hashes.SHA384())),
    "RSA-OAEP-512": RsaOaep("RSA-OAEP-512", _oaep(hashes.SHA512())),
    "ECDH-ES": EcdhEs("ECDH-ES"),
    "ECDH-ES+A128KW": EcdhEs("ECDH-ES+A128KW"),
    "ECDH-ES+A256KW": EcdhEs("ECDH-ES+A256KW"),
}
"""Every accepted `alg`. No RSA1_5 (its padding is an oracle), no PBES2 (the sender chooses how long we compute), and
nothing symmetric, `dir` included: our keys are published, so a shared one has no place beside them."""

CONTENT_ENCRYPTION: dict[str, ContentEncryption] = {
    "A128GCM": ContentEncryption("A128GCM", key_bytes=16, iv_bytes=12, tag_bytes=16, is_gcm=True),
    "A256GCM": ContentEncryption("A256GCM", key_bytes=32, iv_bytes=12, tag_bytes=16, is_gcm=True),
    "A128CBC-HS256": ContentEncryption("A128CBC-HS256", key_bytes=32, iv_bytes=16, tag_bytes=16),
    "A256CBC-HS512": ContentEncryption("A256CBC-HS512", key_bytes=64, iv_bytes=16, tag_bytes=32),
}
"""Every accepted `enc`; all of them authenticate what they encrypt."""

CURVES: dict[str, tuple[str, int]] = {
    "P-256": ("EC", 32),
    "P-384": ("EC", 48),
    "P-521": ("EC", 66),
    "X25519": ("OKP", 32),
}
"""Every accepted `crv` with its `kty` and the size of a coordinate in bytes."""

_JWE = jwe.JWERegistry(algorithms=[*KEY_MANAGEMENT, *CONTENT_ENCRYPTION])
