"""Sealed values: text that only we can read, and only where it was meant to be read.

A sealed value is `mk1.<key name>.<base64url of nonce, ciphertext and tag>`, AES-256-GCM. The key is derived
for one purpose, so a session cookie never opens as a store record. Context (whose, where) is associated data:
a value copied under another user's key does not open. The claims inside carry the expiry. Every failure is
the same `SealError` with the same text.
"""

from __future__ import annotations

import json
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from mcpauthkit.core.encoding import base64url_decode, base64url_encode, parse_json_object
from mcpauthkit.core.entropy import Entropy, SystemEntropy
from mcpauthkit.core.keyring import KeyRing, check_key_ring
from mcpauthkit.errors import SealError, SealExpired

_VERSION = "mk1"
_NONCE_BYTES = 12
_MAX_BYTES = 256 * 1024


class Sealer:
    """Seals JSON objects for one purpose under a key ring.

    Args:
        key_ring: Where the keys come from.
        purpose: What the values are for, for instance `session`; other purposes cannot open them.
        entropy: Source of nonces.

    Raises:
        ConfigurationError: What should be a key ring is none.
    """

    def __init__(self, key_ring: KeyRing, purpose: str, *, entropy: Entropy | None = None) -> None:
        check_key_ring(key_ring)
        self._ring = key_ring
        self._purpose = purpose
        self._entropy = entropy or SystemEntropy()

    def seal(self, claims: dict[str, Any], *, context: str, expires_at: float | None) -> str:
        """Seal an object.

        Args:
            claims: JSON-serialisable content.
            context: What the value is bound to (audience, principal, store key); needed again to open it.
            expires_at: Wall time in seconds after which it no longer opens; None for as long as the key lives.

        Raises:
            ValueError: The content is larger than what `open` reads, or is not JSON (NaN, half a surrogate pair).
        """
        name = self._ring.minting
        key = self._ring.derive(name, self._purpose)
        assert key is not None
        content = {"c": claims, "x": expires_at}
        plain = json.dumps(content, separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode()
        nonce = self._entropy.random_bytes(_NONCE_BYTES)
        sealed = AESGCM(key).encrypt(nonce, plain, self._associated(name, context))
        body = base64url_encode(nonce + sealed)
        if len(body) > _MAX_BYTES:
            raise ValueError("too large to be sealed")
        return f"{_VERSION}.{name}.{body}"

    def open(self, sealed: str, *, context: str, now: float) -> dict[str, Any]:
        """Open a sealed object.

        Args:
            sealed: What `seal` returned.
            context: The same context it was sealed with.
            now: Wall time in seconds.

        Raises:
            SealExpired: Its time is over.
            SealError: It was not sealed here for this purpose and context, or was changed.
        """
        plain = self._decrypt(sealed, context)
        try:
            content = parse_json_object(plain, max_bytes=_MAX_BYTES, max_depth=32)
        except ValueError as error:
            raise SealError(reason="content is not what we seal") from error
        expires_at = content.get("x")
        claims = content.get("c")
        if not isinstance(claims, dict):
            raise SealError(reason="content is not what we seal")
        if not (expires_at is None or (isinstance(expires_at, int | float) and now < expires_at)):
            raise SealExpired(reason="expired")
        return claims

    def _decrypt(self, sealed: str, context: str) -> bytes:
        version, _, rest = sealed.partition(".")
        name, _, body = rest.partition(".")
        key = self._ring.derive(name, self._purpose) if version == _VERSION else None
        if key is None or len(body) > _MAX_BYTES:
            raise SealError(reason="not a value of ours, or sealed under a key we no longer hold")
        try:
            data = base64url_decode(body)
            return AESGCM(key).decrypt(data[:_NONCE_BYTES], data[_NONCE_BYTES:], self._associated(name, context))
        except (ValueError, InvalidTag) as error:
            raise SealError(reason="changed, or sealed for another context") from error

    def _associated(self, name: str, context: str) -> bytes:
        return f"{_VERSION}|{name}|{self._purpose}|{context}".encode()
