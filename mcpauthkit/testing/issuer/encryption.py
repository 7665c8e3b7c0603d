"""Access tokens encrypted to one resource server (RFC 7519 section 5.2: signed first, then encrypted)."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from joserfc import jwe, jwk

from mcpauthkit.core.encoding import base64url_encode
from mcpauthkit.identity.encryption import CONTENT_ENCRYPTION, KEY_MANAGEMENT, RsaOaep

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mcpauthkit.identity.encryption import ContentEncryption, KeyManagement


class TokenEncryption:
    """Encrypts tokens to a public key.

    Args:
        public_keys: The key set of the resource server (`DecryptionKeys.public_jwks()`), or one public JWK. The first
            key that suits is used.
        algorithms: The `alg` and `enc` values.

    Raises:
        ValueError: An algorithm we do not know, or no key that suits it.
    """

    def __init__(self, public_keys: Mapping[str, Any], algorithms: tuple[str, str]) -> None:
        name, content = algorithms
        if name not in KEY_MANAGEMENT or content not in CONTENT_ENCRYPTION:
            raise ValueError(f"the encryption {algorithms} is not one the kit opens")
        self._management: KeyManagement = KEY_MANAGEMENT[name]
        self._content: ContentEncryption = CONTENT_ENCRYPTION[content]
        entries = public_keys.get("keys", [public_keys])
        suiting = [entry for entry in entries if entry.get("kty") in self._management.key_types]
        if not suiting:
            raise ValueError(f"no key for {name} among those to encrypt to")
        self._key = jwk.import_key(suiting[0])

    def encrypt(self, payload: str | bytes, header: Mapping[str, Any]) -> str:
        """A compact JWE with these header members beside `alg`, `enc` and `kid`; None removes one."""
        members = {"alg": self._management.name, "enc": self._content.name, "kid": self._key.kid, **header}
        protected = {name: value for name, value in members.items() if value is not None}
        data = payload.encode() if isinstance(payload, str) else payload
        if isinstance(self._management, RsaOaep):
            return self._by_oaep(self._management, protected, data)
        # Certified issuers put `iss` and `aud` into the header, which joserfc's strict check would refuse to write.
        registry = jwe.JWERegistry(algorithms=[self._management.name, self._content.name], strict_check_header=False)
        return jwe.encrypt_compact(protected, data, self._key, registry=registry)

    def _by_oaep(self, management: RsaOaep, protected: Mapping[str, Any], data: bytes) -> str:
        # Step by step (RFC 7516 section 5.1), because joserfc has no RSA-OAEP with SHA-384 and SHA-512.
        assert isinstance(self._key, jwk.RSAKey)
        model = self._content.model()
        content_key, iv = model.generate_cek(), model.generate_iv()
        encrypted_key = self._key.public_key.encrypt(content_key, management.padding)
        first = base64url_encode(json.dumps(protected).encode())
        ciphertext, tag = model.encrypt(data, content_key, iv, first.encode())
        return ".".join((first, *map(base64url_encode, (encrypted_key, iv, ciphertext, tag))))
