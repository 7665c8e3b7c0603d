"""Sealed values: text that only we can read, and only where it was meant to be read.

A sealed value is `mk1.<key name>.<fingerprint>.<base64url of nonce, ciphertext and tag>`, AES-256-GCM. The key is
derived for one purpose, so a session cookie never opens as a store record. The fingerprint is that of the secret: two
machines may have made keys of one name, and what either seals is not taken for damaged by the other. Context (whose,
where) is associated data: a value copied under another user's key does not open. The claims inside carry the expiry.
Every failure is a `SealError` with the same text; its type says whether another replica may know more.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from mcpauthkit.core.encoding import base64url_decode, base64url_encode
from mcpauthkit.core.entropy import Entropy, SystemEntropy
from mcpauthkit.core.keyring import KeyRing, check_key_ring, is_fingerprint, is_key_name
from mcpauthkit.errors import SealedElsewhere, SealError, SealExpired

_VERSION = "mk1"
_NONCE_BYTES = 12
_MAX_BYTES = 256 * 1024
_CHANGED = "changed, or sealed for another place or purpose"
_SOME_VERSION = re.compile(r"mk[1-9][0-9]?")


@dataclass(frozen=True, slots=True)
class Unsealed:
    """A sealed value that was opened.

    Args:
        claims: What was sealed.
        expires_at: Wall time in seconds after which it no longer opens; None for as long as the key lives.
        key_name: The key it is sealed under.
    """

    claims: dict[str, Any] = field(repr=False)
    expires_at: float | None
    key_name: str


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
        self._ciphers: dict[str, AESGCM] = {}

    @property
    def minting(self) -> str:
        """The name of the key that seals."""
        return self._ring.minting

    def seal(self, claims: dict[str, Any], *, context: str, expires_at: float | None) -> str:
        """Seal an object.

        Args:
            claims: JSON-serialisable content.
            context: What the value is bound to (audience, principal, store key); needed again to open it.
            expires_at: Wall time in seconds after which it no longer opens; None for as long as the key lives.

        Raises:
            ValueError: The content is larger than what `open` reads, or is not JSON (NaN, half a surrogate pair).
        """
        label = f"{self._ring.minting}.{self._ring.fingerprint(self._ring.minting)}"
        cipher = self._known_cipher(label)
        assert cipher is not None
        content = {"c": claims, "x": expires_at}
        plain = json.dumps(content, separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode()
        nonce = self._entropy.random_bytes(_NONCE_BYTES)
        sealed = cipher.encrypt(nonce, plain, self._associated(label, context))
        body = base64url_encode(nonce + sealed)
        if len(body) > _MAX_BYTES:
            raise ValueError("too large to be sealed")
        return f"{_VERSION}.{label}.{body}"

    def open(self, sealed: str, *, context: str, now: float) -> dict[str, Any]:
        """Open a sealed object.

        Args:
            sealed: What `seal` returned.
            context: The same context it was sealed with.
            now: Wall time in seconds.

        Raises:
            SealExpired: Its time is over.
            SealedElsewhere: It is sealed under a key, or by a version of ours, that is not known here.
            SealError: It was not sealed by us for this purpose and context, or was changed.
        """
        return self.unseal(sealed, context=context, now=now).claims

    def unseal(self, sealed: str, *, context: str, now: float) -> Unsealed:
        """Open a sealed object, and tell how it is sealed.

        Args:
            sealed: As for `open`, which raises the same.
            context: As for `open`.
            now: As for `open`.
        """
        version, _, rest = sealed.partition(".")
        label, _, body = rest.rpartition(".")
        plain = self._decrypt(self._cipher(version, label), label, body, context)
        try:
            # Only who holds the key can have written it, so depth and repeated members are not looked at first, as they
            # are with what strangers send.
            content = json.loads(plain.decode())
        except (ValueError, RecursionError) as error:
            raise SealError(reason="content is not what we seal") from error
        claims = content.get("c") if isinstance(content, dict) else None
        if not isinstance(claims, dict):
            raise SealError(reason="content is not what we seal")
        expires_at = content.get("x")
        if not (expires_at is None or (isinstance(expires_at, int | float) and now < expires_at)):
            raise SealExpired(reason="expired")
        return Unsealed(claims, expires_at, label.partition(".")[0])

    def _known_cipher(self, label: str) -> AESGCM | None:
        cipher = self._ciphers.get(label)
        if cipher is None:
            name, _, fingerprint = label.partition(".")
            key = self._ring.derive(name, self._purpose)
            if key is not None and fingerprint == self._ring.fingerprint(name):
                # Kept: making one takes as long as opening a record with it.
                cipher = self._ciphers[label] = AESGCM(key)
        return cipher

    def _cipher(self, version: str, label: str) -> AESGCM:
        cipher = self._known_cipher(label) if version == _VERSION else None
        if cipher is not None:
            return cipher
        # Every text is checked before a log may name it: anybody can have written this.
        name, _, fingerprint = label.partition(".")
        if _SOME_VERSION.fullmatch(version) is None or not is_key_name(name):
            raise SealError(reason="nothing of ours")
        if version != _VERSION:
            raise SealedElsewhere(reason=f"sealed by version {version} of ours, which this one does not know")
        if not is_fingerprint(fingerprint):
            raise SealError(reason=_CHANGED)
        which = "which is not in the key ring" if self._ring.fingerprint(name) is None else "another secret than ours"
        raise SealedElsewhere(reason=f"sealed under the key {label}, {which}", sealed_under=label)

    def _decrypt(self, cipher: AESGCM, label: str, body: str, context: str) -> bytes:
        if len(body) > _MAX_BYTES:
            raise SealError(reason="larger than anything we seal")
        try:
            data = base64url_decode(body)
            return cipher.decrypt(data[:_NONCE_BYTES], data[_NONCE_BYTES:], self._associated(label, context))
        except (ValueError, InvalidTag) as error:
            raise SealError(reason=_CHANGED) from error

    def _associated(self, label: str, context: str) -> bytes:
        return f"{_VERSION}|{label}|{self._purpose}|{context}".encode()
